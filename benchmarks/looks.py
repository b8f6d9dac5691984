"""The shell around the planner: a look at one of 1,000 resting Rollouts, from caches to plan."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from benchmarks.figure import Figure, seconds_of
from benchmarks.shop import objects_of, resting_shop
from serinus.api.argo import Rollout
from serinus.api.wire import decode
from serinus.base.clock import Clock
from serinus.control import kinds
from serinus.control.looking.caches import Caches
from serinus.control.looking.in_force import InForce
from serinus.control.looking.interest import Key
from serinus.control.looking.objects import RoutedObjects
from serinus.control.looking.observer import Observer
from serinus.control.looking.seen import Observation
from serinus.control.wiring import Settings, load_router
from serinus.core.rollout.plan import plan
from serinus.kube.client import Client
from serinus.kube.resource import ENDPOINTSLICES, INGRESSES, PODS, REPLICASETS, SERVICES
from serinus.kube.transport.wire import Request, Response

ROLLOUTS = 1000
SETTLED_SECONDS = 3.0
"""Until what is seen for the first time counts as settled."""
KINDS = (kinds.ROLLOUTS, REPLICASETS, PODS, SERVICES, ENDPOINTSLICES, INGRESSES)
KINDS += (kinds.ANALYSIS_RUNS, kinds.ANALYSIS_TEMPLATES)


class Canned:
    """A server that lists what it was given and whose watches show nothing."""

    def __init__(self, lists: dict[str, bytes]) -> None:
        self._lists = lists

    async def send(self, request: Request) -> Response:
        plural = request.path.rsplit("/", 1)[1]
        items = self._lists.get(plural, b"")
        return Response(200, {}, b'{"metadata":{"resourceVersion":"9"},"items":[%s]}' % items)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Any]:
        await asyncio.Event().wait()
        yield None

    async def close(self) -> None:
        return None


def figures() -> Iterator[Figure]:
    yield from asyncio.run(_measured())


def _copies(items: list[str], uids: set[str]) -> bytes:
    """The objects of ROLLOUTS shops: names and uids of their own, templates too."""
    made = []
    for number in range(ROLLOUTS):
        for item in items:
            text = item.replace("web", f"web{number}")
            for uid in uids:
                text = text.replace(uid, f"{uid}-{number}")
            made.append(text)
    return ",".join(made).encode()


async def _measured() -> list[Figure]:
    async with resting_shop() as cluster:
        shop = await objects_of(cluster, KINDS)
    every = [msgspec.json.decode(item) for items in shop.values() for item in items]
    uids = {item["metadata"]["uid"] for item in every}
    clock = Clock()
    client = Client(Canned({plural: _copies(items, uids) for plural, items in shop.items()}), clock)
    caches = Caches(client, clock, random.Random(1))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(informer.run()) for informer in caches.all()]
        objects = RoutedObjects(
            caches, lambda key: None, lambda run: tasks.append(group.create_task(run))
        )
        await caches.synced()
        in_force = InForce(None, clock, lambda key: None)
        routers = {"nginx": load_router("nginx")}
        observer = Observer(caches, objects, routers, Settings(), clock, in_force=in_force)
        keys = caches.rollouts.store.keys()
        observer.observe(keys[0])
        await clock.sleep_wall(SETTLED_SECONDS)
        found = _figures(caches, observer, keys)
        for task in tasks:
            task.cancel()
    return found


def _figures(caches: Caches, observer: Observer, keys: Sequence[Key]) -> list[Figure]:
    body = msgspec.json.encode(caches.rollouts.store.get(*keys[0]))
    decoding = seconds_of(lambda: decode(Rollout, body), calls=1000)

    def look() -> list[Observation]:
        return [seen for key in keys if isinstance(seen := observer.observe(key), Observation)]

    def afresh() -> None:
        for key in keys:
            observer.forget(key)
        look()

    seen = look()
    if len(seen) != ROLLOUTS or any(plan(one.snapshot).actions for one in seen):
        raise RuntimeError("the shops do not rest")
    again, first = seconds_of(look) / ROLLOUTS, seconds_of(afresh) / ROLLOUTS
    planning = seconds_of(lambda: [plan(one.snapshot) for one in seen]) / ROLLOUTS
    return [
        Figure(
            "looks and plans a second, 1,000 Rollouts",
            1 / (again + planning) / 1000,
            "a thousand",
            at_least=0.5,
            detail=f"look {again * 1e6:.0f} us, plan {planning * 1e6:.0f} us",
        ),
        Figure(
            "a look", again / decoding, "decoding its Rollout", detail=f"{decoding * 1e6:.0f} us"
        ),
        Figure("a look that knows nothing yet", first / again, "one at a Rollout as it was"),
    ]

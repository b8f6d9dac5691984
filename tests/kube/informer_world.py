"""A server that can be broken, an informer over it, and what the informer told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from serinus.base.clock import Clock
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import CONFIGMAPS
from serinus.kube.transport import AsgiTransport, Faults, FaultyTransport
from support.objectserver import ObjectServer
from support.virtual import run_virtual, virtual_clock

MAPS = "/api/v1/namespaces/shop/configmaps"
OTHER = "/api/v1/namespaces/other/configmaps"
PATIENT = Limits(requests_per_second=1000, burst=1000)


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}


class ConfigMap(msgspec.Struct, frozen=True):
    metadata: Meta
    data: dict[str, str] = {}
    extra: msgspec.Raw = msgspec.Raw()


def config(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"n": name[0]}}, "data": data}


def labels_of(made: ConfigMap) -> list[str]:
    return list(made.metadata.labels.values())


class World:
    """A server, an informer over it and what the informer told."""

    def __init__(self, clock: Clock, seed: int, faults: Faults, namespace: str | None) -> None:
        self.clock = clock
        self.server = ObjectServer(bookmark_every=60)
        self.faulty = FaultyTransport(
            AsgiTransport(self.server), random.Random(seed), faults, clock
        )
        self.client = Client(self.faulty, clock, limits=PATIENT, jitter=random.Random(seed))
        self.informer: Informer[ConfigMap] = Informer(
            self.client,
            CONFIGMAPS,
            ConfigMap,
            clock,
            namespace=namespace,
            indexes={"label": labels_of, "namespace": lambda made: [made.metadata.namespace]},
            jitter=random.Random(seed),
        )
        self.told: dict[str, ConfigMap] = {}
        self.informer.on_change(self._hear)

    def _hear(self, old: ConfigMap | None, new: ConfigMap | None) -> None:
        made = new or old
        assert made is not None
        name = f"{made.metadata.namespace}/{made.metadata.name}"
        assert self.told.get(name) == old, "a change begins where the last one ended"
        if new is None:
            del self.told[name]
        else:
            self.told[name] = new

    def served(self, path: str = "/api/v1/configmaps") -> dict[str, str]:
        return {
            f"{made['metadata']['namespace']}/{made['metadata']['name']}": made["metadata"][
                "resourceVersion"
            ]
            for made in self.server.listed(path)
        }

    def cached(self) -> dict[str, str]:
        return {
            f"{made.metadata.namespace}/{made.metadata.name}": made.metadata.resource_version
            for made in self.informer.store.all()
        }


@asynccontextmanager
async def running(world: World) -> Any:
    task = asyncio.create_task(world.informer.run())
    try:
        yield
    finally:
        assert not task.done(), "the informer never ends by itself"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await world.client.close()


def tell(
    story: Callable[[World], Coroutine[Any, Any, None]],
    *,
    seed: int = 1,
    faults: Faults | None = None,
    namespace: str | None = None,
) -> None:
    async def run() -> None:
        world = World(virtual_clock(), seed, faults or Faults(), namespace)
        await story(world)

    run_virtual(run())

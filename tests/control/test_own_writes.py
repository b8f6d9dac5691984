"""Decisions are never older than our own writes: also of those whose answer was lost, and where
versions tell nothing about their order (rules T17 and T18 of the safety page).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from serinus.control import kinds
from serinus.control.looking.caches import Caches
from serinus.control.writing.doubts import Doubts, Place
from serinus.kube.client import Client
from serinus.kube.errors import ApiError
from serinus.kube.resource import INGRESSES, NAMESPACES, REPLICASETS
from serinus.kube.transport.asgi import AsgiTransport
from serinus.kube.transport.wire import Request, Response, Transport
from serinus.local.apiserver.app import ApiServer
from support.virtual import run_virtual, virtual_clock

KEY = ("shop", "web")
LABEL = {"rollouts-pod-template-hash": "abc"}


class Stalled:
    """Watches that show nothing, and GETs of one object that fail as told."""

    def __init__(self, inner: Transport) -> None:
        self._inner, self.close = inner, inner.close
        self.stalled, self.fails = False, 0

    async def send(self, request: Request) -> Response:
        if self.fails and request.method == "GET" and request.path.endswith("/one"):
            return Response(self.fails, {}, b"{}")
        return await self._inner.send(request)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Any]:
        if self.stalled:
            await asyncio.Event().wait()
        async with self._inner.stream(request) as answer:
            yield answer


def replica_set(replicas: int = 0) -> dict[str, Any]:
    template = {
        "metadata": {"labels": LABEL},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "one", "namespace": "shop", "labels": LABEL},
        "spec": {"replicas": replicas, "selector": {"matchLabels": LABEL}, "template": template},
    }


def story(tell: Any) -> None:
    """Caches over a server whose watches stall from the start."""

    async def run() -> None:
        clock = virtual_clock()
        server = ApiServer(clock, chance=random.Random(1))
        admin = Client(AsgiTransport(server, server.prefix("admin")), clock)
        await admin.create(
            NAMESPACES, {"apiVersion": "v1", "kind": "Namespace",
                                    "metadata": {"name": "shop"}},
        )  # fmt: skip
        line = Stalled(AsgiTransport(server, server.prefix("controller")))
        client = Client(line, clock)
        caches = Caches(client, clock, random.Random(2))
        line.stalled = True
        tasks = [asyncio.create_task(caches.revisions.run())]
        await caches.revisions.synced()
        try:
            await tell(admin, client, caches, line)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run_virtual(run())


def replicas(caches: Caches) -> int | None:
    found = caches.revisions.store.get("shop", "one")
    return None if found is None else found.spec.replicas


def test_what_was_answered_is_in_the_cache_before_the_watch_shows_it() -> None:
    async def tell(admin: Client, client: Client, caches: Caches, line: Stalled) -> None:
        caches.wrote(REPLICASETS, await client.create(REPLICASETS, replica_set(), "shop"), KEY)
        assert replicas(caches) == 0
        made = await client.patch(REPLICASETS, "one", {"spec": {"replicas": 3}}, "shop")
        caches.wrote(REPLICASETS, made, KEY)
        assert replicas(caches) == 3
        assert not caches.behind(KEY)

    story(tell)


def test_where_versions_tell_nothing_the_key_waits_for_the_watch() -> None:
    """Also for an object that no look has seen yet: it was created a moment ago."""

    async def tell(admin: Client, client: Client, caches: Caches, line: Stalled) -> None:
        made = await client.create(REPLICASETS, replica_set(), "shop")
        made["metadata"]["resourceVersion"] = "opaque-a"
        caches.wrote(REPLICASETS, made, KEY)
        assert replicas(caches) is None
        assert caches.behind(KEY)
        assert not caches.behind(("shop", "other"))
        caches.forget(KEY)
        assert not caches.behind(KEY)

    story(tell)


def test_a_write_of_unknown_fate_is_read_before_anything_is_decided() -> None:
    async def tell(admin: Client, client: Client, caches: Caches, line: Stalled) -> None:
        doubts = Doubts(client, caches)
        place = Place(REPLICASETS, "shop", "one")
        await admin.create(REPLICASETS, replica_set(), "shop")
        doubts.note(KEY, place)
        await doubts.resolve(KEY)
        assert replicas(caches) == 0
        await admin.delete(REPLICASETS, "one", "shop")
        doubts.note(KEY, place)
        await doubts.resolve(KEY)
        assert replicas(caches) is None

    story(tell)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_without_an_answer_to_that_nothing_is_decided(status: int) -> None:
    async def tell(admin: Client, client: Client, caches: Caches, line: Stalled) -> None:
        doubts = Doubts(client, caches)
        await admin.create(REPLICASETS, replica_set(), "shop")
        doubts.note(KEY, Place(REPLICASETS, "shop", "one"))
        line.fails = status
        with pytest.raises(ApiError):
            await doubts.resolve(KEY)
        line.fails = 0
        await doubts.resolve(KEY)
        assert replicas(caches) == 0

    story(tell)


def test_what_we_may_not_read_is_left_to_the_watch() -> None:
    async def tell(admin: Client, client: Client, caches: Caches, line: Stalled) -> None:
        doubts = Doubts(client, caches)
        doubts.note(KEY, Place(REPLICASETS, "shop", "one"))
        line.fails = 403
        await doubts.resolve(KEY)
        line.fails = 503
        await doubts.resolve(KEY)

    story(tell)


def test_objects_of_kinds_that_nobody_watches_are_no_obstacle() -> None:
    async def tell(admin: Client, client: Client, caches: Caches, line: Stalled) -> None:
        answer = {
            "metadata": {"name": "i", "namespace": "shop", "uid": "1", "resourceVersion": "9"}
        }
        caches.wrote(INGRESSES, answer, KEY)
        caches.gone(INGRESSES, "shop", "i", "1")
        assert caches.uid(INGRESSES, "shop", "i") == ""
        assert caches.uid(kinds.ROLLOUTS, "shop", "web") == ""
        assert not caches.behind(KEY)

    story(tell)


def test_a_routed_object_is_a_cache_like_any_other() -> None:
    async def tell(admin: Client, client: Client, caches: Caches, line: Stalled) -> None:
        informer = caches.plain(INGRESSES)
        task = asyncio.create_task(informer.run())
        await informer.synced()
        ingress = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "i", "namespace": "shop"},
            "spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}},
        }
        made = await client.create(INGRESSES, ingress, "shop")
        caches.wrote(INGRESSES, made, KEY)
        assert caches.state(("ingresses.networking.k8s.io", "shop", "i")) == made
        caches.gone(INGRESSES, "shop", "i", caches.uid(INGRESSES, "shop", "i"))
        assert caches.state(("ingresses.networking.k8s.io", "shop", "i")) is None
        with pytest.raises(ValueError, match="watched already"):
            caches.plain(INGRESSES)
        task.cancel()

    story(tell)

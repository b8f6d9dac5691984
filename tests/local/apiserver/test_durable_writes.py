"""A server with a storage: what is told is durable, what is lost was never told."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from local.apiserver.api import CONFIG_MAPS, Api, Json, WatchLines, config_map
from local.apiserver.remembering import Remembering, contents, full
from local.apiserver.widgets import WIDGETS, definition, widget
from serinus.local.apiserver.app import ApiServer
from support.virtual import run_virtual, virtual_clock

NAMESPACES = "/api/v1/namespaces"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def durable(tell: Callable[[Api, Remembering], Awaitable[None]], seconds: float = 1.0) -> None:
    """Run `tell` on a server whose commits take `seconds`."""

    async def run() -> None:
        storage = Remembering()
        api = Api(storage=storage)
        await api.server.settled()
        storage.batches.clear()
        storage.seconds = seconds
        await tell(api, storage)
        await api.client.close()

    run_virtual(run())


def namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def test_a_write_is_answered_and_told_to_watchers_when_it_is_durable() -> None:
    async def tell(api: Api, storage: Remembering) -> None:
        async with WatchLines(api, CONFIG_MAPS, {}) as watch:
            told = asyncio.create_task(watch.next())
            made = asyncio.create_task(api.ok("POST", CONFIG_MAPS, config_map("a")))
            await asyncio.sleep(0.9)
            assert not made.done()
            assert not told.done()
            assert (await made)["metadata"]["name"] == "a"
            assert (await told)[0] == "ADDED"
            assert api.clock.wall() == pytest.approx(1.0)

    durable(tell)


def test_a_watcher_is_not_told_of_a_later_write_with_an_earlier_one() -> None:
    async def tell(api: Api, storage: Remembering) -> None:
        async with WatchLines(api, CONFIG_MAPS, {}) as watch:
            first = asyncio.create_task(api.ok("POST", CONFIG_MAPS, config_map("a")))
            await asyncio.sleep(0.5)
            second = asyncio.create_task(api.ok("POST", CONFIG_MAPS, config_map("b")))
            assert await watch.names(1) == [("ADDED", "a")]
            assert api.clock.wall() == pytest.approx(1.0)
            assert await watch.names(1) == [("ADDED", "b")]
            assert api.clock.wall() == pytest.approx(2.0)
            await asyncio.gather(first, second)

    durable(tell)


def test_a_reader_and_a_refusal_wait_for_what_they_tell_of() -> None:
    async def tell(api: Api, storage: Remembering) -> None:
        made = asyncio.create_task(api.ok("POST", CONFIG_MAPS, config_map("a")))
        await asyncio.sleep(0.1)
        seen, listed, refused = await asyncio.gather(
            api.ok("GET", f"{CONFIG_MAPS}/a"),
            api.ok("GET", CONFIG_MAPS),
            api.refused("POST", CONFIG_MAPS, config_map("a")),
        )
        assert api.clock.wall() == pytest.approx(1.0)
        assert seen == await made
        assert [one["metadata"]["name"] for one in listed["items"]] == ["a"]
        assert refused["reason"] == "AlreadyExists"
        await api.ok("GET", CONFIG_MAPS)
        assert api.clock.wall() == pytest.approx(1.0)  # nothing is under way: no waiting

    durable(tell)


def test_writes_of_one_moment_share_a_commit() -> None:
    async def tell(api: Api, storage: Remembering) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(api.ok("POST", CONFIG_MAPS, config_map(f"c{number}")))
        assert api.clock.wall() <= 2.0
        assert sum(len(batch) for batch in storage.batches) == 50
        assert len(storage.batches) <= 2

    durable(tell)


def test_a_namespace_ends_with_all_that_is_in_it_in_one_commit() -> None:
    async def tell(api: Api, storage: Remembering) -> None:
        await api.ok("POST", NAMESPACES, namespace("shop"))
        inner = f"{NAMESPACES}/shop/configmaps"
        for name in ("a", "b"):
            await api.ok("POST", inner, config_map(name))
        storage.batches.clear()
        await api.ok("DELETE", f"{NAMESPACES}/shop")
        assert [sorted(batch) for batch in storage.batches] == [
            [("a", False), ("b", False), ("shop", False)]
        ]

    durable(tell)


@pytest.mark.parametrize(
    ("trouble", "code"), [(full(), 507), (RuntimeError("a bug"), 500)], ids=["full", "bug"]
)
def test_a_write_that_cannot_be_stored_is_refused_and_changes_nothing(
    trouble: Exception, code: int
) -> None:
    async def tell(api: Api, storage: Remembering) -> None:
        await api.ok("POST", CONFIG_MAPS, config_map("kept", was="so"))
        before = contents(api.server)
        async with WatchLines(api, CONFIG_MAPS, {"resourceVersion": str(before["version"])}) as w:
            storage.broken = trouble
            at = f"{CONFIG_MAPS}/kept"
            refused = await asyncio.gather(
                api.refused("POST", CONFIG_MAPS, config_map("new")),
                api.refused("PUT", at, config_map("kept", was="changed")),
                api.refused("DELETE", at),
                api.refused("POST", NAMESPACES, namespace("shop")),
            )
            assert [status["code"] for status in refused] == [code] * 4
            assert contents(api.server) == before
            assert (await api.ok("GET", at))["data"] == {"was": "so"}
            listed = await api.ok("GET", CONFIG_MAPS)
            assert listed["metadata"]["resourceVersion"] == str(before["version"])
            storage.broken = None
            made = await api.ok("POST", CONFIG_MAPS, config_map("after"))
            assert made["metadata"]["resourceVersion"] == str(before["version"] + 1)
            kind, seen = await w.next()
            assert (kind, seen["metadata"]["name"]) == ("ADDED", "after")

    durable(tell)


def test_a_reader_in_the_midst_of_a_lost_write_sees_what_was_before() -> None:
    async def tell(api: Api, storage: Remembering) -> None:
        storage.broken = full()
        lost = asyncio.create_task(api.refused("POST", CONFIG_MAPS, config_map("a")))
        await asyncio.sleep(0.5)
        later = asyncio.create_task(api.refused("POST", CONFIG_MAPS, config_map("b")))
        assert (await api.ok("GET", CONFIG_MAPS))["items"] == []
        assert (await api.refused("GET", f"{CONFIG_MAPS}/a"))["code"] == 404
        # the second was decided while the first was under way: it is lost with it, at once
        assert {(await lost)["code"], (await later)["code"]} == {507}
        assert api.clock.wall() == pytest.approx(1.0)

    durable(tell)


def test_kinds_are_served_as_their_stored_definitions_say_whatever_was_lost() -> None:
    async def tell(api: Api, storage: Remembering) -> None:
        storage.broken = full()
        assert (await api.refused("POST", CRDS, definition()))["code"] == 507
        assert (await api.refused("GET", WIDGETS))["code"] == 404
        storage.broken = None
        made = await api.ok("POST", CRDS, definition())
        await api.ok("POST", WIDGETS, widget("a"))
        at = f"{CRDS}/{made['metadata']['name']}"
        before = contents(api.server)
        async with WatchLines(api, WIDGETS, {"resourceVersion": str(before["version"])}) as watch:
            storage.broken = full()
            assert (await api.refused("DELETE", at))["code"] == 507
            assert contents(api.server) == before
            storage.broken = None
            await api.ok("POST", WIDGETS, widget("b"))
            assert await watch.names(1) == [("ADDED", "b")]
            await api.ok("DELETE", at)
            assert sorted(await watch.names(2)) == [("DELETED", "a"), ("DELETED", "b")]
            with pytest.raises(StopAsyncIteration):
                await watch.next()
        assert not [row for row in storage.rows if "widgets" in row]

    durable(tell)


def test_after_a_start_from_the_storage_versions_rise_and_old_watches_are_told_to_list() -> None:
    async def tell(api: Api, storage: Remembering) -> None:
        first = await api.ok("POST", CONFIG_MAPS, config_map("a"))
        made = await api.ok("POST", CONFIG_MAPS, config_map("b"))
        old, newest = (one["metadata"]["resourceVersion"] for one in (first, made))
        again = Api(storage=storage.copy())
        assert contents(again.server) == contents(api.server)
        for path in (CONFIG_MAPS, "/api/v1/secrets"):  # the other kind has never had an object
            async with WatchLines(again, path, {"resourceVersion": old}) as watch:
                kind, status = await watch.next()
                assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")
        async with WatchLines(again, CONFIG_MAPS, {"resourceVersion": newest}) as watch:
            third = await again.ok("POST", CONFIG_MAPS, config_map("c"))
            assert int(third["metadata"]["resourceVersion"]) == int(newest) + 1
            assert await watch.names(1) == [("ADDED", "c")]
        for field in ("uid", "creationTimestamp", "resourceVersion"):
            kept = await again.ok("GET", f"{CONFIG_MAPS}/a")
            assert kept["metadata"][field] == first["metadata"][field]

    durable(tell)


@pytest.mark.parametrize("seed", range(12))
def test_any_sequence_of_operations_leaves_memory_and_storage_alike(seed: int) -> None:
    """Against a naive model: a server without storage that gets what was not refused for space."""

    async def run() -> None:
        chance, storage = random.Random(seed), Remembering(0.001)
        flaky, model = Api(storage=storage), Api()
        await flaky.server.settled()
        for api in (flaky, model):
            await api.ok("POST", CRDS, definition())
        begin = str(flaky.server.view.resource_version)
        async with (
            WatchLines(flaky, "/api/v1/configmaps", {"resourceVersion": begin}) as told,
            WatchLines(model, "/api/v1/configmaps", {"resourceVersion": begin}) as expected,
        ):
            refused = 0
            for _ in range(150):
                storage.broken = full() if chance.random() < 0.3 else None
                method, path, body = operation(chance)
                answer = await flaky.call(method, path, body, content_type=media_type(method))
                if answer.status == 507:
                    refused += 1
                else:
                    same = await model.call(method, path, body, content_type=media_type(method))
                    assert alike(answer.body) == alike(same.body), (method, path)
                assert alike(contents(flaky.server)) == alike(contents(model.server))
            assert refused > 3
            storage.broken = None
            for api in (flaky, model):
                await api.ok("POST", CONFIG_MAPS, config_map("end"))
            while (event := await told.next())[1]["metadata"]["name"] != "end":
                assert alike(event) == alike(await expected.next())
        loaded = ApiServer(virtual_clock(), storage=storage.copy())
        assert contents(loaded) == contents(flaky.server)
        for api in (flaky, model):
            await api.client.close()

    run_virtual(run())


def operation(chance: random.Random) -> tuple[str, str, Any]:
    """A request on one of a few objects: kinds, namespaces and holds that touch each other."""
    name, space = chance.choice("ab"), chance.choice(["default", "x", "y"])
    text = str(chance.randrange(5))
    inner = f"{NAMESPACES}/{space}/configmaps"
    crd = f"{CRDS}/{definition()['metadata']['name']}"
    held = {"metadata": {"finalizers": chance.choice([["a.b/hold"], []])}}
    return chance.choice(
        [
            ("POST", inner, config_map(name, text=text)),
            ("POST", inner, config_map(name, text=text)),
            ("PUT", f"{inner}/{name}", config_map(name, text=text)),
            ("PATCH", f"{inner}/{name}", held),
            ("DELETE", f"{inner}/{name}", None),
            ("DELETE", inner, None),
            ("POST", NAMESPACES, namespace(space)),
            ("POST", NAMESPACES, namespace(space)),
            ("DELETE", f"{NAMESPACES}/{space}", None),
            ("GET", inner, None),
            ("POST", WIDGETS, widget(name)),
            ("DELETE", f"{WIDGETS}/{name}", None),
            ("DELETE", crd, None),
            ("POST", CRDS, definition()),
        ]
    )


def media_type(method: str) -> str:
    return "application/merge-patch+json" if method == "PATCH" else "application/json"


def alike(value: Any) -> str:
    """Without what chance makes: uids."""
    plain = json.loads(value) if isinstance(value, bytes) else value

    def strip(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: strip(child) for key, child in node.items() if key != "uid"}
        return [strip(child) for child in node] if isinstance(node, list | tuple) else node

    return json.dumps(strip(plain), sort_keys=True)

"""Servers in trouble, and objects that do: the informer keeps what it knows and asks rarely."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kube.informer_world import MAPS, World, config, running, tell
from serinus.kube.transport import Faults
from support.objectserver import refuse


async def _end(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _garbage(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"<html>\n"})


async def _crash(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("scripted")


async def _expired_inside(scope: Any, receive: Any, send: Any) -> None:
    line = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n'
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": line})


@pytest.mark.parametrize(
    ("trouble", "everywhere"),
    [
        (_end, False),
        (_garbage, False),
        (_garbage, True),
        (_crash, True),
        (_expired_inside, False),
        (refuse(410, "Expired"), False),
        (refuse(410, "Expired"), True),
        (refuse(403, "Forbidden"), False),
        (refuse(403, "Forbidden"), True),
        (refuse(404, "NotFound"), True),
        (refuse(500, "InternalError"), True),
        (refuse(429, "TooManyRequests", {"Retry-After": 1}), True),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_server_in_trouble_is_asked_rarely_and_found_again_soon(
    trouble: Any, everywhere: bool
) -> None:
    async def story(world: World) -> None:
        world.server.script = lambda _m, _p, query: (
            trouble if everywhere or "watch" in query else None
        )
        async with running(world):
            await world.clock.sleep(600)
            assert 10 <= world.server.count() <= 200
            world.server.put(MAPS, config("a"))
            world.server.script = None
            await world.clock.sleep(35)
            assert world.cached() == world.served()
            assert world.informer.problem is None

    tell(story)


def test_a_kind_that_is_installed_later_is_picked_up_and_the_wait_has_a_reason() -> None:
    async def story(world: World) -> None:
        world.server.script = lambda *_: refuse(404, "NotFound")
        async with running(world):
            await world.clock.sleep(100)
            assert not world.informer.has_synced
            assert "404" in (world.informer.problem or "")
            world.server.put(MAPS, config("a"))
            world.server.script = None
            await world.informer.synced()
            assert list(world.cached()) == ["shop/a"]

    tell(story)


def test_objects_survive_a_time_of_trouble_unknown_is_not_gone() -> None:
    async def story(world: World) -> None:
        world.server.put(MAPS, config("a"))
        async with running(world):
            await world.informer.synced()
            world.server.compact()
            world.server.script = lambda *_: refuse(403, "Forbidden")
            await world.clock.sleep(3000)
            assert list(world.cached()) == ["shop/a"]

    tell(story)


def test_after_a_restore_to_older_versions_the_list_is_believed() -> None:
    async def story(world: World) -> None:
        world.server.version = 500
        world.server.put(MAPS, config("a", x="new"))
        async with running(world):
            await world.informer.synced()
            world.server.version = 20
            world.server.put(MAPS, config("a", x="restored"))
            world.server.compact()
            world.server.script = lambda _m, _p, query: (
                refuse(410, "Expired") if query.get("resourceVersion") == "501" else None
            )
            await world.clock.sleep(2000)
            assert world.informer.store.get("shop", "a").data == {"x": "restored"}

    tell(story)


def test_an_object_that_does_not_decode_stops_nothing() -> None:
    async def story(world: World) -> None:
        found: list[str] = []
        world.informer.on_unreadable(lambda bad: found.append(f"{bad.name}: {bad.error}"))
        world.server.put(MAPS, {"metadata": {"name": "bad"}, "data": [1]})
        world.server.put(MAPS, config("good", x="1"))
        async with running(world):
            await world.informer.synced()
            assert list(world.cached()) == ["shop/good"]
            assert found == ["bad: Expected `object`, got `array` - at `$.data`"]
            world.server.put(MAPS, {"metadata": {"name": "good"}, "data": 7})
            world.server.put(MAPS, config("next"))
            await world.clock.sleep(1)
            assert world.informer.store.get("shop", "good").data == {"x": "1"}
            assert set(world.informer.unreadable) == {("shop", "bad"), ("shop", "good")}
            assert "shop/next" in world.cached()
            world.server.put(MAPS, config("bad"))
            world.server.remove(MAPS, "good")
            await world.clock.sleep(1)
            assert world.informer.unreadable == {}
            assert world.cached() == world.served()

    tell(story)


def test_an_object_larger_than_any_buffer_arrives_whole() -> None:
    async def story(world: World) -> None:
        async with running(world):
            await world.informer.synced()
            for size in (10, 1_500_000, 10):
                world.server.put(MAPS, config("a", x="ü" * size))
                await world.clock.sleep(5)
                assert world.informer.store.get("shop", "a").data["x"] == "ü" * size

    tell(story, faults=Faults(slow_body=1.0))


def test_kept_objects_hold_no_page_or_line_in_memory() -> None:
    async def story(world: World) -> None:
        extra = {"extra": {"k": "v"}, "unread": "x" * 5000}
        world.server.put(MAPS, config("a") | extra)
        async with running(world):
            await world.informer.synced()
            world.server.put(MAPS, config("b") | extra)
            await world.clock.sleep(1)
            for made in world.informer.store.all():
                assert made.extra.copy() is made.extra, "a view into a page would be copied"
                assert msgspec.json.decode(made.extra) == {"k": "v"}

    tell(story)


def test_a_listener_that_fails_stops_neither_store_nor_other_listeners() -> None:
    async def story(world: World) -> None:
        def fail(old: Any, new: Any) -> None:
            raise RuntimeError("scripted")

        world.informer.on_change(fail)
        heard: list[Any] = []
        world.informer.on_change(lambda old, new: heard.append(new))
        async with running(world):
            await world.informer.synced()
            world.server.put(MAPS, config("a"))
            await world.clock.sleep(1)
            assert len(heard) == 1

    tell(story)

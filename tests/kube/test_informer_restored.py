"""Servers that end, limit or go back in time: how the informer notices, waits and recovers."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from itertools import pairwise
from typing import Any

import pytest

from kube.informer_world import MAPS, ConfigMap, World, config, running, tell
from serinus.kube.informer import Informer
from serinus.kube.resource import SECRETS
from support.objectserver import refuse

SECRET_MAPS = "/api/v1/namespaces/shop/secrets"


def lines(*events: tuple[str, Any]) -> Any:
    """A watch that tells these and ends."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        body = b"".join(
            json.dumps({"type": kind, "object": made}).encode() + b"\n" for kind, made in events
        )
        await send({"type": "http.response.body", "body": body})

    return app


def test_bookmarks_alone_are_no_progress_that_a_loop_of_ends_could_live_on() -> None:
    async def story(world: World) -> None:
        def script(method: str, path: str, query: dict[str, str]) -> Any:
            if "watch" not in query:
                return None
            world.server.version += 1
            return lines(("BOOKMARK", {"metadata": {"resourceVersion": str(world.server.version)}}))

        world.server.script = script
        async with running(world):
            await world.clock.sleep(600)
            assert world.server.count() < 80

    tell(story)


@pytest.mark.parametrize("kind", ["BOOKMARK", "ADDED"])
def test_a_server_that_goes_back_is_listed_again(kind: str) -> None:
    """Restored from a backup, it takes the watch from a version that it has not got to."""

    async def story(world: World) -> None:
        world.server.version = 500
        world.server.put(MAPS, config("a", x="lost in the restore"))
        async with running(world):
            await world.informer.synced()
            world.server.objects.clear()
            world.server.version = 20
            world.server.put(MAPS, config("b", x="from the backup"))
            seen = {**config("b"), "metadata": {"name": "b", "resourceVersion": "21"}}
            watches = 0

            def script(method: str, path: str, query: dict[str, str]) -> Any:
                nonlocal watches
                watches += "watch" in query
                return lines((kind, seen)) if "watch" in query and watches == 1 else None

            world.server.script = script
            world.server.compact()
            await world.clock.sleep(700)
            assert {made.metadata.name for made in world.informer.store.all()} == {"b"}
            assert world.cached() == world.served()

    tell(story)


def test_a_version_that_the_server_has_not_got_to_is_listed_again() -> None:
    """As a real server says it: 504 with a cause."""
    future = {
        "kind": "Status",
        "code": 504,
        "reason": "Timeout",
        "message": "Too large resource version: 501, current: 21",
        "details": {"causes": [{"reason": "ResourceVersionTooLarge"}], "retryAfterSeconds": 1},
    }

    async def story(world: World) -> None:
        world.server.version = 500
        world.server.put(MAPS, config("a"))
        async with running(world):
            await world.informer.synced()
            world.server.objects.clear()
            world.server.version = 20
            world.server.put(MAPS, config("b"))
            world.server.script = lambda _m, _p, query: (
                lines(("ERROR", future)) if query.get("resourceVersion") == "501" else None
            )
            world.server.compact()
            await world.clock.sleep(700)
            assert world.cached() == world.served()
            assert world.informer.problem is None

    tell(story)


def test_a_kind_that_is_forbidden_waits_and_says_so_while_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "serinus.kube.informer")

    async def story(world: World) -> None:
        secrets = Informer(world.client, SECRETS, ConfigMap, world.clock, jitter=random.Random(2))
        task = asyncio.create_task(secrets.run())
        world.server.script = lambda _m, path, _q: (
            refuse(403, "Forbidden") if "secrets" in path else None
        )
        async with running(world):
            await world.informer.synced()
            times: list[float] = []
            count = 0
            for _ in range(3000):
                await world.clock.sleep(0.1)
                now = sum("secrets" in path for _, path, _ in world.server.requests)
                times += [world.clock.wall()] * (now - count)
                count = now
            gaps = [b - a for a, b in pairwise(times)]
            assert max(gaps[:3]) < 3
            assert max(gaps[-4:]) > 5
            assert max(gaps) < 31
            assert secrets.denied
            assert "403 Forbidden" in (secrets.problem or "")
            world.server.put(MAPS, config("a"))
            await world.clock.sleep(1)
            assert world.cached() == world.served()

            world.server.put(SECRET_MAPS, config("s"))
            world.server.script = None
            await world.clock.sleep(31)
            assert [made.metadata.name for made in secrets.store.all()] == ["s"]
            assert (secrets.problem, secrets.denied) == (None, False)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    tell(story)
    told = [record.getMessage() for record in caplog.records]
    assert len([text for text in told if text.startswith("secrets: cannot follow")]) == 1
    assert "secrets: watching again" in told


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize(("asked", "waited"), [(40, 40), (1_000_000, 120)])
def test_a_server_that_names_a_time_is_left_alone_so_long_within_reason(
    code: int, asked: int, waited: int
) -> None:
    async def story(world: World) -> None:
        world.server.script = lambda *_: refuse(code, "Busy", {"Retry-After": asked})
        async with running(world):
            await world.clock.sleep(1)
            assert world.server.count() == 1
            world.server.script = None
            await world.clock.sleep(waited - 2)
            assert world.server.count() == 1
            await world.clock.sleep(3)
            assert world.informer.has_synced

    tell(story)


def test_on_a_slow_line_a_list_is_asked_in_smaller_pages() -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def story(world: World) -> None:
        for number in range(300):
            world.server.put(MAPS, config(f"m{number}"))
        world.server.script = lambda _m, _p, query: (
            never if int(query.get("limit", 0)) > 100 else None
        )
        async with running(world):
            await world.informer.synced()
            assert world.cached() == world.served()
            asked = [query["limit"] for _, _, query in world.server.requests if "limit" in query]
            assert asked == ["500", "250", "125", *["62"] * 5]

    tell(story)

"""The client's verbs, its errors, and what it tries again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from serinus.kube import errors
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.resource import CONFIGMAPS, NAMESPACES, REPLICASETS, Resource
from serinus.kube.transport import AsgiTransport
from support.objectserver import ObjectServer, refuse
from support.virtual import run_virtual, virtual_clock

MAPS = "/api/v1/namespaces/shop/configmaps"


def with_client(
    story: Callable[[Client, ObjectServer], Coroutine[Any, Any, None]],
    limits: Limits | None = None,
) -> None:
    async def run() -> None:
        server = ObjectServer()
        client = Client(AsgiTransport(server), virtual_clock(), limits=limits)
        await story(client, server)
        await client.close()

    run_virtual(run())


def config(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": data}


@pytest.mark.parametrize(
    ("resource", "where", "path"),
    [
        (CONFIGMAPS, ("shop", "a"), MAPS + "/a"),
        (CONFIGMAPS, (None, None), "/api/v1/configmaps"),
        (
            REPLICASETS,
            ("shop", "a", "status"),
            "/apis/apps/v1/namespaces/shop/replicasets/a/status",
        ),
        (NAMESPACES, (None, "shop"), "/api/v1/namespaces/shop"),
        (CONFIGMAPS, ("shop", "a/b ü"), MAPS + "/a%2Fb%20%C3%BC"),
        (
            Resource("g.io", "v1", "roles", "Role", False),
            (None, "system:x"),
            "/apis/g.io/v1/roles/system:x",
        ),
    ],
)
def test_paths_are_those_of_the_api(resource: Resource, where: Any, path: str) -> None:
    assert resource.path(*where) == path


def test_a_namespaced_object_without_namespace_is_refused() -> None:
    with pytest.raises(ValueError, match="configmaps a: a namespace is needed"):
        CONFIGMAPS.path(name="a")


def test_an_object_lives_through_all_verbs() -> None:
    async def story(client: Client, server: ObjectServer) -> None:
        made = await client.create(CONFIGMAPS, config("a", x="1"), "shop")
        assert made["metadata"]["resourceVersion"] == "11"
        changed = await client.patch(CONFIGMAPS, "a", {"data": {"x": None, "y": "2"}}, "shop")
        assert changed["data"] == {"y": "2"}
        await client.replace(CONFIGMAPS, "a", changed | {"data": {"z": "3"}}, "shop")
        assert (await client.get(CONFIGMAPS, "a", "shop"))["data"] == {"z": "3"}
        assert await client.delete(CONFIGMAPS, "a", "shop") is None
        with pytest.raises(errors.NotFound, match=r"GET /api/v1/.*/a: 404 NotFound"):
            await client.get(CONFIGMAPS, "a", "shop")

    with_client(story)


def test_a_list_is_paged_and_consistent_while_objects_change() -> None:
    async def story(client: Client, server: ObjectServer) -> None:
        for number in range(1234):
            server.put(MAPS, config(f"m{number}", n=str(number)))
        listing = await client.list(CONFIGMAPS)
        assert [item["data"]["n"] for item in listing] == [str(n) for n in range(1234)]
        assert listing.resource_version == str(server.version)
        assert server.count() == 3
        assert not any("resourceVersion" in query for _, _, query in server.requests)

    with_client(story)


def test_a_list_whose_token_expires_begins_anew() -> None:
    async def story(client: Client, server: ObjectServer) -> None:
        for number in range(600):
            server.put(MAPS, config(f"m{number}"))

        def expire_first(method: str, path: str, query: dict[str, str]) -> Any:
            if "continue" in query and len(server.requests) == 2:
                server.put(MAPS, config("late"))
                return refuse(410, "Expired")
            return None

        server.script = expire_first
        assert len((await client.list(CONFIGMAPS)).items) == 601

    with_client(story)


def test_typed_answers_name_the_object_that_is_unreadable() -> None:
    class Strange(msgspec.Struct):
        data: list[int]

    async def story(client: Client, server: ObjectServer) -> None:
        server.put(MAPS, config("a", x="1"))
        with pytest.raises(errors.UnreadableAnswer, match=r"ConfigMap shop/a: Expected `array`"):
            await client.get(CONFIGMAPS, "a", "shop", type=Strange)
        with pytest.raises(errors.UnreadableAnswer, match="ConfigMap shop/a: Expected"):
            await client.list(CONFIGMAPS, type=Strange)

    with_client(story)


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", errors.BadRequest),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (409, "Conflict", errors.Conflict),
        (409, "AlreadyExists", errors.AlreadyExists),
        (410, "Expired", errors.Gone),
        (422, "Invalid", errors.Invalid),
        (504, "Timeout", errors.Unavailable),
        (418, "Teapot", errors.ApiError),
    ],
)
def test_a_refusal_is_an_error_of_its_kind(code: int, reason: str, kind: type[Exception]) -> None:
    async def story(client: Client, server: ObjectServer) -> None:
        server.script = lambda *_: refuse(code, reason)
        with pytest.raises(errors.ApiError) as caught:
            await client.create(CONFIGMAPS, config("a"), "shop")
        assert type(caught.value) is kind
        assert (caught.value.status, caught.value.reason) == (code, reason)
        assert server.count() == 1

    with_client(story)


def test_an_error_that_is_no_status_keeps_its_text() -> None:
    error = errors.error_of_answer("GET /x", 502, b"<html>\n bad   gateway</html>")
    assert str(error) == "GET /x: 502 Unavailable: <html> bad gateway</html>"


def test_a_busy_server_is_asked_again_after_the_time_it_named() -> None:
    async def story(client: Client, server: ObjectServer) -> None:
        loop = asyncio.get_running_loop()

        def busy_twice(*_: Any) -> Any:
            busy = len(server.requests) <= 2
            return refuse(429, "TooManyRequests", {"Retry-After": 7}) if busy else None

        server.script = busy_twice
        await client.create(CONFIGMAPS, config("a"), "shop")
        assert server.count() == 3
        assert loop.time() == pytest.approx(14)

    with_client(story)


@pytest.mark.parametrize(
    ("method", "tries"), [("GET", 6), ("PUT", 6), ("DELETE", 6), ("POST", 1), ("PATCH", 1)]
)
def test_only_verbs_that_may_run_twice_are_repeated_after_500(method: str, tries: int) -> None:
    async def story(client: Client, server: ObjectServer) -> None:
        server.script = lambda *_: refuse(500, "InternalError")
        with pytest.raises(errors.Unavailable):
            await client.raw(method, MAPS + "/a", body=b"{}")
        assert server.count() == tries

    with_client(story)


def test_a_delete_whose_answer_was_lost_is_a_delete() -> None:
    async def story(client: Client, server: ObjectServer) -> None:
        server.put(MAPS, config("a"))

        def lose_first(*_: Any) -> Any:
            if server.count() == 1:
                server.remove(MAPS, "a")
                return refuse(503, "Unavailable")
            return None

        server.script = lose_first
        assert await client.delete(CONFIGMAPS, "a", "shop") is None
        with pytest.raises(errors.NotFound):
            await client.delete(CONFIGMAPS, "a", "shop")

    with_client(story)


def test_a_call_ends_at_its_deadline() -> None:
    async def story(client: Client, server: ObjectServer) -> None:
        async def never(scope: Any, receive: Any, send: Any) -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        server.script = lambda *_: never
        with pytest.raises(errors.NoAnswer, match=r"no answer within"):
            await client.get(CONFIGMAPS, "a", "shop")
        assert asyncio.get_running_loop().time() <= 20

    with_client(story, Limits(deadline_seconds=20, try_seconds=6))


def test_a_client_keeps_to_its_rate() -> None:
    async def story(client: Client, server: ObjectServer) -> None:
        server.put(MAPS, config("a"))
        gets = (client.get(CONFIGMAPS, "a", "shop") for _ in range(35))
        await asyncio.gather(*gets)
        assert asyncio.get_running_loop().time() == pytest.approx(3.0)

    with_client(story, Limits(requests_per_second=10, burst=5))


def test_a_delete_under_another_uid_is_a_conflict() -> None:
    async def story(client: Client, server: ObjectServer) -> None:
        server.put(MAPS, config("a"))
        with pytest.raises(errors.Conflict):
            await client.delete(CONFIGMAPS, "a", "shop", uid="another")
        assert server.listed(MAPS)

    with_client(story)

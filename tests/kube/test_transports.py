"""The in-process transport behaves like a network; the faulty one like a bad one, repeatably."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from serinus.kube.errors import NoAnswer
from serinus.kube.transport import AsgiTransport, Faults, FaultyTransport, Request, Response
from support.objectserver import ObjectServer, respond
from support.virtual import run_virtual, virtual_clock

App = Callable[[Any, Any, Any], Awaitable[None]]


async def _head(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"X-A", b"1")] * 2})


def ask(app: App, request: Request, prefix: str = "") -> Response:
    async def run() -> Response:
        transport = AsgiTransport(app, prefix)
        try:
            return await transport.send(request)
        finally:
            await transport.close()

    return run_virtual(run())


def test_the_application_sees_the_request_as_a_server_would_give_it() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope, body=(await receive())["body"])
        await respond(send, 201, {"a": 1}, {"X-Kind": "é"})

    request = Request("PUT", "/a/b%2Fc", {"q": "x=1&y"}, {"X-Who": "me"}, b"body")
    answer = ask(app, request, "/secret/")
    assert (answer.status, answer.body) == (201, b'{"a": 1}')
    assert (seen["path"], seen["raw_path"]) == ("/secret/a/b/c", b"/secret/a/b%2Fc")
    assert (seen["method"], seen["query_string"], seen["body"]) == (
        "PUT",
        b"q=x%3D1%26y",
        b"body",
    )
    assert seen["headers"] == [(b"x-who", b"me")]


def test_repeated_headers_are_joined() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _head(send)
        await send({"type": "http.response.body", "body": b""})

    assert ask(app, Request("GET", "/")).headers == {"x-a": "1, 1"}


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    return


async def _raises(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("scripted")


async def _half(scope: Any, receive: Any, send: Any) -> None:
    await _head(send)
    await send({"type": "http.response.body", "body": b"half", "more_body": True})


async def _raises_with_a_full_buffer(scope: Any, receive: Any, send: Any) -> None:
    await _head(send)
    for _ in range(63):
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
    raise RuntimeError("scripted")


async def _silent(scope: Any, receive: Any, send: Any) -> None:
    await _head(send)
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.mark.parametrize("app", [_nothing, _raises, _half, _raises_with_a_full_buffer, _silent])
def test_an_incomplete_answer_is_no_answer(app: App) -> None:
    with pytest.raises(NoAnswer) as caught:
        ask(app, Request("POST", "/x", timeout_seconds=5))
    assert caught.value.sent


def test_a_caller_that_leaves_is_noticed_but_does_not_undo_the_work() -> None:
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _head(send)
        for _ in range(200):  # more than anybody will read
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        while (message := await receive())["type"] != "http.disconnect":
            pass
        heard.append(message["type"])
        await asyncio.sleep(10)
        heard.append("done")

    async def run() -> None:
        transport = AsgiTransport(app)
        async with transport.stream(Request("GET", "/")) as answer:
            assert await anext(answer.chunks()) == b"x"
        await asyncio.sleep(20)
        await transport.close()

    run_virtual(run())
    assert heard == ["http.disconnect", "done"]


def test_closing_the_transport_ends_what_still_runs() -> None:
    async def run() -> int:
        transport = AsgiTransport(_silent)
        async with transport.stream(Request("GET", "/")):
            await transport.close()
        return len(asyncio.all_tasks())

    assert run_virtual(run()) == 1


def test_a_lost_answer_is_of_a_write_that_happened_and_a_refusal_of_one_that_did_not() -> None:
    body = b'{"metadata": {"name": "a"}}'
    request = Request("POST", "/api/v1/namespaces/shop/configmaps", body=body)

    async def run(faults: Faults) -> tuple[bool, int]:
        server, clock = ObjectServer(), virtual_clock()
        faulty = FaultyTransport(AsgiTransport(server), random.Random(1), faults, clock)
        try:
            await faulty.send(request)
        except NoAnswer as error:
            return error.sent, len(server.objects)
        return False, -1

    assert run_virtual(run(Faults(lose_answer=1.0))) == (True, 1)
    assert run_virtual(run(Faults(refuse=1.0))) == (False, 0)
    assert run_virtual(run(Faults())) == (False, -1)


def test_the_same_seed_gives_the_same_faults() -> None:
    async def run(seed: int) -> list[int]:
        faulty = FaultyTransport(
            AsgiTransport(ObjectServer()),
            random.Random(seed),
            Faults(too_many=0.3, forbidden=0.2, broken=0.2, latency_seconds=1),
            virtual_clock(),
        )
        return [(await faulty.send(Request("GET", "/api/v1/x"))).status for _ in range(50)]

    first = run_virtual(run(7))
    assert first == run_virtual(run(7)) != run_virtual(run(8))
    assert {200, 403, 429} <= set(first)

"""Requests over real sockets: limits, names, tokens, and errors that tell where."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from serinus.control.analysis.asking import MAX_BODY_BYTES, Asker, Unanswered
from serinus.core.http import ClientCredentials, HttpAnswer, HttpRequest
from support.steady import run_steady

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def told(
    routes: dict[str, Handler], tell: Callable[[str, Any], Awaitable[HttpAnswer]], **options: Any
) -> HttpAnswer:
    """Serves `routes` on loopback while `tell(address, asker)` runs."""

    async def story() -> HttpAnswer:
        application = web.Application()
        for path, handler in routes.items():
            application.router.add_route("*", path, handler)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]

        async def resolve(host: str, given: int) -> tuple[str, int]:
            return "127.0.0.1", port

        asker = Asker(resolve if options.get("names") else None)
        try:
            return await tell(f"http://127.0.0.1:{port}", asker)
        finally:
            await asker.close()
            await runner.cleanup()

    return run_steady(story())


async def fine(request: web.Request) -> web.Response:
    return web.Response(text=f"{request.method} {request.path_qs} {request.host}")


def test_any_status_is_an_answer() -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=418, text="teapot", headers={"X-Why": "tea"})

    async def tell(address: str, asker: Asker) -> HttpAnswer:
        return await asker.send(HttpRequest(method="GET", url=address + "/x"))

    answer = told({"/x": refuse}, tell)
    assert (answer.status, answer.body, answer.headers["x-why"]) == (418, b"teapot", "tea")


def test_query_and_body_are_encoded_after_secrets_are_filled_in() -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=request.query["q"] + "|" + await request.text())

    async def tell(address: str, asker: Asker) -> HttpAnswer:
        request = HttpRequest(
            method="PUT",
            url=f"{address}/x",
            query=(("q", "a&b={{ args.s }}"),),
            body="<{{args.s}}>",
        )
        return await asker.send(request.filled({"s": "x&y"}))

    assert told({"/x": echo}, tell).body == b"a&b=x&y|<x&y>"


def test_names_are_resolved_by_what_was_handed_in() -> None:
    async def tell(address: str, asker: Asker) -> HttpAnswer:
        return await asker.send(
            HttpRequest(method="GET", url="http://prometheus.monitoring:9090/x?a=1")
        )

    answer = told({"/x": fine}, tell, names=True)
    assert answer.body == b"GET /x?a=1 prometheus.monitoring:9090"


def test_a_token_is_fetched_and_sent() -> None:
    async def token(request: web.Request) -> web.Response:
        form = await request.post()
        assert request.headers["Authorization"] == "Basic Yzpz"
        return web.json_response({"access_token": f"T-{form['grant_type']}-{form['scope']}"})

    async def show(request: web.Request) -> web.Response:
        return web.Response(text=request.headers["Authorization"])

    async def tell(address: str, asker: Asker) -> HttpAnswer:
        credentials = ClientCredentials(f"{address}/token", "c", "s", ("a", "b"))
        return await asker.send(
            HttpRequest(method="GET", url=f"{address}/x", authorization=credentials)
        )

    answer = told({"/token": token, "/x": show}, tell)
    assert answer.body == b"Bearer T-client_credentials-a b"


def failing(routes: dict[str, Handler], request: Callable[[str], HttpRequest]) -> str:
    async def tell(address: str, asker: Asker) -> HttpAnswer:
        return await asker.send(request(address))

    with pytest.raises(Unanswered) as caught:
        told(routes, tell)
    return str(caught.value)


def test_a_server_that_hangs_is_given_up() -> None:
    async def hang(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    message = failing(
        {"/x": hang},
        lambda address: HttpRequest(method="GET", url=f"{address}/x", timeout_seconds=0.05),
    )
    assert message.endswith("/x within 0.05 s")


def test_a_refused_token_tells_why() -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"error": "invalid_client"}, status=401)

    message = failing(
        {"/token": refuse},
        lambda address: HttpRequest(
            method="GET",
            url=f"{address}/x",
            authorization=ClientCredentials(f"{address}/token", "c", "secret"),
        ),
    )
    assert "no token from" in message
    assert message.endswith(": invalid_client")
    assert "secret" not in message


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(MAX_BODY_BYTES // 1_000_000 + 2):
            await response.write(b"x" * 1_000_000)
        return response

    message = failing({"/x": flood}, lambda address: HttpRequest(method="GET", url=f"{address}/x"))
    assert message.endswith(f"the answer is larger than {MAX_BODY_BYTES} bytes")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "nonsense", "http://[::1", ""])
def test_what_cannot_be_reached_is_an_error_that_names_it(url: str) -> None:
    assert url in failing({}, lambda address: HttpRequest(method="GET", url=url))

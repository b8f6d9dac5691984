"""The laws that every metric provider keeps, run over a real local HTTP server.

A provider's test gives its cases: what the metric says, what the server answered (recorded), and
what that means. The laws add what no case needs to say: garbage is trouble, never a value.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from serinus.control.analysis.asking import Asker, Unanswered
from serinus.core.analysis.answers import NoData, Outcome, Trouble, Value
from serinus.core.http import HttpAnswer, HttpRequest
from serinus.metrics.provider import Context, Provider
from support.steady import run_steady

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONTEXT = Context(now=NOW)


@dataclass(frozen=True)
class Case:
    """`spec` has `{address}` replaced by the server's; `answers` are (status, body) in order."""

    name: str
    spec: Any
    answers: Sequence[tuple[int, str]]
    outcome: Outcome


@dataclass
class Heard:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str]
    form: dict[str, str]


@dataclass
class Server:
    """Answers in order, and remembers what it was asked."""

    answers: list[tuple[int, str]]
    heard: list[Heard]
    address: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.heard.append(
            Heard(request.method, request.path, dict(request.headers), dict(request.query), form)
        )
        status, body = self.answers.pop(0) if self.answers else (500, "no answer is left")
        return web.Response(status=status, text=body)


async def asked_over_http(
    provider: Provider, build: Any, answers: Sequence[tuple[int, str]]
) -> tuple[Outcome, list[Heard]]:
    """What the provider makes of a real server's answers; `build(address)` makes the spec."""
    server = Server(list(answers), [])
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    asker = Asker()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        spec = build(f"http://127.0.0.1:{port}")
        found = [await asker.send(request) for request in provider.requests(spec, CONTEXT)]
        return provider.value(spec, found), server.heard
    finally:
        await asker.close()
        await runner.cleanup()


def same(one: Outcome, other: Outcome) -> bool:
    """Equal, with NaN equal to NaN."""
    if isinstance(one, Value) and isinstance(other, Value):
        return repr(one) == repr(other)
    return one == other


def garbage(seed: int) -> list[HttpAnswer]:
    """Answers that no provider can make sense of."""
    rng = random.Random(seed)
    odd = [
        b"", b"null", b"[]", b"{}", b"5", b'"text"', b"<html>bad gateway</html>", b"{", b"\xff\xfe",
        b'{"status":"success"}', b'{"status":"success","data":null}', b'{"data":{"result":5}}',
        b'{"status":"success","data":{"resultType":"vector","result":[null]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"value":[1,2]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"x"]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"value":[]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":{"value":"1"}}}',
        b'{"status":"success","data":{"resultType":"scalar","result":[1]}}',
        b'{"status":"success","data":{"resultType":"streams","result":[]}}',
        b"[" * 100_000,
    ]  # fmt: skip
    noise = [bytes(rng.randrange(256) for _ in range(rng.randrange(60))) for _ in range(20)]
    return [HttpAnswer(status, body) for body in odd + noise for status in (200, 404, 502)]


def law_garbage_is_trouble(provider: Provider, spec: Any) -> None:
    """Whatever comes back, there is no exception, and nothing that could pass a gate."""
    count = len(provider.requests(spec, CONTEXT))
    for seed in range(3):
        for answer in garbage(seed):
            outcome = provider.value(spec, [answer] * count)
            assert isinstance(outcome, Trouble), (answer, outcome)
            assert outcome.message
            assert len(outcome.message) < 1000


def law_requests_are_pure_and_bounded(provider: Provider, spec: Any) -> None:
    """The same metric asks the same, over http, with a limit on the time."""
    first = provider.requests(spec, CONTEXT)
    assert first == provider.requests(spec, CONTEXT)
    assert first
    for request in first:
        assert request.url.startswith(("http://", "https://"))
        assert request.timeout_seconds > 0


def law_secrets_reach_the_request_as_placeholders(provider: Provider, spec: Any) -> None:
    """`{{args.secret}}` somewhere in the spec is in the request still, and can be filled there."""
    for request in provider.requests(spec, CONTEXT):
        assert "{{args.secret}}" in repr(request)
        filled: HttpRequest = request.filled({"secret": 'p"w&d'})
        assert "{{" not in repr(filled)
        assert 'p"w&d' in repr(filled)


def law_a_recorded_answer_has_its_meaning(provider: Provider, case: Case, build: Any) -> None:
    """Over a real connection, and for a Value only with numbers that the status shows."""
    outcome, _ = run_steady(asked_over_http(provider, build, case.answers))
    assert same(outcome, case.outcome), outcome
    if isinstance(outcome, NoData):
        assert outcome.why
    if isinstance(outcome, Value) and isinstance(outcome.result, float):
        assert math.isnan(outcome.result) or float(outcome.text) == outcome.result


def law_nobody_there_is_unanswered(provider: Provider, build: Any) -> None:
    """A port that nothing listens on is an error that names the address."""

    async def ask() -> str:
        asker = Asker()
        try:
            for request in provider.requests(build("http://127.0.0.1:1"), CONTEXT):
                await asker.send(request)
        except Unanswered as error:
            return str(error)
        finally:
            await asker.close()
        raise AssertionError("something answered on port 1")

    assert "127.0.0.1:1" in run_steady(ask())

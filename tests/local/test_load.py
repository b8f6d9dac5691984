"""The load sender: what it calls lost, and that it never tries twice."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serinus.base.clock import Clock
from serinus.local.load.connection import parse_answer
from serinus.local.load.report import Answer, Lost, LostByCause, LostKind, Tally, attribute
from serinus.local.load.sender import LoadPlan, Sender
from support.steady import run_steady

DEADLINE_SECONDS = 30
T0 = datetime(2026, 1, 1, tzinfo=UTC)
POD = b"X-Version: v1\r\nX-Pod: p\r\n"
OK = b"HTTP/1.1 200 OK\r\n" + POD + b"Content-Length: 2\r\n\r\nok"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("data", "closed", "wanted"),
    [
        (OK, False, (200, True)),
        (OK[:-1], False, None),
        (OK[:-1], True, None),
        (
            b"HTTP/1.1 502 Bad\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            False,
            (502, False),
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil", False, None),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", True, (200, False)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, (204, True)),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, False, (200, True)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", False, None),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            False,
            (200, True),
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n",
            False,
            None,
        ),
    ],
)
def test_an_answer_counts_when_it_is_whole(
    data: bytes, closed: bool, wanted: tuple[int, bool] | None
) -> None:
    received = parse_answer(data, closed=closed)
    assert (received and (received.status, received.keep_alive)) == wanted


def test_what_is_no_http_is_no_answer() -> None:
    with pytest.raises(ValueError, match="no HTTP answer"):
        parse_answer(b"SSH-2.0\r\n\r\n", closed=False)


def test_the_report_tells_versions_codes_and_latencies_apart() -> None:
    tally = Tally()
    for number in range(1, 101):
        status = 500 if number % 20 == 0 else 200
        tally.add(Answer(at(number), number / 1000, status, "v3", f"p{number % 2}"), at(number))
    tally.add(Answer(at(7), 0.01, 404, "", ""), at(8))
    report = tally.as_json()
    v3 = report["versions"]["v3"]
    assert (report["answered"], report["lost_count"]) == (100, 1)
    assert report["lost"][0] == {
        "at": at(7).isoformat(),
        "ended_at": at(8).isoformat(),
        "seconds": 0.01,
        "kind": "no pod",
        "status": 404,
    }
    assert v3["codes"] == {"200": 95, "500": 5}
    assert v3["pods"] == {"p0": 50, "p1": 50}
    assert (v3["errors"], v3["max_ms"]) == (5, 100)
    assert [50 <= v3["p50_ms"] <= 51, 99 <= v3["p99_ms"] <= 100] == [True, True]
    assert v3["first_error_at"] == at(20).isoformat()
    assert v3["last_error_at"] == at(100).isoformat()


@pytest.mark.parametrize(
    ("kind", "status", "span", "wanted"),
    [
        ("no pod", 503, (10, 11), LostByCause(1, 0, 0)),
        ("cut", 0, (10, 11), LostByCause(1, 0, 0)),
        ("cut", 0, (49, 51), LostByCause(0, 1, 0)),
        ("no pod", 502, (51, 51.5), LostByCause(0, 1, 0)),
        ("no pod", 502, (53, 54), LostByCause(0, 0, 1)),
        ("no pod", 502, (70.5, 71), LostByCause(0, 1, 0)),
        ("no pod", 503, (70.5, 71), LostByCause(1, 0, 0)),
        ("timeout", 0, (30, 40), LostByCause(0, 0, 1)),
    ],
)
def test_lost_requests_are_told_apart_by_their_cause(
    kind: LostKind, status: int, span: tuple[float, float], wanted: LostByCause
) -> None:
    lost = Lost(at(span[0]), at(span[1]), span[1] - span[0], kind, status)
    moves = [(at(9), at(12)), (at(69), at(72))]
    deaths = [at(50), at(70)]
    assert attribute([lost], moves, deaths, timedelta(seconds=2)) == wanted


@asynccontextmanager
async def served(answers: list[bytes | None]) -> AsyncIterator[tuple[int, list[int]]]:
    """A server that gives these answers in turn, None cuts the line; its port and its count."""
    requests = [0]
    tasks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            answer = answers[requests[0] % len(answers)]
            requests[0] += 1
            if answer is None:
                break
            writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with asyncio.timeout(DEADLINE_SECONDS):
        yield server.sockets[0].getsockname()[1], requests
        await asyncio.gather(*filter(None, tasks), return_exceptions=True)
    server.close()


async def sent(answers: list[bytes | None], count: int) -> tuple[Tally, int]:
    async with served(answers) as (port, requests):
        plan = LoadPlan("127.0.0.1", port, "x", 500, for_seconds=count / 500)
        return await Sender(plan, Clock()).run(asyncio.Event()), requests[0]


def test_every_request_is_sent_once_and_every_cut_one_is_lost() -> None:
    tally, requests = run_steady(sent([OK, OK, None, OK], 80))
    assert (tally.sent, requests) == (80, 80)
    assert (tally.answered, tally.lost_count) == (60, 20)
    assert {lost.kind for lost in tally.lost} == {"cut"}


def test_an_answer_without_a_pod_is_lost() -> None:
    empty = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    tally, _ = run_steady(sent([OK, empty], 40))
    assert (tally.answered, tally.lost_count) == (20, 20)
    assert {(lost.kind, lost.status) for lost in tally.lost} == {("no pod", 404)}


def test_where_nobody_listens_requests_are_refused_and_lost() -> None:
    async def story() -> Tally:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        plan = LoadPlan("127.0.0.1", port, "x", 500, for_seconds=0.02)
        return await Sender(plan, Clock()).run(asyncio.Event())

    tally = run_steady(story())
    assert (tally.sent, tally.lost_count) == (10, 10)
    assert {lost.kind for lost in tally.lost} == {"refused"}


def test_the_process_ends_with_its_life_line_and_reports_in_the_clusters_time() -> None:
    async def story() -> tuple[list[dict[str, Any]], int]:
        async with served([OK]) as (port, _):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "serinus.local.load", "--host", "x", "--rps", "100"),
                *("--address", f"127.0.0.1:{port}", "--life-line", "--speed", "30"),
                *("--epoch", "2020-01-01T00:00:00+00:00", "--began", Clock().began.isoformat()),
                env={"PYTHONPATH": "src"},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            assert process.stdin is not None
            assert process.stdout is not None
            lines = [await process.stdout.readline()]
            process.stdin.close()
            lines += (await process.stdout.read()).splitlines()
            code = await process.wait()
        return [json.loads(line) for line in lines], code

    lines, code = run_steady(story())
    report = lines[-1]["report"]
    assert code == 0
    epoch, told = datetime(2020, 1, 1, tzinfo=UTC), datetime.fromisoformat(lines[0]["at"])
    assert epoch < told < epoch + 30 * timedelta(seconds=DEADLINE_SECONDS)
    assert report["sent"] == report["answered"] == report["versions"]["v1"]["requests"] > 0
    assert report["lost_count"] == 0

"""The sample service, as a table of its traits and as a real process."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from serinus.local.sample import service
from serinus.local.sample.service import Behaviour, behaviour_of, parse_request
from support.steady import run_steady

DEADLINE_SECONDS = 30


@pytest.mark.parametrize(
    ("tag", "env", "wanted"),
    [
        ("v1.2.3", {}, Behaviour()),
        ("v3.error-every-20", {}, Behaviour(error_every=20)),
        ("error-every-5", {}, Behaviour(error_every=5)),
        ("v3.terror-every-20", {}, Behaviour()),
        ("v4.latency-800ms.leak-5mb", {}, Behaviour(latency_ms=800, leak_mb_per_second=5)),
        ("v5-crash-after-0s", {}, Behaviour(crash_after_seconds=0)),
        ("v5.crash-after-10-requests", {}, Behaviour(crash_after_requests=10)),
        ("v6.never-listen", {}, Behaviour(never_listen=1)),
        ("v6.start-delay-3s", {"SAMPLE_START_DELAY_S": "0.5"}, Behaviour(start_delay_seconds=0.5)),
        ("v3.error-every-20", {"SAMPLE_ERROR_EVERY": ""}, Behaviour()),
    ],
)
def test_a_tag_or_the_environment_makes_a_version_bad(
    tag: str, env: Mapping[str, str], wanted: Behaviour
) -> None:
    assert behaviour_of(tag, env) == wanted


def test_every_wrong_variable_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"SAMPLE_ERROR_EVERY='x'.*SAMPLE_LATENCY_MS='-1'"):
        behaviour_of("v1", {"SAMPLE_ERROR_EVERY": "x", "SAMPLE_LATENCY_MS": "-1"})


def test_the_table_of_the_documentation_is_the_table_of_the_code() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "sample-service.md").read_text()
    assert set(re.findall(r"`(SAMPLE_[A-Z_]+)=", page)) == {row[1] for row in service.WORDS}
    words = [
        row.split("|")[1].strip()
        for row in page.splitlines()
        if row[:1] == "|" and "SAMPLE_" in row
    ]
    tags = [re.sub("N", "7", word.strip("`")) for word in words if word.startswith("`")]
    assert len(tags) == len(service.WORDS)
    assert all(behaviour_of(tag, {}) != Behaviour() for tag in tags)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"GET /a?x=1 HTTP/1.1\r\nHost: x\r\n\r\nrest", ("GET", "/a", 32)),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", None),
        (b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nab", None),
        (b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc", ("POST", "/", 41)),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", None),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ("POST", "/", 52)),
    ],
)
def test_a_request_is_read_when_it_is_whole(data: bytes, wanted: object) -> None:
    assert parse_request(data) == wanted


@asynccontextmanager
async def running(**env: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", service.__file__),
        env={"PORT": "0", "POD_NAME": "p-1"} | env,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        found = re.search(r":(\d+)$", line.strip())
        yield process, int(found.group(1)) if found else 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ask(port: int, path: str = "/", count: int = 1) -> list[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for _ in range(count):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"Content-Length: (\d+)", head)
        assert length is not None
        answers.append(head + (await reader.readexactly(int(length.group(1)))).decode())
    writer.close()
    return answers


def test_every_nth_answer_of_a_bad_version_is_an_error_and_is_counted() -> None:
    async def story() -> tuple[list[str], str]:
        async with (
            asyncio.timeout(DEADLINE_SECONDS),
            running(SAMPLE_VERSION="v3.error-every-3") as (
                _,
                port,
            ),
        ):
            before = (await ask(port, "/metrics"))[0]
            assert 'http_requests_total{method="GET",code="500",status="500"} 0' in before
            return await ask(port, count=7), (await ask(port, "/metrics"))[0]

    answers, page = run_steady(story())
    assert [answer.split()[1] for answer in answers] == ["200", "200", "500"] * 2 + ["200"]
    assert all("X-Version: v3.error-every-3\r\nX-Pod: p-1\r\n" in answer for answer in answers)
    assert '{"version": "v3.error-every-3", "pod": "p-1"}' in answers[0]
    assert 'http_requests_total{method="GET",code="200",status="200"} 5' in page
    assert 'http_requests_total{method="GET",code="500",status="500"} 2' in page
    assert 'http_request_duration_seconds_bucket{le="+Inf"} 7' in page
    assert re.search(r"process_resident_memory_bytes [1-9]\d{6,}\n", page)


def test_sigterm_lets_requests_in_flight_end_and_asks_connections_to_close() -> None:
    async def story() -> tuple[str, int]:
        async with (
            asyncio.timeout(DEADLINE_SECONDS),
            running(SAMPLE_LATENCY_MS="500") as (
                process,
                port,
            ),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await ask(port, "/healthz")  # answered later than the request above was read
            process.send_signal(signal.SIGTERM)
            answer = (await reader.read()).decode()
            writer.close()
            return answer, await process.wait()

    answer, code = run_steady(story())
    assert answer.startswith("HTTP/1.1 200 OK")
    assert "Connection: close" in answer
    assert code == 0


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ({"SAMPLE_CRASH_AFTER_S": "0"}, 1),
        ({"SAMPLE_LEAK_MB_PER_S": "much"}, 2),
    ],
)
def test_a_crash_has_an_exit_code(env: dict[str, str], code: int) -> None:
    async def story() -> int:
        async with asyncio.timeout(DEADLINE_SECONDS), running(**env) as (process, _):
            return await process.wait()

    assert run_steady(story()) == code

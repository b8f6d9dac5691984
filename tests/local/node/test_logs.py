"""Logs of containers: what is kept, what is read, and when a follower ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from serinus.local.apiserver.reading.logs import LogOptions
from serinus.local.node.logs import LogRing, Logs
from support.virtual import EPOCH, run_virtual, virtual_clock


async def read(ring: LogRing, options: LogOptions) -> list[bytes]:
    return [line async for line in ring.read(options)]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (LogOptions(), b"one\ntwo\nthree\n"),
        (LogOptions(tail_lines=2), b"two\nthree\n"),
        (LogOptions(tail_lines=0), b""),
        (LogOptions(since=EPOCH + timedelta(seconds=5)), b"three\n"),
        (LogOptions(limit_bytes=6), b"one\ntw"),
        (
            LogOptions(timestamps=True, tail_lines=1),
            b"2026-01-01T00:00:10.000000Z three\n",
        ),
    ],
)
def test_lines_are_read_as_asked(options: LogOptions, wanted: bytes) -> None:
    async def story() -> bytes:
        clock = virtual_clock()
        ring = LogRing(clock)
        ring.write(b"one\ntw")
        ring.write(b"o\n")
        await clock.sleep(10)
        ring.write(b"three")
        ring.close()
        return b"".join(await read(ring, options))

    assert run_virtual(story()) == wanted


def test_the_oldest_lines_go_when_the_ring_is_full() -> None:
    async def story() -> list[bytes]:
        ring = LogRing(virtual_clock(), limit_bytes=20)
        for number in range(10):
            ring.write(f"line {number}\n".encode())
        return await read(ring, LogOptions())

    assert run_virtual(story()) == [b"line 8\n", b"line 9\n"]


def test_two_followers_get_every_line_and_end_with_the_container() -> None:
    async def story() -> list[list[bytes]]:
        clock = virtual_clock()
        ring = LogRing(clock)
        ring.write(b"0\n")
        followers = [asyncio.create_task(read(ring, LogOptions(follow=True))) for _ in range(2)]
        for number in range(1, 4):
            await clock.sleep(1)
            ring.write(f"{number}\n".encode())
        await clock.sleep(1)
        ring.close()
        return list(await asyncio.gather(*followers))

    assert run_virtual(story()) == [[b"0\n", b"1\n", b"2\n", b"3\n"]] * 2


def test_the_instance_before_is_kept_and_no_older_one() -> None:
    async def story() -> tuple[list[bytes], list[bytes], object]:
        logs = Logs(virtual_clock())
        for word in (b"a\n", b"b\n", b"c\n"):
            logs.begin("n", "p", "c").write(word)
        now, before = logs.ring("n", "p", "c"), logs.ring("n", "p", "c", previous=True)
        assert now is not None
        assert before is not None
        shown = await read(now, LogOptions()), await read(before, LogOptions())
        logs.forget("n", "p")
        return *shown, logs.ring("n", "p", "c")

    assert run_virtual(story()) == ([b"c\n"], [b"b\n"], None)

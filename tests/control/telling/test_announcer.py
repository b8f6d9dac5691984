"""Events are told beside the work: nobody waits for them, and a few may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from serinus.base.clock import Clock
from serinus.control.telling.announcer import Announcer
from support.virtual import run_virtual, virtual_clock


class Slow:
    """Takes a second for each event; those about `bug` fail."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.written = clock, list[str]()

    async def emit(self, about: Mapping[str, Any], type: str, reason: str, message: str) -> None:
        await self.clock.sleep_wall(1)
        if reason == "bug":
            raise KeyError(reason)
        self.written.append(reason)


def test_telling_takes_no_time_and_no_failure_stops_it() -> None:
    async def story() -> tuple[float, list[str], list[tuple[str, str]]]:
        clock = virtual_clock()
        slow, counted = Slow(clock), list[tuple[str, str]]()
        announcer = Announcer(slow, counted=lambda kind, reason: counted.append((kind, reason)))
        task = asyncio.create_task(announcer.run())
        for reason in ("a", "bug", "b"):
            announcer.tell({}, "Normal", reason, "")
        told_at = clock.wall()
        await clock.sleep_wall(3.5)
        announcer.tell({}, "Warning", "c", "")
        await clock.sleep_wall(1.5)
        task.cancel()
        return told_at, slow.written, counted

    told_at, written, counted = run_virtual(story())
    assert told_at == 0.0
    assert written == ["a", "b", "c"]
    assert counted == [("Normal", "a"), ("Normal", "bug"), ("Normal", "b"), ("Warning", "c")]


def test_the_oldest_are_lost_when_too_many_wait() -> None:
    async def story() -> tuple[int, list[str]]:
        slow = Slow(virtual_clock())
        announcer = Announcer(slow)
        for number in range(1003):
            announcer.tell({}, "Normal", str(number), "")
        await announcer.drain(2000)
        return announcer.lost, slow.written

    lost, written = run_virtual(story())
    assert lost == 3
    assert written == [str(number) for number in range(3, 1003)]


def test_the_end_waits_for_last_words_but_not_for_ever() -> None:
    async def story() -> tuple[float, list[str]]:
        clock = virtual_clock()
        slow = Slow(clock)
        announcer = Announcer(slow)
        for reason in "abcd":
            announcer.tell({}, "Normal", reason, "")
        await announcer.drain(2.5)
        return clock.wall(), slow.written

    assert run_virtual(story()) == (2.5, ["a", "b"])

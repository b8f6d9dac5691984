"""The loop around reconcilers: nothing stops it, nothing runs twice at once, the end is orderly."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any

from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.control.looking.interest import Key
from serinus.control.retry import Refused
from serinus.control.workers import DRAIN_SECONDS, Workers
from serinus.kube.errors import Conflict, TooManyRequests, Unavailable
from serinus.kube.workqueue import WorkQueue
from support.virtual import run_virtual, virtual_clock

A, B = ("shop", "a"), ("shop", "b")


class Scripted:
    """Takes a second for a look; `outcomes` of a key are taken in turn, then all is well."""

    kind = "Thing"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.outcomes: dict[Key, list[Any]] = {}
        self.looks: list[tuple[Key, float]] = []
        self.ended: list[Key] = []
        self.at_once: set[Key] = set()
        self.twice = False
        self.seconds = 1.0

    async def reconcile(self, key: Key) -> datetime | None:
        self.twice |= key in self.at_once
        self.at_once.add(key)
        self.looks.append((key, self.clock.wall()))
        try:
            await self.clock.sleep_wall(self.seconds)
            outcome = self.outcomes[key].pop(0) if self.outcomes.get(key) else None
            if isinstance(outcome, Exception):
                raise outcome
            self.ended.append(key)
            return outcome
        finally:
            self.at_once.discard(key)


class Heard:
    def __init__(self) -> None:
        self.work: list[tuple[Key, bool]] = []
        self.told: list[tuple[Key, str]] = []

    def worked(self, kind: str, key: Key, seconds: float, error: Exception | None) -> None:
        self.work.append((key, error is None))

    def failed(self, kind: str, key: Key, error: Exception) -> None:
        self.told.append((key, str(error)))


def story(tell: Any) -> Any:
    async def run() -> Any:
        clock = virtual_clock()
        queue: WorkQueue[Key] = WorkQueue(clock, random.Random(1))
        scripted, heard = Scripted(clock), Heard()
        task = asyncio.create_task(Workers(scripted, queue, clock, heard, count=2).run())
        try:
            return await tell(scripted, queue, heard, task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return run_virtual(run())


def test_a_key_that_fails_in_any_way_stops_no_other() -> None:
    async def tell(work: Scripted, queue: Any, heard: Heard, task: Any) -> None:
        work.outcomes[A] = [KeyError("bug"), SerinusError("bad"), RecursionError(), ValueError("x")]
        queue.add(A)
        for _ in range(5):
            queue.add(B)
            await work.clock.sleep_wall(2)
        assert work.ended.count(B) == 5
        assert work.ended.count(A) == 1
        assert [key for key, _ in heard.told] == [A] * 4
        assert queue.failures(A) == 0

    story(tell)


def test_two_workers_are_never_on_one_key_and_no_wish_is_lost() -> None:
    async def tell(work: Scripted, queue: Any, heard: Heard, task: Any) -> None:
        for _ in range(3):
            queue.add(A)
            await work.clock.sleep_wall(0.3)
        await work.clock.sleep_wall(5)
        assert not work.twice
        assert len(work.looks) == 2, "what came while it was looked at is one more look"

    story(tell)


def test_races_and_outages_are_told_only_if_they_last() -> None:
    async def tell(work: Scripted, queue: Any, heard: Heard, task: Any) -> None:
        work.outcomes[A] = [Conflict(409, "Conflict", "it changed")] * 4
        work.outcomes[B] = [Unavailable(503, "Down", "down")] * 6
        queue.add(A)
        queue.add(B)
        await work.clock.sleep_wall(60)
        assert heard.told == [(B, "down"), (B, "down")]
        assert set(work.ended) == {A, B}

    story(tell)


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks() -> None:
    async def tell(work: Scripted, queue: Any, heard: Heard, task: Any) -> None:
        work.outcomes[A] = [TooManyRequests(429, "TooManyRequests", "busy", None, 20.0)]
        queue.add(A)
        await work.clock.sleep_wall(60)
        first, second = (at for _, at in work.looks)
        assert second - first >= 20

    story(tell)


def test_a_refusal_is_tried_again_and_a_deadline_is_kept_beside_it() -> None:
    async def tell(work: Scripted, queue: Any, heard: Heard, task: Any) -> None:
        work.seconds = 0.0
        soon = work.clock.now() + timedelta(seconds=3)
        work.outcomes[A] = [Refused([SerinusError("no")], soon)] * 7
        queue.add(A)
        await work.clock.sleep_wall(2.9)
        before = len(work.looks)
        await work.clock.sleep_wall(0.2)
        assert before >= 3
        assert len(work.looks) > before
        assert all(text == "no" for _, text in heard.told)

    story(tell)


def test_the_end_waits_for_looks_that_are_under_way_but_not_for_ever() -> None:
    async def tell(work: Scripted, queue: Any, heard: Heard, task: Any) -> None:
        work.seconds = DRAIN_SECONDS - 1
        queue.add(A)
        await work.clock.sleep_wall(0.5)
        work.seconds = DRAIN_SECONDS * 10
        queue.add(B)
        await work.clock.sleep_wall(0.1)
        began = work.clock.wall()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert work.ended == [A]
        assert work.clock.wall() - began == DRAIN_SECONDS
        assert work.at_once == set()

    story(tell)


def test_an_instant_that_a_look_gives_is_kept() -> None:
    async def tell(work: Scripted, queue: Any, heard: Heard, task: Any) -> None:
        work.outcomes[A] = [work.clock.now() + timedelta(seconds=100)]
        queue.add(A)
        await work.clock.sleep_wall(300)
        assert [at for _, at in work.looks] == [0.0, 100.0]

    story(tell)

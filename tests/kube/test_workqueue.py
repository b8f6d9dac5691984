"""The work queue: each key once, never twice at once, the earliest wish wins."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from serinus.base.clock import Clock
from serinus.kube.workqueue import WorkQueue
from support.virtual import run_virtual, virtual_clock


def with_queue(
    story: Callable[[WorkQueue[str], Clock], Coroutine[Any, Any, None]], speed: float = 1.0
) -> None:
    async def run() -> None:
        clock = virtual_clock(speed)
        await story(WorkQueue(clock, random.Random(1)), clock)

    run_virtual(run())


async def taken(queue: WorkQueue[str]) -> str:
    key = await queue.get()
    queue.done(key)
    return key


def test_keys_come_once_and_in_order() -> None:
    async def story(queue: WorkQueue[str], clock: Clock) -> None:
        for key in ("a", "b", "a", "c", "b"):
            queue.add(key)
        assert len(queue) == 3
        assert [await taken(queue) for _ in range(3)] == ["a", "b", "c"]
        assert queue.idle

    with_queue(story)


def test_a_key_added_while_worked_on_comes_again_after_done_and_not_before() -> None:
    async def story(queue: WorkQueue[str], clock: Clock) -> None:
        queue.add("a")
        assert await queue.get() == "a"
        queue.add("a")
        queue.add("a")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100):
                await queue.get()
        queue.done("a")
        assert await taken(queue) == "a"
        assert queue.idle

    with_queue(story)


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_the_earliest_wanted_instant_wins_and_later_ones_are_dropped(speed: float) -> None:
    async def story(queue: WorkQueue[str], clock: Clock) -> None:
        begin = clock.now()
        for seconds in (50, 20, 90):
            queue.add_at("a", begin + timedelta(seconds=seconds))
        assert queue.next_instant() == begin + timedelta(seconds=20)
        await taken(queue)
        assert (clock.now() - begin).total_seconds() == pytest.approx(20, abs=0.001)
        assert queue.next_instant() is None

    with_queue(story, speed)


def test_a_worker_that_waits_hears_of_an_earlier_wish() -> None:
    async def story(queue: WorkQueue[str], clock: Clock) -> None:
        begin = clock.now()
        queue.add_at("late", begin + timedelta(seconds=100))
        getter = asyncio.create_task(taken(queue))
        await clock.sleep(5)
        queue.add_at("soon", begin + timedelta(seconds=7))
        assert await getter == "soon"
        assert clock.now() - begin == timedelta(seconds=7)

    with_queue(story)


def test_work_now_drops_what_was_wanted_later() -> None:
    async def story(queue: WorkQueue[str], clock: Clock) -> None:
        queue.add_at("a", clock.now() + timedelta(seconds=10))
        queue.add("a")
        await taken(queue)
        assert queue.next_instant() is None

    with_queue(story)


def test_an_instant_that_comes_during_the_work_is_kept_for_after_it() -> None:
    async def story(queue: WorkQueue[str], clock: Clock) -> None:
        queue.add("a")
        await queue.get()
        queue.add_at("a", clock.now() + timedelta(seconds=3))
        other = asyncio.create_task(queue.get())
        await clock.sleep(10)
        assert not other.done()
        queue.done("a")
        assert await other == "a"

    with_queue(story)


def test_failures_in_a_row_wait_longer_and_success_ends_the_row() -> None:
    async def story(queue: WorkQueue[str], clock: Clock) -> None:
        waits = []
        for _ in range(14):
            begin = clock.wall()
            queue.add_failed("a")
            await taken(queue)
            waits.append(clock.wall() - begin)
        for failure, wait in enumerate(waits):
            assert wait == pytest.approx(min(120, 0.1 * 2**failure), rel=0.26)
        queue.forget("a")
        assert queue.failures("a") == 0
        begin = clock.wall()
        queue.add_failed("a")
        await taken(queue)
        assert clock.wall() - begin < 0.2

    with_queue(story, speed=30)


@pytest.mark.parametrize("seed", range(10))
def test_many_workers_never_share_a_key_and_miss_nothing(seed: int) -> None:
    async def story(queue: WorkQueue[str], clock: Clock) -> None:
        rng = random.Random(seed)
        working: set[str] = set()
        wanted: dict[str, int] = {}
        seen: dict[str, int] = {}

        async def work() -> None:
            while True:
                key = await queue.get()
                assert key not in working
                working.add(key)
                seen[key] = wanted[key]
                await clock.sleep(rng.random())
                working.discard(key)
                queue.done(key)

        workers = [asyncio.create_task(work()) for _ in range(4)]
        for version in range(300):
            key = rng.choice("abcdef")
            wanted[key] = version
            if rng.random() < 0.3:
                queue.add_at(key, clock.now() + timedelta(seconds=rng.random() * 3))
            else:
                queue.add(key)
            await clock.sleep(rng.choice([0, 0.05, 0.2]))
        await clock.sleep(30)
        assert queue.idle
        assert seen == wanted
        assert not any(worker.done() for worker in workers)

    with_queue(story)

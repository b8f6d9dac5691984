"""One clock, any speed: what it shows and how long it waits, in virtual time."""

import asyncio
from datetime import timedelta

import pytest

from serinus.base.clock import Clock
from support.virtual import EPOCH, run_virtual, virtual_clock


def test_a_fast_clock_waits_less_of_the_wall_and_shows_all_of_its_own_time() -> None:
    async def story() -> tuple[float, timedelta]:
        clock = virtual_clock(speed=30)
        await clock.sleep(60)
        return asyncio.get_running_loop().time(), clock.now() - EPOCH

    assert run_virtual(story()) == (pytest.approx(2.0), timedelta(seconds=60))


def test_wall_waits_are_not_scaled() -> None:
    async def story() -> timedelta:
        clock = virtual_clock(speed=30)
        await clock.sleep_wall(2)
        return clock.now() - EPOCH

    assert run_virtual(story()) == timedelta(seconds=60)


def test_a_clock_cannot_stand_still() -> None:
    with pytest.raises(ValueError, match="speed"):
        Clock(speed=0)


def test_two_processes_show_the_same_instant() -> None:
    clock = Clock(speed=60, epoch=EPOCH)
    other = Clock.joined(60, clock.epoch, clock.began)
    assert abs(other.now() - clock.now()) < timedelta(seconds=60)
    assert other.now() >= EPOCH

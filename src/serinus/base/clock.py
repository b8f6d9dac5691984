"""The only door to time: no other module reads a clock or sleeps.

A clock may run faster than the wall (`speed`): pauses, intervals, windows and object timestamps
follow it; latencies, time-outs, probe limits and grace periods stay on the wall. The event loop's
own clock is never replaced.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial


class Clock:
    """Instants in UTC that pass `speed` times as fast as the wall, beginning at `epoch`."""

    def __init__(
        self,
        speed: float = 1.0,
        epoch: datetime | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        uptime: Callable[[], float] | None = None,
    ) -> None:
        """`epoch` is the instant shown now; without it the clock starts at the wall's time.

        `monotonic` gives wall seconds; a simulation hands in its event loop's `time`. `uptime`
        gives those that a sleeping machine counts too (see `uptime`). `began` is the wall's
        instant at the start, with which another process can join this clock.
        """
        if speed <= 0:
            raise ValueError(f"speed must be greater than 0, got {speed}")
        self.speed = speed
        self.began = datetime.now(UTC)
        self.epoch = epoch or self.began
        self._monotonic = monotonic
        self._started = monotonic()
        self._uptime = uptime or (_uptime() if monotonic is time.monotonic else monotonic)

    @classmethod
    def joined(cls, speed: float, epoch: datetime, began: datetime) -> Clock:
        """The clock of another process: it showed `epoch` when the wall showed `began`."""
        return cls(speed, epoch + (datetime.now(UTC) - began) * speed)

    def now(self) -> datetime:
        """The instant of this clock, timezone UTC."""
        return self.epoch + timedelta(seconds=(self._monotonic() - self._started) * self.speed)

    def millis(self) -> int:
        """Whole milliseconds since 1970 of this clock, as metric samples carry them."""
        return round(self.now().timestamp() * 1000)

    def wall(self) -> float:
        """Monotonic wall seconds, for what must not be scaled (time-outs, latencies)."""
        return self._monotonic()

    def uptime(self) -> float:
        """Monotonic wall seconds that also pass while the machine is suspended.

        For leases that others wait out; where the system has no such clock (it is Linux'
        CLOCK_BOOTTIME) the same as `wall`.
        """
        return self._uptime()

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    async def sleep_until(self, instant: datetime) -> None:
        """Wait until this clock shows `instant`; returns at once if it is past."""
        await self.sleep((instant - self.now()).total_seconds())

    async def sleep_wall(self, seconds: float) -> None:
        """Wait for `seconds` of the wall: graces and back-offs that speed must not shrink."""
        await asyncio.sleep(max(0.0, seconds))

    def span(self, wall_seconds: float) -> timedelta:
        """How much of this clock's time passes in `wall_seconds` of the wall."""
        return timedelta(seconds=wall_seconds * self.speed)


def _uptime() -> Callable[[], float]:
    kind = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic if kind is None else partial(time.clock_gettime, kind)

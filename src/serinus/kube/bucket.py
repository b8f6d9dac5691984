"""A token bucket on the wall's time: how fast we may ask, whatever there is to ask."""

from __future__ import annotations

from serinus.base.clock import Clock


class Bucket:
    """`rate` tokens a second, at most `burst` saved up; it starts full."""

    def __init__(self, clock: Clock, rate: float, burst: float) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._seen = clock.wall()

    async def take(self) -> None:
        """Waits for a token; callers are served in the order in which they came."""
        self._refill()
        self._tokens -= 1
        if self._tokens < 0:
            await self._clock.sleep_wall(-self._tokens / self._rate)

    def try_take(self) -> bool:
        """Takes a token if there is one."""
        self._refill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _refill(self) -> None:
        now = self._clock.wall()
        self._tokens = min(self._burst, self._tokens + (now - self._seen) * self._rate)
        self._seen = now

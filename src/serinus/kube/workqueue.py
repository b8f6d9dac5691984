"""Keys that want work: each once, never two workers on one key, the earliest wish wins.

Knows nothing of what the work is. Level-triggered: a key says "look at this", not what happened.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Hashable
from datetime import datetime
from typing import Generic, TypeVar

from serinus.base.clock import Clock

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Ready keys in the order in which they came, and keys that wait for an instant.

    Failed keys wait `base_seconds` x 2 per failure in a row, at most `cap_seconds`, each with a
    jitter of +-25 %; these are seconds of the wall, as what fails is mostly the network.
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        *,
        base_seconds: float = 0.1,
        cap_seconds: float = 120.0,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._base = base_seconds
        self._cap = cap_seconds
        self._ready: dict[K, None] = {}
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._wanted: dict[K, datetime] = {}
        self._heap: list[tuple[datetime, int, K]] = []
        self._pushed = 0
        self._failures: dict[K, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: K) -> None:
        """Wants `key` now; while it is worked on, once more after that."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._ready:
            self._ready[key] = None
            self._wake()

    def add_at(self, key: K, instant: datetime) -> None:
        """Wants `key` at an instant of the clock, or earlier if that is wanted already."""
        if instant <= self._clock.now():
            self.add(key)
        elif key not in self._wanted or instant < self._wanted[key]:
            self._wanted[key] = instant
            self._pushed += 1
            heapq.heappush(self._heap, (instant, self._pushed, key))
            self._wake()

    def add_failed(self, key: K, *, at_least_seconds: float = 0.0) -> None:
        """Wants `key` again after its back-off, which doubles with each failure in a row.

        `at_least_seconds` of the wall is what a busy server asks for.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        wait = min(self._cap, self._base * 2.0 ** min(failures, 60))
        wait *= self._rng.uniform(0.75, 1.25)
        self.add_at(key, self._clock.now() + self._clock.span(max(wait, at_least_seconds)))

    def forget(self, key: K) -> None:
        """`key` went well: its next failure is a first one."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """How often in a row `key` has failed."""
        return self._failures.get(key, 0)

    async def get(self) -> K:
        """The next key, once there is one; call `done` for it.

        What was wanted later for this key is dropped: the work says anew when to look again.
        """
        while True:
            self._promote()
            if self._ready:
                key = next(iter(self._ready))
                del self._ready[key]
                self._wanted.pop(key, None)
                self._tidy()
                self._working.add(key)
                return key
            await self._change()

    def done(self, key: K) -> None:
        """Ends the work on `key`; if it was added meanwhile, it is ready again."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def __len__(self) -> int:
        """How many keys are ready and not yet worked on."""
        return len(self._ready)

    @property
    def idle(self) -> bool:
        """Nothing is ready and nothing is worked on (keys may wait for an instant)."""
        return not self._ready and not self._working

    def next_instant(self) -> datetime | None:
        """The earliest instant that a waiting key wants; None if none waits."""
        while self._heap and self._wanted.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # superseded by an earlier wish, or dropped
        return self._heap[0][0] if self._heap else None

    def _promote(self) -> None:
        """Makes the keys ready whose instant has come."""
        while (due := self.next_instant()) is not None and due <= self._clock.now():
            key = heapq.heappop(self._heap)[2]
            del self._wanted[key]
            self.add(key)

    def _tidy(self) -> None:
        """Drops superseded wishes, so that many far ones of a busy key do not pile up."""
        if len(self._heap) > 2 * len(self._wanted) + 64:
            self._heap = [entry for entry in self._heap if self._wanted.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)

    async def _change(self) -> None:
        """Waits until something is added or the next instant has come."""
        due, changed = self.next_instant(), self._changed
        wait = None if due is None else (due - self._clock.now()).total_seconds()
        try:
            async with asyncio.timeout(
                None if wait is None else max(0.0, wait) / self._clock.speed
            ):
                await changed.wait()
        except TimeoutError:
            return

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

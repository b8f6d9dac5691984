"""Real time without the machine's hiccups: an event loop for tests with sockets and processes.

Time-outs that tests make short must tell a silent peer from a machine that was busy elsewhere. So
what passes while the loop itself cannot go on (the process was stopped, or had no processor) hardly
counts: only what it waits for counts, and never past a timer before what has arrived is seen to.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
MOST_SECONDS = 0.01
"""What one stretch of work counts at most."""
SPARED_SECONDS = 0.05
"""How far the next timer stays away when something has arrived before it."""


class _CountingSelector(selectors.DefaultSelector):
    loop: SteadyLoop

    def select(self, timeout: float | None = None) -> Any:
        self.loop.time()
        ready = super().select(timeout)
        most = timeout if timeout is not None else MOST_SECONDS
        if ready:
            most = min(most, max(MOST_SECONDS, most - SPARED_SECONDS))
        self.loop.pass_time(most)
        return ready


class SteadyLoop(asyncio.SelectorEventLoop):
    """`time()` goes on with the wall's, but never jumps."""

    def __init__(self) -> None:
        self._wall = self._steady = time.monotonic()
        selector = _CountingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        self.pass_time(MOST_SECONDS)
        return self._steady

    def pass_time(self, most_seconds: float) -> None:
        """Count what has passed since the last time, up to so much."""
        wall = time.monotonic()
        self._steady += max(0.0, min(wall - self._wall, most_seconds))
        self._wall = wall


def run_steady(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end, as `asyncio.run` does, in steady time."""
    with asyncio.Runner(loop_factory=SteadyLoop) as runner:
        return runner.run(main)

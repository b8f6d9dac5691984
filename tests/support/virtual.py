"""Virtual time: an event loop that never waits. Sleeps pass at once, in order, deterministically.

Only for code without real sockets or processes: the selector is still asked, but the time that
the loop would have waited is added to its clock instead.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

from serinus.base.clock import Clock

T = TypeVar("T")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class _NoWaitSelector(selectors.DefaultSelector):
    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("deadlock: every task waits and no timer is set")
        self.loop.pass_time(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 and jumps to the next timer whenever nothing is ready."""

    def __init__(self) -> None:
        self._virtual = 0.0
        selector = _NoWaitSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._virtual

    def pass_time(self, seconds: float) -> None:
        self._virtual += seconds


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def virtual_clock(speed: float = 1.0) -> Clock:
    """A clock over the running virtual loop, starting at EPOCH."""
    return Clock(speed, EPOCH, asyncio.get_running_loop().time)

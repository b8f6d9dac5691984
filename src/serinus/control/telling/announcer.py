"""Events for people, sent beside the work: a slow or failing server delays and fails nothing.

What does not fit into the queue is lost, the oldest first; a lost event is accepted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

_log = logging.getLogger("serinus.events")
_WAITING = 1000

Told = tuple[Mapping[str, Any], str, str, str]


class Recorder(Protocol):
    """Writes one event."""

    async def emit(
        self, regarding: Mapping[str, Any], type: str, reason: str, message: str
    ) -> None: ...


class Announcer:
    """One queue, one sender. `counted(type, reason)` hears of each event that is told."""

    def __init__(
        self, recorder: Recorder, *, counted: Callable[[str, str], None] = lambda kind, reason: None
    ) -> None:
        self._recorder, self._counted = recorder, counted
        self._waiting: deque[Told] = deque()
        self._changed = asyncio.Event()
        self.lost = 0

    def tell(self, about: Mapping[str, Any], type: str, reason: str, message: str) -> None:
        """Queues an event about an object (an object reference); `type` is Normal or Warning."""
        self._counted(type, reason)
        if len(self._waiting) >= _WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append((about, type, reason, message))
        self._changed.set()

    async def run(self) -> None:
        """Sends until cancelled."""
        while True:
            while self._waiting:
                await self._send(self._waiting.popleft())
            self._changed.clear()
            await self._changed.wait()

    async def drain(self, seconds: float) -> None:
        """Sends what waits, for at most so many seconds of the wall. Not beside `run`."""
        try:
            async with asyncio.timeout(seconds):
                while self._waiting:
                    await self._send(self._waiting.popleft())
        except TimeoutError:
            _log.warning("%d events are lost: no time to send them", len(self._waiting) + 1)

    async def _send(self, told: Told) -> None:
        try:
            await self._recorder.emit(*told)
        except Exception:  # noqa: BLE001 - a bug in telling must not stop the telling
            _log.exception("an event is lost")

"""Until when a leader may write, and a transport that keeps to it.

A fence is needed because a leader may sleep: a process that was stopped for a minute must not
finish the write that it had begun. Knows no Lease.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from math import inf

from serinus.base.clock import Clock
from serinus.kube.errors import NotLeading
from serinus.kube.transport.wire import Request, Response, StreamResponse, Transport

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Fence:
    """Up from each renewal on for `write_seconds`; `held_seconds` after it others may write.

    Counted from the moment at which the renewal was sent, by a clock that does not stand still
    while the machine sleeps; down at first.
    """

    def __init__(self, clock: Clock, write_seconds: float, held_seconds: float) -> None:
        self._clock, self._write, self._held = clock, write_seconds, held_seconds
        self._renewed_at = -inf

    @property
    def up(self) -> bool:
        """Whether we may write."""
        return self.seconds_left > 0

    @property
    def seconds_left(self) -> float:
        """How long we may begin to write; 0 if we may not."""
        return max(0.0, self._renewed_at + self._write - self._clock.uptime())

    @property
    def held_seconds_left(self) -> float:
        """How long nobody else can write: by then a write that was begun must be over."""
        return max(0.0, self._renewed_at + self._held - self._clock.uptime())

    def extend(self, sent_at: float) -> None:
        """A renewal that was sent at this `Clock.uptime` was granted."""
        self._renewed_at = max(self._renewed_at, sent_at)

    def drop(self) -> None:
        """We do not lead any more."""
        self._renewed_at = -inf


class FencedTransport:
    """Carries writes only while the fence is up, and gives them no longer than the lease has.

    Raises NotLeading for a write that it does not send.
    """

    def __init__(self, inner: Transport, fence: Fence) -> None:
        self._inner, self._fence = inner, fence

    async def send(self, request: Request) -> Response:
        """The inner transport's answer."""
        if request.method in _READS:
            return await self._inner.send(request)
        if not self._fence.up:
            raise NotLeading(f"{request.asked}: not sent: this process does not lead (any more)")
        left, wanted = self._fence.held_seconds_left, request.timeout_seconds
        bounded = left if wanted is None else min(left, wanted)
        return await self._inner.send(replace(request, timeout_seconds=bounded))

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamResponse]:
        """The inner transport's stream: it reads."""
        return self._inner.stream(request)

    async def close(self) -> None:
        """Closes the inner transport."""
        await self._inner.close()

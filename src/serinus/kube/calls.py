"""One call to the server: rate limit, tries, deadline.

A request that certainly changed nothing (no connection, 429) is tried again whatever its verb. One
whose fate is unknown (a lost answer, 5xx) only if doing it twice is doing it once: GET, PUT,
DELETE. A PATCH or POST of unknown fate is the caller's to look into.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime

from serinus.base.clock import Clock
from serinus.kube.asides import ServerWarnings, date_of
from serinus.kube.bucket import Bucket
from serinus.kube.errors import (
    ApiError,
    NoAnswer,
    NotLeading,
    TooManyRequests,
    Unavailable,
    error_of_answer,
)
from serinus.kube.transport.wire import Request, Response, Transport

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How a client treats its server; seconds are of the wall.

    `requests_per_second` and `burst` bound the client, not a call; watches cost one request each.
    `deadline_seconds` bounds a call with all its tries, `try_seconds` one try; `tries` at least 1.
    """

    requests_per_second: float = 50.0
    burst: int = 100
    deadline_seconds: float = 60.0
    try_seconds: float = 30.0
    tries: int = 6


class Caller:
    """Sends requests within `limits`; raises `ApiError` for what the server refuses."""

    def __init__(
        self, transport: Transport, clock: Clock, limits: Limits, jitter: random.Random | None
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._limits = limits
        self._jitter = jitter
        self._warnings = ServerWarnings()
        self.date: datetime | None = None
        self.bucket = Bucket(clock, limits.requests_per_second, limits.burst)

    async def call(
        self, request: Request, *, tries: int | None = None, deadline_seconds: float | None = None
    ) -> Response:
        """The answer, of status below 400; or of status 404 if a repeated DELETE found nothing.

        `deadline_seconds`, if given, bounds it instead of that of the limits.
        """
        deadline = self._clock.wall() + (deadline_seconds or self._limits.deadline_seconds)
        last_try = (tries or self._limits.tries) - 1
        attempt = 0
        while True:
            await self.bucket.take()
            left = max(0.01, min(self._limits.try_seconds, deadline - self._clock.wall()))
            error: ApiError
            try:
                answer = await self._transport.send(replace(request, timeout_seconds=left))
            except NoAnswer as broken:
                error = broken
            else:
                self._hear(request, answer)
                done_before = request.method == "DELETE" and attempt > 0 and answer.status == 404
                if answer.status < 400 or done_before:
                    return answer
                error = error_of_answer(request.asked, answer.status, answer.body, answer.headers)
            wait = self._wait_seconds(request, error, attempt)
            if wait is None or attempt >= last_try or self._clock.wall() + wait >= deadline:
                raise error
            await self._clock.sleep_wall(wait)
            attempt += 1

    def _hear(self, request: Request, answer: Response) -> None:
        """Notes what the server says beside its answer."""
        self._warnings.hear(request.asked, answer.headers)
        self.date = date_of(answer.headers) or self.date

    def _wait_seconds(self, request: Request, error: ApiError, attempt: int) -> float | None:
        """How long to wait before the next try; None if there must not be one."""
        match error:
            case NotLeading():
                return None
            case TooManyRequests() | NoAnswer(sent=False):
                pass
            case Unavailable() if request.method in _IDEMPOTENT:
                pass
            case _:
                return None
        wait: float = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
        if self._jitter is not None:
            wait *= self._jitter.uniform(0.5, 1.5)
        return max(wait, error.retry_after_seconds or 0.0)

"""A transport that misbehaves as networks and servers do, from a seed.

Every fault is one that a real server or network shows; none breaks what the protocol promises:
a stream loses its tail, never a single event from its middle, because no client could notice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from serinus.base.clock import Clock
from serinus.kube.errors import NoAnswer
from serinus.kube.transport.wire import Request, Response, StreamResponse, Transport


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what goes wrong: chances from 0 to 1, spans in seconds of the wall.

    Of whole answers: `refuse` (no connection, the server saw nothing), `lose_answer` (the server
    did it, the answer is lost), `too_many` (429 with Retry-After), `forbidden` (403), `broken`
    (500 or 503, nothing done), `gone` (410 to a list or watch), up to `latency_seconds` before and
    after. Of watch streams, per stream: `eof_at_once`; per event: `duplicate`, `cut` (the stream
    ends there), `cut_inside` (in the middle of the line), `stall` (nothing more comes, nor an
    end), `expire` (410 inside the stream), up to `event_delay_seconds`; `slow_body` cuts the
    stream at odd places.
    """

    refuse: float = 0.0
    lose_answer: float = 0.0
    too_many: float = 0.0
    forbidden: float = 0.0
    broken: float = 0.0
    gone: float = 0.0
    latency_seconds: float = 0.0
    eof_at_once: float = 0.0
    duplicate: float = 0.0
    cut: float = 0.0
    cut_inside: float = 0.0
    stall: float = 0.0
    expire: float = 0.0
    event_delay_seconds: float = 0.0
    slow_body: float = 0.0

    @classmethod
    def everything(cls, chance: float) -> Faults:
        """All of them, each with `chance`; up to 2 s before answers, 0.5 s between events."""
        names = [name for name in cls.__slots__ if not name.endswith("_seconds")]
        chances = dict.fromkeys(names, chance)
        return cls(**chances, latency_seconds=2.0, event_delay_seconds=0.5)


class FaultyTransport:
    """Carries requests over `inner` with `faults`, which may be replaced at any moment."""

    def __init__(self, inner: Transport, rng: random.Random, faults: Faults, clock: Clock) -> None:
        self._inner = inner
        self._rng = rng
        self._clock = clock
        self.faults = faults

    def heal(self) -> None:
        """From now on nothing goes wrong; streams that have stalled stay so."""
        self.faults = Faults()

    async def send(self, request: Request) -> Response:
        await self._lag()
        refused = self._refusal(request)
        if refused is not None:
            return refused
        answer = await self._inner.send(request)
        await self._lag()
        if self._happens(self.faults.lose_answer):
            raise NoAnswer(f"{request.asked}: the connection broke (injected)", sent=True)
        return answer

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[StreamResponse]:
        await self._lag()
        refused = self._refusal(request)
        if refused is not None:
            yield _Whole(refused)
            return
        async with self._inner.stream(request) as answer:
            yield _FaultyStream(self, answer, request.asked) if _is_watch(request) else answer

    async def close(self) -> None:
        await self._inner.close()

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._rng.random() < chance

    async def _lag(self) -> None:
        if self.faults.latency_seconds:
            await self._clock.sleep_wall(self._rng.uniform(0, self.faults.latency_seconds))

    def _refusal(self, request: Request) -> Response | None:
        """The answer of a server that does nothing; raises NoAnswer for no connection."""
        faults = self.faults
        if self._happens(faults.refuse):
            raise NoAnswer(f"{request.asked}: no connection (injected)", sent=False)
        if self._happens(faults.too_many):
            return _status(429, "TooManyRequests", {"retry-after": str(self._rng.randint(1, 3))})
        if self._happens(faults.forbidden):
            return _status(403, "Forbidden")
        if self._happens(faults.broken):
            return _status(self._rng.choice((500, 503)), "InternalError")
        lists = request.method == "GET" and ("limit" in request.query or _is_watch(request))
        if lists and self._happens(faults.gone):
            return _status(410, "Expired")
        return None


class _Whole:
    """A refusal, shaped as a stream."""

    def __init__(self, answer: Response) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._body = answer.body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body


class _FaultyStream:
    """A watch stream, taken apart into lines, spoilt, and cut anew."""

    def __init__(self, owner: FaultyTransport, inner: StreamResponse, asked: str) -> None:
        self._owner = owner
        self._inner = inner
        self._asked = asked
        self.status = inner.status
        self.headers = inner.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        happens, rng, clock = self._owner._happens, self._owner._rng, self._owner._clock
        if happens(self._owner.faults.eof_at_once):
            return
        async for line in _lines(self._inner.chunks()):
            faults = self._owner.faults
            if faults.event_delay_seconds:
                await clock.sleep_wall(rng.uniform(0, faults.event_delay_seconds))
            if happens(faults.cut):
                return
            if happens(faults.cut_inside):
                yield line[: rng.randrange(len(line))]
                raise NoAnswer(f"{self._asked}: the connection broke (injected)", sent=True)
            if happens(faults.stall):
                await asyncio.Event().wait()
            if happens(faults.expire):
                status = _status(410, "Expired").body
                yield b'{"type":"ERROR","object":' + status + b"}\n"
                return
            for piece in self._pieces(line * 2 if happens(faults.duplicate) else line):
                yield piece

    def _pieces(self, data: bytes) -> list[bytes]:
        if not self._owner._happens(self._owner.faults.slow_body):
            return [data]
        cuts = sorted(self._owner._rng.randrange(len(data)) for _ in range(3))
        edges = [0, *cuts, len(data)]
        return [data[a:b] for a, b in pairwise(edges) if a < b]


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Whole lines with their line ends; what follows the last one is lost."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"


def _is_watch(request: Request) -> bool:
    return request.query.get("watch") in ("true", "1")


def _status(code: int, reason: str, headers: dict[str, str] | None = None) -> Response:
    answer = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": "injected by the faulty transport",
    }
    return Response(code, headers or {}, msgspec.json.encode(answer))

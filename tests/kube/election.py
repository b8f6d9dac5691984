"""A court for elections in virtual time: candidates that can sleep, on networks of their own that
can be cut and slowed, and a judge at the server's door who notes each write and whose lease it met.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from serinus.base.clock import Clock
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.errors import ApiError, NoAnswer, NotFound
from serinus.kube.fence import FencedTransport
from serinus.kube.leader import LIMITS, Elector, LostLease, Seat, Terms
from serinus.kube.resource import CONFIGMAPS, LEASES
from serinus.kube.transport import AsgiTransport, Request, Response, Transport
from serinus.local.apiserver.app import ApiServer
from support.virtual import EPOCH, virtual_clock

SPACE, LOCK = "default", "lock"
PLENTY = Limits(requests_per_second=1e6, burst=10**6)


@dataclass
class Network:
    """What stands between a candidate and the server; `slow_seconds` before and after a request."""

    inner: Transport
    clock: Clock
    cut: bool = False
    silent: bool = False
    slow_seconds: float = 0.0
    refusal: Response | None = None
    sent: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(request.timeout_seconds):
                await self._weather(request)
                answer = await self.inner.send(request)
                await self._weather(request, sent=True)
                return answer
        except TimeoutError as error:
            raise NoAnswer("the network is silent", sent=True) from error

    def stream(self, request: Request) -> Any:
        return self.inner.stream(request)

    async def close(self) -> None:
        await self.inner.close()

    async def _weather(self, request: Request, *, sent: bool = False) -> None:
        await self.clock.sleep_wall(self.slow_seconds)
        if self.silent:
            await asyncio.Event().wait()
        if self.cut:
            raise NoAnswer("the network is cut", sent=sent)


class Judge:
    """Stands at the server's door: who writes, and whom the lease names at that moment."""

    def __init__(self, court: Court, writer: str, inner: Transport) -> None:
        self._court, self._writer, self._inner = court, writer, inner
        self.stream, self.close = inner.stream, inner.close

    async def send(self, request: Request) -> Response:
        if request.method != "GET" and "/configmaps" in request.path:
            try:
                holder = (await self._court.lease())["spec"]["holderIdentity"]
            except NotFound:
                holder = self._writer  # a lease that a person deletes protects nobody
            self._court.writes.append((self._court.clock.wall(), self._writer, holder))
        return await self._inner.send(request)


class Refusing:
    """Answers lease requests with the network's refusal, if it has one."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.stream, self.close = network.stream, network.close

    async def send(self, request: Request) -> Response:
        self._network.sent.append(request)
        return self._network.refusal or await self._network.send(request)


class Sleeper(Clock):
    """The clock of a machine that can be suspended: its timers and `wall` stop, `uptime` goes on.

    What was due meanwhile comes at the moment of waking, in any order.
    """

    def __init__(self, skew_seconds: float) -> None:
        self._now = asyncio.get_running_loop().time
        self._slept, self._until = 0.0, 0.0
        super().__init__(1.0, EPOCH + timedelta(seconds=skew_seconds), self._awake, self._now)

    def suspend(self, seconds: float) -> None:
        """From now on, for so long."""
        if self._until <= self._now():
            self._until = self._now() + seconds
            self._slept += seconds

    async def sleep_wall(self, seconds: float) -> None:
        await super().sleep_wall(seconds)
        await super().sleep_wall(max(0.0, self._until - self._now()))

    def _awake(self) -> float:
        return self._now() - self._slept + max(0.0, self._until - self._now())


class Candidate:
    """One process: its clock, its network, its elector; its work is a write each half second."""

    def __init__(self, court: Court, name: str, seed: int, skew_seconds: float = 0.0) -> None:
        self.name, self.clock = name, Sleeper(skew_seconds)
        door = Judge(court, name, AsgiTransport(court.server, court.server.prefix(name)))
        self.network = Network(door, self.clock)
        leases = Client(Refusing(self.network), self.clock, user_agent=name, limits=LIMITS)
        seat = Seat(SPACE, LOCK, name)
        self.elector = Elector(leases, self.clock, seat, court.terms, random.Random(seed))
        fenced = FencedTransport(self.network, self.elector.fence)
        self._work = Client(fenced, self.clock, limits=PLENTY)
        self.refused = 0
        self.began: list[float] = []
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> str:
        try:
            await self.elector.lead(self._write)
        except LostLease as lost:
            return str(lost)
        return "ended"

    async def _write(self) -> None:
        self.began.append(self.clock.wall())
        while True:
            patch = {"data": {"writer": self.name}}
            try:
                await self._work.patch(CONFIGMAPS, "work", patch, SPACE)
            except ApiError as error:
                self.refused += error.reason == "NotLeading"
            await self.clock.sleep_wall(0.5)

    async def stop(self) -> None:
        """Ends it as a signal would."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def kill(self) -> None:
        """Ends it so that nothing more is sent, not even a farewell."""
        self.network.silent = True
        self.elector.fence.drop()
        await self.stop()


class Court:
    """The server, and all that reached it."""

    def __init__(self, seed: int, terms: Terms) -> None:
        self.clock, self.terms, self.seed = virtual_clock(), terms, seed
        self.server = ApiServer(self.clock, chance=random.Random(seed))
        self.admin = Client(
            AsgiTransport(self.server, self.server.prefix("admin")), self.clock, limits=PLENTY
        )
        self.writes: list[tuple[float, str, str]] = []
        self.candidates: list[Candidate] = []

    def candidate(self, name: str, skew_seconds: float = 0.0) -> Candidate:
        seed = self.seed * 100 + len(self.candidates)
        self.candidates.append(Candidate(self, name, seed, skew_seconds))
        return self.candidates[-1]

    async def lease(self) -> dict[str, Any]:
        return await self.admin.get(LEASES, LOCK, SPACE)

    async def holder(self) -> str:
        return str((await self.lease())["spec"]["holderIdentity"])

    def writers(self, since: float = 0.0) -> list[str]:
        """Who wrote, in turns."""
        turns: list[str] = []
        for at, writer, _ in self.writes:
            if at >= since and turns[-1:] != [writer]:
                turns.append(writer)
        return turns

    def strays(self) -> list[tuple[float, str, str]]:
        """Writes that met another's lease: there must be none."""
        return [write for write in self.writes if write[1] != write[2]]


@asynccontextmanager
async def court(seed: int = 1, terms: Terms | None = None) -> AsyncIterator[Court]:
    made = Court(seed, terms or Terms())
    config = {"metadata": {"name": "work"}, "data": {}}
    await made.admin.create(CONFIGMAPS, config, SPACE)
    try:
        yield made
        assert made.strays() == []
    finally:
        for candidate in made.candidates:
            await candidate.kill()

"""Leader election by a Lease: of several processes one works, and it knows until when it may.

The rules are client-go's, so its clients (and the official Python client) may share a Lease with
us: a candidate never compares another's clock with its own, it waits until the record has not
changed for the lease's duration of its own time; a holder gives up well before that.
Knows nothing of what the work is.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.errors import (
    AlreadyExists,
    ApiError,
    BadRequest,
    Conflict,
    NotFound,
    UnreadableAnswer,
)
from serinus.kube.events import EventRecorder
from serinus.kube.fence import Fence
from serinus.kube.resource import LEASES

Json = dict[str, Any]
log = logging.getLogger("serinus.leader")
LIMITS = Limits(requests_per_second=5.0, burst=10, deadline_seconds=5.0, try_seconds=5.0, tries=1)
"""For a client of its own, so that no other work delays a renewal; the election tries again."""
_FAREWELL_SECONDS = 3.0
_RETRY_SPREAD = (0.6, 1.0)


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds of the wall, client-go's defaults; raises ValueError for an order without sense.

    Others wait `lease_seconds` (whole) after the last renewal that they saw; a holder stops
    `renew_seconds` after the last one that succeeded; everybody tries each `retry_seconds`.
    """

    lease_seconds: float = 15.0
    renew_seconds: float = 10.0
    retry_seconds: float = 2.0

    def __post_init__(self) -> None:
        if self.lease_seconds != int(self.lease_seconds):
            raise ValueError(
                "--leader-election-lease-duration: must be whole seconds, "
                f"got {self.lease_seconds:g} s"
            )
        if not 0 < self.retry_seconds < self.renew_seconds < self.lease_seconds:
            raise ValueError(
                "leader election: 0 < retry period < renew deadline < lease duration must hold "
                f"({self.retry_seconds:g} s, {self.renew_seconds:g} s, {self.lease_seconds:g} s): "
                "see --leader-election-retry-period, -renew-deadline and -lease-duration"
            )


@dataclass(frozen=True, slots=True)
class Seat:
    """The Lease that is contended for, and who we are: `identity` is unique to the process."""

    namespace: str
    name: str
    identity: str

    def __str__(self) -> str:
        return f"lease {self.namespace}/{self.name}"


class LostLease(SerinusError):
    """We do not lead any more; what was decided as the leader is void."""


class Elector:
    """Contends for `seat`; `fence` says whether writes are allowed at this moment.

    `client` should have LIMITS and must not go through the fence.
    """

    def __init__(
        self, client: Client, clock: Clock, seat: Seat, terms: Terms, jitter: random.Random
    ) -> None:
        self.seat = seat
        self.fence = Fence(clock, terms.renew_seconds, terms.lease_seconds)
        self.holder = ""  # whom the lease named when it was last seen
        self.problem: str | None = None  # why the lease cannot be read or written, in words
        self._client, self._clock, self._terms, self._jitter = client, clock, terms, jitter
        self._events = EventRecorder(client, clock, "serinus")
        self._lease: Json = {}
        self._seen_at = 0.0
        self._telling: set[asyncio.Task[None]] = set()

    @property
    def leads(self) -> bool:
        """Whether we may write."""
        return self.fence.up

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Waits for our turn, then runs `work` until its end.

        Raises LostLease when the lease is lost: the fence is down from that moment, `work` is
        cancelled and waited for. When we are cancelled, `work` is brought to its end under the
        lease, which is then released, so that a successor need not wait.
        """
        await self._acquire()
        self._tell_event("became leader")
        renewing = asyncio.ensure_future(self._renew())
        working = asyncio.ensure_future(_run(work))
        try:
            await asyncio.wait({renewing, working}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            working.cancel()
            await asyncio.wait({working})
            renewing.cancel()
            await asyncio.wait({renewing})
            await self._leave()
        ended = None if working.cancelled() else working.exception()
        if not renewing.cancelled():
            renewing.result()
        if ended is not None:
            raise ended

    async def _acquire(self) -> None:
        log.info("standing by", extra={"lease": str(self.seat), "identity": self.seat.identity})
        while True:
            wait = self._terms.retry_seconds * self._jitter.uniform(*_RETRY_SPREAD)
            try:
                async with asyncio.timeout(self._terms.renew_seconds):
                    won = await self._try()
                self._tell(None)
                if won:
                    log.info("leading", extra={"lease": str(self.seat)})
                    return
            except (ApiError, UnreadableAnswer, TimeoutError) as error:
                self._tell(str(error) or f"{self.seat}: no answer in time")
                asked = error.retry_after_seconds if isinstance(error, ApiError) else None
                wait = max(wait, asked or 0.0)
            left = self._seen_at + self._duration_seconds() - self._clock.wall()
            await self._clock.sleep_wall(left if 0 < left < wait else wait)

    async def _renew(self) -> None:
        """Goes on while the lease is ours; raises LostLease."""
        while True:
            await self._clock.sleep_wall(min(self._terms.retry_seconds, self.fence.seconds_left))
            try:
                async with asyncio.timeout(self.fence.seconds_left):
                    ours = await self._try()
                self._tell(None)
            except (ApiError, UnreadableAnswer, TimeoutError) as error:
                ours = self.fence.up
                self._tell(str(error) or f"{self.seat}: no answer in time")
            if not ours:
                self.fence.drop()
                raise LostLease(self._why_lost())

    def _why_lost(self) -> str:
        if self.holder != self.seat.identity:
            return f"{self.seat} is now held by {self.holder or 'nobody'}; stopping"
        return (
            f"{self.seat} could not be renewed within {self._terms.renew_seconds:g} s, "
            f"so another may take it; stopping. Last problem: {self.problem or 'none'}"
        )

    async def _try(self) -> bool:
        """Takes or renews the lease, if it is free, expired or ours; whether it is ours now."""
        if self.fence.up:
            try:
                return await self._write(self._lease)
            except (BadRequest, Conflict, NotFound):  # BadRequest: it was deleted
                log.debug("%s was changed by another; looking again", self.seat)
        try:
            found = await self._client.get(LEASES, self.seat.name, self.seat.namespace)
        except NotFound:
            return await self._create()
        self._see(found)
        expired = self._clock.wall() >= self._seen_at + self._duration_seconds()
        if self.holder not in ("", self.seat.identity) and not expired:
            return False
        with suppress(Conflict):  # another was faster
            return await self._write(found)
        return False

    async def _create(self) -> bool:
        metadata = {"name": self.seat.name, "namespace": self.seat.namespace}
        body = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata}
        asked_at, spec = self._clock.uptime(), self._spec({}, transitions=0)
        with suppress(AlreadyExists):
            made = await self._client.create(LEASES, {**body, "spec": spec}, self.seat.namespace)
            self._won(made, asked_at)
            return True
        return False

    async def _write(self, lease: Json) -> bool:
        """Puts the lease as it was read, with our term in it; raises Conflict if it has changed."""
        spec = lease.get("spec") or {}
        ours = spec.get("holderIdentity") == self.seat.identity
        transitions = int(spec.get("leaseTransitions") or 0) + (0 if ours else 1)
        asked_at, told = self._clock.uptime(), self._spec(spec if ours else {}, transitions)
        body = {**lease, "spec": {**spec, **told}}
        made = await self._client.replace(LEASES, self.seat.name, body, self.seat.namespace)
        self._won(made, asked_at)
        return True

    def _spec(self, before: Json, transitions: int) -> Json:
        now = f"{self._clock.now():%Y-%m-%dT%H:%M:%S.%fZ}"
        return {
            "holderIdentity": self.seat.identity,
            "leaseDurationSeconds": int(self._terms.lease_seconds),
            "acquireTime": before.get("acquireTime") or now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }

    def _won(self, lease: Json, asked_at: float) -> None:
        self._see(lease)
        self.fence.extend(asked_at)

    def _see(self, lease: Json) -> None:
        """Takes in the lease; a record that has changed was renewed at this moment, for us."""
        spec = lease.get("spec") or {}
        if not self._lease or spec != self._lease.get("spec"):
            self._seen_at = self._clock.wall()
        holder = str(spec.get("holderIdentity") or "")
        if holder != self.holder and holder != self.seat.identity:
            log.info("another leads", extra={"lease": str(self.seat), "holder": holder})
        self._lease, self.holder = lease, holder

    def _duration_seconds(self) -> float:
        """What the holder asks others to wait."""
        told = (self._lease.get("spec") or {}).get("leaseDurationSeconds")
        return float(told if isinstance(told, int) and told > 0 else self._terms.lease_seconds)

    async def _leave(self) -> None:
        """Releases the lease if it is ours, and tells; bounded in time, never raises."""
        held = self.fence.up
        self.fence.drop()
        if held:
            with suppress(ApiError, UnreadableAnswer, TimeoutError):
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await self._release()
        self._tell_event("stopped leading")
        await asyncio.wait(self._telling, timeout=_FAREWELL_SECONDS)
        log.info("stopped leading", extra={"lease": str(self.seat), "released": held})

    async def _release(self) -> None:
        spec = self._lease.get("spec") or {}
        now = f"{self._clock.now():%Y-%m-%dT%H:%M:%S.%fZ}"
        free = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": now}
        body = {**self._lease, "spec": {**spec, **free, "acquireTime": now}}
        await self._client.replace(LEASES, self.seat.name, body, self.seat.namespace)

    def _tell(self, problem: str | None) -> None:
        """Logs when trouble begins, changes and ends."""
        if problem == self.problem:
            return
        if problem is None:
            log.info("the lease can be reached again", extra={"lease": str(self.seat)})
        else:
            log.warning("%s: trying on: %s", self.seat, problem)
        self.problem = problem

    def _tell_event(self, what: str) -> None:
        about = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "namespace": self.seat.namespace,
            "name": self.seat.name,
            "uid": str((self._lease.get("metadata") or {}).get("uid", "")),
        }
        text = f"{self.seat.identity} {what}"
        task = asyncio.ensure_future(self._events.emit(about, "Normal", "LeaderElection", text))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()

"""Judges what arrives at a real API server from our controller: blue-green, in virtual time.

It looks at the store alone. A look of the controller may be late: what is excused by any look of
the last while is excused.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from serinus.api import names
from serinus.base.clock import Clock
from serinus.kube.transport.wire import Request, Response, StreamResponse, Transport
from serinus.local.apiserver.admission import StoreView
from simulation.shape import micros
from support.cluster import NAMESPACE

SECOND = 1_000_000
LATE_SECONDS = 45
"""How old a look of the controller may be."""
OBEYING_SECONDS = 1
"""The data plane follows a selector within a second of the write's arrival."""
DELAY_SECONDS = 10
PROMPT_SECONDS = 15
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Look:
    """What the store says at one instant."""

    at: int
    active: str
    stable: str
    current: str
    replicas: int
    held: bool
    """Aborted, or paused by its user."""
    wanted: dict[str, int]
    """spec.replicas by revision."""
    ready: dict[str, int]


@dataclass(slots=True)
class Judge:
    """Everything that was seen of late, and what was wrong."""

    view: StoreView
    clock: Clock
    looks: deque[Look] = field(default_factory=deque)
    faults: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    writes: int = 0
    reached: dict[str, int] = field(default_factory=dict)
    """When production could be sent to a revision last."""

    def look(self) -> Look:
        now = _look(self.view, micros(self.clock.now()))
        self.looks.append(now)
        while self.looks[0].at < now.at - LATE_SECONDS * SECOND and len(self.looks) > 1:
            self.looks.popleft()
        for version in self.obeyed(now):
            self.reached[version] = now.at
        return now

    def obeyed(self, now: Look) -> frozenset[str]:
        """Whom production may be sent to: every selector of the last second."""
        since = now.at - OBEYING_SECONDS * SECOND
        old = [look for look in self.looks if look.at >= since]
        before = [look for look in self.looks if look.at < since][-1:]
        return frozenset(look.active for look in (*before, *old, now))

    def judge(self, path: str, before: Look, after: Look) -> None:
        """One write that arrived."""
        words = f"{self.clock.now():%H:%M:%S.%f} {path}"
        self.log.append(words)
        checks = (self._switch, self._shrink, self._promote)
        self.faults += [f"{words}: {wrong}" for check in checks for wrong in check(before, after)]

    def _switch(self, before: Look, after: Look) -> Iterator[str]:
        target = after.active
        if target == before.active or not before.stable or not any(x.replicas for x in self.looks):
            return
        best = max(look.ready.get(target, 0) for look in self.looks)
        least = min(look.replicas for look in self.looks)
        if not best:
            yield f"S3: production goes to {target} without a ready pod"
        elif target != before.stable and best < least:
            yield f"S1: production goes to {best} of {least} pods"
        if target != before.stable and all(look.held for look in self.looks):
            yield f"S6: production goes to {target} although the rollout is held"

    def _shrink(self, before: Look, after: Look) -> Iterator[str]:
        for version, count in before.wanted.items():
            left = after.wanted.get(version, 0)
            least = min(look.replicas for look in self.looks)
            if left >= count or not least:
                continue
            if version in self.obeyed(before) and left < min(count, least):
                yield f"S2: {version} keeps {left} of {count} pods while production may reach it"
            waited = before.at - self.reached.get(version, -(10**15))
            if not left and waited < (DELAY_SECONDS - 1) * SECOND:
                yield f"S2: {version} goes {waited / SECOND:g} s after it could be reached"

    def _promote(self, before: Look, after: Look) -> Iterator[str]:
        if after.stable != before.stable and after.active != after.stable:
            yield f"S7: {after.stable} becomes stable, production is on {after.active}"

    async def watch_over(self, undisturbed: Any) -> None:
        """Looks all the time; what is dead is left soon by a controller that nobody disturbs."""
        missed = 0.0
        while True:
            now = self.look()
            dead = now.replicas and not now.ready.get(now.active)
            living = now.ready.get(now.stable, 0) and now.active != now.stable
            missed = missed + 0.2 if dead and living and undisturbed() else 0.0
            if missed >= PROMPT_SECONDS:
                self.faults.append(f"S3: {now.active} is dead and not left for {missed:g} s")
                missed = 0.0
            await self.clock.sleep_wall(0.2)


def _look(view: StoreView, at: int) -> Look:
    rollout: Any = view.get("argoproj.io", "rollouts", "web", NAMESPACE)
    service: Any = view.get("", "services", "web-active", NAMESPACE)
    status = rollout.get("status", {})
    sets = view.list("apps", "replicasets", NAMESPACE)
    ready: dict[str, int] = {}
    for pod in view.list("", "pods", NAMESPACE):
        conditions = pod.get("status", {}).get("conditions", ())
        alive = "deletionTimestamp" not in pod["metadata"]
        if alive and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
            ready[_hash(pod)] = ready.get(_hash(pod), 0) + 1
    return Look(
        at=at,
        active=service["spec"]["selector"].get(names.POD_HASH, ""),
        stable=status.get("stableRS", ""),
        current=status.get("currentPodHash", ""),
        replicas=rollout["spec"].get("replicas", 1),
        held=bool(status.get("abort") or rollout["spec"].get("paused")),
        wanted={_hash(one): one["spec"]["replicas"] for one in sets},
        ready=ready,
    )


def _hash(item: Any) -> str:
    return str(item["metadata"].get("labels", {}).get(names.POD_HASH, ""))


class JudgedTransport:
    """Lets the judge see every write that the server took."""

    def __init__(self, inner: Transport, judge: Judge) -> None:
        self._inner, self._judge = inner, judge

    async def send(self, request: Request) -> Response:
        if request.method not in WRITES:
            return await self._inner.send(request)
        self._judge.writes += 1
        before = self._judge.look()
        answer = await self._inner.send(request)
        if answer.status < 300:
            body = json.loads(request.body or b"{}")
            spec = json.dumps(body.get("spec", ""))[:60]
            self._judge.judge(f"{request.method} {request.path} {spec}", before, self._judge.look())
        return answer

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamResponse]:
        return self._inner.stream(request)

    async def close(self) -> None:
        await self._inner.close()

"""All the probes of one running container, as one stream of findings. Knows no pod status."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from serinus.base.clock import Clock
from serinus.local.node.asking import Surface
from serinus.local.node.podspec import NodeContainer, Probe
from serinus.local.node.probes import accepts, verdicts

LEAST_PATIENCE_SECONDS, MOST_PATIENCE_SECONDS = 1.0, 10.0


def patience_seconds(spec: NodeContainer, speed: float) -> float:
    """For how long of the wall the first question waits for the port of a fresh process.

    A kubelet's first look comes up to a second late anyway. And the start of a process does not
    become faster with the clock: where that takes away the time which a probe leaves before it has
    the container killed, as much of it is given back, within bounds.
    """
    probes = (spec.startup_probe, spec.liveness_probe)
    left = [
        probe.initial_delay_seconds + probe.period_seconds * probe.failure_threshold
        for probe in probes
        if probe is not None
    ]
    lost = max(left, default=0) * (1 - 1 / max(1.0, speed))
    return min(MOST_PATIENCE_SECONDS, max(LEAST_PATIENCE_SECONDS, lost))


@dataclass(frozen=True, slots=True)
class Started:
    """The container has come through its startup probe, or has none."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the container may get requests."""

    ready: bool


@dataclass(frozen=True, slots=True)
class Unwell:
    """One answer of a probe was bad; `kind` is Startup, Readiness or Liveness."""

    kind: str
    problem: str


@dataclass(frozen=True, slots=True)
class Sick:
    """The container has to be started again; `kind` is Startup or Liveness."""

    kind: str
    probe: Probe


Finding = Started | Readiness | Unwell | Sick


@dataclass(frozen=True, slots=True)
class Prober:
    """What to ask: without a readiness probe the container is ready when its port is open, or,
    where it opens none, at once. Startup gates the others; their delays count from `began` on.
    """

    spec: NodeContainer
    surface: Surface
    clock: Clock
    began: datetime
    waits_for_port: bool

    async def findings(self) -> AsyncIterator[Finding]:
        """Until closed; startup first, then readiness and liveness side by side."""
        found: asyncio.Queue[Finding] = asyncio.Queue()
        task = asyncio.create_task(self._all(found))
        try:
            while True:
                yield await found.get()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _all(self, found: asyncio.Queue[Finding]) -> None:
        spec = self.spec
        if self.waits_for_port:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_seconds(spec, self.clock.speed)):
                    await accepts(self.surface.address.first, self.clock)
        if spec.startup_probe is not None:
            await self._starts(spec.startup_probe, found)
        found.put_nowait(Started())
        parts: list[Coroutine[Any, Any, None]] = [self._ready(found)]
        if spec.liveness_probe is not None:
            parts.append(self._lives(spec.liveness_probe, found))
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)

    def _verdicts(self, probe: Probe, *, held: bool) -> AsyncIterator[tuple[bool, str]]:
        return verdicts(probe, self.surface.asked(probe), self.clock, self.began, held=held)

    async def _starts(self, probe: Probe, found: asyncio.Queue[Finding]) -> None:
        failures = 0
        async for _, problem in self._verdicts(probe, held=False):
            if not problem:
                return
            found.put_nowait(Unwell("Startup", problem))
            failures += 1
            if failures == probe.failure_threshold:
                found.put_nowait(Sick("Startup", probe))

    async def _ready(self, found: asyncio.Queue[Finding]) -> None:
        probe = self.spec.readiness_probe
        if probe is None:
            if self.waits_for_port:
                await accepts(self.surface.address.first, self.clock)
            found.put_nowait(Readiness(True))
            return
        async for ready, problem in self._verdicts(probe, held=False):
            if problem:
                found.put_nowait(Unwell("Readiness", problem))
            found.put_nowait(Readiness(ready))

    async def _lives(self, probe: Probe, found: asyncio.Queue[Finding]) -> None:
        async for lives, problem in self._verdicts(probe, held=True):
            if problem:
                found.put_nowait(Unwell("Liveness", problem))
            if not lives:
                found.put_nowait(Sick("Liveness", probe))
                return

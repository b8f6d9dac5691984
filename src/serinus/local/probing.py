"""All the probes of one running container, as one stream of findings. Knows no pod status."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from serinus.base.clock import Clock
from serinus.local.podspec import NodeContainer, Probe
from serinus.local.probes import Ask, accepts, ask_http, ask_tcp, verdicts
from serinus.local.processes import Process, StartFailed


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the container may get requests; `problem` says what its last answer lacked."""

    ready: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Sick:
    """The container has to be started again; `kind` is Startup or Liveness."""

    kind: str
    problem: str


Finding = Readiness | Sick


@dataclass(frozen=True, slots=True)
class Prober:
    """What to ask: without a readiness probe the container is ready when its port is open, or,
    where it opens none, at once. `start` executes the command of a probe.
    """

    spec: NodeContainer
    port: int
    clock: Clock
    start: Callable[[Sequence[str]], Awaitable[Process]]
    waits_for_port: bool

    async def findings(self) -> AsyncIterator[Finding]:
        """Until closed; startup first, then readiness and liveness side by side."""
        found: asyncio.Queue[Finding] = asyncio.Queue()
        tasks = [asyncio.create_task(self._all(found))]
        try:
            while True:
                yield await found.get()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _all(self, found: asyncio.Queue[Finding]) -> None:
        spec = self.spec
        if spec.startup_probe is not None:
            await self._starts(spec.startup_probe, found)
        parts: list[Coroutine[Any, Any, None]] = [self._ready(found)]
        if spec.liveness_probe is not None:
            parts.append(self._lives(spec.liveness_probe, found))
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)

    async def _starts(self, probe: Probe, found: asyncio.Queue[Finding]) -> None:
        failures = 0
        async for _, problem in verdicts(probe, self._ask(probe), self.clock, held=False):
            if not problem:
                return
            failures += 1
            if failures == probe.failure_threshold:
                found.put_nowait(Sick("Startup", problem))

    async def _ready(self, found: asyncio.Queue[Finding]) -> None:
        probe = self.spec.readiness_probe
        if probe is None:
            if self.waits_for_port:
                await accepts(self.port, self.clock)
            found.put_nowait(Readiness(True))
            return
        async for ready, problem in verdicts(probe, self._ask(probe), self.clock, held=False):
            found.put_nowait(Readiness(ready, problem))

    async def _lives(self, probe: Probe, found: asyncio.Queue[Finding]) -> None:
        async for lives, problem in verdicts(probe, self._ask(probe), self.clock, held=True):
            if not lives:
                found.put_nowait(Sick("Liveness", problem))
                return

    def _ask(self, probe: Probe) -> Ask:
        """The question that a probe asks. A gRPC probe asks only whether the port is open."""
        if probe.http_get is not None:
            return partial(ask_http, probe.http_get, self.port)
        if probe.exec is not None:
            return partial(self._ask_command, probe.exec.command)
        return partial(ask_tcp, self.port)

    async def _ask_command(self, command: Sequence[str]) -> str:
        try:
            process = await self.start(command)
        except StartFailed as error:
            return str(error)
        try:
            code = await asyncio.shield(process.exited)
        finally:
            process.signal(signal.SIGKILL)
        return "" if code == 0 else f"{command[0]} exited with code {code}"

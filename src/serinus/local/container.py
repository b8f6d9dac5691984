"""One container of a pod: starts its process, asks its probes, starts it again when it ends.

Knows its pod's specification, but no API server: what happens to it is in `view`.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from serinus.base.clock import Clock
from serinus.local.backoff import LONG_RUN_SECONDS, back_off_message, back_off_seconds
from serinus.local.environment import Environment, Lookup, command_line, environment, lookups
from serinus.local.images import ImageTable, Program, Refused, sample_command
from serinus.local.logs import Logs
from serinus.local.podspec import NodeContainer, NodePod
from serinus.local.podstatus import ContainerView, Ended, Running, Waiting
from serinus.local.ports import Ports, is_free
from serinus.local.probing import Prober, Readiness, Sick
from serinus.local.processes import Process, Processes, StartFailed

DELAY_FLOOR_SECONDS = 0.1
START_ERROR_CODE = 128
_NOTHING_TO_DO = "this image is not mapped to a program, so there is nothing to do before the start"


@dataclass(frozen=True, slots=True)
class Equipment:
    """What every container on the node shares.

    Processes work in `folder`, with `base_env` beside their own variables. `look_up` reads
    ConfigMaps and Secrets of a namespace; `report(pod, type, reason, message)` makes an event.
    """

    clock: Clock
    processes: Processes
    images: ImageTable
    logs: Logs
    ports: Ports
    folder: Path
    base_env: Mapping[str, str]
    look_up: Callable[[str, Iterable[Lookup]], Awaitable[Mapping[Lookup, Mapping[str, str]]]]
    report: Callable[[NodePod, str, str, str], None]


class ContainerLife:
    """One container; `run` until it has ended for good. `changed` is called after each change."""

    def __init__(
        self,
        equipment: Equipment,
        pod: NodePod,
        spec: NodeContainer,
        port: int,
        changed: Callable[[], None],
    ) -> None:
        self.spec = spec
        self.view = ContainerView(spec.name, spec.image, Waiting("ContainerCreating"))
        self.process: Process | None = None
        self.is_init = False
        self._with = equipment
        self._pod = pod
        self._port = port
        self._changed = changed
        self._stopping = False
        self._end_reason = ""
        self._env: Environment = Environment({}, ())
        self._is_sample = False

    async def run(self) -> None:
        """Start and attend to the process again and again, as the restart policy says."""
        crashes = refusals = 0
        if isinstance(self.view.state, Ended):
            return  # it had ended for good before this node began
        while not self._stopping:
            made = await self._prepared()
            if self._stopping:
                return
            if isinstance(made, Waiting):
                refusals += 1
                await self._wait_refused(made, refusals)
                continue
            refusals = 0
            began = self._with.clock.now()
            code = await self._attend(made)
            if self._stopping or not self._is_restarted(code):
                return
            ran = (self._with.clock.now() - began).total_seconds()
            crashes = 1 if ran >= LONG_RUN_SECONDS else crashes + 1
            await self._back_off(crashes)

    def resume(self, view: ContainerView) -> None:
        """Go on from where an earlier process of ours left it; before `run`."""
        self.view = view

    def stop(self) -> None:
        """Never start it again."""
        self._stopping = True

    def signal(self, number: int) -> None:
        """Send a signal to the process, if there is one."""
        if self.process is not None:
            self.process.signal(number)

    def kill_for_memory(self) -> None:
        """It has taken more memory than its limit."""
        self._end_reason = "OOMKilled"
        self.signal(signal.SIGKILL)

    async def _prepared(self) -> tuple[str, ...] | Waiting:
        """The command to execute, or why there is none."""
        program = self._with.images.program(self.spec.image)
        if isinstance(program, Refused):
            self._report("Warning", "Failed", program.message)
            return Waiting(program.reason, program.message)
        if not is_free(self._port):
            return Waiting("CreateContainerError", f"port {self._port} is taken by another process")
        found = await self._with.look_up(self._pod.metadata.namespace, set(lookups(self.spec)))
        base = dict(self._with.base_env) | dict(program.env)
        self._env = environment(self._pod, self.spec, self._port, base, found)
        if self._env.problems:
            problem = "; ".join(self._env.problems)
            self._report("Warning", "Failed", f"Error: {problem}")
            return Waiting("CreateContainerConfigError", problem)
        return self._command(program)

    def _command(self, program: Program) -> tuple[str, ...] | Waiting:
        command = command_line(self.spec, program, self._env.variables)
        if not command:
            message = f"no command: the image table runs {self.spec.image} by its own command only"
            self._report("Warning", "Failed", message)
            return Waiting("CreateContainerError", message)
        own = self.spec.command
        path = self._env.variables.get("PATH")
        self._is_sample = program.sample and not own
        if program.sample and own and shutil.which(command[0], path=path) is None:
            message = (
                f"{command[0]} is not on this machine, so the sample service runs instead of it; "
                f"map {self.spec.image} to a program in a file for --images"
            )
            self._report("Warning", "CommandReplaced", message)
            self._is_sample, command = True, sample_command()
        if self._is_sample and self.is_init:
            # the sample service never ends, and the pod's containers wait for this one's end
            return (sys.executable, "-I", "-S", "-c", f"print({_NOTHING_TO_DO!r})")
        return command

    async def _attend(self, command: tuple[str, ...]) -> int:
        """Run the process to its end, with its probes; its exit code."""
        clock, meta = self._with.clock, self._pod.metadata
        began = clock.now()
        ring = self._with.logs.begin(meta.namespace, meta.name, self.spec.name)
        try:
            process = await self._with.processes.start(
                command,
                self._env.variables,
                lambda data: ring.write(data) if data else ring.close(),
                self._with.folder,
            )
        except StartFailed as error:
            ring.write(f"{error}\n".encode())
            self._report("Warning", "Failed", f"Error: {error}")
            self._end(Ended(START_ERROR_CODE, "StartError", began, clock.now(), 0, str(error)))
            return START_ERROR_CODE
        self.process = process
        self._report("Normal", "Started", f"Started container {self.spec.name}")
        self._set(state=Running(began, process.pid))
        probing = asyncio.create_task(self._probe())
        try:
            code = await asyncio.shield(process.exited)
        except asyncio.CancelledError:
            process.signal(signal.SIGKILL)
            raise
        finally:
            probing.cancel()
            self.process = None
        reason = self._end_reason or ("Error" if code else "Completed")
        self._end_reason = ""
        self._end(Ended(code, reason, began, clock.now(), process.pid))
        await asyncio.wait([probing])
        return code

    def _end(self, ended: Ended) -> None:
        self._set(state=ended, last=ended, ready=False)

    def _prober(self) -> Prober:
        return Prober(
            self.spec,
            self._port,
            self._with.clock,
            partial(self._with.processes.start, env=self._env.variables, on_output=_ignored),
            waits_for_port=not self.is_init and (self._is_sample or bool(self.spec.ports)),
        )

    async def _probe(self) -> None:
        """Follow what the probes say; a container that is not well is ended, and starts again."""
        async for finding in self._prober().findings():
            match finding:
                case Readiness(ready, problem):
                    if problem:
                        message = f"Readiness probe failed: {problem}"
                        self._report("Warning", "Unhealthy", message)
                    if ready != self.view.ready:
                        self._set(ready=ready)
                case Sick(kind, problem):
                    message = f"{kind} probe failed, restarting {self.spec.name}: {problem}"
                    self._report("Warning", "Unhealthy", message)
                    self.signal(signal.SIGTERM)
                    await self._with.clock.sleep_wall(self._pod.spec.grace_seconds())
                    self.signal(signal.SIGKILL)

    def _is_restarted(self, code: int) -> bool:
        policy = self._pod.spec.restart_policy
        if self.is_init:
            return bool(code) and policy != "Never"
        return policy == "Always" or (policy == "OnFailure" and code != 0)

    async def _wait_refused(self, refused: Waiting, times: int) -> None:
        """Show why there is nothing to run, then that it is tried again more rarely."""
        self._set(state=refused)
        seconds = back_off_seconds(times)
        if refused.reason == "ErrImagePull":
            await self._with.clock.sleep(seconds / 2)
            message = f'Back-off pulling image "{self.spec.image}"'
            self._set(state=Waiting("ImagePullBackOff", f"{message}: {refused.message}"))
            seconds /= 2
        await self._with.clock.sleep(max(seconds, DELAY_FLOOR_SECONDS * self._with.clock.speed))

    async def _back_off(self, crashes: int) -> None:
        """Quirk: the first restart is at once, the second after 10 s, then ever twice as late."""
        if crashes > 1:
            seconds = back_off_seconds(crashes - 1)
            meta = self._pod.metadata
            message = back_off_message(seconds, self.spec.name, meta)
            self._set(state=Waiting("CrashLoopBackOff", message))
            self._report("Warning", "BackOff", f"Back-off restarting failed container: {message}")
            floor = DELAY_FLOOR_SECONDS * self._with.clock.speed
            await self._with.clock.sleep(max(seconds, floor))
        self.view = replace(self.view, restarts=self.view.restarts + 1)

    def _set(self, **changes: Any) -> None:
        self.view = replace(self.view, **changes)
        self._changed()

    def _report(self, type_: str, reason: str, message: str) -> None:
        self._with.report(self._pod, type_, reason, message)


def _ignored(output: bytes) -> None:
    """What the command of a probe writes is nobody's business."""

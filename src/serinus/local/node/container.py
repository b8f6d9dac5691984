"""One container of a pod: starts its process, follows its probes, starts it again when it ends.

Knows its pod's specification, but no API server: what happens to it is in `view`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from serinus.local.machine.processes import Process, StartFailed
from serinus.local.node.asking import Address, Surface, carry_out
from serinus.local.node.backoff import LONG_RUN_SECONDS, back_off_message, back_off_seconds
from serinus.local.node.podfolder import PodFolder
from serinus.local.node.podspec import NodePod
from serinus.local.node.podstatus import ContainerView, Ended, Running, Waiting, first_state
from serinus.local.node.preparing import Equipment, Prepared, Wanted, prepared
from serinus.local.node.probing import Prober, Readiness, Sick, Started, Unwell

DELAY_FLOOR_SECONDS = 0.1
LEAST_AFTER_HOOK_SECONDS = 2.0
"""What is left between SIGTERM and SIGKILL when a preStop hook has used up the grace."""
START_ERROR_CODE = 128
_PULL = "ErrImagePull"


class ContainerLife:
    """One container; `run` until it has ended for good. `changed` is called after each change."""

    def __init__(
        self,
        equipment: Equipment,
        folder: PodFolder,
        wanted: Wanted,
        changed: Callable[[], None],
    ) -> None:
        spec = wanted.spec
        self.spec = spec
        self.pod = wanted.pod
        self.is_init = wanted.is_init
        self.is_sidecar = wanted.is_init and spec.is_sidecar()
        state = first_state(wanted.pod)
        self.view = ContainerView(spec.name, spec.image, state, sidecar=self.is_sidecar)
        self.process: Process | None = None
        self._with = equipment
        self._folder = folder
        self._port = wanted.port
        self._changed = changed
        self._stopping = False
        self._ending = False
        self._end_reason = ""
        self._before: Ended | None = None
        self._surface: Surface | None = None
        self._retry = asyncio.Event()

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
            ended = await self._attend(made)
            if self._stopping or not self._is_restarted(ended.exit_code):
                return
            ran = (self._with.clock.now() - began).total_seconds()
            crashes = 1 if ran >= LONG_RUN_SECONDS else crashes + 1
            await self._back_off(ended, crashes)

    def resume(self, view: ContainerView) -> None:
        """Go on from where an earlier process of ours left it; before `run`."""
        self.view = view

    def stop(self) -> None:
        """Never start it again."""
        self._stopping = True
        self._retry.set()

    def revise(self, pod: NodePod) -> None:
        """The pod as it is now; another image ends the process, and the next start takes it."""
        self.pod = pod
        spec = next((s for s in pod.spec.all_containers() if s.name == self.spec.name), self.spec)
        if spec.image == self.spec.image:
            return
        self.spec = spec
        self.view = replace(self.view, image=spec.image)
        self.retry()
        if self.process is not None:
            message = f"Container {spec.name} definition changed, will be restarted"
            grace = pod.spec.grace_seconds()
            self._revising = asyncio.create_task(self.end(grace, message))

    def retry(self) -> None:
        """What it lacked may be there now: look again instead of waiting."""
        self._retry.set()

    def signal(self, number: int) -> None:
        """Send a signal to the process, if there is one."""
        if self.process is not None:
            self.process.signal(number)

    def kill_for_memory(self) -> None:
        """It has taken more memory than its limit."""
        self._end_reason = "OOMKilled"
        self.signal(signal.SIGKILL)

    async def end(
        self, grace_seconds: float, message: str, unrouted: asyncio.Future[None] | None = None
    ) -> None:
        """End the process: preStop, SIGTERM, SIGKILL when the grace is over; wall seconds.

        SIGTERM also waits for `unrouted`, which costs no grace: nothing is sent there any more.
        """
        process = self.process
        if process is None:
            return
        if not self._ending:
            self._ending = True
            self._report("Normal", "Killing", message)
            used = await self._before_stop(grace_seconds)
            if used:
                grace_seconds = max(LEAST_AFTER_HOOK_SECONDS, grace_seconds - used)
        if unrouted is not None:
            ends: list[asyncio.Future[Any]] = [unrouted, process.exited]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        process.signal(signal.SIGTERM)
        await asyncio.wait([process.exited], timeout=grace_seconds)
        process.signal(signal.SIGKILL)
        await asyncio.wait([process.exited])

    async def _before_stop(self, grace_seconds: float) -> float:
        """Carry out the preStop hook within the grace; the wall seconds that it took."""
        hook = self.spec.lifecycle.pre_stop
        if hook is None or self._surface is None or not grace_seconds:
            return 0.0
        clock, problem = self._with.clock, "it did not end within the grace period"
        began = clock.wall()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                problem = await carry_out(hook, self._surface, clock)
        if problem:
            self._report("Warning", "FailedPreStopHook", f"PreStopHook failed: {problem}")
        return max(clock.wall() - began, 0.001)

    async def _prepared(self) -> Prepared | Waiting:
        self._retry.clear()
        wanted = Wanted(self.pod, self.spec, self._port, self.is_init)
        return await prepared(self._with, self._folder, wanted)

    async def _attend(self, made: Prepared) -> Ended:
        """Run the process to its end, with its hooks and probes."""
        clock, meta = self._with.clock, self.pod.metadata
        began = clock.now()
        self._tell_pulled(made)
        ring = self._with.logs.begin(meta.namespace, meta.name, self.spec.name)
        try:
            process = await self._with.processes.start(
                made.command,
                made.variables,
                lambda data: ring.write(data) if data else ring.close(),
                made.folder,
            )
        except StartFailed as error:
            ring.write(f"{error}\n".encode())
            ring.close()
            self._report("Warning", "Failed", f"Error: {error}")
            return self._end(
                Ended(START_ERROR_CODE, "StartError", began, clock.now(), 0, str(error))
            )
        self.process, self._ending, self._end_reason = process, False, ""
        self._report("Normal", "Started", "Container started")
        address = Address(self.pod, self.spec, self._port)
        self._surface = Surface(
            address, self._with.processes, made.variables, made.folder, made.mounts
        )
        following = asyncio.create_task(self._follow(process, self._surface, made.opens_port))
        try:
            code = await asyncio.shield(process.exited)
        except asyncio.CancelledError:
            process.signal(signal.SIGKILL)
            raise
        finally:
            following.cancel()
            self.process = None
        reason = self._end_reason or ("Error" if code else "Completed")
        log = self._with.logs.last(meta.namespace, meta.name, self.spec.name)
        message = self._folder.message(self.spec, bool(code), log)
        ended = self._end(Ended(code, reason, began, clock.now(), process.pid, message))
        await asyncio.wait([following])
        return ended

    def _end(self, ended: Ended) -> Ended:
        self._set(state=ended, ready=False, started=False)
        return ended

    def _tell_pulled(self, made: Prepared) -> None:
        if made.notice:
            self._report("Warning", "CommandReplaced", made.notice)
        there = f'Container image "{self.spec.image}" already present on machine'
        self._report("Normal", "Pulled", f"{there} and can be accessed by the pod")
        self._report("Normal", "Created", "Container created")

    async def _follow(self, process: Process, surface: Surface, opens_port: bool) -> None:
        """Carry out the postStart hook, then do what the probes say."""
        began = self._with.clock.now()
        hook = self.spec.lifecycle.post_start
        if hook is not None:
            problem = await carry_out(hook, surface, self._with.clock)
            if problem:
                self._report("Warning", "FailedPostStartHook", f"PostStartHook failed: {problem}")
                await self.end(self.pod.spec.grace_seconds(), "FailedPostStartHook")
                return
        self._set(state=Running(began, process.pid))
        prober = Prober(self.spec, surface, self._with.clock, began, opens_port)
        async for finding in prober.findings():
            match finding:
                case Started():
                    self._set(started=True)
                case Readiness(ready):
                    if ready != self.view.ready:
                        self._set(ready=ready)
                case Unwell(kind, problem):
                    self._report("Warning", "Unhealthy", f"{kind} probe failed: {problem}")
                case Sick(kind, probe):
                    grace = probe.termination_grace_period_seconds
                    said = f"Container {self.spec.name} failed {kind.lower()} probe"
                    await self.end(
                        self.pod.spec.grace_seconds() if grace is None else grace,
                        f"{said}, will be restarted",
                    )

    def _is_restarted(self, code: int) -> bool:
        policy = self.pod.spec.restart_policy
        if self.is_sidecar:
            return True
        if self.is_init:
            return bool(code) and policy != "Never"
        return policy == "Always" or (policy == "OnFailure" and code != 0)

    async def _wait_refused(self, refused: Waiting, times: int) -> None:
        """Show why there is nothing to run, then that it is tried again more rarely."""
        last = self.view.state if isinstance(self.view.state, Ended) else self.view.last
        self._set(state=refused, last=last)
        self._tell_refused(refused)
        seconds = back_off_seconds(times)
        if refused.reason == _PULL:
            await self._pause(seconds / 2)
            message = f'Back-off pulling image "{self.spec.image}"'
            self._set(state=Waiting("ImagePullBackOff", f"{message}: {refused.message}"))
            self._report("Normal", "BackOff", message)
            self._report("Warning", "Failed", "Error: ImagePullBackOff")
            seconds /= 2
        await self._pause(seconds)

    def _tell_refused(self, refused: Waiting) -> None:
        match refused.reason:
            case "ErrImagePull":
                message = f'Failed to pull image "{self.spec.image}": {refused.message}'
                self._report("Warning", "Failed", message)
                self._report("Warning", "Failed", f"Error: {_PULL}")
            case "InvalidImageName":
                message = (
                    f'Failed to apply default image tag "{self.spec.image}": {refused.message}'
                )
                self._report("Warning", "InspectFailed", message)
                self._report("Warning", "Failed", "Error: InvalidImageName")
            case _:
                self._report("Warning", "Failed", f"Error: {refused.message}")

    async def _back_off(self, ended: Ended, crashes: int) -> None:
        """Quirk: the first restart is at once, the second after 10 s, then ever twice as late."""
        if crashes > 1:
            seconds = back_off_seconds(crashes - 1)
            meta = self.pod.metadata
            message = back_off_message(seconds, self.spec.name, meta)
            self._set(state=Waiting("CrashLoopBackOff", message), last=ended)
            pod = f"{meta.name}_{meta.namespace}({meta.uid})"
            said = f"Back-off restarting failed container {self.spec.name} in pod {pod}"
            self._report("Warning", "BackOff", said)
            self._retry.clear()
            await self._pause(seconds, wakes=False)
        self._before = ended

    async def _pause(self, seconds: float, *, wakes: bool = True) -> None:
        """Wait; `retry` ends it early if it `wakes`, the end of the pod in any case."""
        clock = self._with.clock
        wall = max(seconds / clock.speed, DELAY_FLOOR_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(wall):
                while not (self._stopping or (wakes and self._retry.is_set())):
                    await self._retry.wait()
                    if not wakes and not self._stopping:
                        self._retry.clear()

    def _set(self, **changes: Any) -> None:
        if self._before is not None and isinstance(changes.get("state"), Running | Ended):
            # a restart counts, and what was before it is past, once there is something new to show
            again = replace(self.view, last=self._before, restarts=self.view.restarts + 1)
            self.view, self._before = again, None
        self.view = replace(self.view, **changes)
        self._changed()

    def _report(self, type_: str, reason: str, message: str) -> None:
        where = "initContainers" if self.is_init else "containers"
        self._with.report(self.pod, type_, reason, message, f"spec.{where}{{{self.spec.name}}}")

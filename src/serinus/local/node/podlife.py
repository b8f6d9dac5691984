"""One pod on the node, from its start to the confirmation of its removal.

Volumes, init containers in order, the others side by side; sidecars begin before them and end
after them. The order of a removal protects requests: endpoint gone, a moment of wall time, SIGTERM,
grace, SIGKILL, confirmation.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from serinus.kube.client import Client
from serinus.kube.errors import ApiError, Conflict, NotFound
from serinus.local.node.container import LEAST_AFTER_HOOK_SECONDS, ContainerLife
from serinus.local.node.environment import Lookup, lookups
from serinus.local.node.podfolder import PodFolder
from serinus.local.node.podspec import NodeContainer, NodePod
from serinus.local.node.podstatus import Ended, PodView, pod_status
from serinus.local.node.podwrites import confirm, write_status
from serinus.local.node.preparing import Equipment, Wanted
from serinus.local.node.resuming import known_before, resumed
from serinus.local.node.volumes import volume_lookups

log = logging.getLogger(__name__)
ENDPOINT_LIMIT_SECONDS = 10.0
"""A pod whose endpoint does not go within this wall time is ended all the same."""
VANISHED_GRACE_SECONDS = 1.0
"""What is left to a pod whose object is gone already (`--force`)."""
_RETRY_SECONDS = 0.2
_FIRST_MOUNT_SECONDS, _LONGEST_MOUNT_SECONDS = 0.5, 122.0
_TOO_LONG = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")


class PodLife:
    """The containers of one pod; `no_endpoints(pod)` waits until its traffic is over."""

    def __init__(
        self,
        equipment: Equipment,
        client: Client,
        pod: NodePod,
        no_endpoints: Callable[[NodePod], Awaitable[None]],
    ) -> None:
        self.pod = pod
        self._with = equipment
        self._client = client
        self._no_endpoints = no_endpoints
        self._folder = PodFolder(equipment.pods_folder / pod.metadata.uid, equipment.capacity)
        self._leave = asyncio.Event()
        self._vanished = False
        self._changed = asyncio.Event()
        self._moved = asyncio.Event()
        self._referred = asyncio.Event()
        self._prepared = not pod.spec.volumes
        self._over = False
        self._stopped: tuple[str, str] | None = None
        self._written: dict[str, Any] = {}
        self._own_ports: list[int] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.inits = self._lives(pod.spec.init_containers, is_init=True)
        self.containers = self._lives(pod.spec.containers, is_init=False)
        for container in self.containers:
            container.resume(resumed(container.view, pod.status))
        self._before = known_before(pod.status)

    @property
    def everyone(self) -> list[ContainerLife]:
        """All containers in the order in which they start."""
        return [*self.inits, *self.containers]

    def update(self, pod: NodePod) -> None:
        """The pod as the server has it now."""
        before, self.pod = self.pod, pod
        for one in self.everyone:
            one.revise(pod)
        if pod.status.conditions != before.status.conditions and pod.spec.readiness_gates:
            self._note()
        told = (before.metadata.labels, before.metadata.annotations)
        if told != (pod.metadata.labels, pod.metadata.annotations):
            self._referred.set()
        if pod.metadata.deletion_timestamp is not None:
            shorter, longer = (p.metadata.deletion_grace_period_seconds for p in (pod, before))
            if self._leave.is_set() and None not in (shorter, longer) and shorter != longer:
                self._tasks.append(asyncio.create_task(self._kill_after(self._grace_seconds())))
            self._leave.set()

    def vanish(self) -> None:
        """The server has no such pod any more: end it without asking."""
        self._vanished = True
        if self._leave.is_set():
            self._tasks.append(asyncio.create_task(self._kill_after(VANISHED_GRACE_SECONDS)))
        self._leave.set()

    def refers_to(self, namespace: str, reference: Lookup) -> bool:
        """Whether a ConfigMap or Secret is used by the pod."""
        if namespace != self.pod.metadata.namespace:
            return False
        used = {*volume_lookups(self.pod)}
        return reference in used or any(
            reference in lookups(spec) for spec in self.pod.spec.all_containers()
        )

    def reference_changed(self) -> None:
        """A ConfigMap or Secret that is used has come, changed or gone."""
        self._referred.set()
        for one in self.everyone:
            one.retry()

    async def run(self) -> None:
        """Until the pod is removed; nothing of it runs afterwards."""
        parts = (self._write_statuses(), self._work(), self._watch_deadline())
        self._tasks += [asyncio.create_task(part) for part in parts]
        try:
            await self._leave.wait()
            await self._end_all("Stopping container {}")
            self._over = True
            if not self._vanished:
                with suppress(ApiError):  # it is about to go: whoever looks may miss its last word
                    await self._write_status()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for one in self.everyone:
                one.signal(signal.SIGKILL)
            self._give_back()
        if not self._vanished:
            await self._confirm()

    async def _work(self) -> None:
        await self._mount()
        self._tasks.append(asyncio.create_task(self._keep_volumes()))
        for init in self.inits:
            if init.is_sidecar:
                self._tasks.append(asyncio.create_task(init.run()))
                while not init.view.started:
                    await self._moved.wait()
                continue
            await init.run()
            ended = init.view.state
            if not isinstance(ended, Ended) or ended.exit_code:
                return
        await asyncio.gather(*(container.run() for container in self.containers))
        if not self._leave.is_set():
            await self._end_sidecars(self.pod.spec.grace_seconds(), "Stopping container {}")

    async def _mount(self) -> None:
        """Until all volumes are there; each time that one cannot be had is told."""
        wait = _FIRST_MOUNT_SECONDS
        while problems := await self._write_volumes():
            self._tell_unmounted(problems)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait / self._with.clock.speed + _RETRY_SECONDS):
                    await self._referred.wait()
            wait = min(wait * 2, _LONGEST_MOUNT_SECONDS)
        self._prepared = True
        self._note()

    async def _keep_volumes(self) -> None:
        """Changes of ConfigMaps, Secrets and labels reach the files."""
        while True:
            await self._referred.wait()
            self._tell_unmounted(await self._write_volumes())

    async def _write_volumes(self) -> dict[str, str]:
        self._referred.clear()
        wanted = {*volume_lookups(self.pod)}
        try:
            found = await self._with.look_up(self.pod.metadata.namespace, wanted)
        except ApiError as error:
            return {str(volume.get("name")): str(error) for volume in self.pod.spec.volumes}
        return self._folder.write(self.pod, found)

    def _tell_unmounted(self, problems: dict[str, str]) -> None:
        for name, problem in problems.items():
            message = f'MountVolume.SetUp failed for volume "{name}" : {problem}'
            self._with.report(self.pod, "Warning", "FailedMount", message)

    async def _watch_deadline(self) -> None:
        """A pod that may be active for so long only fails when that is over."""
        seconds = self.pod.spec.active_deadline_seconds
        if seconds is None:
            return
        clock = self._with.clock
        began = self.pod.status.start_time or clock.now()
        await clock.sleep_until(began + timedelta(seconds=seconds))
        if self._is_done():
            return
        self._stopped = _TOO_LONG
        self._with.report(self.pod, "Normal", *_TOO_LONG)
        await self._end_all("Stopping container {}")
        self._note()

    def _is_done(self) -> bool:
        return self._written.get("phase") in ("Succeeded", "Failed")

    async def _end_all(self, message: str) -> None:
        """Stop everything: the containers at once, then the sidecars, last one first."""
        for one in self.everyone:
            one.stop()
        running = [one for one in self.everyone if one.process is not None]
        if not running:
            return
        unrouted = None if self._vanished else asyncio.ensure_future(self._no_more_requests())
        clock, grace = self._with.clock, self._grace_seconds()
        began = clock.wall()
        await asyncio.gather(
            *(
                one.end(grace, message.format(one.spec.name), unrouted)
                for one in running
                if not one.is_sidecar
            )
        )
        if unrouted is not None:
            await unrouted
        left = max(LEAST_AFTER_HOOK_SECONDS, grace - (clock.wall() - began)) if grace else 0.0
        await self._end_sidecars(left, message)

    async def _end_sidecars(self, grace: float, message: str) -> None:
        for sidecar in reversed([one for one in self.inits if one.is_sidecar]):
            sidecar.stop()
            await sidecar.end(grace, message.format(sidecar.spec.name))

    async def _no_more_requests(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDPOINT_LIMIT_SECONDS):
                await self._no_endpoints(self.pod)

    async def _kill_after(self, seconds: float) -> None:
        """The grace became shorter while it ran."""
        await self._with.clock.sleep_wall(seconds)
        for one in self.everyone:
            one.signal(signal.SIGKILL)

    def _grace_seconds(self) -> float:
        if self._vanished:
            return VANISHED_GRACE_SECONDS
        asked = self.pod.metadata.deletion_grace_period_seconds
        return self.pod.spec.grace_seconds() if asked is None else float(asked)

    def _note(self) -> None:
        self._changed.set()
        self._moved.set()
        self._moved = asyncio.Event()

    async def _write_statuses(self) -> None:
        """Write the status whenever it differs from what was written last."""
        while True:
            self._changed.clear()
            try:
                await self._write_status()
            except NotFound:
                return  # the watch will say so
            except ApiError as error:
                log.warning("status of pod %s: %s", self.pod.metadata.name, error)
                await self._with.clock.sleep_wall(_RETRY_SECONDS)
                continue
            await self._changed.wait()

    async def _write_status(self) -> None:
        view = PodView(
            [one.view for one in self.containers],
            [one.view for one in self.inits],
            prepared=self._prepared,
            stopped=self._stopped,
            over=self._over,
        )
        before = self._written or self._before
        status = pod_status(self.pod, view, self._with.clock.now(), before)
        if status != self._written:
            await write_status(self._client, self.pod.metadata, status)
            self._written = status

    async def _confirm(self) -> None:
        """Tell the server that the pod is gone from here."""
        meta = self.pod.metadata
        while not self._vanished:
            try:
                await confirm(self._client, meta)
                return
            except (NotFound, Conflict):
                return  # removed, or another pod by that name
            except ApiError as error:
                log.warning("removal of pod %s: %s", meta.name, error)
                await self._with.clock.sleep_wall(_RETRY_SECONDS)

    def _lives(self, specs: Iterable[NodeContainer], *, is_init: bool) -> list[ContainerLife]:
        wanted = (Wanted(self.pod, spec, self._port_of(spec), is_init) for spec in specs)
        return [ContainerLife(self._with, self._folder, one, self._note) for one in wanted]

    def _port_of(self, spec: NodeContainer) -> int:
        """The port in PORT: of the first that is declared, else of the pod, else one of its own."""
        ports = spec.ports if spec not in self.pod.spec.init_containers or spec.is_sidecar() else ()
        if ports:
            return self.pod.served(ports[0]) or 0
        declared = any(True for _ in self.pod.spec.declared_ports())
        if not declared and spec is self.pod.spec.containers[0]:
            return self.pod.port() or 0
        self._own_ports.append(self._with.ports.take())
        return self._own_ports[-1]

    def _give_back(self) -> None:
        for port in (*self._own_ports, self.pod.port() or 0, *self.pod.ports().values()):
            self._with.ports.give_back(port)
        self._with.logs.forget(self.pod.metadata.namespace, self.pod.metadata.name)
        self._folder.remove()

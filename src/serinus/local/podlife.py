"""One pod on the node, from its start to the confirmation of its removal.

The order of a removal protects requests: endpoint gone, a moment of wall time, SIGTERM, grace,
SIGKILL, confirmation.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from serinus.kube.client import Client
from serinus.kube.errors import ApiError, Conflict, NotFound
from serinus.local.container import ContainerLife, Equipment
from serinus.local.podspec import NodeContainer, NodePod
from serinus.local.podstatus import Ended, PodView, pod_status
from serinus.local.podwrites import confirm, write_status
from serinus.local.resuming import known_before, resumed

log = logging.getLogger(__name__)
ENDPOINT_LIMIT_SECONDS = 10.0
"""A pod whose endpoint does not go within this wall time is ended all the same."""
_RETRY_SECONDS = 0.2


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
        self._leave = asyncio.Event()
        self._vanished = False
        self._changed = asyncio.Event()
        self._written: dict[str, Any] = {}
        self._own_ports: list[int] = []
        self.containers = self._lives()
        self.inits = [
            ContainerLife(equipment, pod, spec, self._take_port(), self._changed.set)
            for spec in pod.spec.init_containers
        ]
        for init in self.inits:
            init.is_init = True
        for container in self.containers:
            container.resume(resumed(container.view, pod.status))
        self._before = known_before(pod.status)

    def update(self, pod: NodePod) -> None:
        """The pod as the server has it now."""
        gates = pod.status.conditions != self.pod.status.conditions
        self.pod = pod
        if gates and pod.spec.readiness_gates:
            self._changed.set()
        if pod.metadata.deletion_timestamp is not None:
            self._leave.set()

    def vanish(self) -> None:
        """The server has no such pod any more: end it without asking."""
        self._vanished = True
        self._leave.set()

    async def run(self) -> None:
        """Until the pod is removed; nothing of it runs afterwards."""
        writing = asyncio.create_task(self._write_statuses())
        working = asyncio.create_task(self._work())
        try:
            await self._leave.wait()
            await self._stop()
        finally:
            for task in (writing, working):
                task.cancel()
            await asyncio.gather(writing, working, return_exceptions=True)
            self._signal_all(signal.SIGKILL)
            self._give_back()
        if not self._vanished:
            await self._confirm()

    async def _work(self) -> None:
        for init in self.inits:
            await init.run()
            ended = init.view.state
            if not isinstance(ended, Ended) or ended.exit_code:
                return
        await asyncio.gather(*(container.run() for container in self.containers))

    async def _stop(self) -> None:
        everyone = [*self.inits, *self.containers]
        for one in everyone:
            one.stop()
        running = [one.process for one in everyone if one.process is not None]
        if not running:
            return
        if not self._vanished:
            with suppress(TimeoutError):
                async with asyncio.timeout(ENDPOINT_LIMIT_SECONDS):
                    await self._no_endpoints(self.pod)
        self._with.report(self.pod, "Normal", "Killing", "Stopping the pod's containers")
        self._signal_all(signal.SIGTERM)
        waiting = [asyncio.ensure_future(asyncio.shield(process.exited)) for process in running]
        await asyncio.wait(waiting, timeout=self._grace_seconds())
        self._signal_all(signal.SIGKILL)
        await asyncio.wait(waiting)

    def _grace_seconds(self) -> float:
        asked = self.pod.metadata.deletion_grace_period_seconds
        return self.pod.spec.grace_seconds() if asked is None else float(asked)

    def _signal_all(self, number: int) -> None:
        for one in (*self.inits, *self.containers):
            one.signal(number)

    async def _write_statuses(self) -> None:
        """Write the status whenever it differs from what was written last."""
        while True:
            self._changed.clear()
            view = PodView([one.view for one in self.containers], [one.view for one in self.inits])
            before = self._written or self._before
            status = pod_status(self.pod, view, self._with.clock.now(), before)
            if status != self._written:
                try:
                    await write_status(self._client, self.pod.metadata, status)
                except NotFound:
                    return  # the watch will say so
                except ApiError as error:
                    log.warning("status of pod %s: %s", self.pod.metadata.name, error)
                    await self._with.clock.sleep_wall(_RETRY_SECONDS)
                    continue
                self._written = status
            await self._changed.wait()

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

    def _lives(self) -> list[ContainerLife]:
        return [
            ContainerLife(self._with, self.pod, spec, self._port_of(spec), self._changed.set)
            for spec in self.pod.spec.containers
        ]

    def _port_of(self, spec: NodeContainer) -> int:
        """The port in PORT: of the first that is declared, else of the pod, else one of its own."""
        if spec.ports:
            return self.pod.served(spec.ports[0]) or 0
        declared = any(True for _ in self.pod.spec.declared_ports())
        if not declared and spec is self.pod.spec.containers[0]:
            return self.pod.port() or 0
        return self._take_port()

    def _take_port(self) -> int:
        self._own_ports.append(self._with.ports.take())
        return self._own_ports[-1]

    def _give_back(self) -> None:
        for port in (*self._own_ports, self.pod.port() or 0, *self.pod.ports().values()):
            self._with.ports.give_back(port)
        self._with.logs.forget(self.pod.metadata.namespace, self.pod.metadata.name)

"""The one node: binds pods to itself and runs them as processes of this machine.

A client of the API server like a kubelet: it reads pods and writes their status. It knows no
workload and no Service; it only looks at endpoint slices to see that a pod's endpoint is gone.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from serinus.api.kubernetes import EndpointSlice, ObjectMeta
from serinus.api.wire import Wire
from serinus.base.clock import Clock
from serinus.base.quantity import parse_quantity
from serinus.kube.client import Client
from serinus.kube.errors import ApiError, NotFound
from serinus.kube.events import EventRecorder
from serinus.kube.informer import Informer
from serinus.kube.resource import CONFIGMAPS, ENDPOINTSLICES, SECRETS
from serinus.local.apiserver.reading.logs import LogOptions
from serinus.local.machine.ports import Ports
from serinus.local.machine.processes import Processes
from serinus.local.machine.usage import usage_of
from serinus.local.metrics.sources import ContainerUsage
from serinus.local.node.container import ContainerLife
from serinus.local.node.environment import Lookup
from serinus.local.node.images import ImageTable
from serinus.local.node.logs import Logs
from serinus.local.node.podlife import PodLife
from serinus.local.node.podspec import NodePod
from serinus.local.node.podstatus import Waiting, timestamp
from serinus.local.node.podwrites import NODE_NAME, bind, machine_capacity, register
from serinus.local.node.preparing import Equipment
from serinus.local.telling import Telling

log = logging.getLogger(__name__)
MEMORY_CHECK_SECONDS = 0.5
UNROUTE_SECONDS, UNROUTE_POLL_SECONDS = 0.5, 0.02
"""Wall time between the last request to a pod and its SIGTERM: what is under way may end."""
_RETRY_SECONDS = 0.2
_UID_INDEX = "uid"
_REFERRED = {"ConfigMap": CONFIGMAPS, "Secret": SECRETS}
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")


class Referred(Wire, frozen=True, kw_only=True):
    """A ConfigMap or Secret whose changes are followed; what it holds is read when needed."""

    metadata: ObjectMeta = ObjectMeta()


def pods_of_slice(part: EndpointSlice) -> Iterable[str]:
    """The index of endpoint slices by the uid of the pod behind them."""
    return tuple(e.target_ref.uid for e in part.endpoints if e.target_ref is not None)


class Node:
    """Runs every pod of the server; `pods` is shared with others.

    `routes_to(port)` may be set to say whether a data plane sends requests to a port.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        pods: Informer[NodePod],
        images: ImageTable,
        chance: random.Random,
    ) -> None:
        self.logs = Logs(clock)
        self.processes = Processes()
        self.ports = Ports(chance)
        self.routes_to: Callable[[int], Awaitable[bool]] = _nothing_routes
        self._client = client
        self._clock = clock
        self._pods = pods
        self._lives: dict[str, PodLife] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slices = Informer(
            *(client, ENDPOINTSLICES, EndpointSlice, clock),
            indexes={_UID_INDEX: pods_of_slice},
            jitter=chance,
        )
        self._slices_changed = asyncio.Event()
        self._telling = Telling(EventRecorder(client, clock, "kubelet"))
        self._scheduling = Telling(EventRecorder(client, clock, "default-scheduler"))
        self._references = [
            (kind, Informer(client, resource, Referred, clock, jitter=chance))
            for kind, resource in _REFERRED.items()
        ]
        self._images = images
        self._own_folder: Path | None = None
        self._equipment: Equipment | None = None

    async def run(self) -> None:
        """Run pods until cancelled; then every process of them is killed."""
        await register(self._client, timestamp(self._clock.now()))
        self._slices.on_change(lambda old, new: self._wake_waiting())
        for kind, informer in self._references:
            informer.on_change(partial(self._reference_changed, kind))
        self._pods.on_change(self._pod_changed)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._slices.run())
                for _, informer in self._references:
                    group.create_task(informer.run())
                group.create_task(self._telling.run())
                group.create_task(self._scheduling.run())
                await self._pods.synced()
                for pod in self._pods.store.all():
                    self._pod_changed(None, pod)
                await self._watch_memory()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            await self.processes.close()
            self.ports.close()
            if self._own_folder is not None:
                shutil.rmtree(self._own_folder, ignore_errors=True)

    def read_logs(
        self, namespace: str, pod: str, container: str, options: LogOptions
    ) -> AsyncIterator[bytes]:
        """The lines of a container, as a server's log request asks for them.

        Raises ValueError in the kubelet's words if there is no such log.
        """
        ring = self.logs.ring(namespace, pod, container, previous=options.previous)
        if ring is not None:
            return ring.read(options)
        if options.previous:
            raise ValueError(
                f'previous terminated container "{container}" in pod "{pod}" not found'
            )
        states = [
            one.view.state
            for life in self._lives.values()
            if (life.pod.metadata.namespace, life.pod.metadata.name) == (namespace, pod)
            for one in life.everyone
            if one.spec.name == container
        ]
        reason = states[0].reason if states and isinstance(states[0], Waiting) else ""
        if reason in ("ErrImagePull", "ImagePullBackOff"):
            reason = "trying and failing to pull image"
        reason = reason or "ContainerCreating"
        raise ValueError(f'container "{container}" in pod "{pod}" is waiting to start: {reason}')

    def usage(self) -> Iterator[ContainerUsage]:
        """What each running container uses now."""
        running = list(self._running())
        used = usage_of([pid for _, _, pid in running])
        for life, container, pid in running:
            if pid in used:
                meta, of = life.pod.metadata, used[pid]
                yield ContainerUsage(
                    *(meta.namespace, meta.name, container.spec.name),
                    memory_bytes=of.memory_bytes,
                    cpu_seconds=of.cpu_seconds,
                )

    def _pod_changed(self, old: NodePod | None, new: NodePod | None) -> None:
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            life = self._lives.get(old.metadata.uid)
            if life is not None:
                life.vanish()
        if new is None or new.spec.node_name not in ("", NODE_NAME):
            return
        uid = new.metadata.uid
        if uid in self._lives:
            self._lives[uid].update(new)
        elif uid not in self._tasks and new.status.phase not in ("Succeeded", "Failed"):
            task = self._tasks[uid] = asyncio.create_task(self._run_pod(new))
            task.add_done_callback(lambda _: self._tasks.pop(uid, None))

    async def _run_pod(self, pod: NodePod) -> None:
        uid = pod.metadata.uid
        try:
            bound = await self._bind(pod)
            if bound is None:
                return
            life = PodLife(self._equip(), self._client, bound, self._no_endpoints)
            self._lives[uid] = life
            current = self._pods.store.get(pod.metadata.namespace, pod.metadata.name)
            if current is None or current.metadata.uid != uid:
                life.vanish()
            else:
                life.update(current)
            await life.run()
        except Exception:
            # a bug in one pod's life must not stop the others
            log.exception("pod %s/%s failed", pod.metadata.namespace, pod.metadata.name)
        finally:
            self._lives.pop(uid, None)

    async def _bind(self, pod: NodePod) -> NodePod | None:
        """The pod with node and port written to it; None if it is gone."""
        meta = pod.metadata
        if pod.port() is not None and pod.spec.node_name == NODE_NAME:
            return pod
        declared = sum(1 for _ in pod.spec.declared_ports())
        ports = [self.ports.take() for _ in range(max(1, declared))]
        while True:
            try:
                answer = await bind(self._client, pod, ports)
                break
            except NotFound:
                for port in ports:
                    self.ports.give_back(port)
                return None
            except ApiError as error:
                log.warning("binding of pod %s/%s: %s", meta.namespace, meta.name, error)
                await self._clock.sleep_wall(_RETRY_SECONDS)
        self._pods.expect(answer)
        message = f"Successfully assigned {meta.namespace}/{meta.name} to {NODE_NAME}"
        self._scheduling.tell(("v1", "Pod"), pod.metadata, "Normal", "Scheduled", message)
        return self._pods.store.get(meta.namespace, meta.name)

    async def _no_endpoints(self, pod: NodePod) -> None:
        """Wait until no slice names the pod, and nothing has been sent to it for a moment.

        The data plane is asked before and after that moment: it may be so far behind that it had
        not yet begun to send when the endpoint went.
        """
        ports = {pod.port() or 0, *pod.ports().values()}
        while self._slices.store.by_index(_UID_INDEX, pod.metadata.uid):
            await self._slices_changed.wait()
        while True:
            while await self._is_sent_to(ports):
                await self._clock.sleep_wall(UNROUTE_POLL_SECONDS)
            await self._clock.sleep_wall(UNROUTE_SECONDS)
            if not await self._is_sent_to(ports):
                return

    async def _is_sent_to(self, ports: Iterable[int]) -> bool:
        return any([await self.routes_to(port) for port in ports])

    def _wake_waiting(self) -> None:
        self._slices_changed.set()
        self._slices_changed = asyncio.Event()

    async def _look_up(
        self, namespace: str, wanted: Iterable[Lookup]
    ) -> Mapping[Lookup, Mapping[str, bytes]]:
        found: dict[Lookup, Mapping[str, bytes]] = {}
        for kind, name in wanted:
            try:
                held = await self._client.get(_REFERRED[kind], name, namespace)
            except NotFound:
                continue
            coded = held.get("data" if kind == "Secret" else "binaryData") or {}
            plain = held.get("data") or {} if kind == "ConfigMap" else {}
            found[kind, name] = {key: text.encode() for key, text in plain.items()} | {
                key: base64.b64decode(text) for key, text in coded.items()
            }
        return found

    def _reference_changed(self, kind: str, old: Referred | None, new: Referred | None) -> None:
        changed = new or old
        if changed is not None:
            meta = changed.metadata
            for life in self._lives.values():
                if life.refers_to(meta.namespace, (kind, meta.name)):
                    life.reference_changed()

    def _equip(self) -> Equipment:
        """What all containers share; made when the folder of the processes is settled."""
        if self._equipment is None:
            folder = self.processes.folder
            if folder is None:
                folder = self._own_folder = Path(tempfile.mkdtemp(prefix="serinus-pods-"))
            self._equipment = Equipment(
                clock=self._clock,
                processes=self.processes,
                images=self._images,
                logs=self.logs,
                ports=self.ports,
                folder=Path.cwd(),
                pods_folder=folder / "pods",
                base_env={key: os.environ[key] for key in _INHERITED if key in os.environ},
                capacity=machine_capacity(),
                look_up=self._look_up,
                report=self._report,
            )
        return self._equipment

    def _report(self, pod: NodePod, type_: str, reason: str, message: str, field: str = "") -> None:
        self._telling.tell(("v1", "Pod", field), pod.metadata, type_, reason, message)

    def _running(self) -> Iterator[tuple[PodLife, ContainerLife, int]]:
        for life in self._lives.values():
            for container in life.everyone:
                if container.process is not None:
                    yield life, container, container.process.pid

    async def _watch_memory(self) -> None:
        """Kill what takes more memory than its limit, as a kernel would."""
        while True:
            await self._clock.sleep_wall(MEMORY_CHECK_SECONDS)
            limited = [
                (life, container, pid, limit)
                for life, container, pid in self._running()
                if (limit := container.spec.resources.limits.get("memory")) is not None
            ]
            used = usage_of([pid for _, _, pid, _ in limited])
            for life, container, pid, limit in limited:
                memory = used[pid].memory_bytes if pid in used else 0
                if memory > parse_quantity(limit):
                    message = f"{container.spec.name} uses {memory >> 20} MiB, its limit is {limit}"
                    self._report(life.pod, "Warning", "OOMKilling", message)
                    container.kill_for_memory()


async def _nothing_routes(port: int) -> bool:
    """Without a data plane nothing is sent."""
    return False

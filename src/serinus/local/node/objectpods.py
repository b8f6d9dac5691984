"""A node whose pods are only objects: for tests at scale, in virtual time or on a wall clock.

Takes the place of `node.Node`. No processes, no sockets, no events; the status of each pod comes
from the same `pod_status`. A `Fate` says how a pod goes by itself; a test may take readiness away,
end containers, and make pods vanish. What a pod's process would need (ConfigMaps, volumes, free
ports) is not looked at.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.errors import Conflict, NotFound
from serinus.kube.informer import Informer
from serinus.kube.workqueue import WorkQueue
from serinus.local.apiserver.reading.logs import LogOptions
from serinus.local.controllers.loop import work
from serinus.local.machine.ports import Ports
from serinus.local.machine.processes import Processes
from serinus.local.metrics.sources import ContainerUsage
from serinus.local.node.backoff import LONG_RUN_SECONDS, back_off_message, back_off_seconds
from serinus.local.node.images import ImageTable, Refused
from serinus.local.node.logs import Logs
from serinus.local.node.podspec import NodeContainer, NodePod
from serinus.local.node.podstatus import (
    ContainerView,
    Ended,
    PodView,
    Running,
    State,
    Waiting,
    first_state,
    pod_status,
    timestamp,
)
from serinus.local.node.podwrites import NODE_NAME, bind, confirm, register, write_status

LEAVING_SECONDS = 0.5
"""Wall time between the deletion of a pod and its end, as where pods are processes."""
MOST_PODS = 100_000
_PORTS = range(1024, 65536)
_WORKERS = 8
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Fate:
    """How the containers of a pod go; seconds of the clock from each start on.

    `ready_after_seconds` None: never ready. `ends_after_seconds` None: they run until they are
    ended from outside.
    """

    ready_after_seconds: float | None = 0.0
    ends_after_seconds: float | None = None
    exit_code: int = 0


def usual_fate(pod: NodePod) -> Fate:
    """Services are ready at once and stay; what is not always restarted ends well after 1 s."""
    return Fate() if pod.spec.restart_policy == "Always" else Fate(ends_after_seconds=1.0)


@dataclass(slots=True)
class _Paper:
    """What is known of one pod beside its object."""

    uid: str
    containers: dict[str, ContainerView]
    withheld: bool = False
    crashes: dict[str, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    written: dict[str, Any] = field(default_factory=dict)
    due: list[datetime] = field(default_factory=list)


class ObjectPods:
    """The node; `pods` is the informer shared with others. `fate` may be set by a test.

    `logs`, `processes`, `ports` and `routes_to` are there because the cluster asks its node for
    them; no pod uses them.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        pods: Informer[NodePod],
        images: ImageTable,
        chance: random.Random,
    ) -> None:
        self.fate: Callable[[NodePod], Fate] = usual_fate
        self.logs = Logs(clock)
        self.processes = Processes()
        self.ports = Ports(chance)
        self.routes_to: Any = None
        self._client = client
        self._clock = clock
        self._pods = pods
        self._images = images
        self._papers: dict[Key, _Paper] = {}
        self._given = 0
        self._queue: WorkQueue[Key] = WorkQueue(clock, chance)
        pods.on_change(self._pod_changed)

    async def run(self) -> None:
        """Keep every pod's status true until cancelled."""
        await register(self._client, timestamp(self._clock.now()), MOST_PODS)
        await self._pods.synced()
        await work("object pods", self._queue, self._reconcile, _WORKERS)

    def read_logs(
        self, namespace: str, pod: str, container: str, options: LogOptions
    ) -> AsyncIterator[bytes]:
        """There are none: raises ValueError that says so."""
        raise ValueError(f"pod {namespace}/{pod} is only an object here and writes no log")

    def usage(self) -> Iterator[ContainerUsage]:
        """What containers use: nothing."""
        return iter(())

    def set_ready(self, name: str, ready: bool, namespace: str = "default") -> None:
        """Take a pod's readiness away, or give it back. Raises LookupError if it is not there."""
        self._paper(namespace, name).withheld = not ready
        self._queue.add((namespace, name))

    def end(
        self, name: str, exit_code: int = 1, namespace: str = "default", container: str = ""
    ) -> None:
        """End the named container of a pod, or all of them; the restart policy says what then.

        Raises LookupError if the pod or the container is not there.
        """
        paper = self._paper(namespace, name)
        if container and container not in paper.containers:
            raise LookupError(f"pod {namespace}/{name} has no container {container}")
        names = [container] if container else list(paper.containers)
        paper.codes |= dict.fromkeys(names, exit_code)
        self._queue.add((namespace, name))

    async def vanish(self, name: str, namespace: str = "default") -> None:
        """Remove a pod at once, without any grace, as when its machine is lost."""
        pod = self._pods.store.get(namespace, name)
        if pod is None:
            raise LookupError(f"there is no pod {namespace}/{name}")
        await confirm(self._client, pod.metadata)

    def _paper(self, namespace: str, name: str) -> _Paper:
        paper = self._papers.get((namespace, name))
        if paper is None:
            raise LookupError(f"pod {namespace}/{name} has not begun here")
        return paper

    def _pod_changed(self, old: NodePod | None, new: NodePod | None) -> None:
        changed = new or old
        if changed is None or changed.spec.node_name not in ("", NODE_NAME):
            return
        key = (changed.metadata.namespace, changed.metadata.name)
        if new is None:
            self._papers.pop(key, None)
        elif old is None or _concerns(old, new):
            self._queue.add(key)

    async def _reconcile(self, key: Key) -> None:
        pod = self._pods.store.get(*key)
        if pod is None:
            return
        if pod.metadata.deletion_timestamp is not None:
            await self._leave(key, pod)
            return
        if pod.status.phase in ("Succeeded", "Failed"):
            return
        paper = self._papers.get(key)
        if paper is None or paper.uid != pod.metadata.uid:
            fresh = {c.name: _new(pod, c) for c in pod.spec.containers}
            paper = self._papers[key] = _Paper(pod.metadata.uid, fresh)
        if pod.port() is None or pod.spec.node_name != NODE_NAME:
            declared = sum(1 for _ in pod.spec.declared_ports())
            ports = [self._next_port() for _ in range(max(1, declared))]
            self._pods.expect(await bind(self._client, pod, ports))
            pod = self._pods.store.get(*key) or pod
        await self._advance(key, pod, paper)

    async def _advance(self, key: Key, pod: NodePod, paper: _Paper) -> None:
        now, fate = self._clock.now(), self.fate(pod)
        paper.due.clear()
        for container in pod.spec.containers:
            self._step(pod, paper, container, fate)
        view = PodView(list(paper.containers.values()), _inits(pod, now))
        status = pod_status(pod, view, now, paper.written)
        if status != paper.written:
            self._pods.expect(await write_status(self._client, pod.metadata, status))
            paper.written = status
        if paper.due:
            self._queue.add_at(key, min(paper.due))

    def _step(self, pod: NodePod, paper: _Paper, spec: NodeContainer, fate: Fate) -> None:
        """Bring one container to where it should be now; what comes later is put on `due`."""
        view, now = paper.containers[spec.name], self._clock.now()
        if isinstance(view.state, Ended) and _restarts(pod, view.state):
            view = self._after_end(pod, paper, view, view.state)
        if isinstance(view.state, Waiting) and self._may_start(paper, view, now):
            view = self._started(view, spec)
        if isinstance(view.state, Running):
            view = self._watched(paper, view, view.state, fate)
            if isinstance(view.state, Ended):
                paper.due.append(now)  # that it ended is shown before it starts again
        paper.containers[spec.name] = view

    def _started(self, view: ContainerView, spec: NodeContainer) -> ContainerView:
        program = self._images.program(spec.image)
        if isinstance(program, Refused):
            return replace(view, state=Waiting(program.reason, program.message))
        restarts = view.restarts + (view.last is not None)
        state: State = Running(self._clock.now(), 0)
        return replace(view, state=state, restarts=restarts, started=True)

    def _may_start(self, paper: _Paper, view: ContainerView, now: datetime) -> bool:
        if view.last is None:
            return True
        wait = _wait_seconds(paper.crashes[view.name])
        at = view.last.finished_at + timedelta(seconds=wait)
        if at > now:
            paper.due.append(at)
        return at <= now

    def _watched(
        self, paper: _Paper, view: ContainerView, running: Running, fate: Fate
    ) -> ContainerView:
        """A running container, ready or ended as its fate and the test will have it."""
        now, began = self._clock.now(), running.started_at
        code = paper.codes.pop(view.name, None)
        if code is None and fate.ends_after_seconds is not None:
            at = began + timedelta(seconds=fate.ends_after_seconds)
            if at <= now:
                code = fate.exit_code
            else:
                paper.due.append(at)
        if code is not None:
            reason = "Error" if code else "Completed"
            ended = Ended(code, reason, began, now)
            return replace(view, state=ended, ready=False, started=False)
        ready_at = fate.ready_after_seconds
        at = began + timedelta(seconds=ready_at or 0.0)
        if ready_at is not None and at > now:
            paper.due.append(at)
        ready = ready_at is not None and at <= now and not paper.withheld
        return replace(view, ready=ready)

    def _after_end(
        self, pod: NodePod, paper: _Paper, view: ContainerView, ended: Ended
    ) -> ContainerView:
        """Quirk: the first restart is at once, the second after 10 s, then ever twice as late."""
        ran = (ended.finished_at - ended.started_at).total_seconds()
        crashes = 1 if ran >= LONG_RUN_SECONDS else paper.crashes.get(view.name, 0) + 1
        paper.crashes[view.name] = crashes
        seconds = _wait_seconds(crashes)
        message = back_off_message(seconds, view.name, pod.metadata)
        return replace(view, state=Waiting("CrashLoopBackOff", message), last=ended)

    async def _leave(self, key: Key, pod: NodePod) -> None:
        grace = pod.metadata.deletion_grace_period_seconds or 0
        marked = pod.metadata.deletion_timestamp or self._clock.now()
        wait = self._clock.span(min(LEAVING_SECONDS, grace))
        # the timestamp of a deletion lies a whole grace after it
        at = marked - self._clock.span(grace) + wait
        if at > self._clock.now():
            self._queue.add_at(key, at)
            return
        try:
            await confirm(self._client, pod.metadata)
        except (NotFound, Conflict):
            return  # removed, or another pod by that name
        self._papers.pop(key, None)

    def _next_port(self) -> int:
        """Ever another port, as long as there are some: nothing listens on it."""
        self._given += 1
        return _PORTS[(20000 - _PORTS.start + self._given) % len(_PORTS)]


def _concerns(old: NodePod, new: NodePod) -> bool:
    """Whether a change is more than the echo of what was written from here."""
    if new.metadata.uid != old.metadata.uid or new.spec != old.spec or new.spec.readiness_gates:
        return True
    return new.metadata.deletion_timestamp != old.metadata.deletion_timestamp


def _new(pod: NodePod, spec: NodeContainer) -> ContainerView:
    return ContainerView(spec.name, spec.image, first_state(pod))


def _inits(pod: NodePod, now: datetime) -> list[ContainerView]:
    """Init containers take no time here: they have ended, and sidecars run."""
    since = pod.status.start_time or now
    made = []
    for spec in pod.spec.init_containers:
        one = ContainerView(spec.name, spec.image, Ended(0, "Completed", since, since))
        if spec.is_sidecar():
            one = replace(one, state=Running(since, 0), ready=True, started=True, sidecar=True)
        made.append(one)
    return made


def _restarts(pod: NodePod, ended: Ended) -> bool:
    policy = pod.spec.restart_policy
    return policy == "Always" or (policy == "OnFailure" and ended.exit_code != 0)


def _wait_seconds(crashes: int) -> float:
    return back_off_seconds(crashes - 1) if crashes > 1 else 0.0

"""What the node says about a pod: states of containers to a status as kubectl shows it. Pure.

Reasons, phases and conditions are the kubelet's. Times are the clock's, in whole seconds. Every
node here, whether its pods are processes or only objects, writes what this file makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from serinus.local.node.environment import HOST
from serinus.local.node.podspec import NodePod


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not running; `reason` as ContainerCreating, CrashLoopBackOff, ErrImagePull."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """Running as process `pid` since `started_at`."""

    started_at: datetime
    pid: int


@dataclass(frozen=True, slots=True)
class Ended:
    """Ended; `exit_code` is 128 + number after a signal."""

    exit_code: int
    reason: str
    started_at: datetime
    finished_at: datetime
    pid: int = 0
    message: str = ""


State = Waiting | Running | Ended


@dataclass(frozen=True, slots=True)
class ContainerView:
    """One container as it stands; `last` is the instance before.

    `started` says that it has come through its startup probe; `sidecar` that it is an init
    container which goes on.
    """

    name: str
    image: str
    state: State
    last: Ended | None = None
    ready: bool = False
    restarts: int = 0
    started: bool = False
    sidecar: bool = False


@dataclass(frozen=True, slots=True)
class PodView:
    """All containers of a pod; `inits` includes the sidecars.

    `prepared` says that its volumes are there; `stopped` is the reason and message of a pod that
    was ended before its time; `over` says that nothing of it will ever start again.
    """

    containers: Sequence[ContainerView]
    inits: Sequence[ContainerView] = ()
    prepared: bool = True
    stopped: tuple[str, str] | None = None
    over: bool = False

    def lasting(self) -> Iterator[ContainerView]:
        """The containers that are there to stay."""
        yield from (one for one in self.inits if one.sidecar)
        yield from self.containers

    def has_begun(self) -> bool:
        """Whether the init containers are over: one of the others has been started."""
        return any(not _is_new(one) for one in self.containers)


def timestamp(at: datetime) -> str:
    """An instant as objects carry it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def first_state(pod: NodePod) -> Waiting:
    """What a container is doing before its pod has begun."""
    return Waiting("PodInitializing" if pod.spec.init_containers else "ContainerCreating")


def phase_of(policy: str, view: PodView) -> str:
    """The pod's phase under a restart policy."""
    if view.stopped is not None:
        return "Failed"
    if view.over:
        return "Failed" if any(_code(one) != 0 for one in view.containers) else "Succeeded"
    plain = [one for one in view.inits if not one.sidecar]
    if policy == "Never" and any(_code(one) for one in plain):
        return "Failed"
    if not view.has_begun() or any(_is_new(one) for one in view.containers):
        return "Pending"
    codes = [_code(one) for one in view.containers]
    if not codes or None in codes or policy == "Always":
        return "Running" if codes else "Pending"
    if not any(codes):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def pod_status(
    pod: NodePod, view: PodView, now: datetime, before: Mapping[str, Any]
) -> dict[str, Any]:
    """The status to write; `before` is the one written last (empty at first).

    Conditions keep their transition time as long as their status stays.
    """
    phase = phase_of(pod.spec.restart_policy, view)
    sandbox = view.prepared and phase not in ("Succeeded", "Failed")
    conditions = {
        "PodReadyToStartContainers": ("True" if sandbox else "False", "", ""),
        "Initialized": _initialized(phase, view),
        "Ready": _ready(pod, phase, view),
        "ContainersReady": _readiness(phase, view),
        "PodScheduled": ("True", "", ""),
    }
    reason = dict(zip(("reason", "message"), view.stopped or (), strict=False))
    return {
        "phase": phase,
        **reason,
        "hostIP": HOST,
        "hostIPs": [{"ip": HOST}],
        **({"podIP": HOST, "podIPs": [{"ip": HOST}]} if view.prepared else {}),
        "startTime": before.get("startTime") or timestamp(now),
        "qosClass": quality(pod),
        "conditions": _dated(conditions, now, before),
        "containerStatuses": [_container(one) for one in view.containers],
        **(
            {"initContainerStatuses": [_container(one, init=True) for one in view.inits]}
            if view.inits
            else {}
        ),
    }


def _is_new(one: ContainerView) -> bool:
    return isinstance(one.state, Waiting) and one.last is None


def _code(one: ContainerView) -> int | None:
    """The exit code of a container that has ended, or had and waits for its next start."""
    if isinstance(one.state, Ended):
        return one.state.exit_code
    if isinstance(one.state, Waiting) and one.last is not None:
        return one.last.exit_code
    return None


def _is_initialized(init: ContainerView) -> bool:
    if init.sidecar:
        return init.started
    return isinstance(init.state, Ended) and init.state.exit_code == 0


def _dated(
    conditions: Mapping[str, tuple[str, str, str]], now: datetime, before: Mapping[str, Any]
) -> list[dict[str, Any]]:
    known = {condition["type"]: condition for condition in before.get("conditions") or ()}
    made = []
    for kind, (status, reason, message) in conditions.items():
        same = known.get(kind, {}).get("status") == status
        since = known[kind]["lastTransitionTime"] if same else timestamp(now)
        said = {key: text for key, text in (("reason", reason), ("message", message)) if text}
        made.append({"type": kind, "status": status, "lastTransitionTime": since, **said})
    return made


def _readiness(phase: str, view: PodView) -> tuple[str, str, str]:
    if phase in ("Succeeded", "Failed"):
        return "False", "PodCompleted" if phase == "Succeeded" else "PodFailed", ""
    unready = " ".join(one.name for one in view.lasting() if not one.ready)
    if unready:
        message = f"containers with unready status: [{unready}]"
        return "False", "ContainersNotReady", message
    return "True", "", ""


def _ready(pod: NodePod, phase: str, view: PodView) -> tuple[str, str, str]:
    status = _readiness(phase, view)
    if status[0] != "True":
        return status
    held = {c.type: c.status for c in pod.status.conditions}
    closed = []
    for gate in (gate.condition_type for gate in pod.spec.readiness_gates):
        if gate not in held:
            closed.append(f'corresponding condition of pod readiness gate "{gate}" does not exist.')
        elif held[gate] != "True":
            said = f'the status of pod readiness gate "{gate}" is not "True", but {held[gate]}'
            closed.append(said)
    return ("False", "ReadinessGatesNotReady", ", ".join(closed)) if closed else status


def _initialized(phase: str, view: PodView) -> tuple[str, str, str]:
    if phase == "Succeeded":
        return "True", "PodCompleted" if view.inits else "", ""
    names = " ".join(one.name for one in view.inits if not _is_initialized(one))
    if not names or view.has_begun():
        return "True", "", ""
    return "False", "ContainersNotInitialized", f"containers with incomplete status: [{names}]"


def _container(one: ContainerView, *, init: bool = False) -> dict[str, Any]:
    pid = getattr(one.state, "pid", 0) or (one.last.pid if one.last else 0)
    return {
        "name": one.name,
        "image": one.image,
        "imageID": "",
        **({"containerID": f"process://{pid}"} if pid else {}),
        "ready": _is_initialized(one) if init and not one.sidecar else one.ready,
        "started": one.started,
        "restartCount": one.restarts,
        "state": _state(one.state),
        "lastState": _state(one.last) if one.last else {},
    }


def _state(state: State) -> dict[str, Any]:
    match state:
        case Waiting(reason, message):
            return {"waiting": {"reason": reason} | ({"message": message} if message else {})}
        case Running(started_at):
            return {"running": {"startedAt": timestamp(started_at)}}
        case Ended():
            return {
                "terminated": {
                    "exitCode": state.exit_code,
                    "reason": state.reason,
                    "startedAt": timestamp(state.started_at),
                    "finishedAt": timestamp(state.finished_at),
                    **({"message": state.message} if state.message else {}),
                    **({"containerID": f"process://{state.pid}"} if state.pid else {}),
                }
            }


def quality(pod: NodePod) -> str:
    """The quality-of-service class: what requests and limits promise."""
    asked = [c.resources for c in pod.spec.all_containers()]
    if not any(r.requests or r.limits for r in asked):
        return "BestEffort"
    same = all({"cpu", "memory"} <= {*r.limits} and r.requests in ({}, r.limits) for r in asked)
    return "Guaranteed" if same else "Burstable"

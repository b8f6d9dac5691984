"""What the node says about a pod: states of containers to a status as kubectl shows it. Pure.

Reasons and phases are the API's. Times are the clock's, in whole seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from serinus.local.environment import HOST
from serinus.local.podspec import NodePod


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
    """One container as it stands; `last` is the instance before."""

    name: str
    image: str
    state: State
    last: Ended | None = None
    ready: bool = False
    restarts: int = 0
    for_good: bool = False


def timestamp(at: datetime) -> str:
    """An instant as objects carry it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def phase_of(containers: Sequence[ContainerView], inits: Sequence[ContainerView]) -> str:
    """The pod's phase."""
    failed_init = any(
        isinstance(one.state, Ended) and one.for_good and one.state.exit_code for one in inits
    )
    if failed_init:
        return "Failed"
    if containers and all(one.for_good for one in containers):
        codes = [one.state.exit_code for one in containers if isinstance(one.state, Ended)]
        return "Failed" if any(codes) else "Succeeded"
    if any(isinstance(one.state, Waiting) and one.last is None for one in containers):
        return "Pending"
    return "Running"


def pod_status(
    pod: NodePod,
    containers: Sequence[ContainerView],
    inits: Sequence[ContainerView],
    now: datetime,
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """The status to write; `before` is the one written last (empty at first).

    Conditions keep their transition time as long as their status stays.
    """
    initialized = all(isinstance(one.state, Ended) and not one.state.exit_code for one in inits)
    phase = phase_of(containers, inits)
    unready = [one.name for one in containers if not one.ready]
    conditions = {
        "PodScheduled": ("True", "", ""),
        "Initialized": ("True", "", "") if initialized else _not_initialized(inits),
        "ContainersReady": _readiness(phase, unready),
        "Ready": _ready(pod, phase, unready),
    }
    return {
        "phase": phase,
        "hostIP": HOST,
        "hostIPs": [{"ip": HOST}],
        "podIP": HOST,
        "podIPs": [{"ip": HOST}],
        "startTime": before.get("startTime") or timestamp(now),
        "qosClass": _quality(pod),
        "conditions": _dated(conditions, now, before),
        "containerStatuses": [_container(one) for one in containers],
        **({"initContainerStatuses": [_container(one) for one in inits]} if inits else {}),
    }


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


def _readiness(phase: str, unready: Sequence[str]) -> tuple[str, str, str]:
    if phase in ("Succeeded", "Failed"):
        return "False", "PodCompleted", ""
    if unready:
        names = " ".join(unready)
        return "False", "ContainersNotReady", f"containers with unready status: [{names}]"
    return "True", "", ""


def _ready(pod: NodePod, phase: str, unready: Sequence[str]) -> tuple[str, str, str]:
    status = _readiness(phase, unready)
    if status[0] == "True":
        held = {c.type for c in pod.status.conditions if c.status == "True"}
        for gate in pod.spec.readiness_gates:
            if gate.condition_type not in held:
                message = f'the status of pod readiness gate "{gate.condition_type}" is not "True"'
                return "False", "ReadinessGatesNotReady", message
    return status


def _not_initialized(inits: Sequence[ContainerView]) -> tuple[str, str, str]:
    names = " ".join(one.name for one in inits if not isinstance(one.state, Ended))
    return "False", "ContainersNotInitialized", f"containers with incomplete status: [{names}]"


def _container(one: ContainerView) -> dict[str, Any]:
    pid = getattr(one.state, "pid", 0)
    return {
        "name": one.name,
        "image": one.image,
        "imageID": "",
        **({"containerID": f"process://{pid}"} if pid else {}),
        "ready": one.ready,
        "started": isinstance(one.state, Running),
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


def _quality(pod: NodePod) -> str:
    asked = [c.resources for c in pod.spec.containers]
    if not any(r.requests or r.limits for r in asked):
        return "BestEffort"
    same = all({"cpu", "memory"} <= {*r.limits} and r.requests in ({}, r.limits) for r in asked)
    return "Guaranteed" if same else "Burstable"

"""The columns of pods, whose status line is put together from many places.

The words (`CrashLoopBackOff`, `Completed`, `Terminating`, `Init:0/1`) are kubectl's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from serinus.local.apiserver.kinds.columns import age

Object = Mapping[str, Any]
_INITS = "initContainerStatuses"


def _statuses(pod: Object, field: str = "containerStatuses") -> list[Object]:
    return list((pod.get("status") or {}).get(field) or ())


def _sidecars(pod: Object) -> set[str]:
    """The init containers that go on beside the others."""
    inits = (pod.get("spec") or {}).get("initContainers") or ()
    return {init.get("name") for init in inits if init.get("restartPolicy") == "Always"}


def _lasting(pod: Object) -> list[Object]:
    """The statuses of all containers that are meant to go on: sidecars, then the others."""
    sidecars = _sidecars(pod)
    return [one for one in _statuses(pod, _INITS) if one.get("name") in sidecars] + _statuses(pod)


def pod_ready(pod: Object) -> str:
    """Ready containers of all: `1/2`; sidecars are among them."""
    containers = (pod.get("spec") or {}).get("containers") or ()
    ready = sum(1 for status in _lasting(pod) if status.get("ready"))
    return f"{ready}/{len(containers) + len(_sidecars(pod))}"


def pod_restarts(pod: Object, now: datetime) -> str:
    """How often containers were started again, and how long ago the last time was.

    While init containers are at work, these are counted.
    """
    counted = _statuses(pod, _INITS) if _init_word(pod) else _lasting(pod)
    count = sum(status.get("restartCount", 0) for status in counted)
    last = [
        ((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
        for status in counted
    ]
    seen = max(filter(None, last), default=None)
    return f"{count} ({age(seen, now)} ago)" if count and seen else str(count)


def pod_phase(pod: Object) -> str:
    """The one word that says how a pod is."""
    status = pod.get("status") or {}
    word = str(status.get("reason") or status.get("phase") or "Unknown")
    init = _init_word(pod)
    word = init or _container_word(pod, word)
    if pod["metadata"].get("deletionTimestamp") and status.get("phase") not in (
        "Succeeded",
        "Failed",
    ):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return word


def _init_word(pod: Object) -> str:
    """What the init containers are at; empty text once they are done, or were before."""
    if _has_condition(pod, "Initialized"):
        return ""  # a sidecar that has ended since begins nothing anew
    statuses, sidecars = _statuses(pod, _INITS), _sidecars(pod)
    total = len((pod.get("spec") or {}).get("initContainers") or ())
    for index, status in enumerate(statuses):
        state = status.get("state") or {}
        ended = state.get("terminated")
        if ended is not None and ended.get("exitCode") == 0:
            continue
        if status.get("name") in sidecars and status.get("started"):
            continue
        if ended is not None:
            return f"Init:{_end_word(ended)}"
        reason = (state.get("waiting") or {}).get("reason")
        if reason and reason != "PodInitializing":
            return f"Init:{reason}"
        return f"Init:{index}/{total}"
    return ""


def _container_word(pod: Object, word: str) -> str:
    running = False
    for status in reversed(_statuses(pod)):
        state = status.get("state") or {}
        if reason := (state.get("waiting") or {}).get("reason"):
            word = reason
        elif ended := state.get("terminated"):
            word = _end_word(ended)
        elif status.get("ready") and "running" in state:
            running = True
    if word == "Completed" and running:
        return "Running" if _has_condition(pod, "Ready") else "NotReady"
    return word


def _has_condition(pod: Object, name: str) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == name and one.get("status") == "True" for one in conditions)


def _end_word(ended: Object) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    if ended.get("signal"):
        return f"Signal:{ended['signal']}"
    return f"ExitCode:{ended.get('exitCode', 0)}"

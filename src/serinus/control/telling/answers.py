"""What the answers to our writes make known to people: refusals and warnings, as events. Pure.

The reasons are the original's, but for `PodTemplateWarning`. A secret is never in a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from serinus.core.rollout.actions import (
    Action,
    Announce,
    CreateRevision,
    Scale,
    ScaleWorkload,
    SetRouting,
)

_SHORTEST_SECRET = 4
_LISTS = ("containers", "initContainers", "ephemeralContainers")


def refused(action: Action, error: Exception) -> Announce:
    """A write that the server or an adapter will not do."""
    match action:
        case CreateRevision(name):
            text = f'Failed to create new replica set "{name}": {error}'
            return Announce("ReplicaSetCreateError", text, warning=True)
        case Scale(name, _, replicas):
            text = f"Failed to scale {name} to {replicas}: {error}"
            return Announce("ReplicaSetUpdateError", text, warning=True)
        case ScaleWorkload(kind, name, _, replicas):
            text = f"Failed to scale {kind} {name} to {replicas}: {error}"
            return Announce("ReplicaSetUpdateError", text, warning=True)
        case SetRouting():
            return Announce("TrafficRoutingError", str(error), warning=True)
        case _:
            return Announce("ReconciliationError", str(error), warning=True)


def warned(action: CreateRevision, warnings: Sequence[str], body: Mapping[str, Any]) -> Announce:
    """What the server thinks of a revision's ReplicaSet, of which it may have dropped fields.

    An admission webhook may say anything: values of env of `body` are taken out of its words.
    """
    text = "; ".join(warnings)
    for value in sorted(set(_values(body)), key=len, reverse=True):
        text = text.replace(value, "***")
    about = f"ReplicaSet {action.name} (revision {action.number})"
    return Announce("PodTemplateWarning", f"{about}: {text}", warning=True)


def _values(body: Mapping[str, Any]) -> Iterator[str]:
    spec = body["spec"]["template"].get("spec") or {}
    containers: Iterable[Any] = (c for kind in _LISTS for c in spec.get(kind) or ())
    for container in containers:
        for variable in container.get("env") or ():
            value = variable.get("value")
            if isinstance(value, str) and len(value) >= _SHORTEST_SECRET:
                yield value

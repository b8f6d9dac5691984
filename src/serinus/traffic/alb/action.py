"""Actions and conditions in annotations of the AWS Load Balancer Controller, as JSON.

Pure. Keys are read in any case, as Go does; written in that of the original. Knows no Ingress.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Matches = tuple[tuple[str, str, str], ...]
"""(header, "exact", value)."""
_WITHOUT_GROUPS = ("redirect", "fixed-response")


@dataclass(frozen=True, slots=True)
class Group:
    """One Service (or the ARN of a target group) and its part."""

    service: str
    port: str
    weight: int


@dataclass(frozen=True, slots=True)
class Forward:
    """Where the requests of an action go; no groups: to no Service."""

    groups: tuple[Group, ...] = ()
    sticky_seconds: int = 0
    """How long a user stays with one of them; 0: not at all."""

    def says_as(self, other: Forward) -> bool:
        """The order of groups means nothing."""
        same = sorted(map(_sortable, self.groups)) == sorted(map(_sortable, other.groups))
        return same and self.sticky_seconds == other.sticky_seconds


def read_action(text: Any) -> Forward:
    """What an action says. Raises ValueError with what cannot be understood."""
    try:
        return _forward(_lowered(json.loads(text)))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it is not an action ({type(error).__name__}: {error})") from error


def action_text(forward: Forward) -> str:
    """The JSON of it."""
    config: dict[str, Any] = {
        "TargetGroups": [
            {"ServiceName": one.service, "ServicePort": one.port, "Weight": one.weight}
            for one in forward.groups
        ]
    }
    if forward.sticky_seconds:
        seconds = {"Enabled": True, "DurationSeconds": forward.sticky_seconds}
        config["TargetGroupStickinessConfig"] = seconds
    return _json({"Type": "forward", "ForwardConfig": config})


def read_conditions(text: Any) -> Matches:
    """The headers that are asked for. Raises ValueError with what is not as we write it."""
    try:
        found = []
        for condition in _lowered(json.loads(text)):
            if condition["field"] != "http-header":
                raise ValueError(f"it asks for {condition['field']}")
            header = condition["httpheaderconfig"]
            found += [(str(header["httpheadername"]), "exact", str(v)) for v in header["values"]]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it asks for no headers ({type(error).__name__}: {error})") from error
    return tuple(found)


def conditions_text(matches: Matches) -> str:
    """All headers are asked for; several values of one are alternatives, as in the original."""
    values: dict[str, list[str]] = {}
    for header, _, value in matches:
        values.setdefault(header, []).append(value)
    return _json(
        [
            {
                "Field": "http-header",
                "HttpHeaderConfig": {"HttpHeaderName": header, "Values": given},
            }
            for header, given in values.items()
        ]
    )


def read_managed(text: str | None) -> dict[str, list[str]]:
    """Which annotations are whose, by Rollout. Raises ValueError."""
    found = json.loads(text) if text else {}
    if not isinstance(found, dict) or not all(_is_names(keys) for keys in found.values()):
        raise ValueError("it is not a map of Rollouts to lists of annotations")
    return found


def managed_text(managed: Mapping[str, Sequence[str]]) -> str:
    """The JSON of it."""
    return _json({name: list(keys) for name, keys in managed.items()})


def _forward(told: Any) -> Forward:
    kind = str(told["type"]).lower()
    if kind in _WITHOUT_GROUPS:
        return Forward()
    if kind != "forward":
        raise ValueError(f"its type is {told['type']!r}")
    config = told.get("forwardconfig") or {}
    rows = config.get("targetgroups")
    if not isinstance(rows, list) or not rows:
        raise ValueError("it has no ForwardConfig.TargetGroups")
    sticky = config.get("targetgroupstickinessconfig") or {}
    seconds = int(sticky.get("durationseconds") or 0) if sticky.get("enabled") else 0
    return Forward(tuple(_group(row, len(rows) == 1) for row in rows), seconds)


def _group(row: Any, is_only: bool) -> Group:
    service = str(row.get("servicename") or row.get("targetgrouparn") or row.get("targetgroupname"))
    weight = row.get("weight")
    if weight is None and is_only:
        weight = 1
    if isinstance(weight, bool) or not isinstance(weight, int) or weight < 0:
        raise ValueError(f"target group {service} has no Weight that is a number from 0 on")
    return Group(service, str(row.get("serviceport") or ""), weight)


def _lowered(value: Any) -> Any:
    """The same with all keys in small letters."""
    if isinstance(value, dict):
        return {str(key).lower(): _lowered(inner) for key, inner in value.items()}
    return [_lowered(inner) for inner in value] if isinstance(value, list) else value


def _is_names(keys: Any) -> bool:
    return isinstance(keys, list) and all(isinstance(key, str) for key in keys)


def _sortable(group: Group) -> tuple[str, str, int]:
    return group.service, group.port, group.weight


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))

"""Objects that a Rollout was routed by and names no more: another strategy or router was put into
it, or the object was taken out of the list. What they were told stays in force until they are led
back, so meanwhile the Rollout is looked at with the routing that is noted on them. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from serinus.api.argo import Rollout
from serinus.api.names import WRITTEN_AT
from serinus.api.pingpong import with_roles
from serinus.api.routed import as_noted, noted_routing
from serinus.base.errors import FieldProblem
from serinus.control.looking.checked import Checked
from serinus.control.looking.interest import Reference, reference
from serinus.core.routing import RouterSeen, Routing
from serinus.kube.resource import Resource

_ROUTING = "spec.strategy.canary.trafficRouting"
Found = tuple[Resource, Mapping[str, Any]]
"""A plain object and its kind."""


def left_over(noted: Iterable[Found], named: frozenset[Reference]) -> tuple[Found, ...]:
    """The noted objects that are not named, the one that was written last first."""
    left = [one for one in noted if reference(one[0], *_place(one[1])) not in named]
    return tuple(sorted(left, key=_written, reverse=True))


def with_left(checked: Checked, left: Sequence[Found]) -> Checked:
    """The same Rollout as it was routed when the last of `left` was written, and held for that."""
    note = noted_routing(left[0][1])
    if note is None:
        return checked
    names = ", ".join(f"{resource.kind} {_place(item)[1]}" for resource, item in left)
    problem = FieldProblem(
        _ROUTING,
        f"does not name {names} any more, by which the canary was routed; that is led back to "
        "stable before anything else; put it back to go on where the release was",
    )
    rollout = with_roles(as_noted(checked.rollout, note))
    return replace(checked, rollout=rollout, problems=(*checked.problems, problem))


def is_meant(checked: Checked) -> bool:
    """What the spec says of its routers is sound, so what it does not name was taken out; with an
    abort nobody has to ask. A mistake in it holds the release where it is.
    """
    mistaken = any(problem.path.startswith(_ROUTING) for problem in checked.problems)
    return checked.rollout.status.abort or not mistaken


def is_at_rest(rollout: Rollout, routers: Iterable[RouterSeen]) -> bool:
    """Nothing is on trial, and what was left gives a canary nothing: it needs no leading back."""
    status = rollout.status
    return status.stable_rs in ("", status.current_pod_hash) and all(
        isinstance(seen.routing, Routing) and seen.routing.is_nothing for seen in routers
    )


def _place(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _written(one: Found) -> str:
    return str((one[1]["metadata"].get("annotations") or {}).get(WRITTEN_AT) or "")

"""Objects that a Rollout was routed by and names no more: another strategy or router was put into
it, or the object was taken out of the list. What they were told stays in force until they are led
back, so meanwhile the Rollout is looked at with the routing that is noted on them. Pure.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from serinus.api.argo import Rollout
from serinus.api.names import WRITTEN_AT
from serinus.api.pingpong import with_roles
from serinus.api.routed import as_noted, noted_routing
from serinus.base.errors import FieldProblem
from serinus.control.looking.checked import Checked
from serinus.control.looking.interest import Reference, reference
from serinus.core.rollout.edits import left_behind
from serinus.core.routing import RouterSeen
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
    abort nobody has to ask. A mistake in it holds the release where it is. A Rollout that has no
    stable revision yet (a namesake left the objects) has nobody to lead back to: it begins first.
    """
    if not checked.rollout.status.stable_rs:
        return False
    mistaken = any(problem.path.startswith(_ROUTING) for problem in checked.problems)
    return checked.rollout.status.abort or not mistaken


def is_at_rest(rollout: Rollout, routers: Sequence[RouterSeen], long_ago: datetime) -> bool:
    """What was left gives nobody anything, and nothing is on trial or it has been so since
    `long_ago`: it needs no leading back. What the status tells of it has to be forgotten first.
    """
    if left_behind(rollout) or not all(seen.gives_nothing for seen in routers):
        return False
    status = rollout.status
    if status.stable_rs in ("", status.current_pod_hash):
        return True
    written = (seen.written_at for seen in routers)
    return all(at is not None and at < long_ago for at in written)


def of_one_note(left: Sequence[Found], looked_at: Container[Reference]) -> tuple[Found, ...]:
    """Those that are looked at by the note of the first, or have the same one; the others are led
    back by their own, after these.
    """
    note = noted_routing(left[0][1])
    return tuple(
        one
        for one in left
        if reference(one[0], *_place(one[1])) in looked_at or noted_routing(one[1]) == note
    )


def _place(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _written(one: Found) -> str:
    return str((one[1]["metadata"].get("annotations") or {}).get(WRITTEN_AT) or "")

"""What was read of a Rollout and what is wrong with it, kept as long as nothing of it changed.

Reading and checking cost more than deciding, and most looks are for pods and routes, or for a
status that we wrote ourselves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from serinus.api.argo import Rollout, RolloutStatus
from serinus.api.hashes import pod_hash, step_hash
from serinus.api.kubernetes import PartialObject
from serinus.api.pingpong import with_roles
from serinus.api.reading import Reading, read
from serinus.api.template import Template, read_template
from serinus.api.validation.check import check_rollout
from serinus.api.validation.workload import resolve
from serinus.api.wire import decode
from serinus.base.errors import FieldProblem
from serinus.control.looking.caches import Caches, Unlisted
from serinus.control.looking.interest import Key, Reference
from serinus.control.looking.lookup import CacheLookup
from serinus.control.looking.seen import workload_seen
from serinus.core.analysis.checks import LANGUAGE
from serinus.core.rollout.snapshot import WorkloadSeen


@dataclass(frozen=True, slots=True)
class Checked:
    """A Rollout as far as it can be read, its problems, and the objects that they depend on.

    One with a workloadRef has the pods and the selector of its workload, one with pingPong the
    Services by the roles that they have now.
    """

    rollout: Rollout
    template: Template
    template_hash: str
    step_hash: str
    workload: WorkloadSeen | None
    problems: tuple[FieldProblem, ...]
    found: Mapping[Reference, Any]
    """Each object as it was cached, None or Unlisted."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was made of an object of the cache."""

    partial: PartialObject
    reading: Reading[Rollout]
    checked: Checked


class Checker:
    """One Checked a key; an object of the cache is the same object until it changes."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches
        self._kept: dict[Key, _Kept] = {}

    def check(self, key: Key, partial: PartialObject, lookup: CacheLookup) -> Checked:
        """What `partial` says. Raises ValueError only if nothing can be made of it."""
        kept = self._kept.get(key)
        reading = _with_new_status(kept, partial)
        if kept is None or reading is None or not self._is_still_so(kept.checked):
            reading = reading or read(Rollout, partial)
            checked = _checked(reading, lookup)
        elif kept.partial is partial:
            return kept.checked
        else:
            checked = _with_status_of(kept.checked, reading.object)
        self._kept[key] = _Kept(partial, reading, checked)
        return checked

    def forget(self, key: Key) -> None:
        """The Rollout is no more."""
        self._kept.pop(key, None)

    def _is_still_so(self, checked: Checked) -> bool:
        return all(
            (now := self._caches.state(where)) is before
            or (isinstance(now, Unlisted) and now == before)
            for where, before in checked.found.items()
        )


def _with_new_status(kept: _Kept | None, partial: PartialObject) -> Reading[Rollout] | None:
    """The reading that was kept, with the status of now; None if more of the object changed."""
    if kept is None:
        return None
    if kept.partial is partial:
        return kept.reading
    if partial.spec != kept.partial.spec or _identity(partial) != _identity(kept.partial):
        return None
    findings = kept.reading.findings
    if any(found.path.startswith("status") for found in findings.errors):
        return None
    try:
        status = decode(RolloutStatus, partial.status)
    except ValueError:
        return None  # the whole reading names what does not fit
    return Reading(replace(kept.reading.object, metadata=partial.metadata, status=status), findings)


def _identity(partial: PartialObject) -> Any:
    """The metadata without what every write changes."""
    return replace(partial.metadata, resource_version="")


def _with_status_of(checked: Checked, now: Rollout) -> Checked:
    """No rule and no reference looks at the status; the roles of two Services are in it."""
    rollout = with_roles(replace(checked.rollout, metadata=now.metadata, status=now.status))
    hash_ = checked.template_hash
    if now.status.collision_count != checked.rollout.status.collision_count:
        hash_ = pod_hash(checked.template, now.status.collision_count)
    return dataclasses.replace(checked, rollout=rollout, template_hash=hash_)


def _checked(reading: Reading[Rollout], lookup: CacheLookup) -> Checked:
    found = check_rollout(reading.object, lookup, reading.findings, language=LANGUAGE)
    resolved = resolve(reading.object, lookup)
    rollout = with_roles(resolved.rollout)
    template = read_template(rollout.spec.template)
    canary = rollout.spec.strategy.canary
    return Checked(
        rollout=rollout,
        template=template,
        template_hash=pod_hash(template, rollout.status.collision_count),
        step_hash=step_hash(canary.steps) if canary else "",
        workload=workload_seen(resolved.workload) if resolved.workload else None,
        problems=found.problems(),
        found=dict(lookup.found),
    )

"""What was read of a Rollout and what is wrong with it, kept as long as nothing of it changed.

Reading and checking cost more than deciding, and most looks are for pods and routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serinus.api.argo import Rollout
from serinus.api.hashes import pod_hash, step_hash
from serinus.api.kubernetes import PartialObject
from serinus.api.reading import read
from serinus.api.template import Template, read_template
from serinus.api.validation.check import check_rollout
from serinus.api.validation.workload import resolve
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

    One with a workloadRef has the pods and the selector of its workload.
    """

    rollout: Rollout
    template: Template
    template_hash: str
    step_hash: str
    workload: WorkloadSeen | None
    problems: tuple[FieldProblem, ...]
    found: Mapping[Reference, Any]
    """Each object as it was cached, None or Unlisted."""


class Checker:
    """One Checked a key; an object of the cache is the same object until it changes."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches
        self._kept: dict[Key, tuple[PartialObject, Checked]] = {}

    def check(self, key: Key, partial: PartialObject, lookup: CacheLookup) -> Checked:
        """What `partial` says. Raises ValueError only if nothing can be made of it."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] is partial and self._is_still_so(kept[1]):
            return kept[1]
        checked = _checked(partial, lookup)
        self._kept[key] = (partial, checked)
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


def _checked(partial: PartialObject, lookup: CacheLookup) -> Checked:
    reading = read(Rollout, partial)
    found = check_rollout(reading.object, lookup, reading.findings, language=LANGUAGE)
    resolved = resolve(reading.object, lookup)
    rollout = resolved.rollout
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

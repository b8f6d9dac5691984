"""What a Deployment's ReplicaSets should look like next, and what its status says. Pure.

The answer is the ReplicaSets as they should be; the shell writes the differences. Each look does
one stage: the new one grows first, old ones shrink when it has no more room, and the status tells
of the ReplicaSets as they will be. Knows no server.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from serinus.api.kubernetes import Deployment, DeploymentStatus, ReplicaSet
from serinus.local.controllers.deployments.arithmetic import (
    Sizes,
    is_rolling,
    new_size,
    old_sizes,
    proportional_sizes,
    replicas_of,
    size_of,
)
from serinus.local.controllers.deployments.progress import (
    CREATED,
    FOUND,
    PROGRESSING,
    condition,
    counted,
    deadline_seconds,
    is_complete,
    judged,
    late_at,
    paused_or_resumed,
    told,
)
from serinus.local.controllers.deployments.revisions import (
    DESIRED,
    MOST,
    REVISION,
    by_age,
    by_revision,
    made_set,
    new_set,
    next_revision,
    number_in,
    with_revision,
    with_scale_annotations,
)

_NEVER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Seen:
    """A Deployment, the ReplicaSets that it owns, and by their uid how many pods have not ended."""

    deployment: Deployment
    sets: tuple[ReplicaSet, ...]
    pods: Mapping[str, int]
    now: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """`sets` are the ReplicaSets as they should be; `made` is among them, without uid.

    `revision` is what the Deployment's annotation should say, empty to leave it.
    """

    sets: tuple[ReplicaSet, ...]
    status: DeploymentStatus
    made: ReplicaSet | None = None
    surplus: tuple[ReplicaSet, ...] = ()
    revision: str = ""
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Draft:
    """A plan in the making; `old` are in the order of their age."""

    seen: Seen
    deployment: Deployment
    new: ReplicaSet | None
    old: tuple[ReplicaSet, ...]
    revision: str = ""
    surplus: tuple[ReplicaSet, ...] = ()

    @property
    def sets(self) -> tuple[ReplicaSet, ...]:
        return (*self.old, self.new) if self.new is not None else self.old

    def resized(self, sizes: Sizes) -> _Draft:
        """With some ReplicaSets scaled; those keep in mind for how many they were."""

        def scaled(one: ReplicaSet) -> ReplicaSet:
            size = sizes.get(one.metadata.name)
            if size is None:
                return one
            one = replace(one, spec=replace(one.spec, replicas=size))
            return with_scale_annotations(self.deployment, one)

        new = scaled(self.new) if self.new is not None else None
        return dataclasses.replace(self, new=new, old=tuple(scaled(one) for one in self.old))


def plan_deployment(seen: Seen) -> Plan:
    """What is to be done for `seen`, at its instant."""
    deployment = seen.deployment
    if deployment.metadata.deletion_timestamp is not None:
        new = new_set(deployment, seen.sets)
        return Plan(seen.sets, counted(deployment, new, seen.sets, seen.now))
    deployment = paused_or_resumed(deployment, seen.now)
    new = new_set(deployment, seen.sets)
    old = tuple(by_age(one for one in seen.sets if one is not new))
    draft = _Draft(seen, deployment, new, old)
    is_scaled = is_rolling(deployment) and _is_scaled(deployment, seen.sets)
    if deployment.spec.paused or is_scaled:
        draft = _resized_in_place(_revised(draft))
        if deployment.spec.paused:
            draft = _tidied(draft)
        return _told(draft, counted(draft.deployment, draft.new, draft.sets, seen.now))
    draft = _rolled(draft) if is_rolling(deployment) else _recreated(draft)
    return _told(draft, judged(draft.deployment, draft.new, draft.sets, seen.now))


def _told(draft: _Draft, status: DeploymentStatus) -> Plan:
    made = draft.new if draft.new is not None and not draft.new.metadata.uid else None
    at = None if is_complete(draft.deployment, status) else late_at(draft.deployment, status)
    wake_at = None if at is None else at + timedelta(seconds=1)  # past the deadline, not on it
    return Plan(draft.sets, status, made, draft.surplus, draft.revision, wake_at)


def _revised(draft: _Draft) -> _Draft:
    """The new ReplicaSet, if there is one, as the newest revision with the Deployment's words."""
    if draft.new is None:
        return draft
    deployment = draft.deployment
    new = with_revision(deployment, draft.new, next_revision(draft.old))
    if new.spec.min_ready_seconds != deployment.spec.min_ready_seconds:
        new = replace(
            new, spec=replace(new.spec, min_ready_seconds=deployment.spec.min_ready_seconds)
        )
    if condition(deployment.status, PROGRESSING) is None:
        message = f'Found new replica set "{new.metadata.name}"'
        deployment = _saying(draft, FOUND, message)
    revision = new.metadata.annotations[REVISION]
    return dataclasses.replace(draft, deployment=deployment, new=new, revision=revision)


def _saying(draft: _Draft, reason: str, message: str) -> Deployment:
    deployment = draft.deployment
    if deadline_seconds(deployment) is None:
        return deployment
    said = (PROGRESSING, "True", reason, message)
    return replace(deployment, status=told(deployment.status, said, draft.seen.now))


def _with_new(draft: _Draft) -> _Draft:
    """With a ReplicaSet for the present template, made if there is none."""
    if draft.new is not None:
        return _revised(draft)
    revision = next_revision(draft.old)
    made = made_set(draft.deployment, revision)
    size = new_size(draft.deployment, made, draft.old)
    made = replace(made, spec=replace(made.spec, replicas=size))
    message = f'Created new replica set "{made.metadata.name}"'
    deployment = _saying(draft, CREATED, message)
    return dataclasses.replace(draft, deployment=deployment, new=made, revision=str(revision))


def _rolled(draft: _Draft) -> _Draft:
    """The next stage of an update in which old pods go while new ones come."""
    draft = _with_new(draft)
    new = draft.new
    assert new is not None
    if not new.metadata.uid:
        return draft
    size = new_size(draft.deployment, new, draft.old)
    if size != size_of(new):
        return draft.resized({new.metadata.name: size})
    sizes = old_sizes(draft.deployment, new, draft.old)
    changed = {
        one.metadata.name: size
        for one in draft.old
        if (size := sizes[one.metadata.name]) != size_of(one)
    }
    if changed:
        return draft.resized(changed)
    return _tidied_if_complete(draft)


def _recreated(draft: _Draft) -> _Draft:
    """The next stage of an update in which all old pods have ended before the first new one."""
    draft = _revised(draft)
    busy = {one.metadata.name: 0 for one in draft.old if size_of(one) > 0}
    if busy:
        return draft.resized(busy)
    if any(one.status.replicas or draft.seen.pods.get(one.metadata.uid) for one in draft.old):
        return draft
    draft = _with_new(draft)
    assert draft.new is not None
    if size_of(draft.new) != replicas_of(draft.deployment):
        return draft.resized({draft.new.metadata.name: replicas_of(draft.deployment)})
    return _tidied_if_complete(draft)


def _is_scaled(deployment: Deployment, sets: Sequence[ReplicaSet]) -> bool:
    """Whether the Deployment's replicas have changed since its ReplicaSets were last scaled."""
    wanted = replicas_of(deployment)
    noted = (number_in(one.metadata, DESIRED) for one in sets if size_of(one) > 0)
    return any(number is not None and number != wanted for number in noted)


def _resized_in_place(draft: _Draft) -> _Draft:
    """Scaled without going on with an update: the only ReplicaSet with pods, or all by share."""
    deployment, wanted = draft.deployment, replicas_of(draft.deployment)
    busy = [one for one in draft.sets if size_of(one) > 0]
    if len(busy) <= 1:
        newest_old = draft.old[-1] if draft.old else None
        one = busy[0] if busy else draft.new or newest_old
        return draft.resized({one.metadata.name: wanted}) if one is not None else draft
    if draft.new is not None and _is_saturated(deployment, draft.new):
        return draft.resized({one.metadata.name: 0 for one in draft.old if size_of(one) > 0})
    if not is_rolling(deployment):
        return draft
    before = {one.metadata.name: number_in(one.metadata, MOST) for one in busy}
    return draft.resized(proportional_sizes(deployment, by_age(busy), before))


def _is_saturated(deployment: Deployment, new: ReplicaSet) -> bool:
    wanted = replicas_of(deployment)
    counts = (size_of(new), number_in(new.metadata, DESIRED), new.status.available_replicas)
    return counts == (wanted,) * 3


def _tidied_if_complete(draft: _Draft) -> _Draft:
    is_over = is_complete(draft.deployment, draft.seen.deployment.status)
    return _tidied(draft) if is_over else draft


def _tidied(draft: _Draft) -> _Draft:
    """Without the old ReplicaSets that are more than the history keeps."""
    limit = draft.deployment.spec.revision_history_limit
    if limit is None or limit == _NEVER:
        return draft
    there = [one for one in draft.old if one.metadata.deletion_timestamp is None]
    too_many = by_revision(there)[: max(0, len(there) - limit)]
    surplus = tuple(one for one in too_many if _is_empty(one))
    names = {one.metadata.name for one in surplus}
    kept = tuple(one for one in draft.old if one.metadata.name not in names)
    return dataclasses.replace(draft, old=kept, surplus=surplus)


def _is_empty(one: ReplicaSet) -> bool:
    is_observed = one.metadata.generation <= one.status.observed_generation
    return is_observed and one.status.replicas == 0 and size_of(one) == 0

"""The conditions of a Rollout's status, with the original's types, reasons and messages.

Interface constants: clients match on them. Ours is only `Waiting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from serinus.api.argo import RolloutStatus
from serinus.api.findings import describe
from serinus.api.kubernetes import Condition
from serinus.core.rollout import pauses
from serinus.core.rollout.course import Course, abort_text
from serinus.core.rollout.deadline import (
    ABORTED,
    COMPLETE,
    TIMED_OUT,
    lacks_pods,
    lacks_text,
    progress_told,
    thawed,
    timed_out,
)
from serinus.core.rollout.reasons import Reason
from serinus.core.rollout.standing import Standing

CREATE_FAILED = "ReplicaSetCreateError"


@dataclass(frozen=True, slots=True)
class Said:
    """What a condition should say now (status "": nothing); `_merged` fills in the times."""

    type: str
    status: str
    reason: str
    message: str
    refresh: bool = False
    """Something moved: lastUpdateTime is set although nothing else changed."""


def conditions_of(
    standing: Standing,
    course: Course,
    status: RolloutStatus,
    reasons: Sequence[Reason],
    *,
    acting: bool = False,
) -> tuple[Condition, ...]:
    """All conditions for the new `status` (its counts and roles are final, its conditions old).

    A plan that is `acting` does not say that nothing is held: what its write waits for comes with
    the next look, and `Waiting` would only flicker.
    """
    said = [
        _available(standing, status),
        _healthy(standing, status),
        _completed(status),
        _paused(standing, course),
        progressing(standing, course, status),
    ]
    old = {condition.type: condition for condition in standing.status.conditions}
    if standing.invalid:
        text = describe(standing.snapshot.problems)
        name = standing.snapshot.rollout.metadata.name
        message = f'The Rollout "{name}" is invalid: {text}'
        said.append(Said("InvalidSpec", "True", "InvalidSpec", message))
    said += _replica_failure(standing)
    if reasons or ("Waiting" in old and not acting):
        said.append(_waiting(reasons))
    now = standing.snapshot.now
    merged = {s.type: _merged(s, old.get(s.type), now) for s in said if s.status}
    kept = [c for c in standing.status.conditions if c.type not in merged]
    kept = [c for c in kept if c.type not in ("InvalidSpec", "ReplicaFailure")]
    order = [c.type for c in standing.status.conditions]
    fresh = sorted(merged.values(), key=lambda c: order.index(c.type) if c.type in order else 99)
    return (*kept, *fresh)


def _merged(said: Said, old: Condition | None, now: datetime) -> Condition:
    """The transition time stays while the status does; the rest while nothing is new."""
    if old is not None:
        unchanged = (old.status, old.reason, old.message) == (
            said.status,
            said.reason,
            said.message,
        )
        if unchanged and not said.refresh:
            return old
    moved = now if old is None or old.status != said.status else old.last_transition_time
    return Condition(
        type=said.type,
        status=said.status,
        reason=said.reason,
        message=said.message,
        last_transition_time=moved,
        last_update_time=now,
    )


def with_waiting(standing: Standing, reasons: Sequence[Reason]) -> tuple[Condition, ...]:
    """The conditions as they are, with only `Waiting` brought up to date."""
    old = standing.status.conditions
    before = next((c for c in old if c.type == "Waiting"), None)
    waiting = _merged(_waiting(reasons), before, standing.snapshot.now)
    return (*(c for c in old if c.type != "Waiting"), waiting)


# --- One condition each --------------------------------------------------------------------------


def _available(standing: Standing, status: RolloutStatus) -> Said:
    if status.available_replicas >= standing.replicas:
        return Said("Available", "True", "AvailableReason", "Rollout has minimum availability")
    message = "Rollout does not have minimum availability"
    return Said("Available", "False", "AvailableReason", message)


def healthy(standing: Standing, status: RolloutStatus) -> bool:
    """All replicas are of the stable revision, available, and no old pod is left."""
    if standing.blue_green is not None:
        return _healthy_switch(standing, status)
    same = {status.updated_replicas, status.available_replicas, status.replicas}
    return (
        same == {standing.replicas}
        and completed(status)
        and status.current_step_index in (None, len(standing.strategy.steps))
        and not standing.invalid
    )


def _healthy_switch(standing: Standing, status: RolloutStatus) -> bool:
    """Old pods in their delay do not count; both Services select the stable revision."""
    preview = standing.blue_green.preview_service if standing.blue_green else ""
    current, shown = status.current_pod_hash, status.blue_green
    return (
        {status.updated_replicas, status.available_replicas} == {standing.replicas}
        and completed(status)
        and shown.active_selector == current
        and (not preview or shown.preview_selector == current)
        and not standing.invalid
    )


def completed(status: RolloutStatus) -> bool:
    """The revision that is wanted is the stable one."""
    return bool(status.stable_rs) and status.stable_rs == status.current_pod_hash


def _healthy(standing: Standing, status: RolloutStatus) -> Said:
    if healthy(standing, status):
        return Said("Healthy", "True", "RolloutHealthy", "Rollout is healthy")
    return Said("Healthy", "False", "RolloutHealthy", "Rollout is not healthy")


def _completed(status: RolloutStatus) -> Said:
    """Quirk: reason and message are the same whether it is or not."""
    done = "True" if completed(status) else "False"
    return Said("Completed", done, "RolloutCompleted", "RolloutCompleted")


def _paused(standing: Standing, course: Course) -> Said:
    paused = bool(course.pauses) or standing.spec.paused
    status = "True" if paused and not course.abort else "False"
    return Said("Paused", status, "RolloutPaused", "Rollout is paused")


def _replica_failure(standing: Standing) -> list[Said]:
    """A ReplicaSet whose pods cannot be made; the newest, if there are more."""
    failed = [revision for revision in standing.snapshot.revisions if revision.failure]
    newest = max(failed, key=lambda revision: revision.number, default=None)
    if newest is None:
        return []
    return [Said("ReplicaFailure", "True", "FailedCreate", newest.failure)]


def _waiting(reasons: Sequence[Reason]) -> Said:
    """Ours: why it is not moving. Written only when the words change, so no word may tick."""
    if not reasons:
        return Said("Waiting", "False", "NothingHeld", "")
    message = "; ".join(reason.message for reason in reasons)
    return Said("Waiting", "True", reasons[0].hold.value, message)


# --- Progressing ---------------------------------------------------------------------------------


def progressing(standing: Standing, course: Course, status: RolloutStatus) -> Said:
    """The condition that carries the deadline; its words in the original's order."""
    old = progress_told(standing)
    name = _name(standing)
    if course.abort:
        was = old.message if old and old.reason == ABORTED else abort_text(standing, "")
        return Said("Progressing", "False", ABORTED, course.abort_message or was)
    if standing.spec.paused or course.pauses:
        return _pausing(standing, course, status)
    if old is not None and old.reason == ABORTED:
        return Said("Progressing", "Unknown", "RolloutRetry", "Retrying Rollout after abort")
    if healthy(standing, status):
        message = f'ReplicaSet "{name}" has successfully progressed.'
        return Said("Progressing", "True", COMPLETE, message)
    if old is not None and old.reason == "RolloutPaused":
        return Said("Progressing", "Unknown", "RolloutResumed", "Rollout is resumed")
    if old is None and standing.invalid:
        return Said("Progressing", "", "", "")  # nothing is created
    refused = standing.snapshot.refusals if standing.current is None else ()
    if refused and not timed_out(standing, course):
        message = f'Failed to create new replica set "{name}": {refused[0]}'
        return Said("Progressing", "False", CREATE_FAILED, message)
    made = old is not None and old.reason == CREATE_FAILED and standing.current is not None
    if old is None or course.renewed or made:
        if standing.current is None:
            message = f'Created new replica set "{name}"'
            return Said("Progressing", "True", "NewReplicaSetCreated", message, refresh=True)
        message = f'Found new replica set "{name}"'
        return Said("Progressing", "True", "FoundNewReplicaSet", message, refresh=True)
    if old.reason == COMPLETE and completed(status):
        message = f'ReplicaSet "{name}" is not available.'
        return Said("Progressing", "True", "ReplicaSetNotAvailable", message, refresh=True)
    if thawed(standing) or _progressed(standing.status, status):
        message = f'ReplicaSet "{name}" is progressing.'
        return Said("Progressing", "True", "ReplicaSetUpdated", message, refresh=True)
    if timed_out(standing, course):
        message = f'ReplicaSet "{name}" has timed out progressing.'
        return Said("Progressing", "False", TIMED_OUT, message)
    return Said("Progressing", old.status, old.reason, old.message)


def _pausing(standing: Standing, course: Course, status: RolloutStatus) -> Said:
    """A pause has no deadline; what holds it when its time is over has one, and lost pods have."""
    lacking = lacks_pods(standing, course)
    late = pauses.is_overdue(standing, course) and not standing.frozen
    moved = late and (thawed(standing) or _progressed(standing.status, status))
    if (late or lacking) and not moved and timed_out(standing, course):
        message = f'ReplicaSet "{_name(standing)}" has timed out progressing.'
        return Said("Progressing", "False", TIMED_OUT, message)
    message = lacks_text(_name(standing)) if lacking else "Rollout is paused"
    return Said("Progressing", "Unknown", "RolloutPaused", message, refresh=moved)


def _name(standing: Standing) -> str:
    if standing.current is not None:
        return standing.current.name
    return f"{standing.snapshot.rollout.metadata.name}-{standing.current_hash}"


def _progressed(old: RolloutStatus, new: RolloutStatus) -> bool:
    """Pods came or got ready, old ones went, or the rollout itself moved on."""
    return (
        new.updated_replicas != old.updated_replicas
        or new.replicas - new.updated_replicas < old.replicas - old.updated_replicas
        or new.ready_replicas > old.ready_replicas
        or new.available_replicas > old.available_replicas
        or new.stable_rs != old.stable_rs
        or new.current_step_index != old.current_step_index
        or new.current_step_hash != old.current_step_hash
        or new.canary.weights != old.canary.weights
        or new.blue_green.active_selector != old.blue_green.active_selector
    )

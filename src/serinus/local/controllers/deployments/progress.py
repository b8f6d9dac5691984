"""What the status of a Deployment says: counts, and how its update gets on. Pure.

Conditions, reasons and texts are the API's: clients wait for them and show them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from serinus.api.kubernetes import Condition, Deployment, DeploymentStatus, ReplicaSet
from serinus.local.controllers.deployments.arithmetic import bounds, replicas_of, total

PROGRESSING, AVAILABLE, FAILURE = "Progressing", "Available", "ReplicaFailure"
CREATED, FOUND = "NewReplicaSetCreated", "FoundNewReplicaSet"
UPDATED, ARRIVED = "ReplicaSetUpdated", "NewReplicaSetAvailable"
REFUSED, LATE = "ReplicaSetCreateError", "ProgressDeadlineExceeded"
PAUSED, RESUMED = "DeploymentPaused", "DeploymentResumed"
_NEVER = 2**31 - 1
Conditions = tuple[Condition, ...]


def deadline_seconds(deployment: Deployment) -> int | None:
    """After how long without progress an update counts as stuck; None for never."""
    seconds = deployment.spec.progress_deadline_seconds
    return None if seconds == _NEVER else seconds


def condition(status: DeploymentStatus, type_: str) -> Condition | None:
    """One condition, if it is there."""
    return next((one for one in status.conditions if one.type == type_), None)


def told(
    status: DeploymentStatus, said: tuple[str, str, str, str], now: datetime
) -> DeploymentStatus:
    """`status` with a condition (type, status, reason, message); no change if it says so already.

    The instant of the last transition stays while the condition's status stays.
    """
    type_, state, reason, message = said
    before = condition(status, type_)
    if before is not None and (before.status, before.reason) == (state, reason):
        return status
    now = now.replace(microsecond=0)
    turned = before.last_transition_time if before and before.status == state else now
    made = Condition(
        type=type_,
        status=state,
        reason=reason,
        message=message,
        last_transition_time=turned,
        last_update_time=now,
    )
    return replace(without(status, type_), conditions=(*_others(status, type_), made))


def without(status: DeploymentStatus, type_: str) -> DeploymentStatus:
    """`status` without a condition."""
    return replace(status, conditions=_others(status, type_))


def _others(status: DeploymentStatus, type_: str) -> Conditions:
    return tuple(one for one in status.conditions if one.type != type_)


def paused_or_resumed(deployment: Deployment, now: datetime) -> Deployment:
    """Pausing stops the clock of the deadline, resuming starts it anew."""
    status = deployment.status
    before = condition(status, PROGRESSING)
    if deadline_seconds(deployment) is None or (before and before.reason == LATE):
        return deployment
    was_paused = before is not None and before.reason == PAUSED
    if deployment.spec.paused and not was_paused:
        status = told(status, (PROGRESSING, "Unknown", PAUSED, "Deployment is paused"), now)
    elif not deployment.spec.paused and was_paused:
        status = told(status, (PROGRESSING, "Unknown", RESUMED, "Deployment is resumed"), now)
    return replace(deployment, status=status)


def counted(
    deployment: Deployment, new: ReplicaSet | None, sets: Sequence[ReplicaSet], now: datetime
) -> DeploymentStatus:
    """The counts, and whether enough pods are available; other conditions stay."""
    ready_for = sum(one.status.available_replicas for one in sets)
    status = DeploymentStatus(
        replicas=sum(one.status.replicas for one in sets),
        updated_replicas=new.status.replicas if new is not None else 0,
        ready_replicas=sum(one.status.ready_replicas for one in sets),
        available_replicas=ready_for,
        unavailable_replicas=max(0, total(sets) - ready_for),
        terminating_replicas=sum(one.status.terminating_replicas or 0 for one in sets),
        observed_generation=deployment.metadata.generation,
        collision_count=deployment.status.collision_count,
        conditions=deployment.status.conditions,
    )
    if ready_for >= replicas_of(deployment) - bounds(deployment)[1]:
        said = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        missing = "Deployment does not have minimum availability."
        said = ("False", "MinimumReplicasUnavailable", missing)
    return told(status, (AVAILABLE, *said), now)


def is_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    """Whether all pods are new and available, and no old one is left."""
    counts = (status.updated_replicas, status.replicas, status.available_replicas)
    is_observed = status.observed_generation >= deployment.metadata.generation
    return is_observed and counts == (replicas_of(deployment),) * 3


def judged(
    deployment: Deployment,
    new: ReplicaSet | None,
    sets: Sequence[ReplicaSet],
    now: datetime,
) -> DeploymentStatus:
    """The counts and how the update gets on: arrived, on its way, late, or refused its pods."""
    status = counted(deployment, new, sets, now)
    if deadline_seconds(deployment) is None:
        status = without(status, PROGRESSING)
    else:
        status = _with_progress(deployment, new, status, now)
    failure = _failure(new, sets)
    if failure is None:
        return without(status, FAILURE)
    return told(status, (FAILURE, failure.status, failure.reason, failure.message), now)


def _with_progress(
    deployment: Deployment, new: ReplicaSet | None, status: DeploymentStatus, now: datetime
) -> DeploymentStatus:
    before = condition(deployment.status, PROGRESSING)
    has_arrived = before is not None and before.reason == ARRIVED
    if has_arrived and status.replicas == status.updated_replicas:
        return status  # scaling or a pod's death afterwards is no new update
    who = f'ReplicaSet "{new.metadata.name}"' if new else f'Deployment "{deployment.metadata.name}"'
    if is_complete(deployment, status):
        message = f"{who} has successfully progressed."
        return told(status, (PROGRESSING, "True", ARRIVED, message), now)
    if _has_moved(deployment.status, status):
        return _moving(status, before, f"{who} is progressing.", now)
    at = late_at(deployment, status)
    if before is not None and (before.reason == LATE or (at is not None and at < now)):
        message = f"{who} has timed out progressing."
        return told(status, (PROGRESSING, "False", LATE, message), now)
    return status


def _moving(
    status: DeploymentStatus, before: Condition | None, message: str, now: datetime
) -> DeploymentStatus:
    """Progress renews the instant of the update, and so the deadline."""
    moved = told(without(status, PROGRESSING), (PROGRESSING, "True", UPDATED, message), now)
    if before is None or before.status != "True":
        return moved
    *others, made = moved.conditions
    made = replace(made, last_transition_time=before.last_transition_time)
    return replace(moved, conditions=(*others, made))


def _has_moved(before: DeploymentStatus, status: DeploymentStatus) -> bool:
    return (
        status.updated_replicas > before.updated_replicas
        or status.replicas - status.updated_replicas < before.replicas - before.updated_replicas
        or status.ready_replicas > before.ready_replicas
        or status.available_replicas > before.available_replicas
    )


def late_at(deployment: Deployment, status: DeploymentStatus) -> datetime | None:
    """When an update that makes no progress is late; None if it cannot become so."""
    seconds, said = deadline_seconds(deployment), condition(status, PROGRESSING)
    if seconds is None or said is None or said.reason in (ARRIVED, LATE):
        return None
    if said.last_update_time is None:
        return None
    return said.last_update_time + timedelta(seconds=seconds)


def _failure(new: ReplicaSet | None, sets: Sequence[ReplicaSet]) -> Condition | None:
    """Why pods cannot be made, of the new ReplicaSet first."""
    first: tuple[ReplicaSet, ...] = (new,) if new is not None else ()
    for one in (*first, *sets):
        for said in one.status.conditions:
            if said.type == FAILURE and said.status == "True":
                return said
    return None

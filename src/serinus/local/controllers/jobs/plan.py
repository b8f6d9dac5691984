"""Which pods a Job should make or remove now, whether it is over, and what its status says. Pure.

Conditions, reasons and texts are the API's. A Job that is to end is first said to have met its end
(SuccessCriteriaMet, FailureTarget), loses its pods, and is Complete or Failed when the last has
gone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from serinus.api.batch import Job, JobStatus, UncountedPods
from serinus.api.kubernetes import Condition
from serinus.local.controllers.jobs.counting import (
    Counted,
    count,
    has_failed,
    is_indexed,
    is_tracked,
)
from serinus.local.controllers.jobs.indexes import index_of, read_indexes
from serinus.local.controllers.pods import deletion_order, is_active, is_terminating
from serinus.local.node.podspec import NodePod

COMPLETE, FAILED, SUSPENDED = "Complete", "Failed", "Suspended"
MET, TARGET = "SuccessCriteriaMet", "FailureTarget"
_ENDS = {MET: COMPLETE, TARGET: FAILED}
_REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")
_TOO_OFTEN = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
_TOO_LONG = ("DeadlineExceeded", "Job was active longer than specified deadline")
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 10, 600
_MOST_AT_ONCE = 500
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """`indexes` has an entry for each pod to make: its number, or None where pods have none.

    `removed` are deleted without counting, `ended` are deleted and count as failures; `freed` lose
    the finalizer. `expired`: the Job itself is to go. `told` are events: type, reason, message.
    """

    status: JobStatus
    indexes: tuple[int | None, ...] = ()
    removed: tuple[NodePod, ...] = ()
    ended: tuple[NodePod, ...] = ()
    freed: tuple[NodePod, ...] = ()
    expired: bool = False
    wake_at: datetime | None = None
    told: tuple[tuple[str, str, str], ...] = ()


def plan_job(job: Job, pods: Sequence[NodePod], now: datetime) -> Plan:
    """What is to be done for `job` with `pods`, all those that it owns."""
    over = finished_at(job.status)
    if over is not None or job.metadata.deletion_timestamp is not None:
        return _after_the_end(job, pods, over, now)
    active = [pod for pod in pods if is_active(pod)]
    counted = count(job, pods)
    status = replace(
        counted.status,
        active=len(active),
        ready=sum(pod.ready() for pod in active),
        terminating=sum(is_terminating(pod) for pod in pods),
        start_time=job.status.start_time or (None if job.spec.suspend else _second(now)),
    )
    target = _target(job, dataclasses.replace(counted, status=status), active, now)
    if target is not None:
        return _ending(with_condition(status, *target, now), counted, active, now)
    if job.spec.suspend:
        return _suspended(status, counted, active, now)
    told: tuple[tuple[str, str, str], ...] = ()
    if status.is_true(SUSPENDED):
        status = with_condition(status, SUSPENDED, ("JobResumed", "Job resumed"), now, "False")
        status = replace(status, start_time=_second(now))
        told = (("Normal", "Resumed", "Job resumed"),)
    plan = _manned(job, pods, counted, now)
    deadline = _deadline(job, status)
    wakes = [at for at in (plan.wake_at, deadline) if at is not None]
    return dataclasses.replace(
        plan, status=status, freed=counted.freed, told=told, wake_at=min(wakes, default=None)
    )


def finished_at(status: JobStatus) -> datetime | None:
    """Since when a Job is Complete or Failed; None while it is neither."""
    for said in status.conditions:
        if said.type in (COMPLETE, FAILED) and said.status == "True":
            return said.last_transition_time or _LONG_AGO
    return None


def _after_the_end(job: Job, pods: Sequence[NodePod], over: datetime | None, now: datetime) -> Plan:
    """Nothing is counted any more, so nothing is held; in time the Job itself goes."""
    freed = tuple(pod for pod in pods if is_tracked(pod))
    ttl = job.spec.ttl_seconds_after_finished
    if ttl is None or over is None or job.metadata.deletion_timestamp is not None:
        return Plan(job.status, freed=freed)
    at = over + timedelta(seconds=ttl)
    return Plan(job.status, freed=freed, expired=at <= now, wake_at=at if at > now else None)


def _target(
    job: Job, counted: Counted, active: Sequence[NodePod], now: datetime
) -> tuple[str, tuple[str, str]] | None:
    """To which end a Job is going: the condition, and its reason and message."""
    for said in job.status.conditions:
        if said.type in _ENDS and said.status == "True":
            return said.type, (said.reason, said.message)
    limit, restarts = job.spec.backoff_limit, _restarts(active)
    if counted.failed > limit or (restarts > 0 and restarts >= limit):
        return TARGET, _TOO_OFTEN
    deadline = _deadline(job, counted.status)
    if deadline is not None and deadline <= now:
        return TARGET, _TOO_LONG
    wanted = job.spec.completions
    enough = counted.succeeded >= wanted if wanted is not None else counted.succeeded > 0
    if enough and (wanted is not None or not active):
        return MET, _REACHED
    return None


def _restarts(active: Sequence[NodePod]) -> int:
    """How often containers were started again, in pods whose containers may be."""
    return sum(
        one.restart_count
        for pod in active
        if pod.spec.restart_policy == "OnFailure"
        for one in (*pod.status.init_container_statuses, *pod.status.container_statuses)
    )


def _deadline(job: Job, status: JobStatus) -> datetime | None:
    seconds = job.spec.active_deadline_seconds
    if seconds is None or status.start_time is None or job.spec.suspend:
        return None
    return status.start_time + timedelta(seconds=seconds)


def _ending(status: JobStatus, counted: Counted, active: Sequence[NodePod], now: datetime) -> Plan:
    """The pods go; when the last has gone and is counted, the Job is over."""
    waiting = status.uncounted_terminated_pods or UncountedPods()
    if active or status.terminating or waiting.succeeded or waiting.failed:
        return Plan(status, ended=tuple(active), freed=counted.freed)
    said = next(c for c in status.conditions if c.type in _ENDS and c.status == "True")
    status = with_condition(status, _ENDS[said.type], (said.reason, said.message), now)
    if said.type == TARGET:
        return Plan(status, freed=counted.freed, told=(("Warning", said.reason, said.message),))
    status = replace(status, completion_time=_second(now))
    return Plan(status, freed=counted.freed, told=(("Normal", "Completed", "Job completed"),))


def _suspended(
    status: JobStatus, counted: Counted, active: Sequence[NodePod], now: datetime
) -> Plan:
    told: tuple[tuple[str, str, str], ...] = ()
    if not status.is_true(SUSPENDED):
        status = with_condition(status, SUSPENDED, ("JobSuspended", "Job suspended"), now)
        told = (("Normal", "Suspended", "Job suspended"),)
    return Plan(status, removed=tuple(active), freed=counted.freed, told=told)


def _manned(job: Job, pods: Sequence[NodePod], counted: Counted, now: datetime) -> Plan:
    """As many pods as may run at once, none sooner than the last failure lets it."""
    waits = job.spec.pod_replacement_policy == "Failed"
    active = [pod for pod in pods if is_active(pod)]
    busy = [pod for pod in pods if is_active(pod) or (waits and is_terminating(pod))]
    wanted = _wanted(job, len(active), counted.succeeded)
    if len(active) > wanted:
        surplus = sorted(active, key=deletion_order)[: len(active) - wanted]
        return Plan(counted.status, removed=tuple(surplus))
    missing = min(wanted - len(busy), _MOST_AT_ONCE)
    if missing <= 0:
        return Plan(counted.status)
    may_at = _next_try(job, pods)
    if may_at is not None and may_at > now:
        return Plan(counted.status, wake_at=may_at)
    return Plan(counted.status, indexes=_next_indexes(job, counted.status, busy, missing))


def _wanted(job: Job, active: int, succeeded: int) -> int:
    parallelism = 1 if job.spec.parallelism is None else job.spec.parallelism
    if job.spec.completions is None:
        # a queue of work: once one pod has found it empty, no further ones are begun
        return min(active, parallelism) if succeeded else parallelism
    return max(0, min(parallelism, job.spec.completions - succeeded))


def _next_indexes(
    job: Job, status: JobStatus, busy: Sequence[NodePod], missing: int
) -> tuple[int | None, ...]:
    if not is_indexed(job):
        return (None,) * missing
    taken = read_indexes(status.completed_indexes) | {index_of(pod) for pod in busy}
    free = (i for i in range(job.spec.completions or 0) if i not in taken)
    return tuple(index for index, _ in zip(free, range(missing), strict=False))


def _next_try(job: Job, pods: Sequence[NodePod]) -> datetime | None:
    """When the failures since the last success let another pod begin: ever later."""
    ended = [
        (_ended_at(pod), failed)
        for pod in pods
        if (failed := _is_failure(job, pod)) or pod.status.phase == "Succeeded"
    ]
    failures, last = 0, _LONG_AGO
    for at, failed in sorted(ended):
        failures, last = (failures + 1, at) if failed else (0, at)
    if not failures:
        return None
    wait = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, 30))
    return last + timedelta(seconds=wait)


def _is_failure(job: Job, pod: NodePod) -> bool:
    """One that was removed without being counted is none."""
    return has_failed(job, pod) and (pod.status.phase == "Failed" or is_tracked(pod))


def _ended_at(pod: NodePod) -> datetime:
    """When the last container ended, or what comes nearest."""
    states = (one.state.terminated for one in pod.status.container_statuses)
    ends = [one.finished_at for one in states if one is not None and one.finished_at is not None]
    meta = pod.metadata
    return max(ends, default=meta.deletion_timestamp or meta.creation_timestamp or _LONG_AGO)


def with_condition(
    status: JobStatus,
    type_: str,
    said: tuple[str, str],
    now: datetime,
    state: str = "True",
) -> JobStatus:
    """`status` with a condition in that state, unless it is in it already."""
    if any((c.type, c.status) == (type_, state) for c in status.conditions):
        return status
    made = Condition(
        type=type_,
        status=state,
        reason=said[0],
        message=said[1],
        last_probe_time=_second(now),
        last_transition_time=_second(now),
    )
    others = tuple(one for one in status.conditions if one.type != type_)
    return replace(status, conditions=(*others, made))


def _second(now: datetime) -> datetime:
    return now.replace(microsecond=0)

"""What a Rollout should do next, as a pure function: want, may, do, tell.

`desired` says what the strategy wants, `safety` what is safe of it now, `diff` which writes that
takes, `status` what to tell; `invariants` checks the result independently and fails static.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from serinus.api import names
from serinus.api.argo import RolloutStatus
from serinus.core.rollout import bluegreen, restart, switch
from serinus.core.rollout.actions import Announce, CallStep, EditRollout, Plan
from serinus.core.rollout.adoption import claims
from serinus.core.rollout.advance import advance
from serinus.core.rollout.background import overseen
from serinus.core.rollout.course import Course, abort, set_course
from serinus.core.rollout.deadline import TIMED_OUT, deadline
from serinus.core.rollout.desired import Proposal, propose
from serinus.core.rollout.diff import actions_of
from serinus.core.rollout.edits import hold_what_is_left
from serinus.core.rollout.invariants.check import broken, fail_static
from serinus.core.rollout.plugin_steps import next_call
from serinus.core.rollout.reasons import Hold, Reason
from serinus.core.rollout.rules import ALL, Rules
from serinus.core.rollout.safety import clamp
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.rollout.standing import Standing, stand
from serinus.core.rollout.status import news, tell


class _Way(NamedTuple):
    """How a strategy wants, and what it may; the rest is one for all."""

    want: Callable[[Standing, Course], Proposal]
    may: Callable[[Standing, Course, Proposal], Proposal]


CANARY = _Way(propose, clamp)
BLUE_GREEN = _Way(bluegreen.propose, switch.clamp)


def plan(snapshot: Snapshot, rules: Rules = ALL, *, check: bool = True) -> Plan:
    """The writes that are safe and wanted now, the new status, and why the rest has to wait.

    `rules` and `check` (the invariants) are switched off only by a simulation that wants harm.
    """
    if adopted := claims(snapshot):
        return Plan(actions=adopted)
    standing = stand(snapshot, rules)
    course = overseen(standing, set_course(standing))
    way = CANARY if standing.blue_green is None else BLUE_GREEN
    proposal = way.may(standing, course, way.want(standing, course))
    proposal = hold_what_is_left(standing, proposal)
    made = _assembled(standing, course, proposal)
    faults = broken(snapshot, made) if check else ()
    return fail_static(standing, faults) if faults else made


def _assembled(standing: Standing, course: Course, proposal: Proposal) -> Plan:
    course, proposal = advance(standing, course, proposal)
    proposal = _with_refusals(standing, proposal)
    actions = actions_of(standing, course, proposal)
    acting = any(not isinstance(action, Announce | CallStep) for action in actions)
    followed, status = _told(standing, course, proposal, acting)
    if followed is not course:
        course, actions = followed, actions_of(standing, followed, proposal)
    times = (deadline(standing, course), restart.wake(standing), next_call(standing, course))
    wake_at = _earliest(standing, (*proposal.wakes, *times))
    edit = _edit(standing)
    if edit is not None:
        return Plan(actions=(*actions, edit), reasons=proposal.reasons, wake_at=wake_at)
    return Plan(
        actions=(*actions, *news(standing, course, status, proposal.reasons)),
        status=status,
        reasons=proposal.reasons,
        wake_at=wake_at,
    )


def _with_refusals(standing: Standing, proposal: Proposal) -> Proposal:
    """What was refused is told first: nothing else that is waited for comes before it is mended."""
    refused = tuple(Reason(Hold.REFUSED, text) for text in standing.snapshot.refusals)
    return replace(proposal, reasons=(*refused, *proposal.reasons)) if refused else proposal


def _told(
    standing: Standing, course: Course, proposal: Proposal, acting: bool
) -> tuple[Course, RolloutStatus]:
    """The status, and the course again: a deadline that passes in this plan may abort."""
    status = tell(standing, course, proposal.reasons, acting=acting)
    passed = any(c.reason == TIMED_OUT for c in status.conditions if c.type == "Progressing")
    on_trial = not (standing.first or standing.promoted or course.abort or course.outcome)
    if not (passed and on_trial and standing.spec.progress_deadline_abort):
        return course, status
    name = standing.current.name if standing.current else standing.current_hash
    course = abort(standing, course, f'ReplicaSet "{name}" has timed out progressing.')
    return course, tell(standing, course, proposal.reasons)


def _earliest(standing: Standing, instants: tuple[datetime | None, ...]) -> datetime | None:
    """The next instant at which time alone changes something."""
    now = standing.snapshot.now
    return min((at for at in instants if at is not None and at > now), default=None)


def _edit(standing: Standing) -> EditRollout | None:
    """What we write on the object itself: its default of replicas, its revision's number."""
    rollout, current = standing.snapshot.rollout, standing.current
    replicas = 1 if rollout.spec.replicas is None and not standing.invalid else None
    annotations: dict[str, str] = {}
    if current is not None and not standing.invalid:
        highest = all(other.number <= current.number for other in standing.others)
        known = standing.status.current_pod_hash == standing.current_hash
        shown = rollout.metadata.annotations.get(names.REVISION)
        if highest and known and shown != str(current.number):
            annotations[names.REVISION] = str(current.number)
    workload = standing.snapshot.workload
    if workload is not None and not standing.invalid:
        shown = rollout.metadata.annotations.get(names.WORKLOAD_GENERATION)
        if shown != str(workload.generation):
            annotations[names.WORKLOAD_GENERATION] = str(workload.generation)
    if replicas is None and not annotations:
        return None
    return EditRollout(annotations, replicas)

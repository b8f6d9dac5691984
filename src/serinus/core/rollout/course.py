"""The course that a rollout is on: what its status remembers, after commands and edits of the spec.

Applies what makes a rollout jump (new revision, changed steps, abort, retry, full promote; rule S6
says in which order). Says nothing about traffic, capacity or steps that complete by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from serinus.api.argo import PauseCondition, RolloutAnalysisRunStatus
from serinus.api.pingpong import stable_role
from serinus.core.rollout.actions import Announce
from serinus.core.rollout.canary import (
    BLUE_GREEN_PAUSE,
    INCONCLUSIVE,
    INCONCLUSIVE_TRIAL,
    PAUSE_STEP,
)
from serinus.core.rollout.passed import Edited, edited_from
from serinus.core.rollout.plugins import Entries, begun_anew, left_over, remembered
from serinus.core.rollout.rollback import is_fast, skips_steps
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.standing import Standing

FULL_PROMOTION = "Full promotion requested"
"""The outcome of a promotion that a person asked for."""
SWITCH_PAUSES = (BLUE_GREEN_PAUSE, INCONCLUSIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What the status has to remember, in the words of the status."""

    index: int
    """0 .. number of steps."""
    stable_hash: str
    abort: bool = False
    aborted_at: datetime | None = None
    abort_message: str = ""
    promote_full: bool = False
    pauses: tuple[PauseCondition, ...] = ()
    controller_pause: bool = False
    trial: str = ""
    """The experiment of the step, by name."""
    run: RolloutAnalysisRunStatus | None = None
    """Of a canary's step."""
    background: RolloutAnalysisRunStatus | None = None
    """Of the whole update of a canary."""
    pre: RolloutAnalysisRunStatus | None = None
    post: RolloutAnalysisRunStatus | None = None
    """Of blue-green: before and after the switch of the active Service."""
    full_size: bool = False
    """Of blue-green: the preview passed at its own size and gets all replicas."""
    plugins: Entries = ()
    """Of the step plugins of this attempt, and what is undone of the one before."""
    outcome: str = ""
    """Why stable changes in this plan; "" if it does not."""
    stable_ping_pong: str = ""
    """The Service of pingPong that is stable's; "" without it."""
    renewed: bool = False
    """The plan of a new revision, changed steps or a retry: the deadline starts again."""
    news: tuple[Announce, ...] = ()

    @property
    def in_doubt(self) -> bool:
        """The background analysis is inconclusive, and nobody let the rollout go on yet."""
        paused = any(pause.reason == INCONCLUSIVE for pause in self.pauses)
        return paused and _is_inconclusive(self.background)

    def tell(self, reason: str, message: str, *, warning: bool = False) -> Course:
        """The same course, with one more event."""
        return replace(self, news=(*self.news, Announce(reason, message, warning)))


def set_course(standing: Standing) -> Course:
    """What the status remembers, with the jumps applied that it or the spec ask for."""
    course = _changed(standing, _remembered(standing))
    course = _aborted(standing, _retried(standing, course))
    if course.promote_full and (standing.promoted or standing.first):
        course = replace(course, promote_full=False)
    if course.promote_full:
        course = replace(course, pauses=(), controller_pause=False)
    if standing.invalid and not (course.abort or standing.promoted):
        return course  # the steps of an invalid spec are not those that the status counts
    return (
        _tidy(standing, course) if standing.blue_green is None else _tidy_switch(standing, course)
    )


def _remembered(standing: Standing) -> Course:
    status, steps = standing.status, standing.strategy.steps
    end = len(steps)
    index = status.current_step_index
    if index is None:
        index = 0 if steps and not standing.promoted else end
    return Course(
        index=end if standing.promoted else max(index if standing.invalid else min(index, end), 0),
        stable_hash=standing.stable_hash,
        abort=status.abort,
        aborted_at=status.aborted_at,
        promote_full=status.promote_full,
        pauses=status.pause_conditions,
        controller_pause=status.controller_pause,
        run=status.canary.current_step_analysis_run_status,
        background=status.canary.current_background_analysis_run_status,
        trial=status.canary.current_experiment,
        pre=status.blue_green.pre_promotion_analysis_run_status,
        post=status.blue_green.post_promotion_analysis_run_status,
        full_size=status.blue_green.scale_up_preview_check_point,
        plugins=remembered(standing),
        stable_ping_pong=stable_role(standing.snapshot.rollout),
    )


def _restarted(standing: Standing, course: Course) -> Course:
    """From step 0 again. An abort that was not acted on yet is not cleared: it aborts this one."""
    pending = course.abort and course.aborted_at is None and not standing.promoted
    return replace(
        course,
        index=len(standing.strategy.steps) if standing.promoted else 0,
        abort=pending,
        aborted_at=None,
        promote_full=False,
        pauses=(),
        controller_pause=False,
        run=None if Rule.S10 in standing.rules else course.run,
        background=None if Rule.S10 in standing.rules else course.background,
        trial="" if Rule.S10 in standing.rules else course.trial,
        pre=None if Rule.S10 in standing.rules else course.pre,
        post=None if Rule.S10 in standing.rules else course.post,
        full_size=False,
        plugins=left_over(standing, course.plugins)
        if Rule.S10 in standing.rules
        else course.plugins,
        renewed=True,
    )


def _changed(standing: Standing, course: Course) -> Course:
    """A new revision, or other steps under the same one; neither under an invalid spec."""
    status = standing.status
    if not status.current_pod_hash:
        return replace(course, renewed=not standing.invalid)
    if status.current_pod_hash != standing.current_hash:
        course = _restarted(standing, course)
        skipped = skips_steps(standing)
        if skipped:
            course = replace(course, index=len(standing.strategy.steps))
            return course.tell("SkipSteps", skipped)
        return course
    changed = status.current_step_hash != standing.snapshot.step_hash
    if changed and not standing.invalid and not standing.promoted:
        return _edited(standing, course)
    return course


def _edited(standing: Standing, course: Course) -> Course:
    """Other steps under the same revision: what was passed stays passed, unless it was aborted."""
    status, steps = standing.status, standing.strategy.steps
    if course.abort or course.aborted_at is not None or status.current_step_index is None:
        return _restarted(standing, course)
    match edited_from(status.passed_steps_hash, steps, status.current_step_index):
        case Edited.LATER:
            return course
        case Edited.CURRENT:
            plugins = begun_anew(standing, course.plugins, course.index)
            course = replace(course, pauses=(), controller_pause=False, run=None, trial="")
            return replace(course, plugins=plugins)
        case Edited.EARLIER:
            return _restarted(standing, course)


def _retried(standing: Standing, course: Course) -> Course:
    """`abort` was taken back after it was acted on: a new attempt, measured anew (rule S10)."""
    if course.abort or course.aborted_at is None:
        return course
    course = replace(_restarted(standing, course), aborted_at=None)
    return course.tell("RolloutRetry", "Retrying Rollout after abort")


def _aborted(standing: Standing, course: Course) -> Course:
    """An abort beside a full promote wins; without anything on trial it has no meaning."""
    if not course.abort:
        return course
    if standing.promoted or standing.first:
        if course.aborted_at is None:
            course = course.tell("RolloutNotAborted", nothing_to_abort(standing), warning=True)
        return replace(course, abort=False, aborted_at=None)
    return abort(standing, course, course.abort_message)


def abort(standing: Standing, course: Course, why: str) -> Course:
    """The course of an aborted rollout; `why` is empty for a user's command."""
    if course.aborted_at is None:
        message = abort_text(standing, why)
        course = course.tell("RolloutAborted", message, warning=True)
        course = replace(course, aborted_at=standing.snapshot.now, abort_message=message)
    return replace(
        course, abort=True, index=0, promote_full=False, pauses=(), controller_pause=False
    )


def nothing_to_abort(standing: Standing) -> str:
    """What to do instead, for somebody who aborts what is no update any more."""
    name = standing.snapshot.rollout.metadata.name
    if standing.first:
        return "Nothing to abort: no revision is stable yet; put another template into the spec"
    number = standing.current.number if standing.current else 0
    text = f"Nothing to abort: revision {number} is stable already"
    waiting = (one for one in standing.others if one.replicas and one.was_stable)
    before = max(waiting, key=lambda one: one.number, default=None)
    if before is None:
        return f"{text}; to go back: serinus undo {name}"
    pods = f"revision {before.number} has its pods still"
    return f"{text}; {pods}, to go back at once: serinus undo {name} --to-revision {before.number}"


def abort_text(standing: Standing, why: str) -> str:
    """The original's words for an abort."""
    return f"Rollout aborted update to revision {_number(standing)}" + (f": {why}" if why else "")


def _number(standing: Standing) -> int:
    """Of the wanted revision, also of one that is only about to be created."""
    if standing.current is not None:
        return standing.current.number
    return max((revision.number for revision in standing.snapshot.revisions), default=0) + 1


def _tidy_switch(standing: Standing, course: Course) -> Course:
    """Blue-green. `controllerPause` stays until promotion: a repair must not ask people twice."""
    ended = standing.promoted or course.abort
    full = course.full_size and not ended
    return replace(
        course,
        pauses=() if ended else tuple(p for p in course.pauses if p.reason in SWITCH_PAUSES),
        controller_pause=course.controller_pause and not ended,
        full_size=full,
    )


def _tidy(standing: Standing, course: Course) -> Course:
    """Drops pauses whose step is not the one we are at: the index was moved by a command.

    An inconclusive analysis in the background pauses at every step.
    """
    steps = standing.strategy.steps
    step = steps[course.index] if course.index < len(steps) else None
    kept = {PAUSE_STEP: step is not None and step.pause is not None}
    measured = step is not None and step.analysis is not None
    watched = is_watched(standing, course)
    doubted = watched and _is_inconclusive(course.background)
    kept[INCONCLUSIVE] = measured or doubted
    kept[INCONCLUSIVE_TRIAL] = step is not None and step.experiment is not None
    pauses = tuple(pause for pause in course.pauses if kept.get(pause.reason, False))
    waiting = kept[PAUSE_STEP] or doubted or (measured and course.run is not None)
    waiting = waiting or (kept[INCONCLUSIVE_TRIAL] and bool(course.trial))
    return replace(
        course,
        pauses=pauses,
        controller_pause=course.controller_pause and bool(pauses or waiting),
        run=course.run if course.abort or measured else None,
        background=course.background if course.abort or watched else None,
        trial=course.trial if kept[INCONCLUSIVE_TRIAL] and not course.abort else "",
    )


def is_watched(standing: Standing, course: Course) -> bool:
    """A background analysis of this update is wanted now: from its starting step to the end."""
    analysis = standing.strategy.analysis
    if analysis is None or not analysis.templates:
        return False
    ended = standing.first or standing.promoted or course.abort or course.promote_full
    if ended or is_fast(standing):
        return False
    begun = course.background is not None or not standing.strategy.steps
    return begun or course.index >= (analysis.starting_step or 0)


def _is_inconclusive(noted: RolloutAnalysisRunStatus | None) -> bool:
    return noted is not None and noted.status == "Inconclusive"

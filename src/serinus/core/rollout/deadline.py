"""The progress deadline: when a lack of progress becomes a failure, and what stops its clock.

It counts from `lastUpdateTime` of the condition Progressing, which is its only memory. Knows no
traffic; `conditions.py` says what came of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from serinus.api.kubernetes import Condition
from serinus.core.rollout import basic, capacity, pauses
from serinus.core.rollout.bluegreen import preview_count
from serinus.core.rollout.course import Course
from serinus.core.rollout.desired import canary_count
from serinus.core.rollout.drain import FINISHED
from serinus.core.rollout.gates import gates_now, noted_of
from serinus.core.rollout.standing import Standing

DEFAULT_SECONDS = 600
ABORTED = "RolloutAborted"
TIMED_OUT = "ProgressDeadlineExceeded"
COMPLETE = "NewReplicaSetAvailable"
MANUALLY_PAUSED = "manually paused"
"""The original's message of a rollout that its user froze."""


def progress_told(standing: Standing) -> Condition | None:
    """The condition Progressing as it was told last."""
    return next((c for c in standing.status.conditions if c.type == "Progressing"), None)


def deadline(standing: Standing, course: Course) -> datetime | None:
    """When lack of progress becomes a failure; None while it is not looked at.

    A pause and an analysis take what they take; an abort, a rest and old pods in their delay have
    no deadline. A timed pause that is held longer has one, counted from its end; and in any pause
    a revision on trial that lost pods, counted from there.
    """
    old = progress_told(standing)
    if old is None or old.last_update_time is None or course.abort or standing.frozen:
        return None
    if course.renewed or old.reason in (COMPLETE, TIMED_OUT, ABORTED):
        return None
    seconds = standing.spec.progress_deadline_seconds
    span = timedelta(seconds=DEFAULT_SECONDS if seconds is None else seconds)
    if lacks_pods(standing, course) and _was_lacking(standing, old):
        return old.last_update_time + span
    if not _counts(standing, course):
        return None
    over = pauses.ends_at(standing, course)
    since = old.last_update_time if over is None else max(over, old.last_update_time)
    return since + span


def timed_out(standing: Standing, course: Course) -> bool:
    """The deadline is over, or was before and nothing moved since."""
    old = progress_told(standing)
    if old is not None and old.reason == TIMED_OUT:
        return True
    at = deadline(standing, course)
    return at is not None and standing.snapshot.now >= at


def thawed(standing: Standing) -> bool:
    """It was frozen until now: nobody could make progress, so the whole span begins again."""
    told = standing.status
    was = told.message == MANUALLY_PAUSED or any(c.type == "InvalidSpec" for c in told.conditions)
    return was and not standing.frozen


# --- Pods that are lost in a pause ---------------------------------------------------------------


def lacks_pods(standing: Standing, course: Course) -> bool:
    """In a pause, fewer pods of the revision on trial are available than its step needs.

    Of those that it was given: more of them may be held back until a person decides.
    """
    current = standing.current
    at_rest = standing.first or standing.promoted or standing.frozen or course.abort
    if at_rest or not course.pauses or current is None:
        return False
    if standing.blue_green is not None:
        return current.available < min(current.replicas, preview_count(standing, course, current))
    by_pods = standing.by_pods
    wanted = basic.target(standing, course).canary if by_pods else canary_count(standing, course)
    threshold = standing.strategy.replica_progress_threshold
    return current.available < capacity.needed(min(wanted, current.replicas), threshold)


def lacks_text(name: str) -> str:
    """What Progressing says meanwhile: the memory of since when."""
    return f'Rollout is paused; ReplicaSet "{name}" lacks available pods.'


def _was_lacking(standing: Standing, old: Condition) -> bool:
    return standing.current is not None and old.message == lacks_text(standing.current.name)


# --- What takes its time -------------------------------------------------------------------------


def _counts(standing: Standing, course: Course) -> bool:
    """Nothing is under way that may take as long as it takes."""
    late = pauses.is_overdue(standing, course)
    if course.pauses and not late:
        return False
    left = any(revision.replicas for revision in standing.others)
    if not standing.by_pods and standing.promoted and left:
        return False
    steps = standing.strategy.steps
    step = steps[course.index] if course.index < len(steps) and not course.promote_full else None
    if step is not None and not late and (step.pause or step.analysis or step.experiment):
        return False
    return standing.blue_green is None or not _measures(standing, course)


def _measures(standing: Standing, course: Course) -> bool:
    """A run before or after the switch is under way."""
    noted = (noted_of(course, gate) for gate in gates_now(standing, course))
    return any(run is not None and run.status not in FINISHED for run in noted)

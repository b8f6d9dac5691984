"""How long an update takes, how long of that people let it wait, and how it ends.

An attempt begins with a new revision or a retry and is over when it is promoted or aborted. What
counts as a wait for people is the original's: spec.paused, a pause without a duration and an
inconclusive analysis; a timed pause does not.
"""

from __future__ import annotations

from msgspec.structs import replace

from serinus.api.argo import RolloutDuration
from serinus.core.rollout.course import FULL_PROMOTION, Course
from serinus.core.rollout.pauses import waits_for_person
from serinus.core.rollout.rollback import FAST_ROLLED_BACK, ROLLED_BACK, skips_steps
from serinus.core.rollout.standing import Standing


def duration_of(standing: Standing, course: Course) -> RolloutDuration | None:
    """The new `status.duration`; None while nothing was ever under way."""
    old = standing.status.duration
    attempt = _begun(standing, old) if _begins(standing, course, old) else old
    if attempt is None or attempt.finished_at is not None:
        return attempt
    ended = _ended(course, attempt)
    attempt = _waited(standing, attempt, not ended and waits_for_person(standing, course))
    if not ended:
        return attempt
    return replace(attempt, finished_at=standing.snapshot.now, completion_status=ended)


def _begins(standing: Standing, course: Course, old: RolloutDuration | None) -> bool:
    """Not by other steps alone: that is the same attempt, from its start."""
    if not course.renewed:
        return False
    other = standing.status.current_pod_hash != standing.current_hash
    retried = standing.status.aborted_at is not None
    return other or retried or old is None or old.finished_at is not None


def _begun(standing: Standing, old: RolloutDuration | None) -> RolloutDuration | None:
    """A rollback is known as one from its first moment on."""
    now, outcome = standing.snapshot.now, ""
    if standing.promoted:
        under_way = old is not None and old.finished_at is None
        if not under_way:
            return old
        return RolloutDuration(
            rollout_started_at=now, finished_at=now, completion_status=FAST_ROLLED_BACK
        )
    current, stable = standing.current, standing.stable
    if current is not None and stable is not None and current.number < stable.number:
        outcome = FAST_ROLLED_BACK if skips_steps(standing) else ROLLED_BACK
    return RolloutDuration(rollout_started_at=now, completion_status=outcome)


def _ended(course: Course, attempt: RolloutDuration) -> str:
    """How the attempt ends in this plan; "" if it goes on."""
    if course.outcome:
        full = course.outcome == FULL_PROMOTION
        if attempt.completion_status in (ROLLED_BACK, FAST_ROLLED_BACK):
            return FAST_ROLLED_BACK if full else attempt.completion_status
        return "FastPromoted" if full else "Promoted"
    return "Aborted" if course.abort else ""


def _waited(standing: Standing, attempt: RolloutDuration, waits: bool) -> RolloutDuration:
    """The wait for people begun, going on, or over and added up in whole seconds."""
    now, since = standing.snapshot.now, attempt.manual_pause_started_at
    if waits:
        return attempt if since is not None else replace(attempt, manual_pause_started_at=now)
    if since is None:
        return attempt
    waited = max(0, int((now - since).total_seconds()))
    total = attempt.total_manual_pause_duration_seconds + waited
    return replace(attempt, manual_pause_started_at=None, total_manual_pause_duration_seconds=total)

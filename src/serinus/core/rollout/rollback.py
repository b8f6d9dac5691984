"""The short ways back: to the stable revision, to one inside the rollback window, and (blue-green)
to one inside its delay. The last two lead only to what was stable once (rule PROVEN).
"""

from __future__ import annotations

from serinus.api.analysis import AnalysisRun
from serinus.api.names import POD_HASH
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.standing import Standing

ROLLED_BACK, FAST_ROLLED_BACK = "RolledBack", "FastRolledBack"
TO_STABLE = "Rollback to stable ReplicaSets"


def skips_steps(standing: Standing) -> str:
    """Why a revision that was just put into the spec needs no steps; "" if it does."""
    if standing.promoted:
        return TO_STABLE
    if not is_proven(standing) or _failed_last(standing):
        return ""
    if _is_within_delay(standing):
        return "Rollback to a revision that still has its pods"
    window = standing.spec.rollback_window
    if window is None or window.revisions <= 0 or not _inside(standing, window.revisions):
        return ""
    return "Rollback to active ReplicaSets within RollbackWindow"


def promoted_by(standing: Standing) -> str:
    """Why a way back that was short is at its end, in the original's words; "" if it was none."""
    current, blue_green, window = (
        standing.current,
        standing.blue_green,
        standing.spec.rollback_window,
    )
    if current is None or standing.promoted or not is_fast(standing):
        return ""
    if blue_green is None or (window is not None and window.revisions > 0):
        return "Rollback within window"
    measured = blue_green.post_promotion_analysis is not None
    return f"Rollback to '{current.name}' within scaleDownDelay" if measured else ""


def is_fast(standing: Standing) -> bool:
    """The update that is under way is such a way back, as was found out when it began.

    By whoever had this rollout then: the revision has to have its mark here too.
    """
    attempt = standing.status.duration
    return (
        attempt is not None
        and attempt.finished_at is None
        and attempt.completion_status == FAST_ROLLED_BACK
        and (standing.promoted or is_proven(standing))
    )


def is_proven(standing: Standing) -> bool:
    """The wanted revision was stable once. Without its mark nobody knows that: the long way.

    One that was aborted, or pushed aside while it waited, was never let through by anybody.
    """
    current = standing.current
    return Rule.PROVEN not in standing.rules or (current is not None and current.was_stable)


def _failed_last(standing: Standing) -> bool:
    """The last analysis of the wanted revision was against it: it is measured again.

    `undo` takes the revision before the newest, which may be the one that was just given up.
    """
    of_it = [
        r
        for r in standing.snapshot.runs
        if r.metadata.labels.get(POD_HASH) == standing.current_hash
    ]
    newest = max(of_it, key=_age, default=None)
    return newest is not None and newest.status.phase in ("Failed", "Error")


def _age(run: AnalysisRun) -> tuple[str, str]:
    return str(run.metadata.creation_timestamp), run.metadata.name


def _is_within_delay(standing: Standing) -> bool:
    """Blue-green: an older revision whose delay is not over, so that it can carry all at once."""
    current, stable = standing.current, standing.stable
    if standing.blue_green is None or current is None or stable is None:
        return False
    ends = current.scale_down_deadline
    waits = ends is not None and ends > standing.snapshot.now
    whole = bool(current.replicas and standing.replicas)
    return waits and whole and current.number < stable.number


def _inside(standing: Standing, revisions: int) -> bool:
    """The wanted revision is older than stable, with fewer than `revisions` between them.

    By revision numbers, where the original compares creation times of one second's grain: two
    revisions of one second would have no order there.
    """
    current, stable = standing.current, standing.stable
    if current is None or stable is None or current.number >= stable.number:
        return False
    between = [r for r in standing.others if current.number < r.number < stable.number]
    return len(between) < revisions

"""The two short ways back: to the stable revision, and to one inside the rollback window."""

from __future__ import annotations

from serinus.core.rollout.standing import Standing

TO_STABLE = "Rollback to stable ReplicaSets"


def skips_steps(standing: Standing) -> str:
    """Why a revision that was just put into the spec needs no steps; "" if it does."""
    if standing.promoted:
        return TO_STABLE
    window = standing.spec.rollback_window
    if window is None or window.revisions <= 0 or not _inside(standing, window.revisions):
        return ""
    return f"Rollback to within the window ({window.revisions} revisions)"


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

"""Who may be taken back without steps, pause and analyses: only what was stable once. See
`check.py`. Looks at the mark on the ReplicaSet; shares no judgement with `rollback.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api import names
from serinus.api.argo import RolloutStatus
from serinus.core.rollout.actions import Plan
from serinus.core.rollout.invariants.seen import revision_of
from serinus.core.rollout.snapshot import Snapshot


def unproven_ways_back(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """A plan that takes up a revision begins at its first step, or knows that it was stable."""
    old, new = snapshot.rollout.status, plan.status
    if new is None or not old.current_pod_hash or new.current_pod_hash == old.current_pod_hash:
        return
    if new.current_pod_hash == old.stable_rs or was_stable(snapshot, new.current_pod_hash):
        return
    if new.current_step_index:
        yield f"{new.current_pod_hash} begins at step {new.current_step_index}, never stable before"
    if is_called_short(new):
        yield f"{new.current_pod_hash} is a fast way back, and was never stable before"


def was_stable(snapshot: Snapshot, pod_hash: str) -> bool:
    """Its ReplicaSet says so."""
    revision = revision_of(snapshot, pod_hash)
    return revision is not None and revision.annotations.get(names.WAS_STABLE) == pod_hash


def is_called_short(status: RolloutStatus) -> bool:
    """The update that is under way was begun as a way back that needs no proof."""
    attempt = status.duration
    under_way = attempt is not None and attempt.finished_at is None
    return under_way and attempt is not None and attempt.completion_status == "FastRolledBack"

"""The workload that lends its pods (`spec.workloadRef`): how many of its own it may give up.

It goes down only as ready pods of ours that production reaches cover what it loses, and comes back
when they do not. What it had is noted on it, in the same write. Knows no Kubernetes client.
"""

from __future__ import annotations

from serinus.core.rollout import reach
from serinus.core.rollout.actions import Action, Announce, ScaleWorkload
from serinus.core.rollout.course import Course
from serinus.core.rollout.deadline import TIMED_OUT
from serinus.core.rollout.snapshot import WorkloadSeen
from serinus.core.rollout.standing import Standing, ready_pods

ON_SUCCESS, PROGRESSIVELY = "onsuccess", "progressively"


def workload_actions(standing: Standing, course: Course) -> list[Action]:
    """The write that takes it where it should be, if it is not there; and the event with it."""
    seen = standing.snapshot.workload
    if seen is None or seen.replicas is None:
        return []
    if seen.scaled_by not in ("", standing.snapshot.rollout.metadata.name):
        return []  # another Rollout's, until that gives it back
    wanted, noted = _wanted(standing, course, seen)
    if wanted == seen.replicas and noted == seen.noted:
        return []
    write = ScaleWorkload(seen.kind, seen.name, seen.resource_version, wanted, noted)
    if wanted == seen.replicas:
        return [write]
    way = "up" if wanted > seen.replicas else "down"
    text = f"Scaled {way} {seen.kind} {seen.name} from {seen.replicas} to {wanted}"
    return [write, Announce("ScalingReplicaSet", text)]


def _wanted(standing: Standing, course: Course, seen: WorkloadSeen) -> tuple[int, int | None]:
    """Its replicas, and what to note as those that it goes back to (None: it is on its own)."""
    here = seen.replicas or 0
    full = here if seen.noted is None else seen.noted
    ref = standing.spec.workload_ref
    mode = ref.scale_down if ref else ""
    if mode not in (ON_SUCCESS, PROGRESSIVELY):
        return full, None
    covering = _covering(standing)
    if standing.frozen or covering is None or not standing.replicas:
        return here, seen.noted  # without replicas of ours it is all that there is
    if course.abort and seen.noted is not None:
        return _after_abort(standing, covering, here, full), full
    if standing.promoted and covering >= standing.replicas:
        return 0, standing.replicas
    if seen.noted is not None and not here:
        return 0, full  # it has given up all, and our own revisions look after themselves
    if mode == ON_SUCCESS:
        return here, seen.noted
    if standing.first and _timed_out(standing):
        return (full, None) if seen.noted is not None else (here, None)
    left = min(full, max(0, max(full, standing.replicas) - covering))
    return left, full if left < full else None


def _after_abort(standing: Standing, covering: int, here: int, full: int) -> int:
    """Its template is the one that was given up: its pods are for when stable has none at all."""
    if not covering:
        return max(here, min(standing.replicas, full))
    return 0 if covering >= standing.replicas else here


def _covering(standing: Standing) -> int | None:
    """Ready pods of the revision that is trusted, as far as production can reach them."""
    pod_hash = standing.base_hash
    revisions = standing.snapshot.revisions
    ready = ready_pods(next((r for r in revisions if r.hash == pod_hash), None))
    for name in _production(standing):
        found = reach.endpoints(standing.snapshot.services.get(name), pod_hash)
        if found is None:
            return None
        ready = min(ready, found)
    return ready


def _production(standing: Standing) -> tuple[str, ...]:
    """The Services that users come through, as the strategy names them."""
    strategy = standing.spec.strategy
    named = (
        strategy.canary.stable_entry if strategy.canary else "",
        strategy.blue_green.active_service if strategy.blue_green else "",
    )
    return tuple(name for name in named if name)


def _timed_out(standing: Standing) -> bool:
    return any(c.reason == TIMED_OUT for c in standing.status.conditions if c.type == "Progressing")

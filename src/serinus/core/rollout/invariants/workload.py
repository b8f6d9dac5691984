"""Independent assertions about the workload that lends its pods: it is not scaled down under users.

Shares no judgement with `workload.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.core.rollout.actions import Plan, ScaleWorkload
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.routing import Unknown


def broken_workload(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """A workload loses no more pods than ours are ready, and is ours to scale."""
    seen = snapshot.workload
    for action in plan.actions:
        if not isinstance(action, ScaleWorkload):
            continue
        if seen is None or seen.replicas is None:
            yield f"{action.kind} {action.name} is scaled, and was not seen"
            continue
        if action.replicas > seen.replicas and _given_up(snapshot, plan):
            yield f"{seen.kind} {seen.name} would bring back the template that was given up"
        if action.replicas >= seen.replicas:
            continue
        # What somebody else adds beyond what it had is no capacity that production counts on.
        had = seen.replicas if seen.noted is None else min(seen.replicas, seen.noted)
        lost, ready = max(0, had - action.replicas), _ready(snapshot)
        asked = snapshot.rollout.spec.replicas
        enough = min(lost, 1 if asked is None else asked)
        if ready < enough or not (ready or seen.noted):
            yield f"{seen.kind} {seen.name} would lose {lost} pods, and {ready} of ours are ready"


def _given_up(snapshot: Snapshot, plan: Plan) -> bool:
    """It is aborted, stable answers, and nobody asks for the workload's own pods."""
    was, ref = snapshot.rollout.status, snapshot.rollout.spec.workload_ref
    status = plan.status or was
    lends = ref is not None and ref.scale_down in ("onsuccess", "progressively")
    aborted = was.abort and status.abort and status.current_pod_hash != status.stable_rs
    stable = status.stable_rs
    return lends and aborted and bool(stable) and _ready(snapshot, stable) > 0


def _ready(snapshot: Snapshot, only: str = "") -> int:
    """The greatest number of ready pods that one of our revisions has behind every Service."""
    strategy = snapshot.rollout.spec.strategy
    names = (
        strategy.canary.stable_entry if strategy.canary else "",
        strategy.blue_green.active_service if strategy.blue_green else "",
    )
    slices = [snapshot.services[n].endpoints for n in names if n in snapshot.services]
    if any(isinstance(found, Unknown) for found in slices):
        return 0
    best = 0
    for revision in snapshot.revisions:
        ready = sum(pod.ready and not pod.deleting for pod in revision.pods)
        if only:  # its pods and its ReplicaSet have to agree that there are some
            ready = min(ready, revision.ready, revision.replicas) if revision.hash == only else 0
        behind = [e.get(revision.hash, 0) for e in slices if not isinstance(e, Unknown)]
        best = max(best, min([ready, *behind]))
    return best

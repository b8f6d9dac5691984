"""Independent assertions about a canary without a router: sums of pods, Services, the new stable.

Shares no sum and no judgement with `proportions.py` and `basic.py`. See `check.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor

from serinus.api.argo import CanaryStrategy
from serinus.core.rollout.actions import Plan, PointService, Scale
from serinus.core.rollout.invariants.seen import is_fresh, ready_pods, wanted_replicas
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.routing import Unknown


def broken_without_router(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """What is wrong with a plan for a canary whose pods are its weight, in words."""
    strategy = snapshot.rollout.spec.strategy.canary
    if strategy is None or any(
        not _is_share(v) for v in (strategy.max_surge, strategy.max_unavailable)
    ):
        return  # an invalid spec, which says why
    yield from _out_of_bounds(snapshot, strategy, plan)
    yield from _service_without_pods(snapshot, plan)
    yield from _selected_and_emptied(snapshot, strategy, plan)
    yield from _stable_without_pods(snapshot, strategy, plan)


def _after(plan: Plan) -> dict[str, int]:
    return {a.revision: a.replicas for a in plan.actions if isinstance(a, Scale)}


def _out_of_bounds(snapshot: Snapshot, strategy: CanaryStrategy, plan: Plan) -> Iterator[str]:
    """Judged over the worst subset of the writes: only those up, and only those down."""
    after, replicas = _after(plan), wanted_replicas(snapshot)
    surge = ceil(_share(strategy.max_surge, replicas))
    gone = floor(_share(strategy.max_unavailable, replicas))
    gone = gone if surge or gone else 1
    most, least = replicas + surge, replicas - min(gone, replicas)
    revisions = snapshot.revisions
    sum_before = sum(one.replicas for one in revisions)
    sum_after = sum(max(one.replicas, after.get(one.name, 0)) for one in revisions)
    if sum_after > max(most, sum_before):
        yield f"{sum_after} pods are asked for where {most} are the most"
    here = sum(min(one.replicas, one.available) for one in revisions)
    left = sum(
        min(one.replicas, one.available, after.get(one.name, one.replicas)) for one in revisions
    )
    if left < min(least, here):
        yield f"{left} available pods are left of {here} where {least} are the least"


def _is_share(value: int | str | None) -> bool:
    return not isinstance(value, str) or value.removesuffix("%").isdecimal()


def _share(value: int | str | None, replicas: int) -> float:
    """In pods, not rounded: a number, or text that is a percentage."""
    if isinstance(value, int):
        return value
    return replicas * int((value or "25").removesuffix("%")) / 100


def _service_without_pods(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    ready = {revision.hash: ready_pods(revision) for revision in snapshot.revisions}
    for action in plan.actions:
        if not isinstance(action, PointService) or not wanted_replicas(snapshot):
            continue
        behind = snapshot.services[action.service].endpoints
        alive = 0 if isinstance(behind, Unknown) else sum(behind.values())
        if alive and not ready.get(action.hash):
            yield f"Service {action.service} goes to {action.hash}, which has no ready pod"


def _selected_and_emptied(
    snapshot: Snapshot, strategy: CanaryStrategy, plan: Plan
) -> Iterator[str]:
    """But for a single pod that may not surge: that one has to go before another can come."""
    after = _after(plan)
    if wanted_replicas(snapshot) == 1 and _share(strategy.max_surge, 1) == 0:
        return
    selected = {service.selector_hash for service in snapshot.services.values()}
    for revision in snapshot.revisions:
        emptied = revision.replicas and after.get(revision.name) == 0
        if emptied and revision.hash in selected and wanted_replicas(snapshot):
            yield f"{revision.name} goes to zero while a Service selects it"
        elif emptied and wanted_replicas(snapshot):
            for service in snapshot.services.values():
                if is_fresh(snapshot, service) and service.selector_hash:
                    yield f"{revision.name} goes to zero beside a move of Service {service.name}"


def _stable_without_pods(snapshot: Snapshot, strategy: CanaryStrategy, plan: Plan) -> Iterator[str]:
    old, new = snapshot.rollout.status, plan.status
    if new is None or new.stable_rs == old.stable_rs or strategy.replica_progress_threshold:
        return
    ready = sum(ready_pods(one) for one in snapshot.revisions if one.hash == new.stable_rs)
    wanted = wanted_replicas(snapshot)
    if ready < wanted:
        yield f"{new.stable_rs} becomes stable with {ready} of {wanted} ready pods"

"""The invariants of a blue-green plan: who production gets, whose pods go, who becomes stable.

See `check.py`. Looks at the world and the writes; shares no judgement with `switch.py`. Where
only a clock or a mark of the past could tell, it says nothing: a false alarm would hold a rollout.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.argo import BlueGreenStrategy, RolloutAnalysisRunStatus, RolloutStatus
from serinus.core.rollout.actions import Plan, PointService
from serinus.core.rollout.invariants.proven import is_called_short, was_stable
from serinus.core.rollout.invariants.seen import (
    emptied_stable,
    emptied_while_measured,
    is_fresh,
    ready_endpoints,
    ready_pods,
    replicas_after,
    revision_of,
    taken_up,
    wanted_replicas,
)
from serinus.core.rollout.snapshot import ServiceSeen, Snapshot
from serinus.core.routing import Unknown


def broken_switch(snapshot: Snapshot, strategy: BlueGreenStrategy, plan: Plan) -> Iterator[str]:
    """What is wrong with a plan, in words."""
    active = snapshot.services.get(strategy.active_service)
    if active is not None:
        yield from _switched_badly(snapshot, strategy, active, plan)
        yield from _dead_and_not_left(snapshot, active, plan)
        yield from _reached_pods_removed(snapshot, active, plan)
        if plan.status is not None:
            yield from _promoted_too_early(snapshot, strategy, active, plan.status)
    yield from emptied_stable(snapshot, plan)
    yield from emptied_while_measured(snapshot, plan)
    yield from _before_its_delay(snapshot, strategy, plan)
    if plan.status is not None:
        yield from _old_verdict(snapshot, plan.status)


def _move(strategy: BlueGreenStrategy, plan: Plan) -> PointService | None:
    points = (a for a in plan.actions if isinstance(a, PointService))
    return next((a for a in points if a.service == strategy.active_service), None)


# --- Traffic -------------------------------------------------------------------------------------


def _switched_badly(
    snapshot: Snapshot, strategy: BlueGreenStrategy, active: ServiceSeen, plan: Plan
) -> Iterator[str]:
    move = _move(strategy, plan)
    if move is None or not wanted_replicas(snapshot):
        return
    status, target = snapshot.rollout.status, revision_of(snapshot, move.hash)
    ready, alive = ready_pods(target), ready_endpoints(active)
    if not ready and alive:
        yield f"Service {move.service} goes from {alive} endpoints to none"
    if (
        move.hash == status.stable_rs
        or not status.stable_rs
        or revision_of(snapshot, status.stable_rs) is None
    ):
        return
    if ready < wanted_replicas(snapshot):
        yield f"Service {move.service} goes to {ready} of {wanted_replicas(snapshot)} ready pods"
    if status.abort or snapshot.rollout.spec.paused or snapshot.problems:
        yield f"Service {move.service} goes to {move.hash} although the rollout is held"
    if move.hash != status.current_pod_hash or _is_short(snapshot, move.hash):
        return
    if _asks(strategy) and not (status.controller_pause and not status.pause_conditions):
        yield f"Service {move.service} is switched without its pause"
    pre = strategy.pre_promotion_analysis
    noted = status.blue_green.pre_promotion_analysis_run_status
    if pre is not None and pre.templates and not _passed(snapshot, noted):
        yield f"Service {move.service} is switched without a run that passed"


def _is_short(snapshot: Snapshot, pod_hash: str) -> bool:
    """A full promotion, or a way back to what was stable once."""
    status = snapshot.rollout.status
    back = is_called_short(status) and was_stable(snapshot, pod_hash)
    return status.promote_full or back


def _asks(strategy: BlueGreenStrategy) -> bool:
    return strategy.auto_promotion_enabled is False or strategy.auto_promotion_seconds > 0


def _passed(snapshot: Snapshot, noted: RolloutAnalysisRunStatus | None) -> bool:
    """A run that went with the history is believed: its verdict is in the status."""
    if noted is None:
        return False
    run = next((run for run in snapshot.runs if run.metadata.name == noted.name), None)
    return noted.status == "Successful" if run is None else run.status.phase == "Successful"


def _dead_and_not_left(snapshot: Snapshot, active: ServiceSeen, plan: Plan) -> Iterator[str]:
    stable = revision_of(snapshot, snapshot.rollout.status.stable_rs)
    if stable is None or active.selector_hash == stable.hash or not wanted_replicas(snapshot):
        return
    lasting = min(ready_pods(stable), stable.replicas, stable.ready)
    selected = revision_of(snapshot, active.selector_hash)
    if (
        ready_endpoints(active) != 0
        or not lasting
        or (selected is not None and ready_pods(selected))
    ):
        return
    left = any(
        isinstance(a, PointService) and a.service == active.name and a.hash == stable.hash
        for a in plan.actions
    )
    if not left:
        yield f"Service {active.name} has no endpoint and is not given back to {stable.name}"


# --- Pods ----------------------------------------------------------------------------------------


def _reached_pods_removed(snapshot: Snapshot, active: ServiceSeen, plan: Plan) -> Iterator[str]:
    moving = any(isinstance(a, PointService) and a.service == active.name for a in plan.actions)
    fresh = is_fresh(snapshot, active)
    for revision in snapshot.revisions:
        after = replicas_after(plan, revision)
        if after >= revision.replicas:
            continue
        if moving:
            yield f"{revision.name} shrinks beside a switch of Service {active.name}"
        shown = not isinstance(active.endpoints, Unknown) and active.endpoints.get(revision.hash)
        reached = fresh or shown or active.selector_hash in (revision.hash, "")
        if reached and after < min(wanted_replicas(snapshot), revision.replicas):
            yield f"{revision.name} shrinks to {after} pods while production may reach it"


def _before_its_delay(snapshot: Snapshot, strategy: BlueGreenStrategy, plan: Plan) -> Iterator[str]:
    status, now = snapshot.rollout.status, snapshot.now
    wanted = plan.status.current_pod_hash if plan.status else snapshot.template_hash
    for revision in snapshot.revisions:
        if not revision.replicas or replicas_after(plan, revision) or not wanted_replicas(snapshot):
            continue
        ends, aborted = revision.scale_down_deadline, status.abort
        if revision.hash == wanted and not aborted:
            continue  # a preview of no pods is what its user asked for
        if revision.hash == status.current_pod_hash == wanted:
            owed = strategy.abort_scale_down_delay_seconds != 0
        else:
            owed = strategy.scale_down_delay_seconds != 0
            owed = owed and strategy.scale_down_delay_revision_limit is None
        if owed and (ends is None or ends > now):
            yield f"{revision.name} goes to zero before its delay is over"


# --- Status --------------------------------------------------------------------------------------


def _promoted_too_early(
    snapshot: Snapshot, strategy: BlueGreenStrategy, active: ServiceSeen, new: RolloutStatus
) -> Iterator[str]:
    old, wanted = snapshot.rollout.status, wanted_replicas(snapshot)
    if new.stable_rs == old.stable_rs:
        return
    alive = ready_endpoints(active)
    if active.selector_hash != new.stable_rs:
        yield f"{new.stable_rs} becomes stable although Service {active.name} is not on it"
    if alive is not None and alive < wanted:
        yield f"{new.stable_rs} becomes stable with {alive} of {wanted} endpoints"
    if is_fresh(snapshot, active):
        yield f"{new.stable_rs} becomes stable although Service {active.name} was moved just now"
    post = strategy.post_promotion_analysis
    noted = old.blue_green.post_promotion_analysis_run_status
    short = _is_short(snapshot, new.stable_rs) or revision_of(snapshot, old.stable_rs) is None
    if post is not None and post.templates and not short and not _passed(snapshot, noted):
        yield f"{new.stable_rs} becomes stable without a run that passed"


def _old_verdict(snapshot: Snapshot, new: RolloutStatus) -> Iterator[str]:
    """A run of an attempt before this one."""
    was, now = snapshot.rollout.status.blue_green, new.blue_green
    before = (was.pre_promotion_analysis_run_status, now.pre_promotion_analysis_run_status)
    after = (was.post_promotion_analysis_run_status, now.post_promotion_analysis_run_status)
    yield from taken_up(snapshot, new, (before, after))

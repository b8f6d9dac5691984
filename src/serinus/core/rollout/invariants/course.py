"""The second half of the invariants: room, owners, steps, promotion, verdicts. See `check.py`.

Shares no judgement with the rules. Where a user's own field changes what is enough (a scale step,
a progress threshold, a delay of 0), these say nothing: a false alarm would hold a rollout for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from serinus.api.argo import CanaryStrategy, RolloutStatus, Step
from serinus.base.durations import parse_pause_duration
from serinus.core.rollout.actions import Plan, PointService, SetRouting
from serinus.core.rollout.invariants.plugins import old_answer, plugin_passed
from serinus.core.rollout.invariants.seen import (
    emptied_stable,
    emptied_while_measured,
    left_steps,
    ready_endpoints,
    replicas_after,
    revision_of,
    stable_is_dead,
    taken_up,
    wanted_replicas,
)
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.routing import Ability, RouterSeen, Routing, Unknown


def broken_course(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """What is wrong with a plan, in words."""
    strategy = snapshot.rollout.spec.strategy.canary
    if strategy is None:
        return
    yield from _weight_without_room(snapshot, strategy, plan)
    yield from _handed_over_under_weight(snapshot, strategy, plan)
    yield from _dead_and_not_left(snapshot, strategy, plan)
    yield from _stable_too_small(snapshot, strategy, plan)
    yield from emptied_while_measured(snapshot, plan)
    if strategy.traffic_routing is not None:
        yield from emptied_stable(snapshot, plan)
        yield from _before_its_delay(snapshot, strategy, plan)
    if plan.status is not None:
        yield from _step_left_too_early(snapshot, strategy, plan.status)
        yield from _promoted_too_early(snapshot, strategy, plan.status)
        yield from _old_verdict(snapshot, plan.status)
        yield from old_answer(snapshot, plan.status)


# --- Traffic -------------------------------------------------------------------------------------


def _weight_without_room(snapshot: Snapshot, strategy: CanaryStrategy, plan: Plan) -> Iterator[str]:
    stable = ready_endpoints(snapshot.services.get(strategy.stable_entry))
    canary = ready_endpoints(snapshot.services.get(strategy.canary_entry))
    own_terms = strategy.replica_progress_threshold or any(
        step.set_canary_scale for step in strategy.steps
    )
    for action in plan.actions:
        seen = _seen(snapshot, action) if isinstance(action, SetRouting) else None
        if seen is None or not isinstance(seen.routing, Routing):
            continue
        assert isinstance(action, SetRouting)
        weight, total = action.routing.weight, action.routing.total
        change = weight * seen.routing.total - seen.routing.weight * total
        to_canary = -(-wanted_replicas(snapshot) * weight // total)
        to_stable = -(-wanted_replicas(snapshot) * (total - weight) // total)
        if change > 0 and canary is not None and canary < (1 if own_terms else to_canary):
            yield f"weight {weight} goes to {canary} endpoints where {to_canary} are needed"
        short = canary and stable is not None and stable < to_stable
        if change < 0 and short and not _share_their_pods(snapshot, strategy):
            yield f"weight {weight} counts on {stable} of {to_stable} endpoints of stable"


def _share_their_pods(snapshot: Snapshot, strategy: CanaryStrategy) -> bool:
    """The end of a promotion: both Services select one revision, whatever the weight."""
    found = [snapshot.services.get(n) for n in (strategy.stable_service, strategy.canary_service)]
    hashes = {service.selector_hash for service in found if service is not None}
    behind = (service.endpoints for service in found if service is not None)
    seen = {hash for ends in behind if isinstance(ends, Mapping) for hash in ends if ends[hash]}
    return len(hashes) == 1 and seen == hashes


def _seen(snapshot: Snapshot, action: SetRouting) -> RouterSeen | None:
    return next((seen for seen in snapshot.routers if seen.router == action.router), None)


def _carries(snapshot: Snapshot) -> bool:
    return any(
        isinstance(seen.routing, Unknown) or not seen.routing.is_nothing
        for seen in snapshot.routers
    )


def _handed_over_under_weight(
    snapshot: Snapshot, strategy: CanaryStrategy, plan: Plan
) -> Iterator[str]:
    stable = snapshot.rollout.status.stable_rs
    for action in plan.actions:
        if not isinstance(action, PointService) or action.service != strategy.canary_entry:
            continue
        if revision_of(snapshot, stable) and action.hash != stable and _carries(snapshot):
            yield f"Service {action.service} goes to {action.hash} together with a weight"


def _dead_and_not_left(snapshot: Snapshot, strategy: CanaryStrategy, plan: Plan) -> Iterator[str]:
    stable = snapshot.services.get(strategy.stable_entry)
    canary = snapshot.services.get(strategy.canary_entry)
    trusted = snapshot.rollout.status.stable_rs
    if stable is None or canary is None or stable.selector_hash != trusted or not trusted:
        return
    known = [s.routing for s in snapshot.routers if isinstance(s.routing, Routing)]
    reaches = any(routing.reaches for routing in known)
    if isinstance(stable.endpoints, Unknown) or not stable.endpoints.get(trusted):
        return
    if ready_endpoints(canary) != 0 or not reaches or not wanted_replicas(snapshot):
        return
    left = any(
        (isinstance(a, SetRouting) and not a.routing.reaches)
        or (isinstance(a, PointService) and a.hash == trusted)
        for a in plan.actions
    )
    if not left:
        weight = max(routing.weight for routing in known)
        yield f"Service {canary.name} has no endpoint, weight {weight}, and is not left"


# --- Pods ----------------------------------------------------------------------------------------


def _stable_too_small(snapshot: Snapshot, strategy: CanaryStrategy, plan: Plan) -> Iterator[str]:
    """All must come back to stable while the weight is on behalf of a revision that is gone."""
    status = plan.status or snapshot.rollout.status
    stable = revision_of(snapshot, status.stable_rs)
    canary = snapshot.services.get(strategy.canary_entry)
    if stable is None or canary is None or snapshot.problems:
        return
    owner, known = canary.selector_hash, revision_of(snapshot, canary.selector_hash)
    foreign = known is not None and owner not in (status.stable_rs, status.current_pod_hash)
    if foreign and _carries(snapshot) and replicas_after(plan, stable) < wanted_replicas(snapshot):
        yield f"{stable.name} is not asked for all that has to come back from {owner}"


def _before_its_delay(snapshot: Snapshot, strategy: CanaryStrategy, plan: Plan) -> Iterator[str]:
    status, now = snapshot.rollout.status, snapshot.now
    if strategy.dynamic_stable_scale or strategy.scale_down_delay_revision_limit is not None:
        return
    told = plan.status.current_pod_hash if plan.status else snapshot.template_hash
    if told != status.current_pod_hash:
        return  # what a newer revision pushes aside has no delay
    promoted = status.stable_rs == status.current_pod_hash
    # Other steps end an abort: they are another attempt, to whose first step this one belongs.
    same = not plan.status or plan.status.current_step_hash == status.current_step_hash
    for revision in snapshot.revisions:
        if not revision.replicas or replicas_after(plan, revision) or not wanted_replicas(snapshot):
            continue
        if revision.hash == status.current_pod_hash:
            owed = status.abort and same and strategy.abort_scale_down_delay_seconds != 0
        else:
            owed = promoted and strategy.scale_down_delay_seconds != 0
        ends = revision.scale_down_deadline
        if owed and (ends is None or ends > now):
            yield f"{revision.name} goes to zero before its delay is over"


# --- Status --------------------------------------------------------------------------------------


def _step_left_too_early(
    snapshot: Snapshot, strategy: CanaryStrategy, new: RolloutStatus
) -> Iterator[str]:
    old = snapshot.rollout.status
    left = left_steps(snapshot, new)
    if left is None:
        return
    was, now = left
    if now > was + 1:
        yield f"steps {was} to {now} are passed at once"
    if stable_is_dead(snapshot):
        yield f"step {was} is left while stable has no endpoint"
    step = strategy.steps[was] if was < len(strategy.steps) else Step()
    if step.pause is not None and not old.controller_pause:
        duration = step.pause.duration
        begun = bool(old.pause_conditions)
        short = duration is not None and parse_pause_duration(duration) <= timedelta()
        if not begun and not short:
            yield f"the pause of step {was} is passed without having begun"
    if step.pause is not None and old.pause_conditions:
        yield from _unseen(snapshot, strategy, was)
    if step.experiment is not None and not _trial_passed(snapshot, old):
        yield f"the experiment of step {was} is passed without one that passed"
    if step.plugin is not None and not plugin_passed(old, new, was):
        yield f"the plugin of step {was} is passed without its word"
    if step.analysis is not None and not _passed(snapshot, old):
        yield f"the analysis of step {was} is passed without a run that passed"


def _unseen(snapshot: Snapshot, strategy: CanaryStrategy, index: int) -> Iterator[str]:
    """A timed pause shows the canary under its weight; one that died meanwhile has none."""
    set_so_far = [s.set_weight for s in strategy.steps[:index] if s.set_weight is not None]
    wanted = set_so_far[-1] if set_so_far else 0
    for seen in snapshot.routers:
        routing = seen.routing
        if isinstance(routing, Routing) and wanted and not routing.weight:
            yield f"the pause of step {index} is over although its weight {wanted} is 0"
    headers: dict[str, bool] = {}
    for step in strategy.steps[:index]:
        if step.set_header_route is not None:
            headers[step.set_header_route.name] = bool(step.set_header_route.match)
    for seen in snapshot.routers:
        bare = isinstance(seen.routing, Routing) and not seen.routing.header_routes
        if bare and any(headers.values()) and Ability.HEADERS in seen.able:
            yield f"the pause of step {index} is over although its header route is not there"


def _passed(snapshot: Snapshot, old: RolloutStatus) -> bool:
    noted = old.canary.current_step_analysis_run_status
    return noted is not None and any(
        run.metadata.name == noted.name and run.status.phase == "Successful"
        for run in snapshot.runs
    )


def _trial_passed(snapshot: Snapshot, old: RolloutStatus) -> bool:
    return any(
        one.metadata.name == old.canary.current_experiment
        and one.status.phase == "Successful"
        and not one.spec.terminate
        for one in snapshot.experiments
    )


def _promoted_too_early(
    snapshot: Snapshot, strategy: CanaryStrategy, new: RolloutStatus
) -> Iterator[str]:
    old, wanted = snapshot.rollout.status, wanted_replicas(snapshot)
    if new.stable_rs == old.stable_rs or not wanted:
        return
    first = revision_of(snapshot, old.stable_rs) is None
    name = strategy.stable_entry if first else strategy.canary_entry
    alive = ready_endpoints(snapshot.services.get(name))
    if alive is not None and alive < wanted and strategy.replica_progress_threshold is None:
        yield f"{new.stable_rs} becomes stable with {alive} of {wanted} endpoints"
    whole = all(
        isinstance(seen.routing, Routing) and seen.routing.weight == seen.routing.total
        for seen in snapshot.routers
    )
    if not first and not whole:
        yield f"{new.stable_rs} becomes stable without the whole weight"


def _old_verdict(snapshot: Snapshot, new: RolloutStatus) -> Iterator[str]:
    """An experiment or a run of an attempt before this one."""
    old = snapshot.rollout.status
    trial = new.canary.current_experiment
    if trial and trial != old.canary.current_experiment:
        if any(one.metadata.name == trial for one in snapshot.experiments):
            yield f"experiment {trial} is taken up although it was there before this attempt"
    elif trial and old.aborted_at is not None and new.aborted_at is None:
        yield f"experiment {trial} of the attempt before is taken up again"
    was, now = old.canary, new.canary
    steps = (was.current_step_analysis_run_status, now.current_step_analysis_run_status)
    background = (
        was.current_background_analysis_run_status,
        now.current_background_analysis_run_status,
    )
    yield from taken_up(snapshot, new, (steps, background))

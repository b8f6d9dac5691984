"""Independent assertions over a snapshot and the plan made from it. A broken one is a bug of ours.

Looks only at the world (who is selected, what may be reached, who is ready) and at the writes;
shares no judgement with `safety.py`, so that one mistake is not made twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec.structs import replace

from serinus.core.rollout.actions import Evict, Plan, PointService, Retire, Scale, SetRouting
from serinus.core.rollout.conditions import with_waiting
from serinus.core.rollout.invariants.basic import broken_without_router
from serinus.core.rollout.invariants.bluegreen import broken_switch
from serinus.core.rollout.invariants.course import broken_course
from serinus.core.rollout.invariants.leaving import broken_leaving
from serinus.core.rollout.invariants.pingpong import broken_roles
from serinus.core.rollout.invariants.proven import unproven_ways_back
from serinus.core.rollout.invariants.routes import broken_routes
from serinus.core.rollout.invariants.runs import broken_runs
from serinus.core.rollout.invariants.seen import ready_endpoints, stable_is_dead
from serinus.core.rollout.invariants.trials import broken_trials
from serinus.core.rollout.invariants.workload import broken_workload
from serinus.core.rollout.reasons import Hold, Reason
from serinus.core.rollout.snapshot import Revision, ServiceSeen, Snapshot
from serinus.core.rollout.standing import Standing, ready_pods
from serinus.core.routing import RouterSeen, Routing, Unknown


def broken(snapshot: Snapshot, plan: Plan) -> tuple[str, ...]:
    """What is wrong with a plan, in words; nothing if it is sound."""
    strategy = snapshot.rollout.spec.strategy
    switch = None if strategy.canary else strategy.blue_green
    return (
        *_one_routing_write(plan),
        *_restarted_at_once(snapshot, plan),
        *_nothing_used_is_deleted(snapshot, plan),
        *_status_is_consistent(snapshot, plan),
        *broken_leaving(snapshot, plan),
        *unproven_ways_back(snapshot, plan),
        *broken_workload(snapshot, plan),
        *broken_runs(snapshot, plan),
        *broken_trials(snapshot, plan),
        *(_broken_canary(snapshot, plan) if switch is None else ()),
        *(broken_switch(snapshot, switch, plan) if switch is not None else ()),
    )


def _broken_canary(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """By weights and Services where there is a router, by pods where there is none."""
    canary = snapshot.rollout.spec.strategy.canary
    yield from broken_course(snapshot, plan)
    yield from broken_roles(snapshot, plan)
    if canary is not None and canary.traffic_routing is None:
        yield from broken_without_router(snapshot, plan)
        return
    yield from _weights_in_bounds(plan)
    if canary is not None:
        yield from broken_routes(snapshot, canary, plan)
    yield from _none_stranded(snapshot, plan)
    yield from _raised_beside_the_dead(snapshot, plan)
    yield from _no_reached_pods_removed(snapshot, plan)


def _one_routing_write(plan: Plan) -> Iterator[str]:
    routing = [a for a in plan.actions if isinstance(a, SetRouting | PointService)]
    if len(routing) > 1:
        yield f"{len(routing)} writes of one plan change what production gets"


def _weights_in_bounds(plan: Plan) -> Iterator[str]:
    for action in plan.actions:
        if isinstance(action, SetRouting):
            routing = action.routing
            if not 0 <= routing.weight <= routing.total:
                yield f"weight {routing.weight} is not between 0 and {routing.total}"
            given = routing.weight + sum(one.weight for one in routing.additional)
            if given > routing.total:
                yield f"the weights add up to {given}, over {routing.total}"


# --- Traffic -------------------------------------------------------------------------------------


def _services(snapshot: Snapshot) -> tuple[ServiceSeen | None, ServiceSeen | None]:
    canary = snapshot.rollout.spec.strategy.canary
    if canary is None:
        return None, None
    services = snapshot.services
    return services.get(canary.stable_entry), services.get(canary.canary_entry)


def _none_stranded(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """No write takes requests from a Service with endpoints to one that has none."""
    stable, canary = _services(snapshot)
    for action in plan.actions:
        if isinstance(action, SetRouting):
            seen = next(s for s in snapshot.routers if s.router == action.router)
            to_canary = _raises(seen, action)
            target, source = (canary, stable) if to_canary else (stable, canary)
            wanted = snapshot.rollout.spec.replicas != 0
            if (
                ready_endpoints(target) == 0
                and ready_endpoints(source)
                and wanted
                and _changes(seen, action)
            ):
                name = target.name if target else ""
                routes = " with header routes" if action.routing.header_routes else ""
                what = f"weight {action.routing.weight}{routes}"
                yield f"{what} sends requests to {name} without endpoints"


def _raised_beside_the_dead(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """While users of stable find nobody, only a person's full promotion gives the canary more."""
    if not stable_is_dead(snapshot):
        return
    for action in plan.actions:
        seen = isinstance(action, SetRouting) and next(
            s for s in snapshot.routers if s.router == action.router
        )
        if seen and isinstance(action, SetRouting) and _raises(seen, action):
            yield f"weight {action.routing.weight} is a rise while stable has no endpoint"


def _raises(seen: RouterSeen, action: SetRouting) -> bool:
    new, now = action.routing, seen.routing
    if isinstance(now, Unknown):
        return new.weight > 0 or bool(new.header_routes)
    added = set(new.header_routes) - set(now.header_routes)
    return bool(added) or new.weight * now.total > now.weight * new.total


def _changes(seen: RouterSeen, action: SetRouting) -> bool:
    """What users get; copies of their requests are nobody's."""
    new, now = action.routing, seen.routing
    if isinstance(now, Unknown):
        return True
    moved = new.weight * now.total != now.weight * new.total
    return moved or set(new.header_routes) != set(now.header_routes)


# --- Pods ----------------------------------------------------------------------------------------


def _no_reached_pods_removed(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """Pods go only from what no request can reach, and never beside a routing write."""
    by_name = {revision.name: revision for revision in snapshot.revisions}
    replicas = snapshot.rollout.spec.replicas
    wanted = 1 if replicas is None else replicas
    moving = any(isinstance(a, SetRouting | PointService) for a in plan.actions)
    for action in plan.actions:
        if not isinstance(action, Scale):
            continue
        revision = by_name.get(action.revision)
        if revision is None or action.replicas >= revision.replicas:
            continue
        if moving:
            yield f"{revision.name} shrinks beside a routing write"
        elif action.replicas < wanted and _reached(snapshot, revision):
            yield from _too_small(snapshot, revision, action, wanted)


def _reached(snapshot: Snapshot, revision: Revision) -> bool:
    """A request may get to it, under the values that are written or those before them."""
    stable, canary = _services(snapshot)
    moved = any(_fresh(snapshot, s.written_at) for s in (stable, canary) if s)
    on_canary = canary is None or canary.selector_hash in (revision.hash, "")
    on_stable = stable is None or stable.selector_hash in (revision.hash, "")
    weights = _weights(snapshot)
    if weights is None:
        return moved or on_canary or on_stable
    return moved or (on_canary and weights[1] > 0) or (on_stable and weights[0] < 1)


def _fresh(snapshot: Snapshot, written_at: datetime | None) -> bool:
    settle: timedelta = snapshot.settings.settle
    return written_at is not None and snapshot.now < written_at + settle


def _weights(snapshot: Snapshot) -> tuple[float, float] | None:
    """The lowest and the highest part that the canary Service may get; None if not known."""
    parts: list[float] = []
    for seen in snapshot.routers:
        if isinstance(seen.routing, Unknown) or seen.verified is False:
            return None
        if _fresh(snapshot, seen.written_at):
            return None
        part = seen.routing.weight / seen.routing.total
        # The requests that match a header may be none, or all.
        parts += [part, 1.0] if seen.routing.header_routes else [part]
    return (min(parts), max(parts)) if parts else None


def _too_small(snapshot: Snapshot, revision: Revision, action: Scale, wanted: int) -> Iterator[str]:
    if action.replicas == 0:
        yield f"{revision.name} loses its last pods while requests may reach it"
    weights = _weights(snapshot)
    if weights is None:
        yield f"{revision.name} shrinks although the routing is not known or not settled"
        return
    steps = snapshot.rollout.spec.strategy.canary
    stable, _ = _services(snapshot)
    if stable is not None and stable.selector_hash == revision.hash and steps is not None:
        needed = wanted * (1 - weights[0])
        if action.replicas < needed - 1e-6:
            yield f"{revision.name} keeps {action.replicas} pods where {needed:.1f} carry its share"


# --- Objects and status --------------------------------------------------------------------------


def _nothing_used_is_deleted(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    status = snapshot.rollout.status
    for action in plan.actions:
        if isinstance(action, Retire) and action.kind == "ReplicaSet":
            revision = next((r for r in snapshot.revisions if r.name == action.name), None)
            if revision is None:
                yield f"{action.name} is deleted without having been seen"
            elif revision.replicas or revision.hash in (status.stable_rs, status.current_pod_hash):
                yield f"{action.name} is deleted while it is in use"


def _restarted_at_once(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """Of several pods that answer, a restart leaves one."""
    gone = {action.pod for action in plan.actions if isinstance(action, Evict)}
    for revision in snapshot.revisions:
        ready = {pod.name for pod in revision.pods if pod.ready and not pod.deleting}
        if len(ready) > 1 and ready <= gone:
            yield f"all {len(ready)} ready pods of {revision.name} are evicted at once"


def _status_is_consistent(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    old, new = snapshot.rollout.status, plan.status
    if new is None:
        return
    if new.stable_rs != old.stable_rs and new.stable_rs != new.current_pod_hash:
        yield f"{new.stable_rs} becomes stable without being the wanted revision"
    aborted = old.abort and bool(old.stable_rs)
    if new.stable_rs != old.stable_rs and (aborted or snapshot.problems):
        yield f"{new.stable_rs} becomes stable although the rollout is aborted or invalid"
    if new.abort and new.aborted_at is None:
        yield "an abort is told without the instant at which it was acted on"


# --- Failing static ------------------------------------------------------------------------------


def fail_static(standing: Standing, faults: tuple[str, ...]) -> Plan:
    """No writes but weight 0 towards a stable revision that can carry everything; the reason."""
    snapshot, reason = standing.snapshot, Reason(Hold.INVARIANT, "; ".join(faults))
    status = replace(standing.status, conditions=with_waiting(standing, (reason,)))
    carried = [
        SetRouting(seen.router, Routing(0, standing.total), snapshot.now)
        for seen in snapshot.routers
        if isinstance(seen.routing, Routing) and not seen.routing.is_nothing
    ]
    whole = not standing.promoted and _stable_is_whole(standing)
    back = _switch_back(standing) if standing.blue_green else None
    return Plan(
        actions=tuple(carried[:1]) if whole else (back,) if back else (),
        status=None if status == standing.status else status,
        reasons=(reason,),
    )


def _switch_back(standing: Standing) -> PointService | None:
    """The active Service back to a stable revision that has all its pods ready."""
    service, stable = standing.active_service, standing.stable
    if service is None or stable is None or standing.promoted or not standing.replicas:
        return None
    if service.selector_hash == stable.hash or ready_pods(stable) < standing.replicas:
        return None
    now = standing.snapshot.now
    return PointService(service.name, service.resource_version, stable.hash, now)


def _stable_is_whole(standing: Standing) -> bool:
    service = standing.stable_service
    if service is None or service.selector_hash != standing.stable_hash or not standing.replicas:
        return False
    known = not isinstance(service.endpoints, Unknown)
    fresh = _fresh(standing.snapshot, service.written_at)
    return known and not fresh and (ready_endpoints(service) or 0) >= standing.replicas

"""Independent assertions while something is routed that the spec names no more.

See `check.py`. Looks at what routers show and at the writes; shares no judgement with the rules.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.core.rollout.actions import (
    Action,
    CreateRevision,
    LetGo,
    Plan,
    PointService,
    Scale,
    SetRouting,
    StartExperiment,
    StartRun,
)
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.routing import RouterSeen, Routing

_BEGINNINGS = (CreateRevision, StartExperiment, StartRun)


def broken_leaving(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """What is wrong with a plan that is made while something is left behind, in words."""
    noted = snapshot.leaving
    if noted or _told_and_not_named(snapshot):
        for action in plan.actions:
            yield from _takes_from_the_old_routes(snapshot, action)
    for action in plan.actions:
        if isinstance(action, LetGo):
            yield from _let_go_too_early(snapshot)
        elif noted and isinstance(action, SetRouting):
            seen = next(one for one in snapshot.routers if one.router == action.router)
            if _gives_more(seen, action.routing):
                yield f"weight {action.routing.weight} is a rise by a router that is left behind"
        elif noted and isinstance(action, _BEGINNINGS):
            yield f"{type(action).__name__} {action.name} begins before the old routes are gone"
    if noted and plan.status is not None:
        yield from _another_revision(snapshot, plan.status.current_pod_hash)


def _told_and_not_named(snapshot: Snapshot) -> bool:
    """Without a note: the status told of a weight, and the spec names no router for it."""
    canary = snapshot.rollout.spec.strategy.canary
    weights = snapshot.rollout.status.canary.weights
    routed = canary is not None and canary.traffic_routing is not None
    return weights is not None and weights.canary.weight > 0 and not routed


def _takes_from_the_old_routes(snapshot: Snapshot, action: Action) -> Iterator[str]:
    status, known = snapshot.rollout.status, {one.hash for one in snapshot.revisions}
    stable = status.stable_rs if status.stable_rs in known else status.current_pod_hash
    match action:
        case Scale(name, _, count):
            revision = next((one for one in snapshot.revisions if one.name == name), None)
            if revision is not None and count < revision.replicas:
                yield f"{name} shrinks while old routes may lead to it"
        case PointService(service, _, pod_hash) if pod_hash != stable:
            yield f"Service {service} goes to {pod_hash} while old routes lead to it"


def _let_go_too_early(snapshot: Snapshot) -> Iterator[str]:
    if not snapshot.leaving or not snapshot.routers:
        yield "notes are taken off although nothing was seen of what is left"
    if snapshot.rollout.status.canary.weights is not None:
        yield "notes are taken off while the status still tells of the weights"
    for seen in snapshot.routers:
        instants = [at for at in (seen.written_at, seen.seen_since) if at is not None]
        fresh = any(snapshot.now < at + snapshot.settings.settle for at in instants)
        if fresh or seen.verified is False:
            yield f"notes are taken off while {seen.router} may be obeyed as it was before"
        if _gives(seen):
            yield f"notes are taken off while {seen.router} gives another than stable a part"


def _gives(seen: RouterSeen) -> bool:
    if not isinstance(seen.routing, Routing):
        return not seen.weights or max(seen.weights) > 0 or bool(_routes(seen))
    routing = seen.routing
    return bool(routing.weight or routing.additional or _routes(routing))


def _routes(shown: Routing | RouterSeen) -> set[str]:
    headers = {route.name for route in shown.header_routes}
    return headers | {route.name for route in shown.mirror_routes}


def _gives_more(seen: RouterSeen, new: Routing) -> bool:
    now = seen.routing
    if not isinstance(now, Routing):
        return new.weight > max(seen.weights, default=0) or bool(_routes(new) - _routes(seen))
    return new.weight * now.total > now.weight * new.total or bool(_routes(new) - _routes(now))


def _another_revision(snapshot: Snapshot, wanted: str) -> Iterator[str]:
    old = snapshot.rollout.status
    if old.current_pod_hash and wanted not in (old.current_pod_hash, old.stable_rs):
        yield f"revision {wanted} is begun before the old routes are gone"

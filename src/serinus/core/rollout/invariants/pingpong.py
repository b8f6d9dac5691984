"""What must hold where two Services swap their roles: see `check.py`.

A swap moves nobody's requests: it only says who carries them. So it is sound only together with the
promotion of whom the other Service selects, when that carries all of it and nothing else is set.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.argo import RolloutStatus
from serinus.api.pingpong import stable_role
from serinus.core.rollout.actions import Plan, PointService, SetRouting
from serinus.core.rollout.invariants.seen import ready_endpoints
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.routing import RouterSeen, Routing


def broken_roles(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """What is wrong with a plan, in words."""
    was, status = stable_role(snapshot.rollout), plan.status
    if status is None or not was:
        return
    now = status.canary.stable_ping_pong
    if now == was:
        return
    if now not in ("ping", "pong"):
        yield f"the role of stable's Service is forgotten: {now!r} after {was}"
        return
    yield from _unsound(snapshot, status)
    if any(isinstance(action, SetRouting | PointService) for action in plan.actions):
        yield "the Services swap their roles beside a write that is meant for the roles before"


def _unsound(snapshot: Snapshot, status: RolloutStatus) -> Iterator[str]:
    strategy = snapshot.rollout.spec.strategy.canary
    service = snapshot.services.get(strategy.canary_service) if strategy else None
    if status.stable_rs == snapshot.rollout.status.stable_rs:
        yield "the Services swap their roles without a promotion"
    if service is None or service.selector_hash != status.stable_rs:
        yield f"the Service that becomes stable's does not select {status.stable_rs}"
    elif ready_endpoints(service) == 0:
        yield f"Service {service.name} becomes stable's without an endpoint"
    if not all(_is_whole(seen) for seen in snapshot.routers):
        yield "the Services swap their roles while the canary's does not carry everything"


def _is_whole(seen: RouterSeen) -> bool:
    routing = seen.routing
    if not isinstance(routing, Routing) or routing.weight != routing.total:
        return False
    return not (routing.header_routes or routing.mirror_routes or routing.additional)

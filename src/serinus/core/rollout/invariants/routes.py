"""Independent assertions about header and mirror routes: on whose behalf, by which step, to whom.

See `check.py`. Looks at the steps as the user wrote them; shares no judgement with the rules.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.argo import CanaryStrategy, RolloutStatus, Step
from serinus.core.rollout.actions import Plan, SetRouting
from serinus.core.rollout.invariants.seen import left_steps, ready_endpoints, wanted_replicas
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.routing import Ability, RouterSeen, Routing, Unknown


def broken_routes(snapshot: Snapshot, strategy: CanaryStrategy, plan: Plan) -> Iterator[str]:
    """What is wrong with the routes that a plan writes, and with a step that it leaves."""
    for action in plan.actions:
        if isinstance(action, SetRouting):
            seen = next(s for s in snapshot.routers if s.router == action.router)
            for name in sorted(_names(action.routing) - _shown(seen)):
                yield from _new_route(snapshot, strategy, plan.status, name)
    if plan.status is not None:
        yield from _left_unseen(snapshot, strategy, plan.status)


def _names(routing: Routing | RouterSeen) -> set[str]:
    headers = {route.name for route in routing.header_routes}
    return headers | {route.name for route in routing.mirror_routes}


def _shown(seen: RouterSeen) -> set[str]:
    return _names(seen if isinstance(seen.routing, Unknown) else seen.routing)


def _new_route(
    snapshot: Snapshot, strategy: CanaryStrategy, new: RolloutStatus | None, name: str
) -> Iterator[str]:
    """Only for the revision on trial, which can answer, at a step that set it."""
    status = snapshot.rollout.status
    service = snapshot.services.get(strategy.canary_entry)
    if not any(_matches(last) for last in _at(strategy, status, new, name)):
        yield f"route {name} is written although no step so far sets it"
    if (new or status).abort:
        yield f"route {name} is written although the rollout is aborted"
    if service is None or service.selector_hash == status.stable_rs:
        yield f"route {name} is written although nothing on trial is behind it"
    if ready_endpoints(service) == 0 and wanted_replicas(snapshot):
        yield f"route {name} leads to nobody: no endpoint is ready"


def _at(
    strategy: CanaryStrategy, old: RolloutStatus, new: RolloutStatus | None, name: str
) -> Iterator[Step]:
    """The last step that says anything about a route: of where it was, and where it is put now."""
    indices = [s.current_step_index or 0 for s in (old, new) if s is not None]
    ends = indices if new is not None else range(len(strategy.steps))
    for end in ends:
        steps = reversed(strategy.steps[: end + 1])
        yield from [step for step in steps if name in _named(step)][:1]


def _named(step: Step) -> tuple[str, ...]:
    found = (step.set_header_route, step.set_mirror_route)
    return tuple(route.name for route in found if route is not None)


def _matches(step: Step) -> bool:
    found = (step.set_header_route, step.set_mirror_route)
    return any(route.match for route in found if route is not None)


def _left_unseen(snapshot: Snapshot, strategy: CanaryStrategy, new: RolloutStatus) -> Iterator[str]:
    """A step that sets or removes a route is over when every able router shows that."""
    left = left_steps(snapshot, new)
    if left is None:
        return
    was, _ = left
    step = strategy.steps[was] if was < len(strategy.steps) else Step()
    service = snapshot.services.get(strategy.canary_entry)
    for name in _named(step):
        if _matches(step) and service and service.selector_hash != new.current_pod_hash:
            yield f"step {was} is left although route {name} leads to another revision"
        able = Ability.HEADERS if step.set_header_route is not None else Ability.MIRRORS
        for seen in snapshot.routers:
            if able in seen.able and (name in _shown(seen)) is not _matches(step):
                yield f"step {was} is left although router {seen.router} does not obey for {name}"

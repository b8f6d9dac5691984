"""Planners that are wrong on purpose: a rule switched off, or a mistake of an earlier wording.

The mistakes are made around the real planner, in what it sees or in what it answers. They may look
into the planner; the oracle may not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from msgspec.structs import replace as with_fields

from serinus.core.rollout.actions import Plan, PointService, SetRouting
from serinus.core.rollout.drain import set_for
from serinus.core.rollout.plan import plan
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.rules import ALL, Rule
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.rollout.standing import stand
from serinus.core.routing import Routing
from simulation.events import Planner
from simulation.seeing import TESTERS

See = Callable[[Snapshot], Snapshot]
Answer = Callable[[Snapshot, Plan], Plan]


def without(*rules: Rule, check: bool = False) -> Planner:
    """The planner with some of its rules switched off."""
    return lambda snapshot: plan(snapshot, ALL - frozenset(rules), check=check)


def mistaken(
    *rules: Rule, see: See = lambda snapshot: snapshot, answer: Answer = lambda _, made: made
) -> Planner:
    """The planner without `rules`, looking through `see`, its plans changed by `answer`."""

    def wrong(snapshot: Snapshot) -> Plan:
        seen = see(snapshot)
        return answer(snapshot, plan(seen, ALL - frozenset(rules), check=False))

    return wrong


# --- Mistakes in what is answered -----------------------------------------------------------------


def _endpoints(snapshot: Snapshot, name: str) -> int:
    found = snapshot.services[name].endpoints
    return sum(found.values()) if isinstance(found, dict) else 0


def flees_from_dead_stable(snapshot: Snapshot, made: Plan) -> Plan:
    """T2: everything to whoever is alive, proven or not."""
    moving = any(isinstance(a, SetRouting | PointService) for a in made.actions)
    on_trial = snapshot.services["canary"].selector_hash == snapshot.template_hash
    if moving or _endpoints(snapshot, "stable") or not on_trial:
        return made
    if not _endpoints(snapshot, "canary"):
        return made
    write = SetRouting("nginx", Routing(100), snapshot.now)
    return replace(made, actions=(*made.actions, write))


def service_beside_weight(snapshot: Snapshot, made: Plan) -> Plan:
    """T3: weight 0 and the canary Service to stable in one plan."""
    canary = snapshot.services["canary"]
    stable = snapshot.rollout.status.stable_rs
    falls = any(isinstance(a, SetRouting) and a.routing.weight == 0 for a in made.actions)
    if not falls or canary.selector_hash == stable or not stable:
        return made
    write = PointService("canary", canary.resource_version, stable, snapshot.now)
    return replace(made, actions=(*made.actions, write))


def stable_service_beside_status(snapshot: Snapshot, made: Plan) -> Plan:
    """T13: the stable Service moves in the plan that says who is stable."""
    service, old = snapshot.services["stable"], snapshot.rollout.status.stable_rs
    new = made.status.stable_rs if made.status else old
    if new == old or service.selector_hash == new:
        return made
    write = PointService("stable", service.resource_version, new, snapshot.now)
    return replace(made, actions=(*made.actions, write))


def forgets_controller_pause(snapshot: Snapshot, made: Plan) -> Plan:
    """T12: the status does not say that it was the controller who paused."""
    if made.status is None:
        return made
    return replace(made, status=with_fields(made.status, controller_pause=False))


def waits_for_full_weight(snapshot: Snapshot, made: Plan) -> Plan:
    """T11: nobody becomes stable without the whole weight, not even the first one."""
    old = snapshot.rollout.status
    routing = snapshot.routers[0].routing
    whole = isinstance(routing, Routing) and routing.weight == routing.total
    if made.status is None or made.status.stable_rs == old.stable_rs or whole:
        return made
    return replace(made, status=with_fields(made.status, stable_rs=old.stable_rs))


def keeps_its_routes(snapshot: Snapshot, made: Plan) -> Plan:
    """The weight is taken back, and the header route forgotten."""
    shown = snapshot.routers[0].routing
    routes = shown.header_routes if isinstance(shown, Routing) else ()
    changed = [
        replace(a, routing=replace(a.routing, header_routes=routes))
        if isinstance(a, SetRouting)
        else a
        for a in made.actions
    ]
    return replace(made, actions=tuple(changed))


def routes_at_once(snapshot: Snapshot, made: Plan) -> Plan:
    """A header route is written with its step, whoever is ready (as in the original)."""
    step, status = snapshot.rollout.status.current_step_index, snapshot.rollout.status
    moving = any(isinstance(a, SetRouting | PointService) for a in made.actions)
    shown = snapshot.routers[0].routing
    if (
        moving
        or step != 0
        or status.abort
        or not status.stable_rs
        or not isinstance(shown, Routing)
    ):
        return made
    if status.stable_rs == status.current_pod_hash or shown.header_routes:
        return made
    write = SetRouting("nginx", Routing(0, header_routes=TESTERS), snapshot.now)
    return replace(made, actions=(*made.actions, write))


# --- Mistakes in what is seen ---------------------------------------------------------------------


def marks_never_void(snapshot: Snapshot) -> Snapshot:
    """T6, T7: a deadline counts under whatever it was set."""
    token = stand(snapshot, ALL)
    revisions = tuple(
        replace(one, deadline_set_for=set_for(token, one)) for one in snapshot.revisions
    )
    return replace(snapshot, revisions=revisions)


def slices_not_read(snapshot: Snapshot) -> Snapshot:
    """T13, second form: what a Service selects is taken for what its slices show."""
    ready = {one.hash: one.ready for one in snapshot.revisions}
    services = {
        name: replace(service, endpoints={service.selector_hash: ready[service.selector_hash]})
        if ready.get(service.selector_hash)
        else service
        for name, service in snapshot.services.items()
    }
    return replace(snapshot, services=services)


def promotion_before_abort(snapshot: Snapshot) -> Snapshot:
    """T14: a full promotion outranks an abort."""
    status = snapshot.rollout.status
    if not status.promote_full:
        return snapshot
    told = with_fields(status, abort=False, aborted_at=None)
    return replace(snapshot, rollout=with_fields(snapshot.rollout, status=told))


def weight_from_status(snapshot: Snapshot) -> Snapshot:
    """T8: what the status says of the weight is taken for the router's."""
    weights = snapshot.rollout.status.canary.weights
    shown = Routing(weights.canary.weight if weights else 0)
    routers = tuple(replace(seen, routing=shown) for seen in snapshot.routers)
    return replace(snapshot, routers=routers)


def blind_for_routes(snapshot: Snapshot) -> Snapshot:
    """Nobody thinks of the header routes once the rollout is aborted."""
    if not snapshot.rollout.status.abort:
        return snapshot
    routers = tuple(
        replace(seen, routing=replace(seen.routing, header_routes=()))
        if isinstance(seen.routing, Routing)
        else seen
        for seen in snapshot.routers
    )
    return replace(snapshot, routers=routers)


# --- The planner's own invariants -----------------------------------------------------------------


class Tripped(Exception):
    """An invariant of the planner broke; the message is its own."""


def guarded(*rules: Rule) -> Planner:
    """The planner without `rules` and with its invariants on; raises Tripped where one breaks."""

    def strict(snapshot: Snapshot) -> Plan:
        made = plan(snapshot, ALL - frozenset(rules))
        for reason in made.reasons:
            if reason.hold is Hold.INVARIANT:
                raise Tripped(reason.message)
        return made

    return strict

"""May: all safety rules. Each clamp makes a proposal smaller and says why (docs/safety.md).

The rules are a table, `CLAMPS`, so that a simulation can switch each one off. The order of the
table matters: whose weight it is decides what capacity is wanted, and the dead come last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from serinus.core.rollout import capacity, reach
from serinus.core.rollout.basic import CLAMPS_WITHOUT_ROUTER
from serinus.core.rollout.course import Course
from serinus.core.rollout.desired import Proposal, canary_room, with_counts, with_writes
from serinus.core.rollout.drain import hold_deletions, hold_drain
from serinus.core.rollout.reasons import STABLE_IS_MISSED, Hold
from serinus.core.rollout.routes import gives_more, in_words, same_routing
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.standing import Standing, ready_pods
from serinus.core.rollout.trial_traffic import with_trial, without_the_dead
from serinus.core.routing import RouterSeen, Routing, Unknown

Clamp = Callable[[Standing, Course, Proposal], Proposal]


def clamp(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """The part of `proposal` that is safe now."""
    for rule, hold in CLAMPS_WITHOUT_ROUTER if standing.by_pods else CLAMPS:
        if rule is None or rule in standing.rules:
            proposal = hold(standing, course, proposal)
    return proposal


# --- S0: whose weight ----------------------------------------------------------------------------


def whose_weight(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """Weight and routes belong to whom the canary Service selects; it is handed over at none."""
    service, nothing = standing.canary_service, Routing(0, standing.total)
    if service is None:
        return replace(proposal, routing=nothing, canary_selector="")
    if not proposal.routing.is_nothing and not reach.is_on(service, standing.current_hash):
        proposal = replace(proposal, routing=nothing)
        if service.selector_hash == standing.current_hash:
            message = f"the slices of Service {service.name} still show another revision"
            proposal = proposal.because(Hold.SERVICE, message)
    if proposal.canary_selector and not reach.quiet(standing):
        proposal = replace(proposal, canary_selector="")
        routes = " and without routes" if _has_routes(standing) else ""
        message = f"Service {service.name} is handed over at weight 0{routes}, seen and settled"
        return proposal.because(Hold.SERVICE, message, reach.settle_wake(standing))
    return proposal


def _has_routes(standing: Standing) -> bool:
    known = [s.routing for s in standing.routers if isinstance(s.routing, Routing)]
    return any(routing.header_routes or routing.mirror_routes for routing in known)


def follow_pods(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """A Service moves to a revision on trial when that has a ready pod, or none has."""
    service = standing.canary_service
    if proposal.canary_selector != standing.current_hash or standing.promoted or service is None:
        return proposal
    empty = standing.first and reach.all_endpoints(service) == 0
    if ready_pods(standing.current) or empty or standing.replicas == 0:
        return proposal
    proposal = replace(proposal, canary_selector="")
    message = f"Service {service.name} follows when a pod of {standing.current_hash} is ready"
    return proposal.because(Hold.ENDPOINTS, message)


# --- S6: freeze ----------------------------------------------------------------------------------


def freeze(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """Paused by the user, an invalid spec, a doubt in the background: nothing rises or starts."""
    if not (standing.frozen or course.in_doubt):
        return proposal
    proposal = replace(proposal, may_step=False)
    towards_stable = course.abort or standing.promoted or standing.snapshot.leaving
    writes = {r: w for r, w in proposal.writes.items() if not _rises(standing, r, w)}
    if standing.invalid and not towards_stable:
        # The steps of an invalid spec are not those that the status counts.
        writes = {r: w for r, w in writes.items() if w.is_nothing and _unowned(standing)}
    counts = dict(proposal.counts)
    if standing.current and not standing.promoted:
        name, here = standing.current.name, standing.current.replicas
        least = min(here, standing.replicas) if standing.invalid and not course.abort else 0
        counts[name] = min(max(counts[name], least), here)
    if not towards_stable:
        stable = "" if standing.first else proposal.stable_selector
        proposal = replace(proposal, canary_selector="", stable_selector=stable)
    return replace(proposal, writes=writes, counts=counts)


def _unowned(standing: Standing) -> bool:
    service = standing.canary_service
    return service is None or service.selector_hash != standing.current_hash


def _rises(standing: Standing, router: str, wanted: Routing) -> bool:
    return gives_more(_seen(standing, router), wanted)


def _seen(standing: Standing, router: str) -> RouterSeen:
    return next(seen for seen in standing.routers if seen.router == router)


# --- S1: capacity leads traffic up ---------------------------------------------------------------


def room(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """The canary's share rises all at once or not at all; stable's share rises by stages."""
    for router, wanted in proposal.writes.items():
        if _rises(standing, router, wanted):
            proposal = _rise(standing, course, proposal, router)
        else:
            proposal = _fall(standing, proposal, router)
    return proposal


def _rise(standing: Standing, course: Course, proposal: Proposal, router: str) -> Proposal:
    service, wanted = standing.canary_service, proposal.writes[router]
    held = _without(proposal, router)
    if service is None or service.selector_hash != standing.current_hash:
        return held.because(Hold.SERVICE, f"the canary Service is not on {standing.current_hash}")
    ready = reach.lasting(standing, service, standing.current_hash)
    if ready is None:
        return held.because(Hold.ENDPOINTS, f"endpoints of Service {service.name} are not known")
    needed = canary_room(standing, course, wanted)
    available = standing.current.available if standing.current else 0
    if min(ready, available) < needed:
        what = in_words(_seen(standing, router), wanted)
        message = f"canary {min(ready, available)}/{needed} ready for {what}"
        return held.because(Hold.CAPACITY, message)
    if not reach.service_settled(standing, service):
        message = f"Service {service.name} was pointed at {standing.current_hash} just now"
        return held.because(Hold.SETTLING, message, reach.settle_wake(standing))
    if not reach.service_settled(standing, standing.stable_service):
        # Its slices may still give the canary a part, on top of the weight.
        message = f"the stable Service was pointed at {standing.base_hash} just now"
        return held.because(Hold.SETTLING, message, reach.settle_wake(standing))
    return proposal


def _fall(standing: Standing, proposal: Proposal, router: str) -> Proposal:
    """To the lowest weight at which stable has room for the rest."""
    service, held = standing.stable_service, _without(proposal, router)
    if service is None or service.selector_hash != standing.base_hash:
        return held.because(Hold.SERVICE, f"the stable Service is not on {standing.base_hash}")
    ready = reach.lasting(standing, service, standing.base_hash)
    if ready is None:
        return held.because(Hold.ENDPOINTS, f"endpoints of Service {service.name} are not known")
    if not reach.service_settled(standing, service):
        message = f"Service {service.name} was pointed at {standing.base_hash} just now"
        return held.because(Hold.SETTLING, message, reach.settle_wake(standing))
    wanted, total = proposal.writes[router], standing.total
    lowest = wanted.weight
    if ready < _whole(standing):
        lowest = max(lowest, total - ready * total // standing.replicas)
    if lowest == wanted.weight:
        return proposal
    message = f"stable {ready}/{standing.replicas} ready for weight {wanted.weight}"
    staged = _stage(_seen(standing, router).routing, wanted, lowest)
    if staged is None:
        return held.because(Hold.CAPACITY, message)
    writes = {**proposal.writes, router: staged}
    return replace(proposal, writes=writes).because(Hold.CAPACITY, message)


def _stage(seen: Routing | Unknown, wanted: Routing, lowest: int) -> Routing | None:
    """As far towards `wanted` as stable has room for the rest; None if that is nowhere.

    Routes that go leave stable no more than its weight, which it has to have room for in any case.
    """
    if isinstance(seen, Unknown):
        return None
    staged = replace(wanted, weight=lowest)
    if lowest * seen.total >= seen.weight * wanted.total:
        staged = replace(wanted, weight=seen.weight, total=seen.total)
    return None if same_routing(seen, staged) else staged


def _without(proposal: Proposal, router: str) -> Proposal:
    return replace(proposal, writes={r: w for r, w in proposal.writes.items() if r != router})


# --- S3: traffic is never stranded by us ---------------------------------------------------------


def stranded(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """From the dead to the living at once; never the other way; both dead: nothing moves."""
    proposal = _stable_service(standing, proposal)
    canary = reach.all_endpoints(standing.canary_service)
    stable = _stable_endpoints(standing)
    missed = reach.stable_is_missed(standing)
    if stable:
        proposal = _left_by_trials(standing, proposal)
    if missed and not course.promote_full:
        proposal = _without_rises(standing, proposal)
    proposal = _keep_from_dead(standing, proposal, canary, stable)
    if canary and missed and not proposal.stable_selector:
        return proposal.because(Hold.REPAIR, STABLE_IS_MISSED)
    # Pods that are about to go still answer: better than none, until the others are there.
    if canary != 0 or (stable == 0 and not _still_answers(standing)):
        return proposal
    carries = [seen for seen in standing.routers if _carries(seen)]
    if not carries:
        return proposal
    nothing = Routing(0, standing.total)
    known = {s.router: nothing for s in carries if isinstance(s.routing, Routing)}
    # What would bring objects that differ together again gives the dead a part.
    kept = {r: wanted for r, wanted in proposal.writes.items() if wanted.is_nothing}
    proposal = replace(proposal, writes={**kept, **known})
    if any(isinstance(seen.routing, Unknown) for seen in carries):
        proposal = _to_stable_unread(standing, proposal)
    name = standing.canary_service.name if standing.canary_service else ""
    return proposal.because(Hold.ENDPOINTS, f"Service {name} has no ready endpoint: all to stable")


def _left_by_trials(standing: Standing, proposal: Proposal) -> Proposal:
    """Users of an experiment's dead Service go to stable at once."""
    writes = dict(proposal.writes)
    for seen in standing.routers:
        if isinstance(seen.routing, Routing):
            alive = without_the_dead(standing, seen.routing)
            if alive != seen.routing and seen.router not in writes:
                writes[seen.router] = alive
    return replace(proposal, writes=writes)


def _carries(seen: RouterSeen) -> bool:
    return isinstance(seen.routing, Unknown) or not seen.routing.is_nothing


def _still_answers(standing: Standing) -> bool:
    service = standing.stable_service
    on = service is not None and service.selector_hash == standing.base_hash
    return on and bool(reach.endpoints(service, standing.base_hash))


def _stable_endpoints(standing: Standing) -> int | None:
    """Ready endpoints that production gets at weight 0; 0 if the Service is on another one."""
    service = standing.stable_service
    if service is None or service.selector_hash != standing.base_hash:
        return 0
    return reach.lasting(standing, service, standing.base_hash)


def _keep_from_dead(
    standing: Standing, proposal: Proposal, canary: int | None, stable: int | None
) -> Proposal:
    """Drops the writes that would take traffic from the living, or move it among the dead."""
    writes = dict(proposal.writes)
    for router, wanted in proposal.writes.items():
        rises = _rises(standing, router, wanted)
        if (rises and canary == 0) or (not rises and stable == 0 and (canary or standing.replicas)):
            del writes[router]
    return replace(proposal, writes=writes)


def _without_rises(standing: Standing, proposal: Proposal) -> Proposal:
    """Stable is dead: the canary has proved nothing, and only a person gives it more."""
    kept = {r: w for r, w in proposal.writes.items() if not _rises(standing, r, w)}
    return replace(proposal, writes=kept)


def _stable_service(standing: Standing, proposal: Proposal) -> Proposal:
    """The stable Service moves to whom the status calls stable, once that can carry its share."""
    service, target = standing.stable_service, proposal.stable_selector
    if not target or service is None:
        return replace(proposal, stable_selector="")
    ready, behind = ready_pods(standing.stable or standing.current), reach.all_endpoints(service)
    alone = behind is not None and behind == reach.endpoints(service, target)
    if alone and (ready or standing.first or not standing.replicas):
        return proposal
    needed = max(1, standing.replicas if reach.stable_share(standing)[0] else 1)
    if behind is not None and ready >= needed:
        return proposal
    message = f"Service {service.name} moves to {target} when it has {needed} ready pods"
    proposal = replace(proposal, stable_selector="")
    return proposal.because(Hold.CAPACITY, message)


# --- S4: unknown is not zero ---------------------------------------------------------------------


def unknown(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """An unread router holds every rise; towards stable it is written blind, or passed by."""
    unread = [seen for seen in standing.routers if isinstance(seen.routing, Unknown)]
    if standing.routers and not unread:
        return proposal
    writes = {r: w for r, w in proposal.writes.items() if not _rises(standing, r, w)}
    proposal = replace(proposal, writes=writes)
    if not standing.first:
        why = unread[0].routing.why if unread else "no router was read"  # type: ignore[union-attr]
        retry = reach.retry_at(standing)
        proposal = proposal.because(Hold.UNKNOWN, f"the routing is not known: {why}", retry)
    if proposal.routing.reaches or proposal.writes or not _has_full_room(standing):
        return proposal
    return _to_stable_unread(standing, proposal)


def _has_full_room(standing: Standing) -> bool:
    ready = _stable_endpoints(standing)
    settled = reach.service_settled(standing, standing.stable_service)
    return ready is not None and ready >= max(1, _whole(standing)) and settled


def _whole(standing: Standing) -> int:
    """Ready pods with which stable counts as whole: all, or what the user calls enough."""
    return capacity.needed(standing.replicas, standing.strategy.replica_progress_threshold)


def _to_stable_unread(standing: Standing, proposal: Proposal) -> Proposal:
    """Point the canary Service at stable, which counts at once; then weight 0, blind."""
    service = standing.canary_service
    if service is not None and service.selector_hash != standing.base_hash:
        return replace(proposal, canary_selector=standing.base_hash)
    nothing = Routing(0, standing.total)
    unread = {s.router: nothing for s in standing.routers if isinstance(s.routing, Unknown)}
    if service is not None and reach.service_settled(standing, service):
        return proposal
    return replace(proposal, writes={**proposal.writes, **unread}, canary_selector="")


# --- S0, S2: one write, and nothing shrinks beside it --------------------------------------------


def single(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """At most one of {weight, canary selector, stable selector}; towards stable first."""
    falls = [r for r, w in proposal.writes.items() if not _rises(standing, r, w)]
    rises = [r for r in proposal.writes if r not in falls]
    blank = replace(proposal, writes={}, canary_selector="", stable_selector="")
    if falls:
        return replace(blank, writes={falls[0]: proposal.writes[falls[0]]})
    if proposal.stable_selector:
        return replace(blank, stable_selector=proposal.stable_selector)
    if proposal.canary_selector:
        return replace(blank, canary_selector=proposal.canary_selector)
    return replace(blank, writes={r: proposal.writes[r] for r in rises[:1]})


CLAMPS: tuple[tuple[Rule | None, Clamp], ...] = (
    (Rule.S0, whose_weight),
    (None, follow_pods),
    (None, with_trial),
    (None, lambda standing, course, proposal: with_writes(standing, proposal)),
    (None, lambda standing, course, proposal: with_counts(standing, course, proposal)),
    (Rule.S6, freeze),
    (Rule.S1, room),
    (Rule.S3, stranded),
    (Rule.S4, unknown),
    (Rule.SINGLE, single),
    (Rule.S9, hold_deletions),
    (Rule.S2, hold_drain),
)
"""In this order; None marks what is no rule: how the weight becomes writes and replicas."""

"""May, for a canary without a router: pods are the weight, so counts are what has to be safe.

The sums are in `proportions.py`; here is which of them a rollout wants now, and what holds them:
a freeze (S6), Services that select a revision (S3, S9), runs that measure one (S9). No weight, no
route and no delay exists here (docs/safety.md says which rules apply).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from serinus.core.rollout import capacity, proportions, reach
from serinus.core.rollout.course import Course
from serinus.core.rollout.desired import Proposal, wanted_weight
from serinus.core.rollout.drain import hold_measured
from serinus.core.rollout.proportions import Bounds, Counts, Side
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.restart import spared
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.snapshot import Revision, ServiceSeen
from serinus.core.rollout.standing import Standing, ready_pods

# --- Which counts are wanted ---------------------------------------------------------------------


def bounds(standing: Standing) -> Bounds:
    """Between which sums the pods of all revisions have to stay."""
    strategy = standing.strategy
    try:
        return proportions.bounds_of(
            standing.replicas, strategy.max_surge, strategy.max_unavailable
        )
    except ValueError:  # the spec is invalid and says so; what runs is looked after all the same
        return proportions.bounds_of(standing.replicas, None, None)


def target(standing: Standing, course: Course) -> Counts:
    """The counts that the course asks for; those of a freeze (S6) while there is one."""
    wanted = _of_course(standing, course)
    if _may_step(standing, course) or standing.promoted or course.abort:
        return wanted
    here = standing.current.replicas if standing.current else 0
    # The steps of an invalid spec are not those that the status counts: what is there stays.
    canary = min(here, standing.replicas if standing.invalid else wanted.canary)
    stable = 0 if standing.first else max(wanted.stable, standing.replicas - canary)
    return replace(wanted, canary=canary, stable=stable)


def _of_course(standing: Standing, course: Course) -> Counts:
    if standing.first or standing.promoted:
        count = spared(standing, standing.current, standing.replicas)
        return Counts(min(count, bounds(standing).most), 0)
    if standing.current is None:
        return Counts(0, _while_created(standing, course))
    weight = wanted_weight(standing, course)
    wanted = proportions.split(bounds(standing), weight, standing.total)
    if wanted.stable or not _serves(standing, standing.stable):
        return wanted
    spare = standing.replicas > 0 and wanted.canary < bounds(standing).most
    return replace(wanted, stable=1) if spare and Rule.S9 in standing.rules else wanted


def _while_created(standing: Standing, course: Course) -> int:
    """Stable's pods beside a revision that this plan creates: as many as there are, so that none
    starts for an instant. Nobody gives way to what may never be created: a refusal gives it all.
    """
    stable, refused = standing.stable, bool(standing.snapshot.refusals)
    if stable is None or refused or standing.collided or course.abort:
        return standing.replicas
    weight = wanted_weight(standing, course)
    least = proportions.split(bounds(standing), weight, standing.total).stable
    return max(least, min(stable.replicas, standing.replicas))


def _serves(standing: Standing, revision: Revision | None) -> bool:
    """The stable Service selects it: its last pod is not to be spared."""
    service = standing.stable_service
    return service is not None and revision is not None and service.selector_hash == revision.hash


def older(standing: Standing) -> list[Revision]:
    """The revisions that are on their way out, in the order in which they give way."""
    return sorted(standing.others, key=lambda revision: (-revision.number, revision.name))


def at_target(standing: Standing, course: Course) -> bool:
    """The pods are in the proportion that the step asks for, and none of an older one answers."""
    wanted, current, stable = target(standing, course), standing.current, standing.stable
    if current is None or current.replicas != wanted.canary:
        return False
    enough = capacity.needed(wanted.canary, standing.strategy.replica_progress_threshold)
    if current.available < enough or any(old.available for old in standing.others):
        return False
    return stable is None or stable.replicas == stable.seen == wanted.stable


# --- Clamps --------------------------------------------------------------------------------------


def with_services(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """Both Services follow their revisions, each only to where a pod is ready (S3)."""
    stable, canary = _base_of_service(standing, course), _canary_of_service(standing, course)
    moves = (
        ("stable_selector", standing.stable_service, stable),
        ("canary_selector", standing.canary_service, canary),
    )
    for field, service, wanted in moves:
        there = service is None or service.selector_hash == wanted
        proposal = replace(proposal, **{field: "" if there else wanted})  # type: ignore[arg-type]
        if service is None or there or Rule.S3 not in standing.rules:
            continue
        if not _may_move(standing, service, wanted):
            proposal = replace(proposal, **{field: ""})  # type: ignore[arg-type]
            message = f"Service {service.name} follows when a pod of {wanted} is ready"
            proposal = proposal.because(Hold.ENDPOINTS, message)
    return proposal


def _canary_of_service(standing: Standing, course: Course) -> str:
    """Whom the canary Service belongs to: the one on trial while it has pods, else stable.

    From a revision that is on its way out it goes to stable first, if the new one is not ready:
    a pod is kept for whom a Service selects, and there may be no room for one more.
    """
    service, current = standing.canary_service, standing.current_hash
    if standing.promoted or course.abort or not target(standing, course).canary:
        return standing.base_hash
    at = service.selector_hash if service else current
    if at in ("", current, standing.base_hash) or ready_pods(standing.current):
        return current
    return standing.base_hash if ready_pods(standing.stable) else current


def _base_of_service(standing: Standing, course: Course) -> str:
    """Whom the stable Service belongs to: stable, as the status says.

    Without any pod to surge, stable gives its last one before the new revision can be whole; then
    the Service goes ahead to the new one as soon as that can answer for the least.
    """
    service, current = standing.stable_service, standing.current
    frozen = standing.frozen or course.in_doubt
    on_trial = not (standing.first or standing.promoted or course.abort or frozen)
    limits = bounds(standing)
    if service is None or current is None or not on_trial or limits.surge:
        return standing.base_hash
    if target(standing, course).stable:
        return standing.base_hash
    there = service.selector_hash == standing.current_hash
    enough = 1 if there else max(1, limits.least)
    return standing.current_hash if ready_pods(current) >= enough else standing.base_hash


def _may_move(standing: Standing, service: ServiceSeen, pod_hash: str) -> bool:
    """A pod of the revision is ready; or nobody answers there, and it is the first of all.

    From pods of a workload that lends them it goes only to as many as are wanted.
    """
    revision = next((r for r in standing.snapshot.revisions if r.hash == pod_hash), None)
    if reach.endpoints(service, "") and not service.selector_hash:
        return standing.replicas > 0 and ready_pods(revision) >= standing.replicas
    nobody = standing.first and reach.all_endpoints(service) == 0
    return bool(ready_pods(revision)) or nobody or standing.replicas == 0


def single(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """One Service a plan, stable's first."""
    return replace(proposal, canary_selector="") if proposal.stable_selector else proposal


def with_pods(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """As far towards the wanted counts as maxSurge and maxUnavailable let one plan go (S8)."""
    wanted, old = target(standing, course), older(standing)
    current, stable = standing.current, None if standing.promoted else standing.stable
    made = replace(wanted, older=tuple(0 for _ in old))
    if Rule.S8 in standing.rules:
        sides = [_side(revision) for revision in (current, stable, *old)]
        made = proportions.towards(bounds(standing), wanted, sides[0], sides[1], sides[2:])
    counts = {one.name: count for one, count in zip(old, made.older, strict=True)}
    for revision, count in ((current, made.canary), (stable, made.stable)):
        if revision is not None:
            counts[revision.name] = count
    proposal = replace(proposal, counts=counts, may_step=_may_step(standing, course))
    return _told(standing, course, proposal, wanted)


def _may_step(standing: Standing, course: Course) -> bool:
    return not ((standing.frozen or course.in_doubt) and Rule.S6 in standing.rules)


def _side(revision: Revision | None) -> Side:
    if revision is None:
        return Side()
    return Side(revision.replicas, revision.available, revision.ready)


def _told(standing: Standing, course: Course, proposal: Proposal, wanted: Counts) -> Proposal:
    """Why the counts are not there yet, where a step waits for them."""
    current, stable = standing.current, standing.stable
    if current is None or standing.first or standing.frozen:
        return proposal
    left = [r for r in older(standing) if r.replicas]
    if left:
        pods = sum(revision.replicas for revision in left)
        message = f"{pods} pods of older revisions go as others become available"
        proposal = proposal.because(Hold.CAPACITY, message)
    if standing.promoted or at_target(standing, course) or stable is None:
        return proposal
    text = f"canary {_side(current).lasting}/{wanted.canary}, stable {stable.seen}/{wanted.stable}"
    weight = wanted_weight(standing, course)
    return proposal.because(Hold.CAPACITY, f"{text} pods for weight {weight}")


def hold_selected(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """A revision keeps a pod while a Service selects it, or did until just now (S9)."""
    counts = dict(proposal.counts)
    if bounds(standing).most <= 1:
        return proposal  # one must go before another can come
    for service in (standing.stable_service, standing.canary_service):
        if service is None:
            continue
        for revision in standing.snapshot.revisions:
            goes = revision.replicas and not counts.get(revision.name, revision.replicas)
            if not goes or not _may_reach(standing, service, revision):
                continue
            counts[revision.name] = 1
            message = f"{revision.name} keeps 1 pod for Service {service.name}"
            wake = reach.settle_wake(standing)
            proposal = proposal.because(Hold.SETTLING, message, wake)
    return replace(proposal, counts=counts)


def _may_reach(standing: Standing, service: ServiceSeen, revision: Revision) -> bool:
    if service.selector_hash == revision.hash:
        return True
    return bool(service.selector_hash) and not reach.service_settled(standing, service)


CLAMPS_WITHOUT_ROUTER: tuple[
    tuple[Rule | None, Callable[[Standing, Course, Proposal], Proposal]], ...
] = (
    (None, with_services),
    (Rule.SINGLE, single),
    (None, with_pods),
    (Rule.S9, hold_measured),
    (Rule.S9, hold_selected),
)
"""In this order; None marks what is no rule, or asks for its rules itself."""

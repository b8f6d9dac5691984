"""May, for blue-green: the safety rules as they apply to one selector that carries everything.

Each clamp makes a proposal of `bluegreen.py` smaller and says why (docs/safety.md). The preview
Service is exempt: production does not get what it selects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from serinus.core.rollout import reach
from serinus.core.rollout.course import Course
from serinus.core.rollout.desired import Proposal
from serinus.core.rollout.drain import delayed, hold_deletions, keep, user_delay
from serinus.core.rollout.gates import is_switched
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.snapshot import Revision, ServiceSeen
from serinus.core.rollout.standing import Standing, ready_pods
from serinus.core.routing import Unknown

Clamp = Callable[[Standing, Course, Proposal], Proposal]


def clamp(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """The part of `proposal` that is safe now."""
    for rule, hold in CLAMPS:
        if rule is None or rule in standing.rules:
            proposal = hold(standing, course, proposal)
    return proposal


# --- S6: freeze ----------------------------------------------------------------------------------


def freeze(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """Paused by the user, or an invalid spec: nothing rises but what production gets already."""
    if not standing.frozen:
        return proposal
    forward = proposal.active_selector != standing.stable_hash
    counts, current = dict(proposal.counts), standing.current
    if current is not None and not standing.promoted and not is_switched(standing):
        here = current.replicas
        least = min(here, standing.replicas) if standing.invalid and not course.abort else 0
        counts[current.name] = min(max(counts[current.name], least), here)
    return replace(
        proposal,
        may_step=False,
        active_selector="" if forward else proposal.active_selector,
        preview_selector="",
        counts=counts,
    )


# --- S1, S3, S4: the selector --------------------------------------------------------------------


def room(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """The active Service goes to who has room for everything; back to stable also to the better."""
    service, target = standing.active_service, _target(standing, proposal)
    if service is None or not proposal.active_selector:
        return replace(proposal, active_selector="")
    wanted = standing.replicas
    ready = reach.ready_behind(standing, target) if target else 0
    if standing.first and _is_nobodys(service, standing.current_hash):
        return proposal
    if proposal.active_selector == standing.stable_hash:
        if ready >= wanted or ready > _carrying(standing, service):
            return proposal
        message = f"stable {ready}/{wanted} ready to take Service {service.name} back"
    else:
        ready = min(ready, target.available if target else 0)
        if ready >= wanted:
            return proposal
        message = f"new revision {ready}/{wanted} ready for Service {service.name}"
    return replace(proposal, active_selector="").because(Hold.CAPACITY, message)


def _target(standing: Standing, proposal: Proposal) -> Revision | None:
    revisions = standing.snapshot.revisions
    return next((r for r in revisions if r.hash and r.hash == proposal.active_selector), None)


def _is_nobodys(service: ServiceSeen, pod_hash: str) -> bool:
    """Nobody answers behind it but, perhaps, the revision that it is to select."""
    known = not isinstance(service.endpoints, Unknown)
    return known and reach.all_endpoints(service) == reach.endpoints(service, pod_hash)


def stranded(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """From the dead to a living stable at once; never the other way; both dead: nothing moves."""
    service, stable = standing.active_service, standing.stable
    if service is None:
        return proposal
    dead = bool(standing.replicas) and not _carrying(standing, service)
    if dead and service.selector_hash != standing.stable_hash and ready_pods(stable):
        message = f"Service {service.name} has no ready endpoint: back to stable"
        moved = replace(proposal, active_selector=standing.stable_hash)
        return moved.because(Hold.ENDPOINTS, message)
    target = _target(standing, proposal)
    nobody = reach.all_endpoints(service) == 0 and (standing.first or not standing.replicas)
    if proposal.active_selector and not ready_pods(target) and not nobody:
        proposal = replace(proposal, active_selector="")
    on_trial = not (standing.first or standing.promoted)
    if dead and on_trial and service.selector_hash == standing.stable_hash:
        message = "stable has no ready endpoint: what others carry stays, within their step"
        return proposal.because(Hold.REPAIR, message)
    return proposal


def _carrying(standing: Standing, service: ServiceSeen) -> int:
    """Pods that production has behind it, also those that its slices are only late to show."""
    shown = reach.all_endpoints(service)
    if shown is None:
        return standing.replicas
    selected = (r for r in standing.snapshot.revisions if r.hash == service.selector_hash)
    late = shown == 0 and reach.settles_at(standing, service) is None
    return max([shown, *(0 if late else ready_pods(revision) for revision in selected)])


def unknown(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """Endpoints that are not known hold every switch but the one back to stable."""
    services = (standing.active_service, standing.preview_service)
    unread = [s for s in services if s is not None and isinstance(s.endpoints, Unknown)]
    if not unread or proposal.active_selector in ("", standing.stable_hash):
        return proposal
    message = f"the endpoints of Service {unread[0].name} are not known"
    return replace(proposal, active_selector="").because(Hold.UNKNOWN, message)


def single(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """One selector a plan; production's first."""
    return replace(proposal, preview_selector="") if proposal.active_selector else proposal


# --- S2: what the switch leaves ------------------------------------------------------------------


def hold_drain(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """Nothing that production may still reach shrinks, and nothing before the user's delay."""
    waiting, limit = 0, _revision_limit(standing)
    for revision in sorted(standing.snapshot.revisions, key=lambda r: -r.number):
        wanted = proposal.counts.get(revision.name, revision.replicas)
        if wanted >= revision.replicas:
            continue
        least = min(standing.replicas, revision.replicas)
        if proposal.active_selector:
            proposal = keep(proposal, revision, revision.replicas)
        elif may_be_reached(standing, revision) and wanted < least:
            service = standing.active_service
            wake = reach.settles_at(standing, service) if service else None
            pods = "1 pod" if least == 1 else f"{least} pods"
            message = f"{revision.name} keeps {pods} for the traffic that may reach it"
            proposal = keep(proposal, revision, least).because(Hold.SETTLING, message, wake)
        elif wanted == 0:
            delay = user_delay(standing, course, revision)
            old = revision is not standing.current and revision is not standing.stable
            waiting += bool(old and delay)
            if delay and (limit is None or waiting <= limit or not old):
                proposal = delayed(standing, proposal, revision, delay)
                proposal = _as_large_as_wanted(standing, proposal, revision)
    return proposal


def may_be_reached(standing: Standing, revision: Revision) -> bool:
    """Under any mix of what was written and what is seen, until that is settled."""
    service = standing.active_service
    if service is None or not reach.service_settled(standing, service):
        return True
    return service.selector_hash in (revision.hash, "") or _is_shown(standing, revision)


def _is_shown(standing: Standing, revision: Revision) -> bool:
    """People look at it behind the preview Service, which is not moved while frozen."""
    service = standing.preview_service
    on = service is not None and service.selector_hash == revision.hash
    return on and standing.frozen and revision is not standing.current


def _revision_limit(standing: Standing) -> int | None:
    return standing.blue_green.scale_down_delay_revision_limit if standing.blue_green else None


def _as_large_as_wanted(standing: Standing, proposal: Proposal, revision: Revision) -> Proposal:
    """What waits in its delay follows spec.replicas, so that the way back stays open at once."""
    if not proposal.counts.get(revision.name) or revision is standing.current:
        return proposal
    if not revision.was_whole or (standing.frozen and standing.replicas > revision.replicas):
        return proposal
    return keep(proposal, revision, standing.replicas)


CLAMPS: tuple[tuple[Rule | None, Clamp], ...] = (
    (Rule.S6, freeze),
    (Rule.S1, room),
    (Rule.S3, stranded),
    (Rule.S4, unknown),
    (Rule.SINGLE, single),
    (Rule.S9, hold_deletions),
    (Rule.S2, hold_drain),
)
"""In this order: the dead come after the room that they do not need."""

"""What keeps pods alive: traffic that may still reach them, the user's delays, unfinished runs.

Safety rules S2 and S9, applied by `safety.py`'s table. Judges replicas only, never weights.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from serinus.core.rollout import capacity, reach
from serinus.core.rollout.canary import scale_at
from serinus.core.rollout.course import Course
from serinus.core.rollout.desired import Proposal, canary_count
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.snapshot import Revision, ServiceSeen
from serinus.core.rollout.standing import Standing, ready_pods

DEFAULT_DELAY_SECONDS = 30
FINISHED = frozenset({"Successful", "Failed", "Error", "Inconclusive"})


# --- S9 ------------------------------------------------------------------------------------------


def hold_deletions(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """Stable keeps a pod until the new one is stable."""
    if standing.stable and not standing.promoted and standing.replicas:
        kept = max(1, proposal.counts.get(standing.stable.name, 1))
        proposal = replace(proposal, counts={**proposal.counts, standing.stable.name: kept})
    return hold_measured(standing, course, proposal)


def hold_measured(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """A revision that an unfinished run measures keeps what it has."""
    counts = dict(proposal.counts)
    for revision in standing.snapshot.revisions:
        if counts.get(revision.name) == 0 and revision.replicas and is_measured(standing, revision):
            counts[revision.name] = revision.replicas
            message = f"an unfinished analysis run measures {revision.name}"
            proposal = proposal.because(Hold.ANALYSIS, message)
    return replace(proposal, counts=counts)


def is_measured(standing: Standing, revision: Revision) -> bool:
    """A run of this revision goes on and was not told to stop."""
    return any(
        run.status.phase not in FINISHED
        and not run.spec.terminate
        and run.metadata.labels.get("rollouts-pod-template-hash") == revision.hash
        for run in standing.snapshot.runs
    )


# --- S2 ------------------------------------------------------------------------------------------


def hold_drain(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """No revision shrinks below the room for its greatest possible share, nor before its delay."""
    writes = proposal.writes or proposal.canary_selector or proposal.stable_selector
    waiting = 0
    for revision in sorted(standing.snapshot.revisions, key=lambda r: -r.number):
        wanted = proposal.counts.get(revision.name, revision.replicas)
        if wanted >= revision.replicas:
            continue
        if writes:
            proposal = keep(proposal, revision, revision.replicas)
            continue
        least = _least(standing, course, revision, wanted)
        delay = user_delay(standing, course, revision) if wanted == 0 else None
        if least > wanted:
            least = revision.replicas if delay else min(least, revision.replicas)
            wanted, wake = least, reach.settle_wake(standing)
            pods = "1 pod" if wanted == 1 else f"{wanted} pods"
            message = f"{revision.name} keeps {pods} for the traffic that may reach it"
            proposal = keep(proposal, revision, wanted).because(Hold.SETTLING, message, wake)
        elif wanted == 0:
            old = revision is not standing.current and revision is not standing.stable
            waiting += bool(old and delay)
            limit = standing.strategy.scale_down_delay_revision_limit
            if delay and (limit is None or waiting <= limit or not old):
                proposal = delayed(standing, proposal, revision, delay)
    return proposal


def keep(proposal: Proposal, revision: Revision, count: int) -> Proposal:
    """The proposal with this many replicas of a revision."""
    return replace(proposal, counts={**proposal.counts, revision.name: count})


def _least(standing: Standing, course: Course, revision: Revision, wanted: int) -> int:
    """The replicas that a revision needs for all that production may send it."""
    share = reach.greatest_share(standing, revision.hash)
    if not reach.routing_drained(standing) and _selected(standing, revision):
        share = reach.EVERYTHING
    if share[0] == 0:
        return 0
    least = reach.part(standing.replicas, share)
    scale = scale_at(standing.strategy.steps, course.index)
    on_trial = revision is standing.current and not course.abort and not course.promote_full
    trusted = standing.stable_service is None or _selects(standing.stable_service, revision)
    if on_trial and not trusted and reach.all_settled(standing):
        if scale is not None:
            asked = capacity.scaled(standing.replicas, standing.total, scale)
            least = min(least, max(asked, 1))
        elif reach.has_header_routes(standing):
            by_weight = reach.part(standing.replicas, reach.weight_share(standing))
            least = min(least, max(by_weight, canary_count(standing, course)))
    if wanted < standing.replicas and ready_pods(revision) < max(wanted, least):
        return revision.replicas
    return least


def _selected(standing: Standing, revision: Revision) -> bool:
    services = (standing.canary_service, standing.stable_service)
    return any(s is None or _selects(s, revision) for s in services)


def _selects(service: ServiceSeen, revision: Revision) -> bool:
    return service.selector_hash in (revision.hash, "")


def user_delay(standing: Standing, course: Course, revision: Revision) -> timedelta | None:
    """The user's delay for a revision that is to lose all its pods; None: none applies."""
    strategy, seconds = standing.blue_green or standing.strategy, None
    if Rule.DELAY not in standing.rules or not standing.replicas:
        return None
    if revision is standing.current and not course.abort:
        return None
    if revision is standing.current:
        seconds = strategy.abort_scale_down_delay_seconds
    elif standing.promoted or revision.scale_down_deadline or standing.blue_green:
        seconds = strategy.scale_down_delay_seconds
    else:
        return None
    if seconds is None:
        seconds = 0 if standing.strategy.dynamic_stable_scale else DEFAULT_DELAY_SECONDS
    return timedelta(seconds=seconds) if seconds else None


def delayed(
    standing: Standing, proposal: Proposal, revision: Revision, delay: timedelta
) -> Proposal:
    """Keeps the pods until the deadline; one that was set under other routing is void."""
    now, deadline = standing.snapshot.now, revision.scale_down_deadline
    token = set_for(standing, revision)
    if deadline is None or revision.deadline_set_for != token:
        deadline = _of_another(standing, revision, delay) or now + delay
        proposal = replace(proposal, marks={**proposal.marks, revision.name: (deadline, token)})
    elif now >= deadline:
        return proposal
    proposal = keep(proposal, revision, revision.replicas)
    message = f"{revision.name} keeps its pods until {deadline:%H:%M:%S}Z"
    return proposal.because(Hold.DRAIN, message, deadline)


def _of_another(standing: Standing, revision: Revision, delay: timedelta) -> datetime | None:
    """A deadline that still lies ahead, of a controller that had this rollout before us.

    It set it when traffic had left, and nothing was written since. One that is past, or farther
    away than the delay, may be a forgotten one.
    """
    now, deadline = standing.snapshot.now, revision.scale_down_deadline
    ours = revision.deadline_set_for or reach.last_write(standing, revision.hash)
    if deadline is None or ours or not now < deadline <= now + delay:
        return None
    return deadline


def set_for(standing: Standing, revision: Revision) -> str:
    """What a deadline is valid under: the last of our writes that concerned the revision."""
    written = reach.last_write(standing, revision.hash)
    return written.isoformat() if written else "no-write"

"""Edits of the spec that would leave traffic behind where nobody looks any more. Pure.

What was routed is led back to stable by the notes on it (`Snapshot.leaving`), with all the rules;
where there is no note, the edit holds the release.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from serinus.api.argo import Rollout
from serinus.base.errors import FieldProblem
from serinus.core.rollout import reach
from serinus.core.rollout.actions import LetGo
from serinus.core.rollout.desired import Proposal
from serinus.core.rollout.standing import Standing
from serinus.core.routing import RouterSeen


def left_behind(rollout: Rollout) -> tuple[FieldProblem, ...]:
    """A router that is not named any more while it gives the canary a part of the traffic, and of
    which no object has our note (an older controller wrote it, or somebody took the note off).

    What it was told stays in force: without its name we can neither see nor take it back. So the
    edit holds the release, as an invalid spec does, until the router is named again.
    """
    canary, status = rollout.spec.strategy.canary, rollout.status
    routed = canary is not None and canary.traffic_routing and canary.traffic_routing.routers()
    weights = status.canary.weights
    if routed or weights is None:
        return ()
    given = sum(part.weight for part in (weights.canary, *weights.additional))
    on_trial = status.stable_rs not in ("", status.current_pod_hash) and not status.abort
    if not (given or on_trial):
        return ()
    what = f"gives the canary {given}" if given else "may still have routes to the canary"
    message = (
        f"was taken out while its router {what}; put it back; then "
        "abort or let the release end, and take it out after that"
    )
    return (FieldProblem("spec.strategy.canary.trafficRouting", message),)


def hold_what_is_left(standing: Standing, proposal: Proposal) -> Proposal:
    """While a router is left behind no pod goes, and a Service moves only back to stable.

    What that router gives to whom cannot be seen, and unknown is not zero (rule S4).
    """
    leaving = standing.snapshot.leaving
    if not (leaving or left_behind(standing.snapshot.rollout)):
        return proposal
    if leaving and (wake := reach.settle_wake(standing)):
        proposal = replace(proposal, wakes=(*proposal.wakes, wake))
    here = {revision.name: revision.replicas for revision in standing.snapshot.revisions}
    counts = {name: max(count, here.get(name, 0)) for name, count in proposal.counts.items()}
    back = proposal.canary_selector if proposal.canary_selector == standing.stable_hash else ""
    return replace(
        proposal,
        counts=counts,
        canary_selector=back,
        stable_selector=proposal.stable_selector if leaving else "",
        active_selector="",
        preview_selector="",
    )


def has_left(standing: Standing) -> bool:
    """All that was routed gives stable everything now, and that is settled."""
    routers = standing.routers
    return standing.snapshot.leaving and bool(routers) and all(map(_is_over(standing), routers))


def _is_over(standing: Standing) -> Callable[[RouterSeen], bool]:
    """An object of a router that went with the edit cannot be read again: the others say enough."""

    def over(seen: RouterSeen) -> bool:
        settled = reach.settles_at(standing, seen) is None and seen.verified is not False
        return seen.gives_nothing and settled

    return over


def letting_go(standing: Standing) -> tuple[LetGo, ...]:
    """The notes go when the status has forgotten the weights: without a note they would hold it."""
    forgotten = standing.status.canary.weights is None
    return (LetGo(),) if forgotten and has_left(standing) else ()

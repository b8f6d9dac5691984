"""Want: what the strategy asks for, as if the world were instant and nothing could break.

Knows neither endpoints nor what is settled; `safety.py` clamps what is proposed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from serinus.base.intorstring import scaled_value
from serinus.core.rollout import capacity
from serinus.core.rollout.canary import scale_at, weight_at
from serinus.core.rollout.course import Course
from serinus.core.rollout.reasons import Hold, Reason
from serinus.core.rollout.restart import spared
from serinus.core.rollout.routes import first_write, routes_at, same_routing, within_abilities
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.snapshot import Revision
from serinus.core.rollout.standing import Standing
from serinus.core.routing import RouterSeen, Routing, Unknown

DRIFT_REST = timedelta(seconds=60)
"""How long a routing write is left alone although its copies drifted again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What should be so after this plan; every clamp of `safety.py` gives a smaller one."""

    routing: Routing = field(default_factory=lambda: Routing(0))
    """What the canary is wanted to get."""
    writes: Mapping[str, Routing] = field(default_factory=dict)
    """What to write, by router; a router that is absent is left alone."""
    canary_selector: str = ""
    """Whom to point the canary Service at; "" leaves it alone."""
    stable_selector: str = ""
    active_selector: str = ""
    preview_selector: str = ""
    """Of blue-green; production does not get what the preview Service selects."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Wanted replicas by name of the revision."""
    marks: Mapping[str, tuple[datetime, str]] = field(default_factory=dict)
    """Scale-down deadlines to note on revisions: instant, and what it was set for."""
    may_step: bool = True
    """Steps, new runs and promotion may go on."""
    reasons: tuple[Reason, ...] = ()
    wakes: tuple[datetime, ...] = ()

    @property
    def weight(self) -> int:
        """The canary's wanted part of the total."""
        return self.routing.weight

    def because(self, hold: Hold, message: str, wake_at: datetime | None = None) -> Proposal:
        """The same proposal with one more reason, told once."""
        reason = Reason(hold, message)
        reasons = self.reasons if reason in self.reasons else (*self.reasons, reason)
        wakes = self.wakes if wake_at is None else (*self.wakes, wake_at)
        return replace(self, reasons=reasons, wakes=wakes)


def propose(standing: Standing, course: Course) -> Proposal:
    """Where the strategy wants traffic; capacity follows in `with_counts`."""
    to_stable = course.abort or standing.promoted
    canary = standing.base_hash if to_stable else standing.current_hash
    at_canary = standing.canary_service and standing.canary_service.selector_hash
    at_stable = standing.stable_service and standing.stable_service.selector_hash
    return Proposal(
        routing=wanted_routing(standing, course),
        canary_selector="" if at_canary == canary else canary,
        stable_selector="" if at_stable == standing.base_hash else standing.base_hash,
    )


def wanted_routing(standing: Standing, course: Course) -> Routing:
    """What the steps have given the canary so far, had it capacity and no obstacle.

    Routes end with the steps: promotion, also a full one, and an abort take them back.
    """
    to_stable = standing.first or standing.promoted or course.abort
    if to_stable or standing.snapshot.leaving or standing.replicas == 0:
        return Routing(0, standing.total)
    if course.promote_full:
        return Routing(standing.total, standing.total)
    weight = weight_at(standing.strategy.steps, course.index, standing.total)
    return replace(routes_at(standing.strategy, course.index, standing.total), weight=weight)


def wanted_weight(standing: Standing, course: Course) -> int:
    """The weight of the course, had it capacity and no obstacle."""
    return wanted_routing(standing, course).weight


def with_writes(standing: Standing, proposal: Proposal) -> Proposal:
    """What is wanted, as writes to the routers that do not show it yet.

    Objects of a router that differ among themselves (a write that was cut short, one that was
    deleted) get what is wanted again as far as the greatest of them goes: that raises nothing.
    """
    writes: dict[str, Routing] = {}
    for seen in standing.routers:
        wanted = within_abilities(seen, proposal.routing)
        if isinstance(seen.routing, Unknown):
            if seen.weights:
                writes[seen.router] = first_write(seen, wanted)
            continue
        same = same_routing(seen.routing, wanted)
        until = _drift_rests_until(standing, seen) if same and seen.drifted else None
        if until is not None:
            proposal = replace(proposal, wakes=(*proposal.wakes, until))
        elif seen.drifted or not same:
            writes[seen.router] = first_write(seen, wanted)
    return replace(proposal, writes=writes)


def _drift_rests_until(standing: Standing, seen: RouterSeen) -> datetime | None:
    """When a copy that is out of date may be written again; None: now.

    Somebody else may keep changing our object: that must not become a race without end.
    """
    if seen.written_at is None:
        return None
    until = seen.written_at + DRIFT_REST
    return until if until > standing.snapshot.now else None


# --- Capacity ------------------------------------------------------------------------------------


def with_counts(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """The replicas that the weight wanted now needs (rule S1b), not those of the step."""
    now = Rule.S1B in standing.rules
    weight = proposal.weight if now else wanted_weight(standing, course)
    counts = {revision.name: 0 for revision in standing.others}
    if standing.stable:
        count = stable_count(standing, weight)
        counts[standing.stable.name] = spared(standing, standing.stable, count)
    if standing.current and not standing.promoted:
        count = spared(standing, standing.current, canary_count(standing, course))
        counts[standing.current.name] = by_and_by(standing, count)
    return replace(proposal, counts=counts)


def stable_count(standing: Standing, weight: int) -> int:
    """All of them, but for dynamicStableScale while another revision carries a part."""
    replicas, strategy = standing.replicas, standing.strategy
    if not strategy.dynamic_stable_scale or standing.promoted:
        return replicas
    count = capacity.portion(replicas, standing.total - weight, standing.total)
    return capacity.at_least(count, replicas, strategy.min_pods_per_replica_set)


def by_and_by(standing: Standing, count: int) -> int:
    """surgeLimit: as many more pods of the canary as are not on their way yet.

    Nobody waits for it on the way back to stable; a first version has nothing to spare.
    """
    current, limit = standing.current, standing.strategy.surge_limit
    if limit is None or current is None or standing.first or count <= current.replicas:
        return count
    try:
        pods = scaled_value(limit, standing.replicas, round_up=True)
    except ValueError:  # the spec is invalid and says so; until then nothing rises
        return current.replicas
    steady = min(current.available, current.replicas)
    return min(count, max(current.replicas, steady + max(pods, 1)))


def canary_count(standing: Standing, course: Course) -> int:
    """What the step asks for; what is there, or nothing, after an abort."""
    current, strategy = standing.current, standing.strategy
    if not standing.replicas:
        return 0  # also where a setCanaryScale asks for some: else traffic would have to stay there
    if course.abort:
        return kept_after_abort(standing, current) if current else 0
    if standing.first or course.promote_full or course.index >= len(strategy.steps):
        return standing.replicas
    scale = scale_at(strategy.steps, course.index)
    if scale is not None:
        count = capacity.scaled(standing.replicas, standing.total, scale)
    else:
        weight = weight_at(strategy.steps, course.index, standing.total)
        count = capacity.portion(standing.replicas, weight, standing.total)
    if not routes_at(strategy, course.index).is_nothing:
        count = max(count, 1)  # somebody has to answer, also at weight 0
    return capacity.at_least(count, standing.replicas, strategy.min_pods_per_replica_set)


def kept_after_abort(standing: Standing, canary: Revision) -> int:
    """abortScaleDownDelaySeconds: 0 keeps the canary's pods for good."""
    return canary.replicas if standing.strategy.abort_scale_down_delay_seconds == 0 else 0


def canary_room(standing: Standing, course: Course, routing: Routing) -> int:
    """Ready pods without which the canary must not get `routing`: never fewer than one.

    A setCanaryScale of the user's counts as room for its step's weight, if all of it is ready.
    Nobody knows how many requests a header route takes: its room is what the step asks for.
    """
    strategy = standing.strategy
    room = capacity.portion(standing.replicas, routing.weight, standing.total)
    scale = None if course.promote_full else scale_at(strategy.steps, course.index)
    if scale is not None:
        asked = capacity.scaled(standing.replicas, standing.total, scale)
        minimum = strategy.min_pods_per_replica_set
        room = min(room, capacity.at_least(asked, standing.replicas, minimum))
    if routing.header_routes:
        room = max(room, canary_count(standing, course))
    return max(1, capacity.needed(room, strategy.replica_progress_threshold))

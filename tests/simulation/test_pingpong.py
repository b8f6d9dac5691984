"""Two Services that swap their roles at the wrong time: the other rules keep users from harm."""

from __future__ import annotations

from dataclasses import replace

from msgspec.structs import replace as with_fields

from serinus.core.rollout.actions import Plan
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.routing import Routing
from simulation.doing import carried_out
from simulation.events import turn_of
from simulation.mutants import mistaken
from simulation.search import Budget, search
from simulation.starts import SWAPPING, at_weight, released
from simulation.walks import walk


def swapped_at_half(snapshot: Snapshot, made: Plan) -> Plan:
    """The roles swap as soon as the canary has any weight."""
    if made.status is None or not any(
        isinstance(seen.routing, Routing) and seen.routing.weight for seen in snapshot.routers
    ):
        return made
    canary = with_fields(made.status.canary, stable_ping_pong="pong")
    return replace(made, status=with_fields(made.status, canary=canary))


def test_roles_that_swap_at_the_wrong_time_cost_a_detour_and_no_user() -> None:
    """The rules go by what the Services select and carry; a role is only a name."""
    planner, start = mistaken(answer=swapped_at_half), at_weight(SWAPPING, 50)
    after = carried_out(start, turn_of(start, planner).writes)
    assert after.status.canary.stable_ping_pong == "pong"
    assert (after.stable, after.canary) == (start.canary, start.stable)
    assert search(start, planner, budget=Budget(1, 1), limit=600).finding is None
    for seed in range(20):
        met = walk(released(SWAPPING), planner, seed)
        assert not met.faults, str(met)

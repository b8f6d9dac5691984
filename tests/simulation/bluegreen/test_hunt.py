"""Every order of events in small blue-green worlds, and seeded walks: the oracle finds nothing."""

from __future__ import annotations

import pytest

from serinus.core.rollout.actions import Plan
from serinus.core.rollout.plan import plan
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.snapshot import Snapshot
from simulation.bluegreen.explore import (
    SHAPES,
    nothing,
    released,
    search,
    sound,
    switched,
    walk,
)
from simulation.bluegreen.shape import Shape
from simulation.search import Budget

SWITCHED = [shape for shape in SHAPES if not shape.broken]


def trusting(snapshot: Snapshot) -> Plan:
    """The planner as it is used; its own invariants must never find anything."""
    made = plan(snapshot)
    tripped = [reason.message for reason in made.reasons if reason.hold is Hold.INVARIANT]
    assert not tripped, tripped
    return made


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_release_with_one_misbehaviour_is_searched_whole(shape: Shape) -> None:
    found = search(released(shape), sound, Budget(bad=1, user=0), 5_000)
    assert not found.faults, str(found)
    assert found.whole
    assert found.states > 50


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_release_with_one_misbehaviour_and_one_command(shape: Shape) -> None:
    found = search(released(shape), trusting, Budget(1, 1), 600)
    assert not found.faults, str(found)


@pytest.mark.parametrize("shape", SWITCHED, ids=str)
def test_what_follows_a_switch_with_one_misbehaviour_and_one_command(shape: Shape) -> None:
    found = search(switched(shape), trusting, Budget(1, 1), 600)
    assert not found.faults, str(found)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_walks_of_a_few_misbehaviours_meet_nothing(shape: Shape) -> None:
    steps = 0
    for seed in range(60):
        for start in (released(shape), nothing(shape)):
            met = walk(start, trusting, seed)
            assert not met.faults, str(met)
            steps += len(met.trace)
    assert steps > 1000


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("budget", [Budget(1, 1), Budget(2, 1), Budget(1, 2)], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_release_is_searched_far(shape: Shape, budget: Budget) -> None:
    found = search(released(shape), sound, budget, 60_000)
    assert not found.faults, str(found)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_many_walks_meet_nothing(shape: Shape) -> None:
    for seed in range(1_000, 4_000):
        met = walk(released(shape), sound, seed)
        assert not met.faults, str(met)

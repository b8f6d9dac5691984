"""Every order of events in small blue-green worlds: the oracle finds nothing."""

from __future__ import annotations

import pytest

from serinus.core.rollout.actions import Plan
from serinus.core.rollout.plan import plan
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.snapshot import Snapshot
from simulation.bluegreen.explore import (
    SHAPES,
    released,
    search,
    sound,
    switched,
)
from simulation.bluegreen.shape import Shape
from simulation.search import FAR, Budget

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


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("budget", [Budget(1, 1), Budget(2, 1), Budget(1, 2)], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_release_is_searched_far(shape: Shape, budget: Budget) -> None:
    found = search(released(shape), sound, budget, FAR)
    assert not found.faults, str(found)

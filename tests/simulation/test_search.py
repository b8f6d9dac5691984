"""Every order of events in small worlds, up to a budget: the oracle finds nothing."""

from __future__ import annotations

import pytest

from simulation.model import World
from simulation.search import FAR, Budget, search
from simulation.shape import Shape
from simulation.starts import (
    BROKEN,
    DYNAMIC,
    PLAIN,
    SHAPES,
    UNROUTED,
    at_weight,
    nothing,
    released,
    sound,
)

LIMIT = 700
"""Worlds a search looks at in the quick suite; the long one at `FAR`."""


def nothing_found(start: World, budget: Budget, limit: int) -> int:
    found = search(start, sound, budget=budget, limit=limit)
    assert found.finding is None, str(found.finding)
    return found.states


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_release_without_misbehaviour_is_searched_whole(shape: Shape) -> None:
    found = search(released(shape), sound, budget=Budget(bad=0, user=0))
    assert found.finding is None, str(found.finding)
    assert found.whole


def test_a_small_release_with_one_command_is_searched_whole() -> None:
    found = search(released(PLAIN), sound, budget=Budget(bad=0, user=1))
    assert found.finding is None, str(found.finding)
    assert found.whole
    assert found.states > 1000


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_release_with_one_misbehaviour_and_one_command(shape: Shape) -> None:
    assert nothing_found(released(shape), Budget(1, 1), LIMIT) > 400


@pytest.mark.parametrize("shape", [s for s in SHAPES if not s.broken], ids=str)
def test_a_release_in_mid_course_with_one_misbehaviour_and_one_command(shape: Shape) -> None:
    assert nothing_found(at_weight(shape, 50), Budget(1, 1), LIMIT) > 400


@pytest.mark.parametrize("shape", [PLAIN, BROKEN, *UNROUTED], ids=str)
def test_a_first_deploy_with_one_misbehaviour_and_one_command(shape: Shape) -> None:
    nothing_found(nothing(shape), Budget(1, 1), LIMIT)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("budget", [Budget(1, 1), Budget(2, 1), Budget(1, 2)], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_release_is_searched_far(shape: Shape, budget: Budget) -> None:
    nothing_found(released(shape), budget, FAR)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", [PLAIN, DYNAMIC], ids=str)
def test_a_first_deploy_is_searched_far(shape: Shape) -> None:
    nothing_found(nothing(shape), Budget(1, 1), FAR)

"""Random walks over small worlds of every kind: the oracle finds nothing, then the world rests, in
silence. 20,000 steps here, a million in the long run; the seeds are in the names of the tests.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from simulation.march import CHUNKS, FAR_STEPS, QUICK_STEPS, ROADS, Leg, Road, legs, marched

QUICK = legs(QUICK_STEPS, 1, 0)
FAR = legs(FAR_STEPS, CHUNKS, 1_000_000)
HAPPENING = (
    *("plan, crash", "plan from an older look", "die", "slices are late", "a node is lost"),
    *("half the nodes", "all nodes", "cannot be read", "user: abort", "user: retry"),
    *("user: promote", "user: full promote", "user: skip the step", "user: pause", "user: resume"),
    *("user: restart", "user: template A", "user: template C", "user: replicas 0", "lender"),
    *("user: later steps change", "user: an edit breaks the spec", "the spec is mended"),
)
VERDICTS = ("run 1 ends", "trial 1 ends", "user: cancel")
"""Parts of names of events; each has to be met."""


@pytest.mark.parametrize("leg", QUICK, ids=str)
def test_a_walk_meets_no_harm(leg: Leg) -> None:
    assert marched(leg.road, leg.first, leg.steps) >= leg.steps


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("leg", FAR, ids=str)
def test_a_far_walk_meets_no_harm(leg: Leg) -> None:
    assert marched(leg.road, leg.first, leg.steps) >= leg.steps


@pytest.mark.parametrize(("march", "steps"), [(QUICK, QUICK_STEPS), (FAR, FAR_STEPS)])
def test_the_legs_of_a_march_are_all_of_its_steps(march: tuple[Leg, ...], steps: int) -> None:
    assert sum(leg.steps for leg in march) >= steps
    assert {leg.road for leg in march} == set(ROADS)


def left_of(words: tuple[str, ...], roads: Iterable[Road], seeds: range) -> set[str]:
    """The words that no walk tells."""
    told = [name for road in roads for seed in seeds for name in road.walk(seed).trace]
    return {word for word in words if not any(word in name for name in told)}


def test_everything_that_may_happen_happens() -> None:
    assert not left_of(HAPPENING, ROADS, range(3))


def test_verdicts_come_and_are_not_waited_for() -> None:
    measuring = [road for road in ROADS if road.name in ("analysis", "experiment")]
    assert not left_of(VERDICTS, measuring, range(1, 130, 8))

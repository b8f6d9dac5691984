"""Random walks over small worlds of every kind: the oracle finds nothing, then the world rests, in
silence. 20,000 steps here, a million in the long run; the seeds are in the names of the tests.
"""

from __future__ import annotations

import pytest

from simulation.march import CHUNKS, FAR_STEPS, QUICK_STEPS, ROADS, Leg, legs, marched

QUICK = legs(QUICK_STEPS, 1, 0)
FAR = legs(FAR_STEPS, CHUNKS, 1_000_000)
HAPPENING = (
    *("plan, crash", "plan from an older look", "die", "slices are late", "a node is lost"),
    *("half the nodes", "all nodes", "cannot be read", "run 1 ends Failed", "ends Inconclusive"),
    *("trial 1 ends Error", "run PostPromotion ends Failed", "user: abort", "user: retry"),
    *("user: promote", "user: full promote", "user: skip the step", "user: pause", "user: resume"),
    *("user: restart", "user: template A", "user: template C", "user: replicas 0", "lender"),
    *(
        "user: cancel",
        "user: later steps change",
        "user: an edit breaks the spec",
        "the spec is mended",
    ),
)
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


def test_everything_that_may_happen_happens() -> None:
    left = set(HAPPENING)
    for seed in range(24):
        for road in ROADS:
            told = road.walk(seed).trace
            left -= {word for word in left if any(word in name for name in told)}
        if not left:
            return
    assert not left

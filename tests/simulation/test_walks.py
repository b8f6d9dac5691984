"""Random walks over small worlds: the oracle finds nothing, then the world rests, in silence."""

from __future__ import annotations

import pytest

from simulation.shape import Shape
from simulation.starts import SHAPES, nothing, released, sound
from simulation.walks import walk

QUICK = range(25)
FAR = range(1_000, 4_000)


def nothing_met(shape: Shape, seeds: range) -> None:
    for seed in seeds:
        for start in (released(shape), nothing(shape)):
            met = walk(start, sound, seed)
            assert not met.faults, str(met)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_walks_of_a_few_misbehaviours_meet_nothing(shape: Shape) -> None:
    nothing_met(shape, QUICK)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_many_walks_meet_nothing(shape: Shape) -> None:
    nothing_met(shape, FAR)

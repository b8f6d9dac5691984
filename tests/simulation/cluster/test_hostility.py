"""Hostile schedules over the whole reconcile loop: the oracle finds nothing in any write, then the
rollout comes to a rest that somebody wanted, and then nothing is written.
"""

from __future__ import annotations

import pytest

from simulation.cluster.adversary import SHAPES, survived
from simulation.shape import Shape


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_a_hostile_schedule_harms_nobody_and_ends_in_silence(seed: int, shape: Shape) -> None:
    wrong = survived(seed, shape)
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_many_hostile_schedules_harm_nobody(shape: Shape) -> None:
    for seed in range(100, 130):
        wrong = survived(seed, shape, 40)
        assert not wrong, "\n".join((f"seed {seed}", *wrong))

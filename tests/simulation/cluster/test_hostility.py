"""Hostile schedules over the whole reconcile loop: the oracle finds nothing in any write, then the
rollout comes to a rest that somebody wanted, and then nothing is written.
"""

from __future__ import annotations

import pytest

from simulation.cluster.adversary import healed, hostilities, rested
from simulation.cluster.stage import staged
from simulation.cluster.store import REPLICAS, STEPS
from simulation.shape import Shape
from support.virtual import run_virtual

PLAIN = Shape(name="plain", steps=STEPS, replicas=REPLICAS)
DYNAMIC = Shape(name="dynamic", steps=STEPS, replicas=REPLICAS, dynamic=True)


def survived(seed: int, shape: Shape, count: int = 20) -> tuple[str, ...]:
    """What went wrong, with the story of it."""

    async def story() -> tuple[str, ...]:
        async with staged(seed, shape) as stage:
            await stage.cluster.clock.sleep_wall(40)
            told = await hostilities(stage, count)
            if not stage.verdicts.faults:
                await healed(stage)
                stage.verdicts.faults += await rested(stage)
            if not stage.verdicts.faults:
                return ()
            log = sorted((*told, *stage.verdicts.log))
            return (*stage.verdicts.faults, *log)

    return run_virtual(story())


@pytest.mark.parametrize("shape", [PLAIN, DYNAMIC], ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_a_hostile_schedule_harms_nobody_and_ends_in_silence(seed: int, shape: Shape) -> None:
    wrong = survived(seed, shape)
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", [PLAIN, DYNAMIC], ids=str)
def test_many_hostile_schedules_harm_nobody(shape: Shape) -> None:
    for seed in range(100, 200):
        wrong = survived(seed, shape, 40)
        assert not wrong, "\n".join((f"seed {seed}", *wrong))

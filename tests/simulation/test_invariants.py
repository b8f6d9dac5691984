"""The planner's own invariants: with a rule switched off one trips, with all of them none does."""

from __future__ import annotations

import pytest

from serinus.core.rollout.rules import Rule
from simulation.mutants import Tripped, guarded
from simulation.scripts import play
from simulation.search import Budget, search
from simulation.shape import Shape
from simulation.starts import (
    ANALYSIS,
    BROKEN,
    DYNAMIC,
    PLAIN,
    SHAPES,
    at_weight,
    nothing,
    released,
    sound,
)
from simulation.walks import walk

WORLDS = {Rule.S1B: DYNAMIC, Rule.S9: DYNAMIC, Rule.S10: ANALYSIS}
SEEDS = range(30)


def looked_at(shape: Shape, *rules: Rule, seeds: range = SEEDS) -> None:
    planner, budget = guarded(*rules), Budget(1, 1)
    if shape is ANALYSIS:
        script = ("plan", "plan", "plan", "run 1 ends Failed", "go on")
        aborted, _ = play(at_weight(shape, 50), sound, script)
        search(aborted, planner, budget=budget, limit=250)
    if shape is not BROKEN:
        search(at_weight(shape, 50), planner, budget=budget, limit=250)
    for seed in seeds:
        walk(released(shape), planner, seed)
        walk(nothing(shape), planner, seed)


@pytest.mark.parametrize("rule", Rule, ids=lambda rule: rule.name)
def test_without_a_rule_an_invariant_trips(rule: Rule) -> None:
    with pytest.raises(Tripped):
        looked_at(WORLDS.get(rule, PLAIN), rule)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_with_all_rules_no_invariant_trips(shape: Shape) -> None:
    looked_at(shape, seeds=range(15))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_with_all_rules_no_invariant_trips_far(shape: Shape) -> None:
    looked_at(shape, seeds=range(2_000))

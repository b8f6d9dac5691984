"""With all rules none of the planner's own invariants trips; `test_rules.py` switches rules off."""

from __future__ import annotations

import pytest

from serinus.core.rollout.rules import Rule
from simulation.hunts import tripped
from simulation.mutants import guarded
from simulation.search import Budget, search
from simulation.shape import Shape
from simulation.starts import HEADER_ONLY, SHAPES, at_weight, condemned, measures, nothing, released
from simulation.walks import walk


def looked_at(shape: Shape, seeds: range) -> None:
    planner, budget = guarded(), Budget(1, 1)
    if measures(shape):
        search(condemned(shape), planner, budget=budget, limit=250)
    if not shape.broken:
        search(at_weight(shape, 50), planner, budget=budget, limit=250)
    for seed in seeds:
        walk(released(shape), planner, seed)
        walk(nothing(shape), planner, seed)


@pytest.mark.parametrize("rule", [Rule.S0, Rule.S1, Rule.S3, Rule.S5, Rule.S6], ids=str)
def test_without_a_rule_header_routes_trip_an_invariant(rule: Rule) -> None:
    assert tripped(guarded(rule), HEADER_ONLY)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_with_all_rules_no_invariant_trips(shape: Shape) -> None:
    looked_at(shape, seeds=range(15))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_with_all_rules_no_invariant_trips_far(shape: Shape) -> None:
    looked_at(shape, seeds=range(300))

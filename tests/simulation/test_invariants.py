"""The planner's own invariants: with a rule switched off one trips, with all of them none does."""

from __future__ import annotations

import pytest

from serinus.core.rollout.rules import Rule
from simulation.mutants import Tripped, guarded
from simulation.rest import settled
from simulation.scripts import play
from simulation.search import Budget, search
from simulation.shape import Shape
from simulation.starts import (
    ANALYSIS,
    BASIC,
    BASIC_ANALYSIS,
    BASIC_SERVICES,
    BASIC_TIGHT,
    DYNAMIC,
    HEADER_ONLY,
    PLAIN,
    SHAPES,
    at_weight,
    nothing,
    released,
    sound,
)
from simulation.walks import walk

WORLDS = {Rule.S1B: DYNAMIC, Rule.S9: DYNAMIC, Rule.S10: ANALYSIS, Rule.S8: BASIC}
SEEDS = range(30)


def looked_at(shape: Shape, *rules: Rule, seeds: range = SEEDS) -> None:
    planner, budget = guarded(*rules), Budget(1, 1)
    if shape in (ANALYSIS, BASIC_ANALYSIS):
        measured = settled(released(shape), sound, lambda world: world.index == 1)
        while not measured.runs:
            measured, _ = play(measured, sound, ("plan",))
        aborted, _ = play(measured, sound, ("run 1 ends Failed", "go on"))
        search(aborted, planner, budget=budget, limit=250)
    if not shape.broken:
        search(at_weight(shape, 50), planner, budget=budget, limit=250)
    for seed in seeds:
        walk(released(shape), planner, seed)
        walk(nothing(shape), planner, seed)


@pytest.mark.parametrize("rule", Rule, ids=lambda rule: rule.name)
def test_without_a_rule_an_invariant_trips(rule: Rule) -> None:
    with pytest.raises(Tripped):
        looked_at(WORLDS.get(rule, PLAIN), rule)


@pytest.mark.parametrize("rule", [Rule.S0, Rule.S1, Rule.S3, Rule.S5, Rule.S6], ids=str)
def test_without_a_rule_header_routes_trip_an_invariant(rule: Rule) -> None:
    with pytest.raises(Tripped):
        looked_at(HEADER_ONLY, rule)


WITHOUT_ROUTER = {
    Rule.S3: BASIC_SERVICES,
    Rule.S5: BASIC,
    Rule.S7: BASIC,
    Rule.S8: BASIC_TIGHT,
    Rule.S9: BASIC_SERVICES,
    Rule.S10: BASIC_ANALYSIS,
}


@pytest.mark.parametrize("rule", WITHOUT_ROUTER, ids=lambda rule: rule.name)
def test_without_a_rule_and_without_a_router_an_invariant_trips(rule: Rule) -> None:
    with pytest.raises(Tripped):
        looked_at(WITHOUT_ROUTER[rule], rule)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_with_all_rules_no_invariant_trips(shape: Shape) -> None:
    looked_at(shape, seeds=range(15))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_with_all_rules_no_invariant_trips_far(shape: Shape) -> None:
    looked_at(shape, seeds=range(2_000))

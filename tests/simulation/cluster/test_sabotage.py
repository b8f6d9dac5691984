"""The proof that the simulation of the loop can fail: a controller whose planner lacks a rule."""

from __future__ import annotations

import pytest

from serinus.control import reconciler
from serinus.core.rollout.rules import Rule
from simulation.cluster import adversary
from simulation.cluster.adversary import DYNAMIC, PLAIN, survived, unreadable
from simulation.mutants import without

QUICK = (Rule.S1, Rule.S2, Rule.S5, Rule.S7)
SLOW = (Rule.S0, Rule.S4, Rule.S6, Rule.S9, Rule.DELAY, Rule.SETTLE)
OFTEN = {Rule.S4: (unreadable, 11)}
"""What happens too seldom for a rule to be missed: that a router cannot be read."""


def is_found(seeds: range) -> bool:
    return any(survived(seed, shape) for seed in seeds for shape in (PLAIN, DYNAMIC))


@pytest.mark.parametrize("rule", QUICK, ids=lambda rule: rule.name)
def test_a_controller_without_a_rule_is_found_out(
    rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "plan", without(rule))
    assert is_found(range(6))


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("rule", SLOW, ids=lambda rule: rule.name)
def test_a_controller_without_a_rule_is_found_out_in_the_long_run(
    rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "plan", without(rule))
    if rule in OFTEN:
        monkeypatch.setattr(adversary, "ACTS", (*adversary.ACTS, OFTEN[rule]))
    assert is_found(range(40))


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("rule", OFTEN, ids=lambda rule: rule.name)
def test_with_all_rules_nothing_is_found_though_it_happens_often(
    rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adversary, "ACTS", (*adversary.ACTS, OFTEN[rule]))
    assert not is_found(range(5))

"""Hostile schedules over the whole reconcile loop: no harm, then a wanted rest, in silence."""

from __future__ import annotations

import pytest

from serinus.core.rollout import plan as planning
from serinus.core.rollout.rules import ALL, Rule
from simulation.bluegreen.schedule import STRATEGIES, survived


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_hostile_schedule_does_no_harm(strategy: str) -> None:
    wrong = survived(1, strategy)
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_many_hostile_schedules_do_no_harm(strategy: str) -> None:
    for seed in range(100, 140):
        wrong = survived(seed, strategy)
        assert not wrong, "\n".join((f"seed {seed}", *wrong))


def test_without_the_rules_a_schedule_is_harmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that the judge can find something."""
    rules = ALL - {Rule.S1, Rule.S2, Rule.S3, Rule.DELAY, Rule.SETTLE}
    sound = planning.plan
    monkeypatch.setattr(
        "serinus.control.reconciler.plan", lambda snapshot: sound(snapshot, rules, check=False)
    )
    found = next((wrong for seed in range(4) if (wrong := survived(seed, "automatic"))), ())
    assert found
    assert found[0].split(": ")[1] in ("S1", "S2", "S3")

"""Each safety rule switched off in turn, for each kind of strategy: the oracle finds harm without
the planner's invariants, and these trip without the oracle.

The tables are complete by construction: a rule that is not in one of them fails here. Where a rule
has nothing to say, the planner decides the same without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from serinus.core.rollout.actions import Plan
from serinus.core.rollout.plan import plan
from serinus.core.rollout.rules import ALL, Rule
from serinus.core.rollout.snapshot import Snapshot
from simulation.bluegreen import explore
from simulation.hunts import Where, hunted, hunts, tripped
from simulation.mutants import guarded, without
from simulation.starts import (
    ANALYSIS,
    BASIC,
    BASIC_ANALYSIS,
    BASIC_SERVICES,
    BASIC_TIGHT,
    BASIC_WINDOW,
    DYNAMIC,
    PLAIN,
    WINDOW,
)


@dataclass(frozen=True, slots=True)
class Silent:
    """The rule has nothing to say here, as can be seen in `where`."""

    where: Where


@dataclass(frozen=True, slots=True)
class Beside:
    """Another rule stands in for it: only without both there is harm."""

    other: Rule
    where: Where


Row = Where | Silent | Beside

ROUTED: Mapping[Rule, Row] = {
    Rule.S0: PLAIN,
    Rule.S1: PLAIN,
    Rule.S1B: DYNAMIC,
    Rule.S2: PLAIN,
    Rule.S3: PLAIN,
    Rule.S4: PLAIN,
    Rule.S5: PLAIN,
    Rule.S6: PLAIN,
    Rule.S7: PLAIN,
    Rule.S8: Silent(PLAIN),
    Rule.S9: DYNAMIC,
    Rule.S10: ANALYSIS,
    Rule.SETTLE: PLAIN,
    Rule.DELAY: PLAIN,
    Rule.PROVEN: WINDOW,
    Rule.SINGLE: Beside(Rule.S0, PLAIN),
}
BY_PODS: Mapping[Rule, Row] = {
    Rule.S0: Silent(BASIC_SERVICES),
    Rule.S1: Silent(BASIC_SERVICES),
    Rule.S1B: Silent(BASIC_SERVICES),
    Rule.S2: Silent(BASIC_SERVICES),
    Rule.S3: BASIC_SERVICES,
    Rule.S4: Silent(BASIC_SERVICES),
    Rule.S5: BASIC,
    Rule.S6: BASIC,
    Rule.S7: BASIC,
    Rule.S8: BASIC_TIGHT,
    Rule.S9: BASIC_SERVICES,
    Rule.S10: BASIC_ANALYSIS,
    Rule.SETTLE: BASIC_SERVICES,
    Rule.DELAY: Silent(BASIC_SERVICES),
    Rule.PROVEN: BASIC_WINDOW,
    Rule.SINGLE: BASIC_SERVICES,
}
SWITCHED: Mapping[Rule, Row] = {
    Rule.S0: Silent(explore.MEASURED),
    Rule.S1: explore.AUTO,
    Rule.S1B: Silent(explore.MEASURED),
    Rule.S2: explore.AUTO,
    Rule.S3: explore.AUTO,
    Rule.S4: Silent(explore.MEASURED),
    Rule.S5: explore.MANUAL,
    Rule.S6: explore.AUTO,
    Rule.S7: explore.AUTO,
    Rule.S8: Silent(explore.MEASURED),
    Rule.S9: explore.MEASURED,
    Rule.S10: explore.MEASURED,
    Rule.SETTLE: explore.AUTO,
    Rule.DELAY: explore.AUTO,
    Rule.PROVEN: explore.MANUAL,
    Rule.SINGLE: explore.AUTO,
}
KINDS = {"routed": ROUTED, "by pods": BY_PODS, "blue-green": SWITCHED}
ROWS = [
    pytest.param(rule, row, id=f"{kind}, {rule.name}")
    for kind, table in KINDS.items()
    for rule, row in table.items()
]
HARMFUL = [row for row in ROWS if not isinstance(row.values[1], Silent)]
SILENT = [row for row in ROWS if isinstance(row.values[1], Silent)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_is_in_the_table(kind: str) -> None:
    assert set(KINDS[kind]) == set(Rule)


def off(rule: Rule, row: Row) -> tuple[tuple[Rule, ...], Where]:
    if isinstance(row, Beside):
        return (rule, row.other), row.where
    assert not isinstance(row, Silent)
    return (rule,), row


@pytest.mark.parametrize(("rule", "row"), HARMFUL)
def test_without_a_rule_the_oracle_finds_harm(rule: Rule, row: Row) -> None:
    rules, where = off(rule, row)
    found = hunted(without(*rules), where)
    assert found.first, f"nobody misses {rule.name}"


@pytest.mark.parametrize(("rule", "row"), HARMFUL)
def test_without_a_rule_an_invariant_trips(rule: Rule, row: Row) -> None:
    rules, where = off(rule, row)
    assert tripped(guarded(*rules), where)


@pytest.mark.parametrize(("rule", "row"), SILENT)
def test_where_a_rule_is_silent_nothing_changes_without_it(rule: Rule, row: Silent) -> None:
    differs: list[str] = []

    def both(snapshot: Snapshot) -> Plan:
        made = plan(snapshot, check=False)
        other = plan(snapshot, ALL - {rule}, check=False)
        if (made.actions, made.status) != (other.actions, other.status):
            differs.append(f"{made.actions} {other.actions}")
        return made

    looked = [hunt() for hunt, _ in zip(hunts(both, row.where), range(6), strict=False)]
    assert looked
    assert not differs, differs[0]

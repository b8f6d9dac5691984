"""More of the proof that the simulation can fail: rules that stand in for each other, old looks.

Each rule by itself is in `test_rules.py`.
"""

from __future__ import annotations

import pytest

from serinus.core.rollout.rules import Rule
from simulation.doing import carried_out, writes_of
from simulation.events import Planner, passed
from simulation.hunts import hunted
from simulation.mutants import (
    blind_for_routes,
    keeps_its_routes,
    marks_never_void,
    mistaken,
    routes_at_once,
    without,
)
from simulation.oracle import faults
from simulation.scripts import play
from simulation.seeing import with_older
from simulation.shape import SECOND, Shape
from simulation.starts import (
    DYNAMIC,
    HEADER,
    PLAIN,
    at_weight,
    released,
)
from simulation.walks import Manners, walk

PAIRS = ((Rule.SETTLE, Rule.DELAY), (Rule.S2, Rule.S9))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "+".join(rule.name for rule in pair))
def test_without_two_that_stand_in_for_each_other_the_oracle_finds_harm(
    pair: tuple[Rule, Rule],
) -> None:
    assert hunted(without(*pair), PLAIN).first


@pytest.mark.parametrize(
    "rule", [Rule.S0, Rule.S1, Rule.S2, Rule.S3, Rule.S4, Rule.S5, Rule.S6, Rule.SETTLE], ids=str
)
def test_without_a_rule_header_routes_do_harm(rule: Rule) -> None:
    assert hunted(without(rule), HEADER).first


@pytest.mark.parametrize(
    "planner",
    [
        mistaken(answer=keeps_its_routes),
        mistaken(answer=routes_at_once),
        mistaken(see=blind_for_routes),
    ],
    ids=["kept", "too early", "not seen"],
)
def test_a_header_route_that_is_kept_or_comes_too_early_or_is_not_seen_does_harm(
    planner: Planner,
) -> None:
    assert hunted(planner, HEADER).first


# --- Caches that are older than our own writes (T17, T18) -----------------------------------------


def met(manners: Manners, shape: Shape, seeds: range) -> str:
    for seed in seeds:
        found = walk(released(shape), without(), seed, manners)
        if found.faults:
            return str(found)
    return ""


MARKED = ("go on", "user: abort", "go on until B is marked")


def cut_short(*, lenient: bool) -> tuple[str, ...]:
    """A delay that was set twice; the first one, ended, is seen again. What the oracle says."""
    first, _ = play(at_weight(PLAIN, 50), without(), MARKED)
    then = ("user: retry", *MARKED)
    world, _ = play(passed(first, first.now + 20 * SECOND), without(), then)
    ended = max(one.deadline or 0 for one in first.sets)
    world = passed(world, ended + SECOND)
    forgetful = mistaken(see=marks_never_void)
    writes = writes_of(forgetful(with_older(world, first, "sets")), world)
    return faults(world, writes, carried_out(world, writes, lenient=lenient))


def test_t17_a_stale_scale_down_cuts_a_delay_short_unless_writes_are_conditional() -> None:
    (found,) = cut_short(lenient=True)
    assert found.startswith("S2: B goes ")
    assert float(found.split()[3]) < 10, "of the 30 seconds that it is owed"
    assert not cut_short(lenient=False)


def test_t18_a_look_at_the_router_older_than_our_writes_harms() -> None:
    router = Manners(stale=0.35, own_writes=False, kinds=("router",))
    assert met(router, DYNAMIC, range(400))

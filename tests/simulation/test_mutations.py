"""The proof that the simulation can fail: with a rule switched off, the oracle finds harm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serinus.core.rollout.rules import Rule
from simulation.doing import carried_out, writes_of
from simulation.events import Planner, passed
from simulation.model import World
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
from simulation.search import Budget, search
from simulation.seeing import seen, with_older
from simulation.shape import SECOND, Shape
from simulation.starts import (
    ANALYSIS,
    BASIC,
    BASIC_ANALYSIS,
    BASIC_SERVICES,
    BASIC_TIGHT,
    DYNAMIC,
    HEADER,
    PLAIN,
    at_weight,
    condemned,
    measures,
    nothing,
    released,
)
from simulation.walks import Manners, walk

LIMIT = 600
SEEDS = range(60)


def starts(shape: Shape) -> Iterator[World]:
    if measures(shape):
        yield condemned(shape)
    if not shape.broken:
        yield at_weight(shape, 50)
    yield released(shape)
    yield nothing(shape)


def hunted(planner: Planner, shape: Shape) -> str:
    """What the searches, and after them the walks, find; "" if nothing."""
    for start in starts(shape):
        found = search(start, planner, budget=Budget(1, 1), limit=LIMIT).finding
        if found is not None:
            return str(found)
    for seed in SEEDS:
        met = walk(released(shape), planner, seed)
        if met.faults:
            return str(met)
    return ""


WORLDS = {Rule.S1B: DYNAMIC, Rule.S9: DYNAMIC, Rule.S10: ANALYSIS, Rule.S8: BASIC}
"""Where a rule has anything to say only in some worlds."""
REDUNDANT = {Rule.SINGLE}
"""S0 stands in for it where there is one router: see the pairs, T3 and the invariants."""


@pytest.mark.parametrize("rule", [r for r in Rule if r not in REDUNDANT], ids=lambda r: r.name)
def test_without_one_rule_the_oracle_finds_harm(rule: Rule) -> None:
    assert hunted(without(rule), WORLDS.get(rule, PLAIN))


PAIRS = ((Rule.SETTLE, Rule.DELAY), (Rule.SINGLE, Rule.S0), (Rule.S2, Rule.S9))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "+".join(rule.name for rule in pair))
def test_without_two_that_stand_in_for_each_other_the_oracle_finds_harm(
    pair: tuple[Rule, Rule],
) -> None:
    assert hunted(without(*pair), PLAIN)


@pytest.mark.parametrize(
    "rule", [Rule.S0, Rule.S1, Rule.S2, Rule.S3, Rule.S4, Rule.S5, Rule.S6, Rule.SETTLE], ids=str
)
def test_without_a_rule_header_routes_do_harm(rule: Rule) -> None:
    assert hunted(without(rule), HEADER)


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
    assert hunted(planner, HEADER)


WITHOUT_ROUTER = {
    Rule.S3: BASIC_SERVICES,
    Rule.S5: BASIC,
    Rule.S6: BASIC,
    Rule.S7: BASIC,
    Rule.S8: BASIC_TIGHT,
    Rule.S9: BASIC_SERVICES,
    Rule.S10: BASIC_ANALYSIS,
}
"""The rules that have anything to say where pods are the weight."""


@pytest.mark.parametrize("rule", WITHOUT_ROUTER, ids=lambda rule: rule.name)
def test_without_one_rule_and_without_a_router_the_oracle_finds_harm(rule: Rule) -> None:
    assert hunted(without(rule), WITHOUT_ROUTER[rule])


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
    writes = writes_of(forgetful(with_older(seen(world), first, "sets")), world)
    return faults(world, writes, carried_out(world, writes, lenient=lenient))


def test_t17_a_stale_scale_down_cuts_a_delay_short_unless_writes_are_conditional() -> None:
    (found,) = cut_short(lenient=True)
    assert found.startswith("S2: B goes ")
    assert float(found.split()[3]) < 10, "of the 30 seconds that it is owed"
    assert not cut_short(lenient=False)


def test_t18_a_look_at_the_router_older_than_our_writes_harms() -> None:
    router = Manners(stale=0.35, own_writes=False, kinds=("router",))
    assert met(router, DYNAMIC, range(400))

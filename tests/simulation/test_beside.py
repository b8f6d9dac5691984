"""Step plugins, weights of experiments, subsets, two routed objects, deadlines: every order of
events in small worlds, and the proof that harm would be found: rules off, mistakes made.

Their walks are in `test_walks.py`, as those of all worlds.
"""

from __future__ import annotations

import pytest

from serinus.core.rollout.actions import Plan
from serinus.core.rollout.invariants.check import broken
from serinus.core.rollout.plan import plan
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.snapshot import Snapshot
from simulation import slips
from simulation.events import Planner
from simulation.hunts import hunted, tripped
from simulation.march import ROADS
from simulation.model import World
from simulation.mutants import Answer, Tripped, guarded, mistaken, without
from simulation.search import Budget, search
from simulation.shape import Shape
from simulation.starts import (
    GATEWAY,
    LATE,
    LATE_BROKEN,
    LATE_PLUGGED,
    LATENESS,
    MESHES,
    PLUGGED,
    PLUGGED_TWICE,
    PLUGGING,
    SUBSETS,
    SUBSETS_COPIED,
    SUBSETS_DYNAMIC,
    WEIGHED_TRIAL,
    WEIGHING,
    measured,
    released,
    sound,
    under_way,
)

SHAPES = (*PLUGGING, *WEIGHING, *MESHES, *LATENESS)
LIMIT = 250
"""Worlds that a search looks at in the quick suite."""
STARTS = (
    measured(PLUGGED),
    released(PLUGGED_TWICE),
    measured(WEIGHED_TRIAL),
    under_way(SUBSETS_DYNAMIC),
    released(GATEWAY),
    under_way(LATE),
    released(LATE_BROKEN),
)


@pytest.mark.parametrize("shape", [s for s in SHAPES if s is not LATE_PLUGGED], ids=str)
def test_a_release_without_misbehaviour_is_searched_whole(shape: Shape) -> None:
    found = search(released(shape), sound, budget=Budget(bad=0, user=0))
    assert found.finding is None, str(found.finding)
    assert found.whole


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.shape.name)
def test_one_misbehaviour_and_one_command_harm_nobody(start: World) -> None:
    found = search(start, guarded(), budget=Budget(1, 1), limit=LIMIT)
    assert found.finding is None, str(found.finding)
    assert found.states > LIMIT / 2


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_release_is_searched_far(shape: Shape) -> None:
    found = search(released(shape), sound, budget=Budget(1, 1), limit=10_000)
    assert found.finding is None, str(found.finding)


HAPPENING = {
    "two step plugins": (
        *("Run says Failed", "Run says Running", "unheard"),
        *("Abort succeeds", "another controller knows no calls"),
    ),
    "experiment with weights": (
        *("pods of trial 1 go", "template 0 die", "template 1 die", "trial 1 ends"),
    ),
    "subsets, dynamic, two VirtualServices": ("half of weight",),
}


@pytest.mark.parametrize("road", HAPPENING)
def test_everything_that_may_happen_happens(road: str) -> None:
    (walked,) = (one for one in ROADS if one.name == road)
    left = set(HAPPENING[road])
    for seed in range(1, 200, 2):
        told = " / ".join(walked.walk(seed).trace)
        left -= {words for words in left if words in told}
        if not left:
            return
    raise AssertionError(f"never met: {left}")


# --- Rules that are off, mistakes that are made --------------------------------------------------

RULES = (
    (Rule.S5, PLUGGED_TWICE),
    (Rule.S6, PLUGGED_TWICE),
    (Rule.S10, PLUGGED_TWICE),
    *((rule, SUBSETS) for rule in (Rule.S0, Rule.S1, Rule.S2, Rule.S3, Rule.S4, Rule.SETTLE)),
    (Rule.S4, SUBSETS_DYNAMIC),
    (Rule.S6, WEIGHED_TRIAL),
    (Rule.S10, WEIGHED_TRIAL),
)


@pytest.mark.parametrize(("rule", "shape"), RULES, ids=str)
def test_without_a_rule_the_oracle_finds_harm(rule: Rule, shape: Shape) -> None:
    assert hunted(without(rule), shape).first, f"nobody misses {rule.name}"


@pytest.mark.parametrize(
    "rule", [Rule.S0, Rule.S1, Rule.S2, Rule.S3, Rule.S4, Rule.SETTLE], ids=str
)
def test_without_a_rule_subsets_trip_an_invariant(rule: Rule) -> None:
    assert tripped(guarded(rule), SUBSETS)


SLIPS: dict[str, tuple[Planner, Shape, str]] = {
    "who answers at all has done it": (
        *(mistaken(see=slips.takes_running_for_done), PLUGGED),
        "S5: the plugin of step 1 counts as passed",
    ),
    "a plugin that says no is asked again": (
        *(mistaken(see=slips.takes_failed_for_error), PLUGGED),
        "S10: the plugin of step 1 failed",
    ),
    "nothing is undone after an abort": (
        *(mistaken(answer=slips.undoes_nothing), PLUGGED),
        "rest: step 1 came to nothing",
    ),
    "nothing is stopped by a full promotion": (
        *(mistaken(answer=slips.stops_nothing), PLUGGED),
        "rest: step 1 is promoted",
    ),
    "who is called is not remembered": (
        *(mistaken(answer=slips.calls_before_it_is_noted), PLUGGED),
        "",
    ),
    "an experiment is not told of its traffic": (
        *(mistaken(see=slips.gives_without_a_note), WEIGHED_TRIAL),
        "S2:",
    ),
    "its pods are let go beside the weight": (
        *(mistaken(answer=slips.lets_go_at_once), WEIGHED_TRIAL),
        "S2:",
    ),
    "its pods get traffic before they are ready": (
        *(mistaken(see=slips.gives_before_they_are_ready), WEIGHED_TRIAL),
        "S",
    ),
    "it keeps what it has": (
        *(mistaken(answer=slips.keeps_what_trials_get), WEIGHED_TRIAL),
        "",
    ),
    "one of two objects is read": (
        *(mistaken(see=slips.reads_one_object), SUBSETS_DYNAMIC),
        "",
    ),
    "copies go on behind an abort": (
        *(mistaken(answer=slips.keeps_its_copies), SUBSETS_COPIED),
        "",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_mistake_is_found(slip: str) -> None:
    planner, shape, harm = SLIPS[slip]
    found = hunted(planner, shape)
    assert found.first, f"nobody minds that {slip}"
    assert found.first.startswith(harm), found.told


@pytest.mark.parametrize("answer", [slips.lets_go_at_once], ids=["let go"])
def test_an_answer_that_is_wrong_trips_an_invariant(answer: Answer) -> None:
    def wrong(snapshot: Snapshot) -> Plan:
        made = answer(snapshot, plan(snapshot, check=False))
        if faults := broken(snapshot, made):
            raise Tripped("; ".join(faults))
        return made

    assert "let go" in tripped(wrong, WEIGHED_TRIAL)

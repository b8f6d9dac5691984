"""Releases watched beside their steps: every order of verdicts, deaths, crashes and words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec.structs import replace as with_fields

from serinus.core.rollout.rules import Rule
from serinus.core.rollout.snapshot import Snapshot
from simulation.events import Planner
from simulation.mutants import Tripped, guarded, mistaken, without
from simulation.search import FAR, Budget, search
from simulation.shape import Shape
from simulation.starts import (
    BASIC_WATCHED,
    WATCHED,
    WATCHED_LATE,
    WATCHING,
    at_weight,
    released,
    sound,
)
from simulation.walks import walk

LATE, UNROUTED, SHAPES = WATCHED_LATE, BASIC_WATCHED, WATCHING
SEEDS = range(40)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_misbehaviour_and_one_command_harm_no_watched_release(shape: Shape) -> None:
    for start in (released(shape), at_weight(shape, 34 if shape is WATCHED else 20)):
        found = search(start, sound, budget=Budget(1, 1), limit=500)
        assert found.finding is None, str(found.finding)
        assert found.states > 300


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("budget", [Budget(1, 1), Budget(2, 1), Budget(1, 2)], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_watched_release_is_searched_far(shape: Shape, budget: Budget) -> None:
    found = search(released(shape), sound, budget=budget, limit=FAR)
    assert found.finding is None, str(found.finding)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_walks_through_watched_releases_find_nothing(shape: Shape) -> None:
    for seed in SEEDS:
        met = walk(released(shape), sound, seed)
        assert not met.faults, str(met)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_no_invariant_trips_in_a_watched_release(shape: Shape) -> None:
    search(released(shape), guarded(), budget=Budget(1, 1), limit=250)
    for seed in SEEDS:
        walk(released(shape), guarded(), seed)


# --- That the oracle and the invariants can find harm ---------------------------------------------


def blind_to(phase: str) -> Planner:
    """A planner to which the runs that ended so still go on."""

    def see(snapshot: Snapshot) -> Snapshot:
        runs = tuple(
            with_fields(run, status=with_fields(run.status, phase="Running"))
            if run.status.phase == phase
            else run
            for run in snapshot.runs
        )
        return replace(snapshot, runs=runs)

    return mistaken(see=see)


def takes_cancelled_for_passed(snapshot: Snapshot) -> Snapshot:
    """The original: who is cancelled has passed."""
    runs = tuple(
        with_fields(run, spec=with_fields(run.spec, terminate=False))
        if run.status.phase == "Successful"
        else run
        for run in snapshot.runs
    )
    return replace(snapshot, runs=runs)


MISTAKES = {
    "the original: a cancelled run has passed": mistaken(see=takes_cancelled_for_passed),
    "a bad verdict is not seen": blind_to("Failed"),
    "a doubtful verdict is not seen": blind_to("Inconclusive"),
    "a verdict of an attempt before counts": without(Rule.S10),
}


@pytest.mark.parametrize("shape", [WATCHED, UNROUTED], ids=str)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_oracle_finds_each_mistake(mistake: str, shape: Shape) -> None:
    planner = MISTAKES[mistake]
    found = (search(released(shape), planner, budget=Budget(1, 1), limit=1500).finding,)
    walks = (walk(released(shape), planner, seed) for seed in range(200))
    assert any(found) or any(met.faults for met in walks)


def test_without_s10_an_invariant_trips() -> None:
    def hunt() -> None:
        for seed in range(200):
            walk(released(WATCHED), guarded(Rule.S10), seed)

    with pytest.raises(Tripped, match="taken up again"):
        hunt()

"""The traces T1 to T18 that a model checker found, put back: with the mistake that let each of them
happen the oracle finds it, and the real planner goes the same way unharmed.

T15 is about blue-green; T17 and T18 are in `test_mutations.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from serinus.core.rollout.rules import Rule
from simulation import mutants
from simulation.events import Planner
from simulation.model import World
from simulation.mutants import mistaken, without
from simulation.scripts import play
from simulation.starts import ANALYSIS, DYNAMIC, PLAIN, at_weight, nothing, released, sound


@dataclass(frozen=True, slots=True)
class Trace:
    name: str
    start: World
    wrong: Planner
    script: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


AT_HALF, DYNAMIC_AT_HALF = at_weight(PLAIN, 50), at_weight(DYNAMIC, 50)
B_READY = ("the ReplicaSet controller acts on B", "all pods of B get ready")
MARKED_AND_LIVE = (
    *("go on", "user: abort", "go on until B is marked", "an hour passes"),
    *("user: retry", "go on without marks"),
)

TRACES = (
    Trace(
        "T1 both halves fail: S1 forbids 0, S3 demands it",
        AT_HALF,
        without(Rule.S3),
        ("one pod of A dies", "all pods of B die", "plan", "plan"),
    ),
    Trace(
        "T2 stable dies before the canary got anything",
        released(PLAIN),
        mistaken(answer=mutants.flees_from_dead_stable),
        (
            "plan",
            "plan",
            *B_READY,
            "plan",
            "slices of canary follow",
            "time passes",
            "all pods of A die",
            "plan",
            "plan",
        ),
    ),
    Trace(
        "T3 the Service goes back beside the weight, and only it arrives",
        AT_HALF,
        mistaken(Rule.S0, answer=mutants.service_beside_weight),
        ("all pods of B die", "only canary", "all pods of B get ready", "rest"),
    ),
    Trace(
        "T4 a shrunken stable gets everything by the Service after an abort",
        DYNAMIC_AT_HALF,
        without(Rule.S0),
        ("go on", "user: abort", "plan", "rest"),
    ),
    Trace(
        "T4 the same after an undo",
        DYNAMIC_AT_HALF,
        without(Rule.S0),
        ("go on", "user: template A", "plan", "rest"),
    ),
    Trace(
        "T5 weight waits for capacity and capacity for weight",
        DYNAMIC_AT_HALF,
        without(Rule.S1B),
        ("go on", "user: template C", "rest"),
    ),
    Trace(
        "T6 an old delay has ended when the weight is written, not yet obeyed",
        AT_HALF,
        mistaken(Rule.SETTLE, see=mutants.marks_never_void),
        (*MARKED_AND_LIVE, "user: abort", "go on"),
    ),
    Trace(
        "T7 an old mark removes a canary that was live again",
        AT_HALF,
        mistaken(see=mutants.marks_never_void),
        (*MARKED_AND_LIVE, "user: abort", "go on"),
    ),
    Trace(
        "T8 the status says weight 0 and is believed",
        AT_HALF,
        mistaken(Rule.S4, see=mutants.weight_from_status),
        ("the router cannot be read", "user: abort", "go on", "user: template C", "go on"),
    ),
    Trace(
        "T9 a failed run of the attempt before aborts the next one",
        at_weight(ANALYSIS, 50),
        without(Rule.S10),
        ("plan", "plan", "plan", "run 1 ends Failed", "plan", "go on", "user: retry", "go on"),
    ),
    Trace(
        "T10 a passed run of the attempt before passes the next one",
        at_weight(ANALYSIS, 50),
        without(Rule.S10),
        (
            "plan",
            "plan",
            "plan",
            "run 1 passes",
            "plan",
            "user: abort",
            "go on",
            "user: retry",
            "go on",
        ),
    ),
    Trace(
        "T11 a first deploy waits for a weight that nobody gives",
        nothing(PLAIN),
        mistaken(answer=mutants.waits_for_full_weight),
        ("rest",),
    ),
    Trace(
        "T11b no replicas wanted in mid-rollout",
        AT_HALF,
        mistaken(answer=mutants.waits_for_full_weight),
        ("user: replicas 0", "rest"),
    ),
    Trace(
        "T12 a pause that a user ended is entered again",
        AT_HALF,
        mistaken(answer=mutants.forgets_controller_pause),
        ("go on", "user: promote", "plan", "plan"),
    ),
    Trace(
        "T13 the stable Service moves before the status says who is stable",
        AT_HALF,
        mistaken(
            Rule.SETTLE, see=mutants.slices_not_read, answer=mutants.stable_service_beside_status
        ),
        ("go on", "user: promote", "go on until stable moves", "all pods of A die", "plan"),
    ),
    Trace(
        "T13 the weight returns before the slices show the new stable",
        AT_HALF,
        mistaken(see=mutants.slices_not_read),
        ("go on", "user: promote", "go on until stable moves", "time passes", "plan"),
    ),
    Trace(
        "T14 a full promotion outranks an abort",
        AT_HALF,
        mistaken(see=mutants.promotion_before_abort),
        ("go on", "user: abort", "user: full promote", "go on"),
    ),
    Trace(
        "T16 no pod of stable comes up: nothing is traded for it",
        DYNAMIC_AT_HALF,
        without(Rule.S1, Rule.S2),
        ("go on", "user: abort", "plan", "plan", "plan"),
    ),
)


@pytest.mark.parametrize("trace", TRACES, ids=str)
def test_with_its_mistake_a_trace_harms(trace: Trace) -> None:
    _, wrong = play(trace.start, trace.wrong, trace.script)
    assert wrong


@pytest.mark.parametrize("trace", TRACES, ids=str)
def test_the_real_planner_goes_the_same_way_unharmed(trace: Trace) -> None:
    _, wrong = play(trace.start, sound, (*trace.script, "rest"))
    assert not wrong

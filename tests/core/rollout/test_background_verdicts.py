"""What the verdict of a run in the background does, at any moment of an update."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.rollout.watched import (
    RUN,
    WHY,
    deployed,
    doubtful,
    end,
    freeze,
    just_at,
    noted,
    reasons,
    stopped,
    watched,
)
from core.rollout.world import hash_of
from serinus.core.rollout import commands


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_bad_verdict_in_the_middle_of_a_pause_takes_the_release_back(phase: str) -> None:
    world = watched()
    world.finish(phase, WHY)
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"
    why = f"Background analysis phase error/failed: {WHY}"
    assert world.status.message == f"RolloutAborted: Rollout aborted update to revision 2: {why}"
    assert (noted(world).name, noted(world).status, noted(world).message) == (RUN, phase, WHY)
    assert (f"AnalysisRun{phase}") in [reason for reason, _ in world.events]


def test_the_plan_that_sees_the_bad_verdict_writes_weight_0() -> None:
    world = watched()
    world.finish("Failed", WHY)
    world.reconcile()
    assert (world.router.routing.weight, world.status.abort) == (0, True)


def test_a_bad_verdict_beside_pods_that_just_got_ready_raises_nothing() -> None:
    world = deployed([{"setWeight": 50}, {"pause": {}}])
    world.release("v2")
    world.run(until=lambda w: bool(w.set_of("v2").pods) if len(w.sets) > 1 else False)
    world.now = max(p.ready_at for p in world.set_of("v2").pods if p.ready_at)
    world.finish("Failed")
    world.run()
    assert max(float(line.split("w=")[1].split()[0]) for line in world.timeline) == 0
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_a_bad_verdict_beside_the_end_of_the_last_step_wins_over_the_promotion() -> None:
    world = watched()
    world.command(pause_conditions=())
    world.run(until=lambda w: w.status.current_step_index == 4 and w.router.routing.weight == 100)
    before = world.now
    world.now = before + world.settings.settle * 2
    world.finish("Failed")
    world.run()
    assert world.status.stable_rs == hash_of("v1")
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


@pytest.mark.parametrize("frozen", ["paused", "invalid"])
def test_a_bad_verdict_counts_under_a_frozen_rollout_too(frozen: str) -> None:
    world = watched()
    freeze(world, frozen)
    world.finish("Failed", WHY)
    world.run()
    assert world.router.routing.weight == 0
    assert (world.status.abort, world.set_of("v2").replicas) == (True, 0)


def test_a_run_that_ended_well_holds_nothing_and_is_not_repeated() -> None:
    world = watched()
    world.finish("Successful")
    world.run()
    assert noted(world).status == "Successful"
    world.command(pause_conditions=())
    world.run()
    assert (world.status.stable_rs, list(world.runs)) == (hash_of("v2"), [RUN])


def test_a_run_that_ended_well_and_was_deleted_then_is_not_repeated_either() -> None:
    world = watched()
    world.finish("Successful")
    world.run()
    del world.runs[RUN]
    world.run()
    assert (world.runs, noted(world).status) == ({}, "Successful")


def test_a_run_that_goes_on_does_not_hold_the_promotion() -> None:
    world = deployed([])
    world.release("v2")
    world.run()
    assert (world.status.stable_rs, stopped(world, RUN)) == (hash_of("v2"), True)


def test_without_a_router_a_bad_verdict_takes_the_pods_back() -> None:
    world = watched(replicas=4, trafficRouting=None)
    assert world.line() == "step=1 v1:3 v2:1 Paused"
    world.finish("Failed", WHY)
    world.run()
    assert world.line() == "step=0 v1:4 v2:0 Degraded"


# --- In doubt ------------------------------------------------------------------------------------


def test_a_doubtful_verdict_pauses_beside_the_pause_of_the_step() -> None:
    world = doubtful()
    assert reasons(world) == ["CanaryPauseStep", "InconclusiveAnalysisRun"]
    assert world.line() == "w=25 step=1 v1:4 v2:1 Paused"
    assert (noted(world).name, noted(world).status) == (RUN, "Inconclusive")


def test_who_resumes_gets_a_new_run_and_the_step_goes_on() -> None:
    world = doubtful()
    world.command(pause_conditions=())
    world.run(until=lambda w: w.status.current_step_index == 3)
    assert (list(world.runs), noted(world).name) == ([RUN, f"{RUN}.1"], f"{RUN}.1")
    assert world.status.phase == "Paused"
    world.finish("Failed", WHY)
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_the_command_promote_is_such_a_word() -> None:
    world = doubtful()
    (edit,) = commands.promote(world.rollout)
    assert edit.patch == {"status": {"pauseConditions": None}}


def test_a_timed_pause_does_not_end_in_doubt_and_has_no_deadline_then() -> None:
    world = deployed([{"setWeight": 25}, {"pause": {"duration": "60s"}}, {"setWeight": 50}])
    world.release("v2")
    world.run(until=lambda w: w.status.current_step_index == 1)
    world.edit(progress_deadline_seconds=30, progress_deadline_abort=True)
    world.finish("Inconclusive")
    world.run()
    world.now += timedelta(hours=1)
    world.run()
    assert world.line() == "w=25 step=1 v1:4 v2:1 Paused"
    world.command(pause_conditions=())
    world.run()
    assert world.status.stable_rs == hash_of("v2")


def test_no_weight_and_no_pods_are_added_in_doubt() -> None:
    world = deployed([{"setWeight": 25}, {"setWeight": 50}, {"pause": {}}])
    world.release("v2")
    just_at(world, 1)
    world.finish("Inconclusive")
    world.run(1_000)
    assert world.line() == "w=25 step=1 v1:4 v2:1 Paused"
    assert reasons(world) == ["InconclusiveAnalysisRun"]
    world.command(pause_conditions=())
    world.run()
    assert world.line() == "w=50 step=2 v1:4 v2:2 Paused"
    assert reasons(world) == ["CanaryPauseStep"], "the next pause is asked for by itself"


def test_the_end_of_the_steps_is_no_promotion_in_doubt() -> None:
    world = watched([{"setWeight": 25}, {"pause": {}}])
    world.command(pause_conditions=())
    world.run(until=lambda w: w.status.current_step_index == 2)
    world.finish("Inconclusive")
    world.run()
    assert (world.status.stable_rs, world.status.phase) == (hash_of("v1"), "Paused")
    world.command(pause_conditions=())
    world.run()
    assert world.status.stable_rs == hash_of("v2")


def test_a_doubt_that_comes_with_the_step_of_a_pause_does_not_let_it_be_passed_unseen() -> None:
    world = deployed([{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}])
    world.release("v2")
    just_at(world, 1)
    world.finish("Inconclusive")
    world.run()
    assert sorted(reasons(world)) == ["CanaryPauseStep", "InconclusiveAnalysisRun"]


def test_a_word_that_lets_a_pause_go_is_heard_before_the_doubt_that_comes_with_it() -> None:
    world = watched()
    world.finish("Inconclusive")
    world.command(pause_conditions=())
    world.run()
    assert (world.status.current_step_index, reasons(world)) == (2, ["InconclusiveAnalysisRun"])
    assert world.router.routing.weight == 25


def test_in_doubt_a_bad_verdict_of_the_step_aborts_all_the_same() -> None:
    measured = {"analysis": {"templates": [{"templateName": "latency"}]}}
    world = deployed([{"setWeight": 25}, measured])
    world.release("v2")
    world.run()
    assert list(world.runs) == [RUN, f"{RUN}-1"]
    end(world, RUN, "Inconclusive")
    world.run()
    assert world.status.phase == "Paused"
    end(world, f"{RUN}-1", "Failed")
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"
    assert "Step-based analysis" in world.status.message


def test_one_word_lets_both_analyses_be_measured_again() -> None:
    measured = {"analysis": {"templates": [{"templateName": "latency"}]}}
    world = deployed([{"setWeight": 25}, measured])
    world.release("v2")
    world.run()
    end(world, f"{RUN}-1", "Inconclusive")
    world.run()
    end(world, RUN, "Inconclusive")
    world.run()
    world.command(pause_conditions=())
    world.run()
    assert set(world.runs) == {RUN, f"{RUN}-1", f"{RUN}.1", f"{RUN}-1.1"}
    assert world.line() == "w=25 step=1 v1:4 v2:1 Progressing"
    assert world.status.controller_pause is False


def test_a_run_that_somebody_else_cancelled_is_no_pass() -> None:
    world = watched()
    end(world, RUN, "Successful", terminate=True)
    world.run()
    assert "InconclusiveAnalysisRun" in reasons(world)
    world.command(pause_conditions=())
    world.run(until=lambda w: len(w.runs) > 1)
    assert list(world.runs) == [RUN, f"{RUN}.1"]


def test_a_run_that_somebody_deleted_before_its_end_is_made_again() -> None:
    world = watched()
    del world.runs[RUN]
    world.run()
    assert list(world.runs) == [RUN]
    assert world.line() == "w=25 step=1 v1:4 v2:1 Paused"


def test_a_doubtful_run_that_somebody_deleted_leaves_its_doubt() -> None:
    world = doubtful()
    del world.runs[RUN]
    world.run()
    assert (world.runs, "InconclusiveAnalysisRun" in reasons(world)) == ({}, True)
    world.command(pause_conditions=())
    world.run(until=lambda w: bool(w.runs))
    assert list(world.runs) == [RUN]


def test_without_a_router_no_pod_is_added_in_doubt() -> None:
    world = deployed([{"setWeight": 25}, {"setWeight": 50}, {"pause": {}}], trafficRouting=None)
    world.release("v2")
    just_at(world, 1)
    world.finish("Inconclusive")
    world.run(1_000)
    assert world.line() == "step=1 v1:3 v2:1 Paused"
    world.command(pause_conditions=())
    world.run()
    assert world.line() == "step=2 v1:2 v2:2 Paused"

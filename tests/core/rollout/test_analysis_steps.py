"""Inline analysis as a rollout lives with it: names, attempts, verdicts, cancelled runs."""

from __future__ import annotations

from msgspec.structs import replace

from core.rollout.world import World, first_deploy, hash_of
from serinus.api.analysis import AnalysisRunSpec, AnalysisRunStatus
from serinus.base.errors import FieldProblem

ANALYSIS = {"analysis": {"templates": [{"templateName": "success-rate"}]}}
STEPS = [{"setWeight": 25}, ANALYSIS, {"setWeight": 50}, {"pause": {}}]
RUN = f"app-{hash_of('v2')}-2-1"


def measuring() -> World:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run()
    assert list(world.runs) == [RUN]
    return world


def test_the_name_of_a_run_is_in_the_status_before_the_run_is_made() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run(until=lambda w: bool(w.runs))
    world.runs.clear()
    world.command(canary=replace(world.status.canary, current_step_analysis_run_status=None))
    world.reconcile()
    noted = world.status.canary.current_step_analysis_run_status
    assert (noted.name if noted else "", list(world.runs)) == (RUN, [])
    world.reconcile()
    assert list(world.runs) == [RUN]


def test_a_passed_analysis_leads_to_the_next_step() -> None:
    world = measuring()
    world.finish("Successful")
    world.run()
    assert world.line() == "w=50 step=3 v1:4 v2:2 Paused"
    assert world.status.canary.current_step_analysis_run_status is None


def test_a_failed_analysis_aborts_with_its_message() -> None:
    world = measuring()
    message = 'Metric "m" assessed Failed due to failed (1) > failureLimit (0)'
    world.finish("Failed", message)
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"
    why = f"Step-based analysis phase error/failed: {message}"
    assert world.status.message == (f"RolloutAborted: Rollout aborted update to revision 2: {why}")
    noted = world.status.canary.current_step_analysis_run_status
    assert noted is not None
    assert (noted.name, noted.status, noted.message) == (RUN, "Failed", message)


def test_a_failed_analysis_aborts_although_an_autoscaler_takes_all_replicas_at_once() -> None:
    world = measuring()
    world.finish("Failed", "errors")
    world.edit(replicas=0)
    world.run()
    assert world.status.stable_rs == hash_of("v1")
    assert world.status.message == (
        "RolloutAborted: Rollout aborted update to revision 2: "
        "Step-based analysis phase error/failed: errors"
    )


def test_an_analysis_that_fails_under_a_paused_spec_aborts_all_the_same() -> None:
    world = measuring()
    world.edit(paused=True)
    world.finish("Error", "no answer")
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_a_retry_measures_again_under_a_name_of_its_own() -> None:
    world = measuring()
    world.finish("Failed")
    world.run()
    world.command(abort=False)
    world.run()
    assert list(world.runs) == [RUN, f"{RUN}.1"]
    assert world.line() == "w=25 step=1 v1:4 v2:1 Progressing"


def test_a_pass_of_an_attempt_before_does_not_count_after_an_abort() -> None:
    world = measuring()
    world.finish("Successful")
    world.run()
    world.command(abort=True)
    world.run()
    world.command(abort=False)
    world.run()
    assert world.status.current_step_index == 1
    assert list(world.runs) == [RUN, f"{RUN}.1"]


def test_an_inconclusive_analysis_pauses_and_a_person_has_it_measured_again() -> None:
    world = measuring()
    world.finish("Inconclusive")
    world.run()
    assert (world.status.phase, world.status.message) == ("Paused", "InconclusiveAnalysisRun")
    assert world.line() == "w=25 step=1 v1:4 v2:1 Paused"
    world.command(pause_conditions=())
    world.run()
    assert list(world.runs) == [RUN, f"{RUN}.1"]
    world.finish("Successful")
    world.run()
    assert world.status.current_step_index == 3


def test_an_inconclusive_analysis_can_be_skipped_by_promote() -> None:
    world = measuring()
    world.finish("Inconclusive")
    world.run()
    world.command(pause_conditions=(), controller_pause=False, current_step_index=2)
    world.run()
    assert world.line() == "w=50 step=3 v1:4 v2:2 Paused"


def test_a_cancelled_run_reads_successful_and_is_no_pass() -> None:
    world = measuring()
    done = AnalysisRunStatus(phase="Successful", message="Run Terminated")
    spec = AnalysisRunSpec(terminate=True)
    world.runs[RUN] = replace(world.runs[RUN], spec=spec, status=done)
    world.run()
    assert (world.status.phase, world.status.message) == ("Paused", "InconclusiveAnalysisRun")


def test_an_abort_stops_the_run_and_keeps_no_pods_for_it() -> None:
    world = measuring()
    world.command(abort=True)
    world.run()
    assert world.runs[RUN].spec.terminate
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_a_deleted_run_is_measured_from_the_start() -> None:
    world = measuring()
    del world.runs[RUN]
    world.run()
    assert list(world.runs) == [RUN]


def test_finished_runs_are_kept_up_to_the_history_limits() -> None:
    world = measuring()
    for _ in range(8):
        world.finish("Failed")
        world.run()
        world.command(abort=False)
        world.run()
    finished = [run for run in world.runs.values() if run.status.phase == "Failed"]
    assert len(finished) == 5


def test_an_invalid_spec_without_the_step_does_not_end_its_run() -> None:
    world = measuring()
    before = world.rollout.spec.strategy
    world.edit_canary(steps=())
    world.problems = (FieldProblem("spec.strategy.canary.maxSurge", "is negative"),)
    world.run(seconds=30)
    assert not world.runs[RUN].spec.terminate
    world.edit(strategy=before)
    world.problems = ()
    world.finish("Successful")
    world.run()
    assert world.line() == "w=50 step=3 v1:4 v2:2 Paused"


def test_an_abort_under_an_invalid_spec_ends_it() -> None:
    world = measuring()
    world.edit_canary(steps=())
    world.problems = (FieldProblem("spec.strategy.canary.maxSurge", "is negative"),)
    world.command(abort=True)
    world.run(seconds=30)
    assert world.runs[RUN].spec.terminate

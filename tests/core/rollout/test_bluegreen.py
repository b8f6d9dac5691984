"""Blue-green journeys over the pure world: what people configure, and what then happens when."""

from __future__ import annotations

from core.rollout.switched import ANALYSIS, Switched, deployed, reasons, released
from serinus.core.rollout.actions import StopRun
from serinus.core.rollout.reasons import Hold

# --- Promotion -----------------------------------------------------------------------------------


def test_the_first_revision_gets_both_services_and_becomes_stable_when_it_is_whole() -> None:
    world = Switched()
    world.run()
    assert world.timeline == [
        "0s active=v1 preview=all stable=all v1:0 Progressing",
        "0s active=v1 preview=v1 stable=all v1:4 Progressing",
        "5s active=v1 preview=v1 stable=v1 v1:4 Healthy",
    ]
    assert not world.reconcile()
    assert world.last.wake_at is None


def test_who_comes_from_a_deployment_keeps_its_pods_in_service_until_the_first_one_is_whole() -> (
    None
):
    world = Switched()
    world.strangers = 3
    world.run()
    assert world.timeline == [
        "0s active=all preview=v1 stable=all v1:0 Progressing",
        "0s active=all preview=v1 stable=all v1:4 Progressing",
        "5s active=v1 preview=v1 stable=all v1:4 Progressing",
        "7s active=v1 preview=v1 stable=v1 v1:4 Healthy",
    ]


def test_a_release_is_switched_when_it_is_whole_and_the_old_one_keeps_its_pods_for_the_delay() -> (
    None
):
    world = released()
    world.run()
    assert world.timeline == [
        "5s active=v1 preview=v2 stable=v1 v1:4 v2:0 Progressing",
        "5s active=v1 preview=v2 stable=v1 v1:4 v2:4 Progressing",
        "10s active=v2 preview=v2 stable=v1 v1:4 v2:4 Progressing",
        "12s active=v2 preview=v2 stable=v2 v1:4 v2:4 Healthy",
        "42s active=v2 preview=v2 stable=v2 v1:0 v2:4 Healthy",
    ]
    assert not world.reconcile()
    assert world.last.wake_at is None


def test_with_a_delay_of_nothing_the_old_one_goes_when_the_switch_is_settled() -> None:
    world = released(scaleDownDelaySeconds=0)
    world.run()
    assert world.timeline[-1] == "12s active=v2 preview=v2 stable=v2 v1:0 v2:4 Healthy"


def test_without_auto_promotion_it_waits_for_a_person() -> None:
    world = released(autoPromotionEnabled=False, autoPromotionSeconds=5)
    world.run()
    assert (world.active, world.preview, world.status.phase) == ("v1", "v2", "Paused")
    assert world.status.message == "BlueGreenPause"
    assert reasons(world) == ["the switch is paused until it is promoted"]
    world.wait(3600)
    assert world.active == "v1"
    world.command(pause_conditions=())
    world.run()
    assert (world.active, world.stable, world.status.phase) == ("v2", "v2", "Healthy")
    assert world.events.count(("RolloutResumed", "Rollout is resumed")) == 1
    assert not world.status.controller_pause


def test_auto_promotion_seconds_count_from_the_moment_the_preview_is_ready() -> None:
    world = released(autoPromotionSeconds=60)
    world.run()
    moved = next(line for line in world.timeline if "active=v2" in line)
    assert moved.startswith("70s ")


def test_a_small_preview_is_measured_and_shown_and_grows_before_the_switch() -> None:
    world = released(
        previewReplicaCount=1, autoPromotionEnabled=False, prePromotionAnalysis=ANALYSIS
    )
    world.run()
    assert world.pods("v2") == 1
    assert not world.status.blue_green.scale_up_preview_check_point
    world.finish("Successful")
    world.run()
    assert world.pods("v2") == 1
    assert world.status.phase == "Paused"
    world.command(pause_conditions=())
    world.settle()
    assert world.status.blue_green.scale_up_preview_check_point
    world.run()
    assert world.timeline == [
        "5s active=v1 preview=v2 stable=v1 v1:4 v2:0 Progressing",
        "5s active=v1 preview=v2 stable=v1 v1:4 v2:1 Progressing",
        "10s active=v1 preview=v2 stable=v1 v1:4 v2:1 Paused",
        "10s active=v1 preview=v2 stable=v1 v1:4 v2:1 Progressing",
        "10s active=v1 preview=v2 stable=v1 v1:4 v2:4 Progressing",
        "15s active=v2 preview=v2 stable=v1 v1:4 v2:4 Progressing",
        "17s active=v2 preview=v2 stable=v2 v1:4 v2:4 Healthy",
        "47s active=v2 preview=v2 stable=v2 v1:0 v2:4 Healthy",
    ]
    assert not world.status.blue_green.scale_up_preview_check_point


def test_a_full_promotion_skips_the_pause_and_the_analyses_but_not_the_room() -> None:
    world = released(
        autoPromotionEnabled=False, prePromotionAnalysis=ANALYSIS, postPromotionAnalysis=ANALYSIS
    )
    world.reconcile()
    world.command(promote_full=True)
    world.run(4)
    assert world.active == "v1"
    assert reasons(world) == ["new revision 0/4 ready for Service active"]
    world.run()
    assert (world.stable, world.runs) == ("v2", {})
    assert world.status.duration
    assert world.status.duration.completion_status == "FastPromoted"


def test_a_preview_of_no_pods_is_promoted_all_the_same() -> None:
    world = released(previewReplicaCount=2, autoPromotionEnabled=False)
    world.run()
    world.edit_strategy(preview_replica_count=0)
    world.run()
    assert (world.pods("v2"), world.status.message) == (0, "BlueGreenPause")
    world.command(pause_conditions=())
    world.run()
    assert (world.active, world.stable, world.pods("v2")) == ("v2", "v2", 4)


def test_without_a_preview_service_readiness_is_that_of_the_pods() -> None:
    world = released(previewService="")
    world.run()
    assert world.timeline[-1].endswith("stable=v2 v1:0 v2:4 Healthy")


def test_a_rollout_of_no_replicas_is_switched_and_promoted_without_pods() -> None:
    world = deployed(replicas=0)
    world.release("v2")
    world.run()
    assert (world.active, world.stable) == ("v2", "v2")
    assert not world.reconcile()


# --- Analyses ------------------------------------------------------------------------------------


def test_a_failed_analysis_before_the_switch_aborts_and_production_never_moves() -> None:
    world = released(prePromotionAnalysis=ANALYSIS)
    world.run()
    world.finish("Failed", "too many errors")
    world.run()
    assert {line.split()[1] for line in world.timeline} == {"active=v1"}
    assert world.timeline[-1].endswith("preview=v2 stable=v1 v1:4 v2:0 Degraded")
    assert world.status.message == (
        "RolloutAborted: Rollout aborted update to revision 2: "
        "Pre-promotion analysis phase error/failed: too many errors"
    )


def test_a_failed_analysis_after_the_switch_goes_back_at_once_whatever_the_new_pods_do() -> None:
    world = released(postPromotionAnalysis=ANALYSIS)
    world.run()
    assert (world.active, world.stable) == ("v2", "v1")
    assert world.status.message == "waiting for analysis to complete"
    world.kill("v2", 3, revive=False)
    world.finish("Error", "no answer")
    world.settle()
    assert world.active == "v1"
    assert world.answering() == 4
    assert world.lost() == 0
    world.run()
    assert world.timeline[-1].endswith("v1:4 v2:0 Degraded")


def test_a_retry_measures_again_under_another_name() -> None:
    world = released(prePromotionAnalysis=ANALYSIS)
    world.run()
    world.finish("Failed")
    world.run()
    world.command(abort=False)
    world.run()
    names = sorted(world.runs)
    assert names == [names[0], f"{names[0]}.1"]
    assert names[0].endswith("-2-pre")
    assert world.active == "v1"
    world.finish("Successful")
    world.run()
    assert world.stable == "v2"


def test_an_inconclusive_analysis_pauses_and_is_measured_again_when_a_person_lets_it_go_on() -> (
    None
):
    world = released(prePromotionAnalysis=ANALYSIS, autoPromotionEnabled=False)
    world.run()
    world.finish("Inconclusive")
    world.run()
    assert (world.status.phase, world.status.message) == ("Paused", "InconclusiveAnalysisRun")
    world.command(pause_conditions=())
    world.run()
    assert len(world.runs) == 2
    assert world.active == "v1"
    world.finish("Successful")
    world.run()
    assert world.status.message == "BlueGreenPause"
    world.command(pause_conditions=())
    world.run()
    assert world.stable == "v2"


def test_an_inconclusive_analysis_behind_the_switch_keeps_both_and_is_measured_again() -> None:
    world = released(postPromotionAnalysis=ANALYSIS, autoPromotionEnabled=False)
    world.run()
    world.command(pause_conditions=())
    world.run()
    world.finish("Inconclusive")
    world.run()
    assert (world.active, world.stable, world.status.phase) == ("v2", "v1", "Paused")
    world.wait(3600)
    assert (world.pods("v1"), world.pods("v2")) == (4, 4)
    world.command(pause_conditions=())
    world.run()
    world.finish("Successful")
    world.run()
    assert (world.stable, len(world.runs)) == ("v2", 2)


def test_a_cancelled_run_is_no_pass() -> None:
    world = released(prePromotionAnalysis=ANALYSIS)
    world.run()
    world.apply(StopRun(next(iter(world.runs))))
    world.run()
    assert (world.active, world.status.message) == ("v1", "InconclusiveAnalysisRun")


# --- Abort ---------------------------------------------------------------------------------------


def test_an_abort_before_the_switch_takes_the_preview_away_after_its_delay() -> None:
    world = released(autoPromotionEnabled=False, abortScaleDownDelaySeconds=20)
    world.run()
    world.command(abort=True)
    world.run()
    assert world.timeline[-2:] == [
        "10s active=v1 preview=v2 stable=v1 v1:4 v2:4 Degraded",
        "30s active=v1 preview=v2 stable=v1 v1:4 v2:0 Degraded",
    ]
    assert not world.reconcile()


def test_an_abort_delay_of_nothing_keeps_the_preview_for_good() -> None:
    world = released(autoPromotionEnabled=False, abortScaleDownDelaySeconds=0)
    world.run()
    world.command(abort=True)
    world.run()
    assert (world.pods("v2"), world.status.phase) == (4, "Degraded")


def test_an_abort_between_the_switch_and_its_settling_loses_nothing() -> None:
    world = released()
    world.run(until=lambda w: w.active == "v2")
    world.command(abort=True)
    world.settle()
    assert world.active == "v1"
    assert world.lost() == 0
    world.run()
    assert (world.active, world.stable, world.pods("v2")) == ("v1", "v1", 0)


def test_an_abort_waits_for_stable_only_as_long_as_that_would_be_worse() -> None:
    world = released(postPromotionAnalysis=ANALYSIS)
    world.run()
    world.kill("v1", 3, revive=False)
    world.command(abort=True)
    world.settle()
    assert world.active == "v2"
    assert Hold.CAPACITY in {r.hold for r in world.last.reasons}
    world.kill("v2", revive=False)
    world.settle()
    assert world.active == "v1"


def test_an_abort_after_full_promotion_is_answered_with_what_to_do_instead() -> None:
    world = released()
    world.run(until=lambda w: w.status.phase == "Healthy" and w.active == "v2")
    world.command(abort=True)
    world.settle()
    assert not world.status.abort
    assert world.status.phase == "Healthy"
    assert world.events[-1] == (
        "RolloutNotAborted",
        "Nothing to abort: revision 2 is stable already; revision 1 has its pods still, to go back "
        "at once: serinus undo app --to-revision 1",
    )

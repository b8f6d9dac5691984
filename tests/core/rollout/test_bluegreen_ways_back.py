"""Blue-green: ways back, third revisions, freezes, faults, deadlines, and what the status says."""

from __future__ import annotations

from datetime import timedelta

from core.rollout.parts import hash_of
from core.rollout.switched import ANALYSIS, deployed, reasons, released
from serinus.core.rollout.actions import PointService

# --- Back, and on to a third ---------------------------------------------------------------------


def test_an_undo_to_a_revision_that_still_has_its_pods_is_at_once() -> None:
    world = released(
        autoPromotionEnabled=False, prePromotionAnalysis=ANALYSIS, postPromotionAnalysis=ANALYSIS
    )
    world.reconcile()
    world.command(promote_full=True)
    world.run(until=lambda w: w.status.phase == "Healthy")
    world.timeline.clear()
    world.release("v1")
    world.run(2)
    assert (world.active, world.stable, world.status.phase) == ("v1", "v1", "Healthy")
    assert not world.runs
    assert ("SkipSteps", "Rollback to a revision that still has its pods") in world.events
    told = dict(world.events)["RolloutCompleted"]
    assert told.endswith(f": Rollback to 'app-{hash_of('v1')}' within scaleDownDelay")
    assert world.status.duration
    assert world.status.duration.completion_status == "FastRolledBack"
    world.run()
    assert (world.pods("v1"), world.pods("v2")) == (4, 0)


def test_an_undo_to_a_revision_that_failed_is_measured_again_also_inside_its_delay() -> None:
    world = released(prePromotionAnalysis=ANALYSIS, scaleDownDelaySeconds=300)
    world.run(until=lambda w: bool(w.runs))
    world.finish("Failed")
    world.settle()
    assert world.status.abort
    world.release("v3")
    world.run(until=lambda w: len(w.runs) == 2)
    world.finish("Successful")
    world.run(10)
    assert (world.active, world.pods("v2")) == ("v3", 4)
    world.events.clear()
    world.release("v2")
    world.run(30)
    assert world.active == "v3", "v2 was never good"
    assert "SkipSteps" not in [reason for reason, _ in world.events]
    world.finish("Successful")
    world.run(10)
    assert (world.active, world.stable) == ("v2", "v2")


def test_an_undo_after_the_delay_is_an_update_like_any_other() -> None:
    world = released(autoPromotionEnabled=False)
    world.reconcile()
    world.command(promote_full=True)
    world.run()
    assert world.pods("v1") == 0
    world.release("v1")
    world.run()
    assert (world.active, world.status.message) == ("v2", "BlueGreenPause")


def test_an_undo_inside_the_rollback_window_needs_no_pause() -> None:
    world = released(autoPromotionEnabled=False, spec={"rollbackWindow": {"revisions": 2}})
    world.reconcile()
    world.command(promote_full=True)
    world.run()
    world.release("v1")
    world.run()
    assert (world.active, world.stable) == ("v1", "v1")


def test_an_undo_in_mid_update_after_the_switch_goes_back_at_once() -> None:
    world = released(postPromotionAnalysis=ANALYSIS)
    world.run()
    assert world.active == "v2"
    world.release("v1")
    world.settle()
    assert (world.active, world.preview, world.stable) == ("v1", "v1", "v1")
    world.run()
    assert (world.pods("v1"), world.pods("v2"), world.status.phase) == (4, 0, "Healthy")


def test_a_third_revision_before_the_switch_takes_over_the_preview() -> None:
    world = released(autoPromotionEnabled=False)
    world.run()
    world.release("v3")
    world.run()
    assert (world.active, world.preview, world.status.phase) == ("v1", "v3", "Paused")
    assert (world.pods("v1"), world.pods("v2"), world.pods("v3")) == (4, 0, 4)
    assert "40s active=v1 preview=v3 stable=v1 v1:4 v2:0 v3:4 Paused" in world.timeline


def test_a_third_revision_after_the_switch_goes_back_to_stable_first() -> None:
    world = released(postPromotionAnalysis=ANALYSIS)
    world.run()
    world.release("v3")
    world.settle()
    assert world.active == "v1"
    assert world.lost() == 0
    world.run()
    world.finish("Successful")
    world.run()
    assert (world.active, world.stable, world.pods("v2")) == ("v3", "v3", 0)


def test_old_revisions_wait_side_by_side_up_to_the_limit() -> None:
    world = released(scaleDownDelaySeconds=3600, scaleDownDelayRevisionLimit=1)
    world.run(60)
    world.release("v3")
    world.run(60)
    assert (world.pods("v1"), world.pods("v2"), world.pods("v3")) == (0, 4, 4)


def test_what_waits_in_its_delay_follows_the_replicas() -> None:
    world = released(scaleDownDelaySeconds=3600)
    world.run(60)
    world.edit(replicas=6)
    world.run(60)
    assert (world.pods("v1"), world.pods("v2")) == (6, 6)
    world.edit(replicas=2)
    world.run(60)
    assert (world.pods("v1"), world.pods("v2")) == (2, 2)


# --- Freeze, faults, deadline --------------------------------------------------------------------


def test_a_paused_spec_holds_the_switch_and_an_abort_goes_through_it() -> None:
    world = released(postPromotionAnalysis=ANALYSIS)
    world.run(until=lambda w: w.active == "v2")
    world.edit(paused=True)
    world.run()
    assert (world.active, world.status.phase) == ("v2", "Paused")
    world.command(abort=True)
    world.settle()
    assert world.active == "v1"


def test_a_paused_spec_holds_the_preview_where_it_is() -> None:
    world = deployed()
    world.edit(paused=True)
    world.release("v2")
    world.run()
    assert (world.preview, world.pods("v2"), world.active) == ("v1", 0, "v1")
    world.edit(paused=False)
    world.run()
    assert world.stable == "v2"


def test_an_active_revision_that_dies_is_left_for_stable_and_the_person_is_not_asked_twice() -> (
    None
):
    world = released(autoPromotionEnabled=False, postPromotionAnalysis=ANALYSIS)
    world.run()
    world.command(pause_conditions=())
    world.run(until=lambda w: w.active == "v2")
    world.kill("v2")
    world.settle()
    assert world.active == "v1"
    assert not world.status.abort
    world.run()
    assert world.active == "v2"
    world.finish("Successful")
    world.run()
    assert world.stable == "v2"
    assert len(world.runs) == 1


def test_when_stable_dies_before_the_switch_nothing_untested_takes_over() -> None:
    world = released(autoPromotionEnabled=False)
    world.run()
    world.kill("v1", revive=False)
    world.settle()
    assert world.active == "v1"
    assert "stable has no ready endpoint" in reasons(world)[0]
    world.revive("v1")
    world.settle()
    assert world.answering() == 4


def test_a_preview_that_never_gets_ready_is_told_at_the_deadline() -> None:
    world = deployed(spec={"progressDeadlineSeconds": 60})
    world.release("v2")
    world.broken.add(hash_of("v2"))
    world.run()
    assert (world.active, world.status.phase) == ("v1", "Degraded")
    assert world.status.message.startswith("ProgressDeadlineExceeded: ")


def test_a_deadline_may_abort_also_after_the_switch() -> None:
    spec = {"progressDeadlineSeconds": 60, "progressDeadlineAbort": True}
    world = deployed(spec=spec)
    world.release("v2")
    world.run(until=lambda w: w.active == "v2")
    world.kill("v2", 1, revive=False)
    world.run()
    assert (world.active, world.status.abort) == ("v1", True)
    assert world.status.message.endswith("has timed out progressing.")


# --- Status --------------------------------------------------------------------------------------


def test_an_autoscaler_counts_the_active_revision_only() -> None:
    world = released(autoPromotionEnabled=False)
    world.run()
    status = world.status
    assert (status.replicas, status.hpa_replicas, status.available_replicas) == (8, 4, 4)
    assert status.selector == f"app=x,rollouts-pod-template-hash={status.stable_rs}"
    shown = status.blue_green
    assert (shown.active_selector, shown.preview_selector) == (
        status.stable_rs,
        status.current_pod_hash,
    )
    assert status.current_step_index is None
    assert status.current_step_hash == ""


def test_preview_and_active_metadata_follow_the_roles() -> None:
    world = deployed(
        autoPromotionEnabled=False,
        previewMetadata={"labels": {"role": "preview"}},
        activeMetadata={"labels": {"role": "active"}},
    )
    roles = {p.labels["role"] for p in world.set_of("v1").pods}
    assert roles == {"active"}
    world.release("v2")
    world.run()
    assert {p.labels["role"] for p in world.set_of("v2").pods} == {"preview"}
    world.command(pause_conditions=())
    world.run()
    assert {p.labels["role"] for p in world.set_of("v2").pods} == {"active"}
    assert world.set_of("v1").injected.get("labels", {}) == {}


def test_phases_say_what_is_waited_for() -> None:
    world = released(postPromotionAnalysis=ANALYSIS)
    seen: list[str] = []
    for _ in range(12):
        world.reconcile()
        if world.status.message not in seen:
            seen.append(world.status.message)
        world.now += timedelta(seconds=1)
    assert seen == [
        "more replicas need to be updated",
        "updated replicas are still becoming available",
        "active service cutover pending",
        "waiting for analysis to complete",
    ]


def test_what_was_measured_behind_one_switch_is_forgotten_before_the_next_one() -> None:
    """A crash between the two would leave the verdict to the next switch."""
    world = released(postPromotionAnalysis=ANALYSIS)
    world.run()
    world.kill("v2", revive=False)
    world.reconcile()
    assert world.active == "v1"
    world.revive("v2")
    second = []
    for _ in range(40):
        noted = world.status.blue_green.post_promotion_analysis_run_status
        world.reconcile()
        moves = [a for a in world.last.actions if isinstance(a, PointService)]
        second += [noted for move in moves if world.version_of(move.hash) == "v2"]
        world.now += timedelta(seconds=1)
    assert second == [None]
    assert sorted(name.partition("-post")[2] for name in world.runs) == ["", ".1"]

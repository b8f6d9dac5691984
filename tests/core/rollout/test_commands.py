"""What people do to a rollout: abort, retry, promote, pause, scale, roll back. One story each."""

from __future__ import annotations

from collections.abc import Callable

from core.rollout.world import World, first_deploy, hash_of
from serinus.api.argo import Pause, RollbackWindow, Step
from serinus.core.rollout.reasons import Hold

STEPS = [{"setWeight": 25}, {"pause": {"duration": "60s"}}, {"setWeight": 50}, {"pause": {}}]


def released(**options: object) -> World:
    """v2 waits at 50 in an indefinite pause."""
    world = first_deploy(STEPS, **options)
    world.release("v2")
    world.run()
    world.timeline.clear()
    world.events.clear()
    return world


def test_an_abort_takes_traffic_back_at_once_and_the_pods_after_their_delay() -> None:
    world = released()
    world.command(abort=True)
    world.run()
    assert world.timeline == [
        "77s w=0 step=0 v1:4 v2:2 Degraded",
        "111s w=0 step=0 v1:4 v2:0 Degraded",
    ]
    assert world.status.message == "RolloutAborted: Rollout aborted update to revision 2"
    assert world.status.aborted_at is not None
    assert world.status.pause_conditions == ()
    assert world.services["canary"].selector == hash_of("v1")
    assert ("RolloutAborted", "Rollout aborted update to revision 2") in world.events


def test_a_retry_after_an_abort_starts_at_the_first_step() -> None:
    world = released()
    world.command(abort=True)
    world.run()
    world.timeline.clear()
    world.command(abort=False)
    world.run(seconds=30)
    assert world.timeline == [
        "111s w=0 step=0 v1:4 v2:1 Progressing",
        "118s w=25 step=0 v1:4 v2:1 Progressing",
        "118s w=25 step=1 v1:4 v2:1 Progressing",
        "118s w=25 step=1 v1:4 v2:1 Paused",
    ]
    assert world.status.aborted_at is None


def test_an_abort_delay_of_zero_keeps_the_canarys_pods() -> None:
    world = released(abortScaleDownDelaySeconds=0)
    world.command(abort=True)
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:2 Degraded"


def test_promote_ends_an_indefinite_pause() -> None:
    world = released()
    world.command(pause_conditions=())
    world.run()
    assert world.line() == "w=0 step=4 v1:0 v2:4 Healthy"
    assert world.status.stable_rs == hash_of("v2")
    assert ("RolloutResumed", "Rollout is resumed") in world.events
    assert not world.status.controller_pause


def test_promote_without_a_pause_skips_one_step() -> None:
    world = first_deploy([{"setWeight": 25}, {"analysis": {"templates": [{"templateName": "x"}]}}])
    world.release("v2")
    world.run()
    assert world.status.current_step_index == 1
    world.command(current_step_index=2, pause_conditions=())
    world.run()
    assert world.status.phase == "Healthy"
    assert [run.spec.terminate for run in world.runs.values()] == [True]


def test_a_full_promotion_skips_all_steps_but_waits_for_room() -> None:
    world = released()
    world.command(promote_full=True)
    world.run()
    assert world.timeline[:3] == [
        "77s w=50 step=3 v1:4 v2:4 Progressing",
        "82s w=100 step=3 v1:4 v2:4 Progressing",
        "84s w=100 step=4 v1:4 v2:4 Healthy",
    ]
    assert not world.status.promote_full
    completed = "Rollout completed update to revision 2"
    assert ("RolloutCompleted", f"{completed} ({hash_of('v2')}): Full promotion requested") in (
        world.events
    )


def test_an_abort_beside_a_full_promotion_wins_and_clears_it() -> None:
    world = released()
    world.command(promote_full=True, abort=True)
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"
    assert not world.status.promote_full


def test_a_paused_spec_holds_the_rollout_where_it_is() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run(until=lambda w: w.status.current_step_index == 1)
    world.edit(paused=True)
    world.run()
    assert world.line() == "w=25 step=1 v1:4 v2:1 Paused"
    assert world.status.message == "manually paused"
    world.edit(paused=False)
    world.run()
    assert world.line() == "w=50 step=3 v1:4 v2:2 Paused"


def test_a_paused_spec_does_not_hold_an_abort() -> None:
    world = released()
    world.edit(paused=True)
    world.command(abort=True)
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_a_third_revision_takes_the_place_of_the_second() -> None:
    world = released()
    world.release("v3")
    world.run(seconds=30)
    assert world.timeline == [
        "77s w=0 step=0 v1:4 v2:2 v3:0 Progressing",
        "77s w=0 step=0 v1:4 v2:2 v3:1 Progressing",
        "79s w=0 step=0 v1:4 v2:0 v3:1 Progressing",
        "84s w=25 step=0 v1:4 v2:0 v3:1 Progressing",
        "84s w=25 step=1 v1:4 v2:0 v3:1 Progressing",
        "84s w=25 step=1 v1:4 v2:0 v3:1 Paused",
    ]


def test_the_stable_template_in_the_spec_again_is_a_rollback_without_steps() -> None:
    world = released()
    world.release("v1")
    world.run()
    assert world.line() == "w=0 step=4 v1:4 v2:0 Healthy"
    assert ("SkipSteps", "Rollback to stable ReplicaSets") in world.events
    assert world.services["canary"].selector == hash_of("v1")
    assert world.set_of("v1").annotations["rollout.argoproj.io/revision"] == "3"
    assert world.set_of("v1").annotations["rollout.argoproj.io/revision-history"] == "1"


def test_a_rollback_to_stable_works_while_the_spec_is_paused() -> None:
    world = released()
    world.edit(paused=True)
    world.release("v1")
    world.run()
    assert world.line() == "w=0 step=4 v1:4 v2:0 Paused"


def promoted_to(world: World, version: str) -> None:
    world.release(version)
    world.run()
    world.command(promote_full=True)
    world.run()
    assert world.status.stable_rs == hash_of(version)


def test_a_rollback_inside_the_window_skips_the_steps() -> None:
    world = first_deploy(STEPS)
    world.edit(rollback_window=RollbackWindow(revisions=2))
    for version in ("v2", "v3"):
        promoted_to(world, version)
    world.timeline.clear()
    world.release("v1")
    world.run()
    assert world.status.stable_rs == hash_of("v1")
    assert all("Paused" not in line for line in world.timeline)
    assert ("SkipSteps", "Rollback to active ReplicaSets within RollbackWindow") in world.events
    text = f"Rollout completed update to revision 4 ({hash_of('v1')}): Rollback within window"
    assert ("RolloutCompleted", text) in world.events


def test_the_condition_completed_has_one_reason_and_one_message() -> None:
    """As the original writes it, which continues our status after a way back."""
    world = first_deploy(STEPS)
    world.release("v2")
    world.run()
    said = [c for c in world.status.conditions if c.type == "Completed"]
    assert [(c.status, c.reason, c.message) for c in said] == [
        ("False", "RolloutCompleted", "RolloutCompleted")
    ]


def test_a_revision_that_failed_its_last_analysis_goes_through_the_steps_again() -> None:
    """`undo` means the one before the newest: that may be the one that was given up."""
    analysis = {"analysis": {"templates": [{"templateName": "errors"}]}}
    world = first_deploy([{"setWeight": 25}, analysis, {"pause": {}}])
    world.edit(rollback_window=RollbackWindow(revisions=2))
    world.release("v2")
    world.run(until=lambda w: bool(w.runs))
    world.finish("Failed")
    world.run()
    assert world.status.abort
    promoted_to(world, "v3")
    world.events.clear()
    world.release("v2")
    world.run()
    assert world.status.stable_rs == hash_of("v3")
    assert world.router.routing.weight == 25
    assert "SkipSteps" not in [reason for reason, _ in world.events]


def test_a_rollback_outside_the_window_goes_through_the_steps() -> None:
    world = first_deploy(STEPS)
    world.edit(rollback_window=RollbackWindow(revisions=1))
    for version in ("v2", "v3"):
        promoted_to(world, version)
    world.release("v1")
    world.run()
    assert world.status.phase == "Paused"


Steps = tuple[Step, ...]


def edited(change: Callable[[Steps], Steps]) -> World:
    """Its steps are edited while it stands in its second pause, at weight 50."""
    world = released()
    assert world.line() == "w=50 step=3 v1:4 v2:2 Paused"
    canary = world.rollout.spec.strategy.canary
    assert canary is not None
    world.timeline.clear()
    world.edit_canary(steps=change(canary.steps))
    world.run(seconds=30)
    return world


def test_steps_that_are_added_behind_the_current_one_restart_nothing() -> None:
    world = edited(lambda steps: (*steps, Step(set_weight=75), Step(pause=Pause())))
    assert world.line() == "w=50 step=3 v1:4 v2:2 Paused"
    assert all("w=50 step=3" in line for line in world.timeline)
    world.command(pause_conditions=())
    world.run()
    assert world.line() == "w=75 step=5 v1:4 v2:3 Paused"


def test_steps_that_are_added_in_a_full_promotion_do_not_take_it_back() -> None:
    world = released()
    canary = world.rollout.spec.strategy.canary
    assert canary is not None
    world.command(promote_full=True)
    world.edit_canary(steps=(*canary.steps, Step(set_weight=75), Step(pause=Pause())))
    world.run()
    assert world.line() == "w=0 step=6 v1:0 v2:4 Healthy"


def test_a_current_step_that_is_edited_is_done_again_but_none_before_it() -> None:
    world = edited(lambda steps: (*steps[:3], Step(set_weight=60), Step(pause=Pause())))
    assert world.line() == "w=60 step=4 v1:4 v2:3 Paused"
    assert not any("w=25" in line for line in world.timeline)


def test_an_earlier_step_that_is_edited_starts_all_of_them_again() -> None:
    world = edited(lambda steps: (Step(set_weight=10), *steps[1:]))
    assert world.line() == "w=10 step=1 v1:4 v2:1 Paused"


def test_steps_that_are_edited_after_an_abort_start_again() -> None:
    world = released()
    world.command(abort=True)
    world.run()
    canary = world.rollout.spec.strategy.canary
    assert canary is not None
    world.edit_canary(steps=(*canary.steps, Step(set_weight=75)))
    world.run(seconds=30)
    assert world.line() == "w=25 step=1 v1:4 v2:1 Paused"


def test_steps_that_begin_without_a_weight_start_again_behind_an_abort_in_its_delay() -> None:
    """The delay was owed to the attempt that was aborted; the pods of a step of 0 are none."""
    world = released()
    world.command(abort=True)
    world.edit(paused=True)
    world.run(seconds=10)
    assert world.line() == "w=0 step=0 v1:4 v2:2 Degraded"
    world.edit_canary(steps=(Step(pause=Pause()), Step(set_weight=50)))
    world.run(seconds=20)
    assert world.line() == "w=0 step=0 v1:4 v2:0 Paused"
    assert world.last.reasons[0].hold is Hold.FROZEN


def test_where_the_server_drops_the_mark_of_what_was_passed_steps_start_again() -> None:
    """Definitions of the original know no such field; nothing is written again and again for it."""
    world = released()
    world.command(passed_steps_hash="")
    writes = world.writes
    world.settle()
    assert (world.writes, world.status.passed_steps_hash) == (writes, "")
    canary = world.rollout.spec.strategy.canary
    assert canary is not None
    world.edit_canary(steps=(*canary.steps, Step(set_weight=75)))
    world.run(seconds=30)
    assert world.line() == "w=25 step=1 v1:4 v2:1 Paused"


def test_replicas_edited_in_mid_rollout_scale_both_sides_by_the_weight() -> None:
    world = released()
    world.edit(replicas=8)
    world.run()
    assert world.line() == "w=50 step=3 v1:8 v2:4 Paused"
    world.edit(replicas=2)
    world.run()
    assert world.line() == "w=50 step=3 v1:2 v2:1 Paused"


def test_scaling_to_zero_in_mid_rollout_ends_it() -> None:
    world = released()
    world.edit(replicas=0)
    world.run()
    assert world.line() == "w=0 step=4 v1:0 v2:0 Healthy"
    world.edit(replicas=2)
    world.run()
    assert world.line() == "w=0 step=4 v1:0 v2:2 Healthy"


def test_without_replicas_in_the_spec_one_is_written_there() -> None:
    world = World(STEPS)
    world.edit(replicas=None)
    world.run()
    assert world.rollout.spec.replicas == 1
    assert world.line() == "w=0 step=4 v1:1 Healthy"

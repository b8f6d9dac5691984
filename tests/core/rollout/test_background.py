"""Background analysis: when its run begins and ends, and which attempt it is of."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.rollout.watched import RUN, deployed, freeze, noted, stopped, watched
from core.rollout.world import hash_of
from serinus.api.analysis import AnalysisRunStatus
from serinus.api.argo import Pause, RollbackWindow, RolloutAnalysis, Step
from serinus.core.rollout import actions as act


def test_one_run_watches_the_whole_update_and_ends_with_it() -> None:
    world = watched()
    assert (noted(world).name, world.line()) == (RUN, "w=25 step=1 v1:4 v2:1 Paused")
    world.command(pause_conditions=())
    world.run(until=lambda w: w.status.current_step_index == 3)
    assert (list(world.runs), stopped(world, RUN)) == ([RUN], False)
    world.run()
    assert world.status.stable_rs == hash_of("v2")
    assert (list(world.runs), stopped(world, RUN)) == ([RUN], True)
    assert world.status.canary.current_background_analysis_run_status is None
    assert world.line() == "w=0 step=4 v1:0 v2:4 Healthy"


def test_a_first_deploy_is_not_watched() -> None:
    assert deployed().runs == {}


def test_the_name_of_the_run_is_in_the_status_before_the_run_is_made() -> None:
    world = deployed()
    world.release("v2")
    while world.status.canary.current_background_analysis_run_status is None:
        assert world.reconcile()
        assert world.runs == {}
    assert (noted(world).name, noted(world).status) == (RUN, "Pending")
    world.reconcile()
    assert list(world.runs) == [RUN]


@pytest.mark.parametrize("starting", range(5))
def test_it_begins_at_its_starting_step_and_not_before(starting: int) -> None:
    world = deployed(starting=starting)
    world.release("v2")
    first: int | None = None
    for _ in range(4):
        world.command(pause_conditions=())
        world.run(until=lambda w: bool(w.runs), seconds=100)
        if world.runs:
            first = world.status.current_step_index
            break
    assert first == starting


def test_without_steps_it_begins_at_once_and_the_starting_step_says_nothing() -> None:
    world = deployed([], starting=3)
    world.broken.add(hash_of("v2"))
    world.release("v2")
    world.run(100)
    assert list(world.runs) == [RUN]


def test_what_has_begun_goes_on_though_its_starting_step_is_moved_behind_it() -> None:
    world = watched()
    canary = world.rollout.spec.strategy.canary
    assert canary is not None
    assert canary.analysis is not None
    world.edit_canary(analysis=replace(canary.analysis, starting_step=3))
    world.run()
    assert (list(world.runs), stopped(world, RUN)) == ([RUN], False)


def test_an_analysis_that_is_taken_out_of_the_spec_ends_and_one_put_in_again_is_new() -> None:
    world = watched()
    canary = world.rollout.spec.strategy.canary
    assert canary is not None
    world.edit_canary(analysis=RolloutAnalysis())
    world.run()
    assert stopped(world, RUN)
    assert world.status.canary.current_background_analysis_run_status is None
    world.edit_canary(analysis=canary.analysis)
    world.run()
    assert (noted(world).name, stopped(world, f"{RUN}.1")) == (f"{RUN}.1", False)
    assert world.line() == "w=25 step=1 v1:4 v2:1 Paused"


@pytest.mark.parametrize("frozen", ["paused", "invalid"])
def test_no_run_begins_while_the_rollout_is_frozen_and_one_under_way_goes_on(frozen: str) -> None:
    world = deployed(starting=2)
    world.release("v2")
    world.run()
    freeze(world, frozen)
    world.command(current_step_index=2, pause_conditions=(), controller_pause=False)
    world.run()
    assert world.runs == {}
    freeze(world, "")
    world.run(until=lambda w: bool(w.runs))
    freeze(world, frozen)
    world.run()
    assert (list(world.runs), stopped(world, RUN)) == ([RUN], False)


@pytest.mark.parametrize("way", ["abort", "full", "back", "new"])
def test_what_ends_the_update_ends_the_run(way: str) -> None:
    world = watched()
    match way:
        case "abort":
            world.command(abort=True)
        case "full":
            world.command(promote_full=True)
        case "back":
            world.release("v1")
        case "new":
            world.release("v3")
    world.run()
    assert stopped(world, RUN)
    ends = {
        "abort": "w=0 step=0 v1:4 v2:0 Degraded",
        "full": "w=0 step=4 v1:0 v2:4 Healthy",
        "back": "w=0 step=4 v1:4 v2:0 Healthy",
        "new": "w=25 step=1 v1:4 v2:0 v3:1 Paused",
    }
    assert world.line() == ends[way]


def test_a_rollback_inside_the_window_is_not_watched() -> None:
    world = watched()
    world.command(promote_full=True)
    world.run()
    world.edit(rollback_window=RollbackWindow(revisions=2))
    world.runs.clear()
    world.release("v1")
    world.run()
    assert (world.status.stable_rs, world.runs) == (hash_of("v1"), {})


# --- Attempts ----------------------------------------------------------------------------------


def test_a_retry_is_watched_anew_and_the_old_verdict_does_not_count() -> None:
    world = watched()
    world.finish("Failed")
    world.run()
    world.command(abort=False)
    world.run()
    assert list(world.runs) == [RUN, f"{RUN}.1"]
    assert world.line() == "w=25 step=1 v1:4 v2:1 Paused"


def test_an_edit_of_later_steps_leaves_the_run_alone() -> None:
    world = watched()
    canary = world.rollout.spec.strategy.canary
    assert canary is not None
    world.edit_canary(steps=canary.steps[:2])
    world.run()
    assert (list(world.runs), stopped(world, RUN)) == ([RUN], False)


def test_steps_that_begin_otherwise_are_watched_anew() -> None:
    world = watched()
    world.edit_canary(steps=(Step(set_weight=10), Step(pause=Pause())))
    world.run()
    assert (list(world.runs), stopped(world, RUN)) == ([RUN, f"{RUN}.1"], True)
    assert stopped(world, f"{RUN}.1") is False


def test_a_new_revision_in_the_middle_has_a_run_of_its_own() -> None:
    world = watched()
    world.release("v3")
    world.run()
    new = f"app-{hash_of('v3')}-3"
    assert (list(world.runs), stopped(world, RUN)) == ([RUN, new], True)
    world.runs[RUN] = replace(world.runs[RUN], status=AnalysisRunStatus(phase="Failed"))
    world.run()
    assert world.line() == "w=25 step=1 v1:4 v2:0 v3:1 Paused"


def test_the_run_of_this_update_is_not_thrown_away_by_the_history() -> None:
    world = watched()
    for _ in range(8):
        world.finish("Inconclusive")
        world.run(10)
        world.command(pause_conditions=world.status.pause_conditions[:0], current_step_index=1)
        world.run(10)
        world.command(current_step_index=1, pause_conditions=(), controller_pause=False)
        world.run(10)
    assert noted(world).name in world.runs
    assert sum(run.status.phase == "Inconclusive" for run in world.runs.values()) == 5


@pytest.mark.parametrize("lost", [act.StartRun, act.StopRun, act.SetRouting, act.Scale])
def test_a_write_that_is_lost_once_changes_nothing_at_theend(lost: type[act.Action]) -> None:
    world = deployed()
    world.release("v2")
    dropped: list[act.Action] = []

    def keep(action: act.Action) -> bool:
        if isinstance(action, lost) and not dropped:
            dropped.append(action)
            return False
        return True

    for _ in range(200):
        if not world.reconcile(keep):
            world.now = world.now + world.settings.settle
    world.finish("Failed")
    for _ in range(200):
        if not world.reconcile(keep):
            world.now = world.now + world.settings.settle
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"
    assert list(world.runs) == [RUN]

"""How long an update took, how long people let it wait, and how it ended, as the status tells."""

from __future__ import annotations

from datetime import timedelta

from core.rollout.world import World, first_deploy
from serinus.api.argo import RollbackWindow, RolloutDuration

ASKING = [{"setWeight": 50}, {"pause": {}}, {"setWeight": 100}]
TIMED = [{"setWeight": 50}, {"pause": {"duration": "30s"}}]


def duration(world: World) -> RolloutDuration:
    assert world.status.duration is not None
    return world.status.duration


def at_pause(world: World) -> None:
    world.run(until=lambda w: bool(w.status.pause_conditions))
    assert world.status.pause_conditions


def later(world: World, seconds: float) -> None:
    world.now += timedelta(seconds=seconds)
    world.settle()


def test_a_pause_without_an_end_is_a_wait_for_a_person() -> None:
    world = first_deploy(ASKING)
    world.release("v2")
    at_pause(world)
    entered = world.now
    assert duration(world).manual_pause_started_at == entered
    assert duration(world).completion_status == ""
    later(world, 90.9)
    assert duration(world).manual_pause_started_at == entered, "a wait that goes on is no news"
    world.command(pause_conditions=())
    world.settle()
    told = duration(world)
    assert (told.manual_pause_started_at, told.total_manual_pause_duration_seconds) == (None, 90)
    world.run()
    assert duration(world).completion_status == "Promoted"
    assert duration(world).total_manual_pause_duration_seconds == 90


def test_a_timed_pause_is_none() -> None:
    world = first_deploy(TIMED)
    world.release("v2")
    at_pause(world)
    assert duration(world).manual_pause_started_at is None
    world.run()
    told = duration(world)
    assert told.completion_status == "Promoted"
    assert told.total_manual_pause_duration_seconds == 0
    assert told.finished_at is not None


def test_waits_add_up_and_spec_paused_is_one() -> None:
    world = first_deploy(ASKING)
    world.release("v2")
    at_pause(world)
    later(world, 10)
    world.command(pause_conditions=())
    world.settle()
    world.edit(paused=True)
    world.settle()
    later(world, 20)
    world.edit(paused=False)
    world.settle()
    assert duration(world).total_manual_pause_duration_seconds == 30


def test_who_pauses_at_rest_lets_nothing_wait() -> None:
    world = first_deploy(ASKING)
    before = duration(world)
    world.edit(paused=True)
    world.settle()
    assert duration(world) == before


def test_an_abort_ends_the_wait_and_a_retry_is_timed_anew() -> None:
    world = first_deploy(ASKING)
    world.release("v2")
    at_pause(world)
    later(world, 15)
    world.command(abort=True)
    world.settle()
    told = duration(world)
    assert (told.completion_status, told.finished_at) == ("Aborted", world.now)
    assert (told.manual_pause_started_at, told.total_manual_pause_duration_seconds) == (None, 15)
    later(world, 5)
    world.command(abort=False)
    world.settle()
    told = duration(world)
    assert told.rollout_started_at == world.now
    assert (told.completion_status, told.total_manual_pause_duration_seconds) == ("", 0)


def test_other_steps_are_the_same_attempt_from_its_start() -> None:
    world = first_deploy(ASKING)
    world.release("v2")
    at_pause(world)
    began = duration(world).rollout_started_at
    later(world, 10)
    canary = world.rollout.spec.strategy.canary
    assert canary is not None
    steps = world.status.current_step_hash
    world.edit_canary(steps=canary.steps[:2])
    world.settle()
    assert world.status.current_step_hash != steps
    assert duration(world).rollout_started_at == began


def test_a_full_promotion_is_told_as_fast() -> None:
    world = first_deploy(ASKING)
    world.release("v2")
    at_pause(world)
    world.command(promote_full=True)
    world.run()
    assert duration(world).completion_status == "FastPromoted"


def test_back_to_stable_in_the_middle_is_a_fast_rollback() -> None:
    world = first_deploy(ASKING)
    world.release("v2")
    at_pause(world)
    later(world, 10)
    world.release("v1")
    world.settle()
    told = duration(world)
    assert (told.completion_status, told.finished_at) == ("FastRolledBack", world.now)


def test_back_to_stable_after_an_abort_changes_nothing_about_how_it_ended() -> None:
    world = first_deploy(ASKING)
    world.release("v2")
    at_pause(world)
    world.command(abort=True)
    world.run()
    ended = duration(world)
    world.release("v1")
    world.run()
    assert duration(world) == ended
    assert ended.completion_status == "Aborted"


def promoted_twice(**options: object) -> World:
    world = first_deploy(TIMED, **options)
    world.release("v2")
    world.run()
    assert duration(world).completion_status == "Promoted"
    return world


def test_an_earlier_revision_is_a_rollback_from_its_first_moment() -> None:
    world = promoted_twice()
    world.release("v1")
    at_pause(world)
    told = duration(world)
    assert (told.completion_status, told.finished_at) == ("RolledBack", None)
    world.run()
    told = duration(world)
    assert told.completion_status == "RolledBack"
    assert told.finished_at is not None


def test_an_earlier_revision_inside_the_window_is_a_fast_one() -> None:
    world = promoted_twice()
    world.edit(rollback_window=RollbackWindow(revisions=3))
    world.settle()
    world.release("v1")
    world.settle()
    assert duration(world).completion_status == "FastRolledBack"
    world.run()
    assert duration(world).completion_status == "FastRolledBack"
    assert duration(world).finished_at is not None


def test_a_rollback_that_is_promoted_fully_is_a_fast_one() -> None:
    world = promoted_twice()
    world.release("v1")
    at_pause(world)
    world.command(promote_full=True)
    world.run()
    assert duration(world).completion_status == "FastRolledBack"

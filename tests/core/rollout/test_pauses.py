"""The end of a timed pause waits for the weight of its step: a canary that died was not seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from core.rollout.world import START, World, first_deploy, hash_of
from serinus.base.errors import FieldProblem

STEPS = [{"setWeight": 50}, {"pause": {"duration": "60s"}}, {"setWeight": 80}, {"pause": {}}]


def paused(steps: Any = STEPS, **options: Any) -> World:
    """v2 stands in its timed pause at weight 50."""
    world = first_deploy(steps, **options)
    world.release("v2")
    world.run(until=lambda w: bool(w.status.pause_conditions))
    assert world.router.routing.weight == 50
    world.timeline.clear()
    world.events.clear()
    return world


def died(**options: Any) -> World:
    """Its canary died for good, and the time of the pause is over."""
    world = paused(**options)
    world.kill("v2", revive=False)
    world.run(seconds=100)
    return world


def waiting(world: World) -> tuple[str, str]:
    found = next(c for c in world.status.conditions if c.type == "Waiting")
    return found.reason, found.message


def progress(world: World) -> tuple[str, str]:
    found = next(c for c in world.status.conditions if c.type == "Progressing")
    return found.status, found.reason


def test_it_ends_by_its_time_while_the_canary_lives() -> None:
    world = paused()
    begun = world.status.pause_conditions[0].start_time
    assert begun is not None
    world.run(until=lambda w: w.status.current_step_index != 1)
    assert world.now == begun + timedelta(seconds=60)
    assert ("RolloutResumed", "Rollout is resumed") in world.events


def test_it_is_held_while_a_dead_canary_has_no_weight() -> None:
    world = died()
    assert world.line() == "w=0 step=1 v1:4 v2:2 Paused"
    reason, message = waiting(world)
    assert reason == "WaitingForCapacity"
    assert "the pause of step 2/4 is over; it ends when the canary has its weight 50" in message
    writes = world.writes
    world.settle()
    assert world.writes == writes, "what is held is silent"


def test_it_ends_when_the_canary_has_its_weight_again() -> None:
    world = died()
    died_at = world.now
    world.now += timedelta(seconds=200)
    world.revive("v2")
    world.run()
    assert world.line() == "w=80 step=3 v1:4 v2:4 Paused"
    since = (died_at + timedelta(seconds=200) - START).total_seconds()
    weights = [line for line in world.timeline if line.startswith(f"{since:g}s")]
    assert "w=50 step=1" in weights[0], "the weight comes back before the step is left"


def test_a_canary_that_comes_back_in_time_loses_no_second_of_the_pause() -> None:
    world = paused()
    begun = world.status.pause_conditions[0].start_time
    assert begun is not None
    world.kill("v2")
    world.run(until=lambda w: w.status.current_step_index != 1)
    assert world.now == begun + timedelta(seconds=60)


def test_a_user_skips_it() -> None:
    world = died()
    world.command(pause_conditions=())
    world.settle()
    assert world.status.current_step_index == 2


def test_an_abort_wins() -> None:
    world = died()
    world.command(abort=True)
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_a_weight_of_zero_holds_nothing() -> None:
    steps = [{"setWeight": 0}, {"pause": {"duration": "30s"}}, {"setWeight": 50}, {"pause": {}}]
    world = first_deploy(steps)
    world.release("v2")
    world.run()
    assert world.line() == "w=50 step=3 v1:4 v2:2 Paused"


def test_nor_does_a_rollout_without_replicas() -> None:
    world = paused()
    world.edit(replicas=0)
    world.run()
    assert world.status.stable_rs == hash_of("v2")


def test_a_router_that_cannot_be_read_holds_it_by_name() -> None:
    world = paused()
    world.router.readable = False
    world.run(seconds=100)
    assert world.status.current_step_index == 1
    assert waiting(world)[0] == "RoutingUnknown"
    assert ("TrafficRoutingError", "the routing is not known: forbidden") in world.events
    world.router.readable = True
    world.run()
    assert world.line() == "w=80 step=3 v1:4 v2:4 Paused"


def test_a_canary_that_lost_its_pods_has_a_deadline_from_there_in_the_pause_too() -> None:
    world = paused([{"setWeight": 50}, {"pause": {"duration": "1h"}}, {"pause": {}}])
    world.edit(progress_deadline_seconds=100)
    world.run(seconds=200)
    assert progress(world) == ("Unknown", "RolloutPaused")
    world.kill("v2", 1, revive=False)
    lost_at = world.now
    world.run(until=lambda w: progress(w)[1] != "RolloutPaused")
    assert progress(world) == ("False", "ProgressDeadlineExceeded")
    assert world.now == lost_at + timedelta(seconds=100)
    assert world.status.phase == "Degraded"
    assert not world.status.abort
    world.revive("v2")
    world.run(seconds=20)
    assert world.line() == "w=50 step=1 v1:4 v2:2 Paused"


def test_whatever_holds_a_pause_that_is_over_has_a_deadline_from_its_end() -> None:
    world = paused()
    world.edit(progress_deadline_seconds=100)
    begun = world.status.pause_conditions[0].start_time
    assert begun is not None
    world.router.readable = False
    world.run(until=lambda w: progress(w)[1] != "RolloutPaused")
    assert progress(world) == ("False", "ProgressDeadlineExceeded")
    assert world.now == begun + timedelta(seconds=160)


def test_pods_that_come_back_in_time_cost_nothing() -> None:
    world = paused([{"setWeight": 50}, {"pause": {}}])
    world.edit(progress_deadline_seconds=100)
    for _ in range(3):
        world.kill("v2", revive=False)
        world.run(seconds=80)
        world.revive("v2")
        world.run(seconds=80)
    assert progress(world) == ("Unknown", "RolloutPaused")
    assert world.line() == "w=50 step=1 v1:4 v2:2 Paused"
    writes = world.writes
    world.run(seconds=1000)
    assert world.writes == writes, "a pause is silent"


def test_what_was_frozen_gets_a_whole_deadline_when_it_may_go_on() -> None:
    """Also in a pause that was over meanwhile, and under a spec that was invalid for long."""
    for freeze, mend in (
        (lambda w: w.edit(paused=True), lambda w: w.edit(paused=False)),
        (
            lambda w: setattr(w, "problems", (FieldProblem("spec.x", "is wrong"),)),
            lambda w: setattr(w, "problems", ()),
        ),
    ):
        world = died()
        freeze(world)
        world.run(seconds=1000)
        mend(world)
        mended_at = world.now
        world.settle()
        assert progress(world) == ("Unknown", "RolloutPaused")
        world.run(until=lambda w: progress(w)[1] != "RolloutPaused")
        assert world.now == mended_at + timedelta(seconds=600)


def test_a_spec_that_was_invalid_in_a_step_gets_a_whole_deadline_when_it_is_mended() -> None:
    world = first_deploy([{"setWeight": 50}, {"pause": {}}])
    world.broken.add(hash_of("v2"))
    world.edit(progress_deadline_seconds=100, progress_deadline_abort=True)
    world.release("v2")
    world.run(seconds=50)
    world.problems = (FieldProblem("spec.x", "is wrong"),)
    world.run(seconds=500)
    world.problems = ()
    mended_at = world.now
    world.settle()
    assert not world.status.abort
    world.run(until=lambda w: w.status.abort)
    assert world.now == mended_at + timedelta(seconds=100)


def test_the_deadline_aborts_where_the_user_says_so() -> None:
    world = paused()
    world.edit(progress_deadline_seconds=100, progress_deadline_abort=True)
    world.kill("v2", revive=False)
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"
    assert world.status.message.endswith("has timed out progressing.")


# --- Pauses that only a person ends -------------------------------------------------------------

ENDLESS = [{"setWeight": 50}, {"pause": {}}]


def test_an_endless_pause_has_a_deadline_from_when_its_canary_was_left() -> None:
    world = paused(ENDLESS)
    world.edit(progress_deadline_seconds=100)
    world.run(seconds=1000)
    assert world.status.phase == "Paused", "a canary that answers has all the time of the world"
    world.kill("v2", revive=False)
    world.run(until=lambda w: w.router.routing.weight == 0)
    left = world.now
    world.run(until=lambda w: progress(w)[1] == "ProgressDeadlineExceeded")
    assert timedelta(seconds=100) <= world.now - left <= timedelta(seconds=102)
    assert world.status.phase == "Degraded"
    world.revive("v2")
    world.run()
    assert world.line() == "w=50 step=1 v1:4 v2:2 Paused"


def test_and_is_taken_back_then_where_the_user_says_so() -> None:
    world = paused(ENDLESS)
    world.edit(progress_deadline_seconds=100, progress_deadline_abort=True)
    world.kill("v2", revive=False)
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_a_canary_that_comes_back_in_time_goes_on_waiting_for_a_person() -> None:
    world = paused(ENDLESS)
    world.edit(progress_deadline_seconds=100)
    for _ in range(3):
        world.kill("v2", revive=False)
        world.run(seconds=80)
        world.revive("v2")
        world.run(seconds=80)
    assert world.line() == "w=50 step=1 v1:4 v2:2 Paused"

"""What step plugins began is undone: aborts in reverse, retries, other revisions, adoption."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from core.rollout.parts import START
from core.rollout.plugged import (
    DONE,
    ERROR,
    RUNNING,
    STEPS,
    TWO,
    World,
    at_the_plugin,
    but,
    first_deploy,
    plugin,
)
from serinus.api.argo import Step, StepPluginStatus
from serinus.api.wire import decode
from serinus.core.rollout.plugins import awaited


def test_an_abort_undoes_what_was_done_the_last_first_one_after_the_other() -> None:
    world = at_the_plugin(DONE, TWO)
    world.calls.clear()
    world.plugin = lambda call: RUNNING if call.asked.number == 1 else DONE
    world.command(abort=True)
    world.run(300)
    assert world.called() == [(1, "Abort", 1), (1, "Abort", 2), (0, "Abort", 1), (0, "Abort", 2)]
    assert world.entries()[2:] == [(1, "Abort", "Successful", 2), (0, "Abort", "Successful", 2)]
    assert world.status.phase == "Degraded"
    assert world.last.wake_at is None


def test_an_abort_is_told_the_state_and_config_of_its_step() -> None:
    world = at_the_plugin(but(DONE, state={"lock": 5}))
    world.command(abort=True)
    world.run(100)
    undone = world.calls[-1]
    assert (undone.asked.operation, undone.state, undone.config) == (
        "Abort",
        {"lock": 5},
        {"key": "v"},
    )
    assert undone.asked.attempt == world.calls[0].asked.attempt


def test_an_abort_that_never_works_is_given_up_and_said() -> None:
    world = at_the_plugin(DONE, TWO)
    world.plugin = lambda call: ERROR if call.asked.index == 1 else DONE
    world.command(abort=True)
    world.run(1000)
    assert world.entries()[2:] == [(1, "Abort", "Failed", 10), (0, "Abort", "Successful", 1)]
    given_up = world.status.canary.step_plugin_statuses[2]
    assert given_up.message == "given up after 10 calls: no route"
    assert world.last.wake_at is None


def test_a_retry_starts_anew_only_when_all_is_undone() -> None:
    world = at_the_plugin(DONE, TWO)
    world.plugin = lambda call: None
    world.command(abort=True)
    world.run(100)
    world.command(abort=False)
    world.calls.clear()
    world.run(100)
    assert {(c.asked.index, c.asked.operation) for c in world.calls} <= {(1, "Abort")}
    assert (world.status.abort, world.status.current_step_index) == (False, 0)
    world.plugin = lambda call: DONE
    world.run(200)
    done = [(c.asked.index, c.asked.operation) for c in world.calls if c.asked in world.answers]
    assert list(dict.fromkeys(done)) == [(1, "Abort"), (0, "Abort"), (0, "Run"), (1, "Run")]
    assert world.entries() == [(0, "Run", "Successful", 1), (1, "Run", "Successful", 1)]
    assert world.status.current_step_index == 3


def test_an_answer_of_the_attempt_before_does_not_count_for_the_next() -> None:
    world = at_the_plugin(None)
    old = world.calls[-1].asked
    world.command(abort=True)
    world.plugin = lambda call: DONE if call.asked.operation == "Abort" else None
    world.run(100)
    world.answers[old] = world.answered(DONE)
    world.now += timedelta(seconds=1)
    world.command(abort=False)
    world.run(100)
    assert (world.status.current_step_index, world.calls[-1].asked != old) == (1, True)


def test_a_new_revision_undoes_what_was_done_for_the_one_before() -> None:
    world = at_the_plugin(DONE, TWO)
    world.calls.clear()
    world.release("v3")
    world.run(300)
    assert world.called() == [(1, "Abort", 1), (0, "Abort", 1), (0, "Run", 1), (1, "Run", 1)]
    assert world.status.current_step_index == 3


def edited_at(world: World, index: int, step: dict[str, Any]) -> None:
    """The author changes one step."""
    canary = world.rollout.spec.strategy.canary
    assert canary is not None
    steps = list(canary.steps)
    steps[index] = decode(Step, step)
    world.edit_canary(steps=tuple(steps))


def test_an_edit_of_the_step_under_way_asks_its_plugin_anew_with_its_state() -> None:
    world = at_the_plugin(but(RUNNING, state={"job": 7}))
    first = world.calls[-1].asked
    world.now += timedelta(seconds=1)
    edited_at(world, 1, plugin(key="w"))
    world.plugin = lambda call: DONE
    world.run(100)
    again = world.calls[-1]
    assert (again.config, again.state, again.asked.number) == ({"key": "w"}, {"job": 7}, 1)
    assert again.asked.attempt != first.attempt
    assert world.status.current_step_index == 3


def test_another_plugin_at_the_step_under_way_knows_nothing_of_the_one_before() -> None:
    world = at_the_plugin(but(RUNNING, state={"job": 7}))
    edited_at(world, 1, plugin("other"))
    world.plugin = lambda call: DONE
    world.run(100)
    assert (world.calls[-1].asked.plugin, world.calls[-1].state) == ("other", None)


def test_an_edit_of_a_later_step_leaves_a_plugin_at_its_work() -> None:
    world = at_the_plugin(RUNNING)
    before = world.calls[-1].asked
    edited_at(world, 2, {"setWeight": 75})
    world.run(60)
    last = world.calls[-1].asked
    assert (last.attempt, last.number > before.number) == (before.attempt, True)


def test_the_steps_of_a_revision_that_is_stable_are_not_undone_by_the_next() -> None:
    world = at_the_plugin(DONE, TWO)
    world.command(promote_full=True)
    world.run(300)
    assert world.status.phase == "Healthy"
    world.calls.clear()
    world.release("v3")
    world.run(300)
    assert world.called() == [(0, "Run", 1), (1, "Run", 1)]


def test_going_back_to_stable_undoes_what_was_done() -> None:
    world = at_the_plugin(DONE)
    world.calls.clear()
    world.release("v1")
    world.run(300)
    assert world.called() == [(1, "Abort", 1)]
    assert world.status.phase == "Healthy"


def test_a_plugin_that_is_disabled_is_passed_over_and_never_called() -> None:
    world = first_deploy(STEPS)
    world.settings = type(world.settings)(disabled_plugins=frozenset({"gate"}))
    world.release("v2")
    world.run(100)
    assert (world.status.current_step_index, world.calls) == (3, [])
    (entry,) = world.status.canary.step_plugin_statuses
    assert (entry.phase, entry.disabled, entry.executions) == ("Successful", True, 0)
    world.command(abort=True)
    world.run(100)
    assert world.calls == []


def test_the_steps_of_the_original_in_flight_are_taken_up() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run(until=lambda w: bool(w.calls))
    theirs = StepPluginStatus(
        index=1,
        name="gate",
        operation="Run",
        phase="Running",
        started_at=START,
        updated_at=world.now,
        backoff="1m0s",
        executions=3,
        status={"theirs": 1},
    )
    canary = replace(world.status.canary, step_plugin_statuses=(theirs,))
    world.command(canary=canary)
    world.calls.clear()
    world.answers.clear()
    world.plugin = lambda call: DONE
    before = world.now
    world.run(200)
    (call,) = world.calls
    assert (call.asked.number, call.state) == (4, {"theirs": 1})
    assert world.now - before >= timedelta(seconds=60)


def test_a_plugin_that_is_told_to_stop_is_not_told_to_undo_at_the_same_time() -> None:
    """A full promotion that is followed by another template: what it stopped is undone instead."""
    world = at_the_plugin(None)
    world.command(promote_full=True)
    world.reconcile()
    assert world.entries() == [(1, "Run", "Running", 0), (1, "Terminate", "Running", 0)]
    world.release("v3")
    world.run(100)
    waited = [asked.operation for _, asked in awaited(world.status.canary.step_plugin_statuses)]
    assert waited == ["Abort"]
    world.plugin = lambda call: DONE
    world.run(1000)
    assert [c.asked.operation for c in world.calls[-2:]] == ["Abort", "Run"]

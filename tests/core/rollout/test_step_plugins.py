"""Step plugins as a rollout lives with them: calls, answers, what people do meanwhile."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from core.rollout.plugged import (
    DONE,
    ERROR,
    FAILED,
    RUNNING,
    STEPS,
    World,
    at_the_plugin,
    but,
    first_deploy,
)
from core.rollout.world import hash_of
from serinus.api.argo import StepPluginStatus
from serinus.core.rollout.calls import Phase, StepAnswer, StepCall
from serinus.core.rollout.rules import ALL, Rule


def seconds(world: World, since: StepPluginStatus) -> float:
    assert since.started_at is not None
    return (world.now - since.started_at).total_seconds()


# --- Calls and answers ---------------------------------------------------------------------------


def test_a_step_is_in_the_status_before_its_plugin_is_called() -> None:
    world = at_the_plugin(None)
    world.command(canary=replace(world.status.canary, step_plugin_statuses=()))
    world.calls.clear()
    world.reconcile()
    assert (world.entries(), world.calls) == ([(1, "Run", "Running", 0)], [])
    world.reconcile()
    assert world.called() == [(1, "Run", 1)]


def test_a_plugin_that_fails_aborts_although_an_autoscaler_takes_all_replicas_at_once() -> None:
    world = at_the_plugin(None)
    world.plugin = lambda call: FAILED
    world.reconcile()
    world.edit(replicas=0)
    world.run(60)
    assert world.status.stable_rs == hash_of("v1")
    assert world.status.message.endswith("Step plugin gate of step 2 failed: no seats")


def test_a_plugin_is_told_who_is_on_trial_and_what_its_step_says() -> None:
    world = at_the_plugin(DONE)
    (call,) = world.calls
    (entry,) = world.status.canary.step_plugin_statuses
    assert entry.started_at is not None
    began = entry.started_at.isoformat().replace("+00:00", "Z")
    assert (call.namespace, call.name, call.uid) == ("ns", "app", "u")
    assert (call.canary_hash, call.stable_hash) == (hash_of("v2"), hash_of("v1"))
    assert (call.config, call.state, call.asked.plugin) == ({"key": "v"}, None, "gate")
    assert call.id == f"u/{began}/1/Run/1"


def test_a_success_ends_the_step_and_is_remembered_with_its_times() -> None:
    world = at_the_plugin(but(DONE, message="all seats taken", state={"id": 7}))
    (entry,) = world.status.canary.step_plugin_statuses
    assert world.status.current_step_index == 3
    assert (entry.phase, entry.message, entry.status) == (
        "Successful",
        "all seats taken",
        {"id": 7},
    )
    assert entry.updated_at == entry.finished_at
    assert entry.backoff == ""
    assert world.entries() == [(1, "Run", "Successful", 1)]


@pytest.mark.parametrize(
    ("wished", "every"), [(0.0, 30), (10.0, 30), (10.5, 10.5), (25.0, 25), (90.0, 90)]
)
def test_what_is_under_way_is_asked_again_after_its_own_time_above_the_least(
    wished: float, every: float
) -> None:
    world = first_deploy(STEPS)
    times = []

    def answer(call: StepCall) -> StepAnswer:
        times.append(world.now)
        return StepAnswer(phase=Phase.RUNNING, requeue_after_seconds=wished)

    world.plugin = answer
    world.release("v2")
    world.run(300)
    gaps = {(b - a).total_seconds() for a, b in itertools.pairwise(times)}
    assert gaps == {every}
    assert [c.asked.number for c in world.calls] == list(range(1, len(times) + 1))
    (entry,) = world.status.canary.step_plugin_statuses
    assert entry.backoff == f"{every:g}s"


def test_the_state_comes_back_with_the_next_call_and_nothing_leaves_it_as_it_is() -> None:
    world = first_deploy(STEPS)
    said = iter([{"n": 1}, None, {"n": 3}])
    world.plugin = lambda call: StepAnswer(phase=Phase.RUNNING, state=next(said, None))
    world.release("v2")
    world.run(130)
    assert [call.state for call in world.calls][:4] == [None, {"n": 1}, {"n": 1}, {"n": 3}]


def test_a_call_without_an_answer_is_made_again_under_its_number_after_a_crash() -> None:
    world = at_the_plugin(None)
    before = [call.id for call in world.calls]
    world.calls.clear()  # another process: it remembers nothing but the status
    world.reconcile()
    assert before
    assert {call.id for call in world.calls} == set(before)


def test_an_answer_that_was_not_recorded_is_asked_for_again_under_its_number() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run(until=lambda w: bool(w.calls))
    first = world.calls[-1].id
    world.plugin = lambda call: DONE
    world.reconcile()
    world.answers.clear()  # lost with its process, before the status was written
    world.reconcile()
    assert world.calls[-1].id == first
    world.run(100)
    assert world.status.current_step_index == 3


def test_an_error_is_tried_again_until_the_progress_deadline() -> None:
    world = first_deploy(STEPS)
    world.edit(progress_deadline_seconds=100)
    world.plugin = lambda call: ERROR
    world.release("v2")
    world.run(300, until=lambda w: w.status.phase == "Degraded")
    (entry,) = world.status.canary.step_plugin_statuses
    assert 100 <= seconds(world, entry) <= 130
    assert world.status.message.startswith("ProgressDeadlineExceeded")
    assert not world.status.abort
    count = len(world.calls)
    world.run(100)
    assert len(world.calls) > count
    world.plugin = lambda call: DONE
    world.run(100)
    assert (world.status.current_step_index, world.status.phase) == (3, "Paused")


def test_a_deadline_that_aborts_ends_an_error_and_undoes_what_it_may_have_begun() -> None:
    world = first_deploy(STEPS)
    world.edit(progress_deadline_seconds=100, progress_deadline_abort=True)
    world.plugin = lambda call: ERROR if call.asked.operation == "Run" else DONE
    world.release("v2")
    world.run(400)
    assert (world.status.abort, world.router.routing.weight) == (True, 0)
    assert world.entries()[-1] == (1, "Abort", "Successful", 1)


def test_a_failure_aborts_with_the_words_of_the_plugin() -> None:
    world = at_the_plugin(FAILED)
    assert (world.status.abort, world.router.routing.weight) == (True, 0)
    progressing = next(c for c in world.status.conditions if c.type == "Progressing")
    assert progressing.message.endswith("Step plugin gate of step 2 failed: no seats")
    assert world.called() == [(1, "Run", 1)]


def test_every_change_of_a_phase_is_an_event() -> None:
    world = first_deploy(STEPS)
    said = iter([ERROR, RUNNING, RUNNING, DONE])
    world.plugin = lambda call: next(said)
    world.release("v2")
    world.run(400)
    told = [text for reason, text in world.events if reason == "StepPluginTransition"]
    what = "Step plugin gate of step 2 (Run) transitioned from"
    assert told == [
        f"{what} '' to 'Running'",
        f"{what} 'Running' to 'Error': no route",
        f"{what} 'Error' to 'Running'",
        f"{what} 'Running' to 'Successful'",
    ]


# --- What people do ------------------------------------------------------------------------------


def test_a_persons_promote_leaves_the_step_and_its_plugin_is_stopped_at_the_end() -> None:
    world = at_the_plugin(RUNNING)
    world.plugin = lambda call: DONE
    world.command(current_step_index=2)
    world.run(100)
    assert (world.status.current_step_index, world.called()[-1][1]) == (3, "Run")
    world.command(pause_conditions=())
    world.run(300)
    assert world.status.phase == "Healthy"
    assert world.entries()[1:] == [(1, "Terminate", "Successful", 1)]


def test_a_full_promotion_stops_the_running_plugin_and_goes_on_without_waiting() -> None:
    world = at_the_plugin(RUNNING)
    world.command(promote_full=True)
    world.run(100, until=lambda w: w.status.stable_rs == hash_of("v2"))
    assert world.status.stable_rs == hash_of("v2")
    assert world.entries()[1][:2] == (1, "Terminate")
    assert world.called()[-1][:2] == (1, "Terminate")


def test_a_pause_of_all_starts_nothing_and_hears_what_is_under_way() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run(until=lambda w: bool(w.calls))
    asked = world.calls[-1]
    world.edit(paused=True)
    world.plugin = lambda call: RUNNING
    world.reconcile()
    world.answers.clear()
    world.run(200)
    assert {call.id for call in world.calls} == {asked.id}
    world.edit(paused=False)
    world.plugin = lambda call: DONE
    world.run(100)
    assert world.status.current_step_index == 3


def test_a_failure_counts_also_while_all_is_paused() -> None:
    world = first_deploy(STEPS)
    world.plugin = lambda call: None
    world.release("v2")
    world.run(until=lambda w: bool(w.calls))
    world.edit(paused=True)
    world.answers[world.calls[-1].asked] = world.answered(FAILED)
    world.run(100)
    assert world.status.abort


# --- The rules that hold it ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "words"),
    [(Rule.S5, "is passed without its word"), (Rule.S10, "of the attempt before is taken up")],
)
def test_the_invariants_see_a_step_that_is_passed_without_its_plugin(
    rule: Rule, words: str
) -> None:
    world = at_the_plugin(DONE if rule is Rule.S10 else None)
    if rule is Rule.S10:
        statuses = world.status.canary.step_plugin_statuses
        world.command(abort=True)
        world.run(100)
        world.command(
            abort=False, canary=replace(world.status.canary, step_plugin_statuses=statuses)
        )
    world.rules = ALL - {rule}
    world.reconcile()
    assert any(words in reason.message for reason in world.last.reasons), world.last.reasons

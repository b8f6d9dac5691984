"""An invalid spec that has lost what was measured: a verdict against the canary still aborts.

Nobody knows from such a spec what its author still wants. What was asked for says no: that is
enough to go back, and too much to wait until the spec is mended.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from core.rollout import plugged
from core.rollout.switched import ANALYSIS as SWITCH_ANALYSIS
from core.rollout.switched import Switched
from core.rollout.switched import released as switched
from core.rollout.test_trial_traffic import TrialWorld
from core.rollout.watched import WHY, watched
from core.rollout.world import World, first_deploy, hash_of
from serinus.api.argo import BlueGreenStrategy, Strategy
from serinus.api.wire import decode
from serinus.base.errors import FieldProblem
from serinus.core.rollout.invariants.check import broken
from serinus.core.rollout.plan import plan

ANALYSIS = {"analysis": {"templates": [{"templateName": "success-rate"}]}}
STEPS = [{"setWeight": 25}, ANALYSIS, {"setWeight": 50}, {"pause": {}}]
PROBLEMS = (FieldProblem("spec.strategy.canary.maxSurge", "-1 must be 0 or more"),)
LOST: list[dict[str, Any]] = [
    {},
    {"canary": {}},
    {"canary": {"steps": [{"setWeight": 25}]}},
    {"canary": {"steps": [{}, {}, {}, {}, {}]}},
    {"blueGreen": {}},
]


def measuring() -> World:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run()
    assert list(world.runs) == [f"app-{hash_of('v2')}-2-1"]
    return world


def lose(world: World, strategy: dict[str, Any]) -> None:
    """An edit that is invalid, and without the steps that there were."""
    world.edit(strategy=decode(Strategy, strategy))
    world.problems = PROBLEMS


@pytest.mark.parametrize("strategy", LOST, ids=str)
@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_run_of_a_step_that_the_spec_has_lost_still_aborts(
    phase: str, strategy: dict[str, Any]
) -> None:
    world = measuring()
    before = world.rollout.spec.strategy
    lose(world, strategy)
    world.run(seconds=20)
    assert not world.status.abort
    world.finish(phase, WHY)
    world.run(seconds=60)
    assert world.status.abort
    aborted = "Rollout aborted update to revision 2: Step-based analysis phase error/failed"
    assert any(aborted in message for _, message in world.events)
    world.problems = ()
    world.edit(strategy=before)
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_traffic_is_taken_back_while_the_spec_is_still_invalid() -> None:
    world = measuring()
    world.edit_canary(steps=())
    world.problems = PROBLEMS
    world.finish("Failed", WHY)
    world.run(seconds=60)
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"
    assert world.lost() == 0


def test_a_verdict_that_came_before_the_edit_was_seen_counts_too() -> None:
    world = measuring()
    world.finish("Failed", WHY)
    world.edit_canary(steps=())
    world.problems = PROBLEMS
    world.reconcile()
    assert world.status.abort


def test_a_run_in_the_background_that_the_spec_has_lost() -> None:
    world = watched()
    world.edit_canary(analysis=None)
    world.problems = PROBLEMS
    world.run(seconds=20)
    assert not world.status.abort
    world.finish("Failed", WHY)
    world.run(seconds=60)
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_a_run_of_blue_green_that_the_spec_has_lost() -> None:
    for field in ("prePromotionAnalysis", "postPromotionAnalysis"):
        world: Switched = switched(**{field: SWITCH_ANALYSIS})
        world.run()
        assert len(world.runs) == 1
        lost = BlueGreenStrategy(active_service="active", preview_service="preview")
        world.edit(strategy=Strategy(blue_green=lost))
        world.problems = PROBLEMS
        world.run(seconds=20)
        assert not world.status.abort
        world.finish("Failed", WHY)
        world.run(seconds=60)
        assert world.status.abort
        assert world.active == "v1"


def test_an_experiment_that_the_spec_has_lost_goes_on_and_its_verdict_counts() -> None:
    world = TrialWorld(steps=[{"experiment": {"templates": [{"name": "a", "specRef": "canary"}]}}])
    world.run()
    world.release("v2")
    world.run()
    (name,) = world.trials
    world.become("Running")
    world.edit_canary(steps=())
    world.problems = PROBLEMS
    world.run(seconds=20)
    assert not world.trials[name].spec.terminate
    assert not world.status.abort
    world.become("Failed")
    world.run(seconds=60)
    assert world.status.abort
    assert any(f"Experiment '{name}' Failed" in message for _, message in world.events)


def test_a_step_plugin_that_the_spec_has_lost() -> None:
    world = plugged.World([plugged.plugin(), {"pause": {}}])
    world.run()
    world.release("v2")
    world.run()
    assert world.calls
    world.edit_canary(steps=())
    world.problems = PROBLEMS
    world.run(seconds=5)
    assert not world.status.abort
    world.answers[world.calls[-1].asked] = world.answered(plugged.FAILED)
    world.run(seconds=20)
    assert world.status.abort
    assert any("Step plugin gate of step 1 failed: no seats" in text for _, text in world.events)


def test_a_spec_that_is_valid_without_the_step_is_its_authors_will() -> None:
    world = measuring()
    world.finish("Failed", WHY)
    world.edit_canary(steps=world.rollout.spec.strategy.canary.steps[2:])  # type: ignore[union-attr]
    world.run()
    assert not world.status.abort
    assert world.line() == "w=50 step=1 v1:4 v2:2 Paused"


def test_a_verdict_of_an_attempt_before_does_not_count() -> None:
    world = measuring()
    world.finish("Failed", WHY)
    world.run()
    world.command(abort=False)
    world.run()
    world.edit_canary(steps=())
    world.problems = PROBLEMS
    world.run(seconds=30)
    assert not world.status.abort


def test_nor_one_that_a_full_promotion_has_passed_by() -> None:
    world = measuring()
    world.finish("Failed", WHY)
    world.command(promote_full=True)
    world.edit_canary(steps=())
    world.problems = PROBLEMS
    world.run(seconds=30)
    assert not world.status.abort


def test_a_plan_that_goes_on_beside_such_a_verdict_is_a_broken_invariant() -> None:
    world = measuring()
    world.finish("Failed", WHY)
    world.edit_canary(steps=())
    world.problems = PROBLEMS
    snapshot = world.snapshot()
    made = plan(snapshot)
    assert made.status is not None
    assert made.status.abort
    deaf = dataclasses.replace(made, status=snapshot.rollout.status, actions=())
    assert any("goes on under an invalid spec" in fault for fault in broken(snapshot, deaf))

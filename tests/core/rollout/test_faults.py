"""When something dies, is unreadable, disobeys or is lost: no traffic stranded, and it goes on."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta

import pytest
from msgspec.structs import replace

from core.rollout.world import World, first_deploy, hash_of
from serinus.api.argo import BlueGreenStrategy, CanaryStrategy
from serinus.api.wire import decode
from serinus.base.errors import FieldProblem
from serinus.core.rollout.actions import PointService, Scale, SetRouting
from serinus.core.rollout.plan import plan
from serinus.core.rollout.reasons import Hold

STEPS = [{"setWeight": 25}, {"pause": {"duration": "60s"}}, {"setWeight": 50}, {"pause": {}}]


def released(**options: object) -> World:
    """v2 waits at 50 in an indefinite pause."""
    world = first_deploy(STEPS, **options)
    world.release("v2")
    world.run()
    world.timeline.clear()
    return world


def holds(world: World) -> set[Hold]:
    return {reason.hold for reason in world.last.reasons}


def test_a_dead_canary_loses_its_traffic_at_once_and_gets_it_back_when_it_is_ready() -> None:
    world = released()
    world.kill("v2")
    world.reconcile()
    assert world.router.routing.weight == 0
    assert world.shares() == {hash_of("v1"): 1.0}
    world.run()
    assert world.line() == "w=50 step=3 v1:4 v2:2 Paused"


def test_a_dead_stable_leaves_the_canary_what_its_step_gave_it_and_no_more() -> None:
    world = released()
    world.kill("v1", revive=False)
    world.run()
    assert world.line() == "w=50 step=3 v1:4 v2:2 Paused"
    assert Hold.REPAIR in holds(world)


def test_no_step_and_no_weight_comes_while_stable_is_dead() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run(until=lambda w: w.status.phase == "Paused")
    world.kill("v1", revive=False)
    world.run(seconds=300)
    assert world.line() == "w=25 step=1 v1:4 v2:1 Paused", "the pause of a minute is over"
    assert Hold.REPAIR in holds(world)
    world.revive("v1")
    world.run()
    assert world.line() == "w=50 step=3 v1:4 v2:2 Paused"


def test_a_rise_that_a_step_has_begun_waits_too_and_a_full_promotion_does_not() -> None:
    world = first_deploy(STEPS[2:])
    world.kill("v1", revive=False)
    world.release("v2")
    world.run(seconds=60)
    assert world.line() == "w=0 step=0 v1:4 v2:2 Progressing"
    world.command(promote_full=True)
    world.run()
    assert world.line().startswith("w=0 step=2 ")
    assert world.status.stable_rs == hash_of("v2")
    assert world.shares() == {hash_of("v2"): 1.0}


def test_a_stable_that_was_scaled_away_behind_all_traffic_is_not_missed() -> None:
    world = first_deploy(
        [{"setWeight": 100}, {"pause": {"duration": "60s"}}], dynamicStableScale=True
    )
    world.release("v2")
    world.run()
    assert world.status.stable_rs == hash_of("v2")


def test_an_abort_with_a_dead_stable_waits_until_stable_is_back() -> None:
    world = released()
    world.kill("v1", revive=False)
    world.command(abort=True)
    world.run(seconds=60)
    assert world.line() == "w=50 step=0 v1:4 v2:2 Degraded"
    world.revive("v1")
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_with_both_dead_nothing_moves() -> None:
    world = released()
    world.kill("v1", revive=False)
    world.kill("v2", revive=False)
    world.run(seconds=60)
    assert world.router.routing.weight == 50
    assert world.services["canary"].selector == hash_of("v2")


def test_a_router_that_cannot_be_read_is_not_raised_and_nothing_shrinks() -> None:
    world = first_deploy(STEPS, dynamicStableScale=True)
    world.release("v2")
    world.run(until=lambda w: w.router.routing.weight == 25)
    world.router.readable = False
    world.run(seconds=300)
    assert world.line() == "w=25 step=1 v1:4 v2:1 Paused" or world.router.routing.weight == 25
    assert world.set_of("v1").replicas == 4
    assert Hold.UNKNOWN in holds(world)
    world.router.readable = True
    world.run()
    assert world.router.routing.weight == 50


def test_an_abort_past_a_router_that_cannot_be_read_goes_by_the_service() -> None:
    world = released()
    world.router.readable = False
    world.command(abort=True)
    world.reconcile()
    assert world.services["canary"].selector == hash_of("v1")
    assert world.shares() == {hash_of("v1"): 1.0}
    world.run(seconds=60)
    world.router.readable = True
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_a_dead_canary_behind_a_router_that_cannot_be_read_is_left_by_the_service() -> None:
    world = released()
    world.router.readable = False
    world.kill("v2", revive=False)
    world.reconcile()
    assert world.shares() == {hash_of("v1"): 1.0}


def test_a_router_that_does_not_obey_holds_promotion_and_scale_down() -> None:
    world = released()
    world.router.verified = False
    world.command(pause_conditions=())
    world.run(seconds=300)
    assert world.line() == "w=100 step=4 v1:4 v2:4 Progressing"
    world.router.verified = True
    world.run()
    assert world.line() == "w=0 step=4 v1:0 v2:4 Healthy"


def test_what_the_data_plane_confirms_need_not_settle() -> None:
    world = first_deploy([{"setWeight": 100}])
    world.router.verified = True
    world.release("v2")
    world.run(until=lambda w: w.router.routing.weight == 100)
    at_full = world.now
    world.run(until=lambda w: w.status.stable_rs == hash_of("v2"))
    assert world.now == at_full


def test_pods_go_only_when_requests_under_way_had_their_time_whatever_is_confirmed() -> None:
    world = first_deploy([{"setWeight": 50}, {"pause": {}}], dynamicStableScale=True)
    world.router.verified = True
    world.release("v2")
    world.run(until=lambda w: w.router.routing.weight == 50)
    at_half = world.now
    world.run(until=lambda w: w.set_of("v1").replicas == 2)
    assert world.now == at_half + world.settings.settle


def test_what_cannot_be_asked_any_more_stays_told_as_verified_and_nothing_is_written() -> None:
    """A new process has not asked yet; a resting rollout is silent for it too."""
    world = first_deploy(STEPS)
    world.router.verified = True
    world.run()
    world.router.verified, before = None, world.writes
    world.run()
    assert world.writes == before
    assert world.status.canary.weights is not None
    assert world.status.canary.weights.verified
    world.router.verified = False
    world.run(seconds=10)
    assert world.status.canary.weights.verified is False


def test_the_weight_does_not_rise_before_the_canary_service_is_seen_on_the_canary() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run(until=lambda w: w.services["canary"].selector == hash_of("v2"))
    moved = world.now
    world.run(until=lambda w: w.router.routing.weight > 0)
    assert world.now - moved == world.settings.settle


def test_the_canary_service_is_handed_over_only_at_weight_zero() -> None:
    world = released()
    world.release("v3")
    while world.services["canary"].selector != hash_of("v3"):
        if not world.reconcile():
            world.now += timedelta(seconds=1)
        if world.router.routing.weight:
            assert world.services["canary"].selector == hash_of("v2")
    assert world.router.routing.weight == 0


def test_an_invalid_spec_holds_the_rollout_and_still_obeys_an_abort() -> None:
    world = released()
    world.problems = (FieldProblem("spec.strategy.canary.steps[0]", "is empty"),)
    world.release("v3")
    world.run()
    assert world.line() == "w=50 step=3 v1:4 v2:2 Degraded"
    assert world.status.message == (
        'InvalidSpec: The Rollout "app" is invalid: spec.strategy.canary.steps[0]: is empty'
    )
    world.command(abort=True)
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_an_invalid_spec_allows_the_way_back_to_the_stable_template() -> None:
    world = released()
    world.problems = (FieldProblem("spec.minReadySeconds", "is negative"),)
    world.release("v1")
    world.run()
    assert world.line().startswith("w=0 step=4 v1:4 v2:0")


def test_an_invalid_spec_that_is_mended_goes_on() -> None:
    world = World(STEPS)
    world.problems = (FieldProblem("spec.strategy.canary.canaryService", "does not exist"),)
    world.run()
    assert world.line() == "w=0 step=None  Degraded"
    assert [reason for reason, _ in world.events] == ["RolloutAddedToInformer"]
    begun = (world.status.current_pod_hash, world.status.duration)
    assert begun == ("", None), "nothing runs yet"
    assert world.status.observed_generation == str(world.rollout.metadata.generation)
    said = {condition.type: condition.message for condition in world.status.conditions}
    assert "Progressing" not in said
    assert said["Waiting"].startswith("a problem in the spec, see the condition InvalidSpec")
    world.problems = ()
    world.run()
    assert world.line() == "w=0 step=4 v1:4 Healthy"
    assert "RolloutUpdated" in [reason for reason, _ in world.events]
    assert world.status.current_pod_hash == hash_of("v1")
    assert world.status.duration is not None
    assert world.status.duration.completion_status == "Promoted"
    assert all(condition.type != "InvalidSpec" for condition in world.status.conditions)


def test_a_crashing_first_revision_never_becomes_stable() -> None:
    world = World(STEPS)
    world.broken.add(hash_of("v1"))
    world.run()
    assert world.status.stable_rs == ""
    world.release("v2")
    world.run()
    assert world.line() == "w=0 step=4 v1:0 v2:4 Healthy"


JOURNEYS = {
    "steps": lambda world: world.release("v2"),
    "abort": lambda world: world.command(abort=True),
    "third": lambda world: world.release("v3"),
    "undo": lambda world: world.release("v1"),
    "full": lambda world: world.command(promote_full=True),
    "dead canary": lambda world: world.kill("v2"),
    "replicas": lambda world: world.edit(replicas=2),
}


@pytest.mark.parametrize("dynamic", [False, True], ids=["plain", "dynamic"])
@pytest.mark.parametrize("journey", JOURNEYS)
def test_any_subset_of_a_plans_writes_may_be_lost_without_harm(journey: str, dynamic: bool) -> None:
    rng = random.Random(f"{journey} {dynamic}")
    for _ in range(15):
        world = released(dynamicStableScale=dynamic)
        JOURNEYS[journey](world)
        for _ in range(25):
            crash(world, rng)
            world.now += timedelta(seconds=rng.choice([0, 0.5, 1, 5]))
        world.run()
        assert "nobody" not in world.shares()
        assert not world.reconcile()


def crash(world: World, rng: random.Random) -> None:
    """One plan, of which any part arrives; no write may leave more requests without a pod."""
    before = world.lost()
    made = plan(world.snapshot())
    for action in made.actions:
        if rng.random() < 0.6:
            world.apply(action)
            assert world.lost() <= before, (action, world.line())
    if made.status is not None and rng.random() < 0.6:
        world.rollout = replace(world.rollout, status=made.status)


def test_no_plan_reduces_pods_beside_a_routing_write_or_writes_routing_twice() -> None:
    seen = 0
    for journey, dynamic in itertools.product(JOURNEYS, (False, True)):
        world = released(dynamicStableScale=dynamic)
        JOURNEYS[journey](world)
        for _ in range(60):
            here = {item.name: item.replicas for item in world.sets.values()}
            if not world.reconcile():
                world.now += timedelta(seconds=1)
            actions = world.last.actions
            moves = [a for a in actions if isinstance(a, SetRouting | PointService)]
            shrinks = [a for a in actions if isinstance(a, Scale) and a.replicas < here[a.revision]]
            assert len(moves) <= 1
            assert not (moves and shrinks)
            seen += len(moves) + len(shrinks)
    assert seen > 30


def test_the_stable_service_does_not_go_from_the_dead_to_the_dead() -> None:
    world = released()
    world.command(pause_conditions=())
    world.run(until=lambda w: w.status.stable_rs == hash_of("v2"))
    world.kill("v1", revive=False)
    world.kill("v2", revive=False)
    world.services["stable"].selector = hash_of("v1")
    world.run(seconds=60)
    assert world.services["stable"].selector == hash_of("v1")
    world.revive("v2")
    world.run()
    assert world.services["stable"].selector == hash_of("v2")


def test_steps_of_an_invalid_spec_end_no_pause_and_move_no_index() -> None:
    """A pause is ended by who sees it, not by a typo and its mending."""
    for typo in (
        {"steps": ()},
        {"steps": decode(CanaryStrategy, {"steps": [{"setWeight": 90}]}).steps},
        {"steps": decode(CanaryStrategy, {"steps": [{"setWeight": 9}] * 9}).steps},
    ):
        world = first_deploy([{"setWeight": 25}, {"pause": {}}, {"setWeight": 90}, {"pause": {}}])
        world.release("v2")
        world.run()
        assert world.line() == "w=25 step=1 v1:4 v2:1 Paused"
        before = world.rollout.spec
        world.edit_canary(**typo)
        world.problems = (FieldProblem("spec.strategy.canary", "is wrong"),)
        world.run(seconds=60)
        world.edit(strategy=before.strategy)
        world.problems = ()
        world.run()
        assert world.line() == "w=25 step=1 v1:4 v2:1 Paused"
        assert "RolloutResumed" not in [reason for reason, _ in world.events]


def test_nor_does_another_strategy_that_is_invalid() -> None:
    world = first_deploy([{"pause": {}}, {"setWeight": 50}])
    world.release("v2")
    world.run()
    assert world.status.pause_conditions
    before = world.rollout.spec.strategy
    world.edit(strategy=replace(before, canary=None, blue_green=BlueGreenStrategy()))
    world.problems = (FieldProblem("spec.strategy.blueGreen.activeService", "is missing"),)
    world.settle()
    assert world.status.pause_conditions, "clients go by the pair of it and controllerPause"
    world.edit(strategy=before)
    world.problems = ()
    world.run()
    assert world.line() == "w=0 step=0 v1:4 v2:0 Paused"

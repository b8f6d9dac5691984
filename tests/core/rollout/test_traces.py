"""The traces that a model checker found (T1 to T18 of docs/safety.md), put to this planner."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from msgspec.structs import replace

from core.rollout.world import World, first_deploy, hash_of
from serinus.api import names
from serinus.core.rollout.actions import PointService, Scale, SetRouting
from serinus.core.rollout.plan import plan

STEPS = [{"setWeight": 50}, {"pause": {}}]
V1, V2, V3 = (hash_of(version) for version in ("v1", "v2", "v3"))


def at_half(**options: object) -> World:
    """Two replicas, v2 carries 50."""
    world = first_deploy(STEPS, **{"replicas": 2, **options})
    world.release("v2")
    world.run()
    assert world.router.routing.weight == 50
    world.timeline.clear()
    return world


def test_t1_a_dead_canary_is_left_even_if_stable_is_not_whole() -> None:
    world = at_half()
    world.kill("v1", count=1, revive=False)
    world.kill("v2", revive=False)
    world.reconcile()
    assert world.router.routing.weight == 0


def test_t2_an_unproven_canary_does_not_get_everything_because_stable_died() -> None:
    world = first_deploy(STEPS, replicas=2)
    world.release("v2")
    world.run(until=lambda w: w.services["canary"].selector == V2)
    world.kill("v1", revive=False)
    world.run()
    assert world.router.routing.weight <= 50


def test_t3_a_weight_on_no_ones_behalf_goes_to_zero_before_the_next_canary_gets_it() -> None:
    world = at_half()
    world.services["canary"].selector = V1
    weights = []
    for _ in range(20):
        world.reconcile()
        weights.append((world.services["canary"].selector, world.router.routing.weight))
        world.now += timedelta(seconds=1)
    assert (V2, 0) in weights
    assert weights.index((V1, 0)) < weights.index((V2, 0)) < weights.index((V2, 50))


def test_t4_a_shrunken_stable_does_not_get_everything_by_a_service() -> None:
    for command in (
        lambda world: world.command(abort=True),
        lambda world: world.release("v1"),
        lambda world: world.release("v3"),
    ):
        world = at_half(dynamicStableScale=True)
        assert world.set_of("v1").replicas == 1
        command(world)
        world.settle()
        assert world.services["canary"].selector == V2
        assert world.router.routing.weight == 50
        world.run(until=lambda w: w.services["canary"].selector != V2)
        assert world.endpoints(V1) == {V1: 2}


def test_t5_a_new_revision_or_more_replicas_do_not_wait_for_each_other() -> None:
    world = at_half(dynamicStableScale=True)
    world.edit(replicas=3)
    world.release("v3")
    world.run()
    assert world.line() == "w=50 step=1 v1:2 v2:0 v3:2 Paused"


def test_t6_a_delay_that_ended_before_the_last_write_removes_no_pods() -> None:
    world = at_half()
    item = world.set_of("v2")
    item.annotations[names.SCALE_DOWN_DEADLINE] = (world.now - timedelta(hours=1)).isoformat()
    item.annotations[names.SCALE_DOWN_SET_FOR] = "2026-01-01T12:00:00+00:00"
    world.release("v1")
    world.reconcile()
    assert world.router.routing.weight == 0
    for _ in range(2):
        world.reconcile()
        assert item.replicas == 1
    marked = world.now
    world.run()
    assert item.replicas == 0
    assert world.now - marked > timedelta(seconds=30)


def test_t7_an_old_mark_does_not_remove_a_canary_that_is_live_again() -> None:
    world = at_half()
    world.command(abort=True)
    world.run(until=lambda w: names.SCALE_DOWN_DEADLINE in w.set_of("v2").annotations)
    marks = dict(world.set_of("v2").annotations)
    world.command(abort=False)
    world.run()
    assert world.router.routing.weight == 50
    world.set_of("v2").annotations.update(marks)
    world.now += timedelta(minutes=10)
    world.command(abort=True)
    made = plan(world.snapshot())
    assert not [action for action in made.actions if isinstance(action, Scale)]


def test_t8_what_the_status_says_of_the_weight_decides_nothing() -> None:
    world = at_half()
    weights = world.status.canary.weights
    assert weights is not None
    nothing = replace(weights, canary=replace(weights.canary, weight=0))
    world.command(canary=replace(world.status.canary, weights=nothing), abort=True)
    world.router.readable = False
    world.reconcile()
    assert world.shares() == {V1: 1.0}


def test_t11_a_first_deploy_is_healthy_without_any_weight() -> None:
    world = World(STEPS, replicas=2)
    world.run()
    assert world.line() == "w=0 step=2 v1:2 Healthy"


def test_t12_a_pause_that_was_promoted_is_not_entered_again() -> None:
    world = first_deploy([{"pause": {}}, {"setWeight": 50}, {"pause": {}}])
    world.release("v2")
    world.run()
    world.command(pause_conditions=())
    world.run()
    assert world.line() == "w=50 step=2 v1:4 v2:2 Paused"


def test_t13_the_stable_service_moves_after_the_status_and_the_weight_after_the_service() -> None:
    world = at_half()
    world.command(pause_conditions=())
    order = []
    for _ in range(60):
        before = world.status.stable_rs
        if not world.reconcile():
            world.now += timedelta(seconds=1)
        for action in world.last.actions:
            if isinstance(action, PointService) and action.service == "stable":
                assert before == V2
                order.append("service")
            if isinstance(action, SetRouting) and action.routing.weight == 0:
                written = world.services["stable"].written_at
                assert written is not None
                assert world.now - written >= world.settings.settle
                order.append("weight")
    assert order == ["service", "weight"]


def test_t13_a_stable_service_whose_slices_show_the_old_revision_gets_no_weight_back() -> None:
    world = at_half()
    world.command(pause_conditions=())
    world.run(until=lambda w: w.services["stable"].selector == V2)
    world.now += timedelta(seconds=60)
    seen = world.snapshot()
    service = dataclasses.replace(seen.services["stable"], endpoints={V1: 2})
    lagging = {**seen.services, "stable": service}
    made = plan(dataclasses.replace(seen, services=lagging))
    assert not [a for a in made.actions if isinstance(a, SetRouting | Scale)]


def test_t14_an_abort_outranks_a_full_promotion() -> None:
    world = at_half()
    world.command(abort=True, promote_full=True)
    world.reconcile()
    assert world.router.routing.weight == 0


def test_t16_without_headroom_an_abort_says_what_it_waits_for_and_trades_no_pods() -> None:
    world = at_half(dynamicStableScale=True)
    world.broken.add(V1)
    world.kill("v1", revive=False)
    world.command(abort=True)
    world.run(seconds=600)
    assert world.line() == "w=50 step=0 v1:2 v2:1 Degraded"
    messages = [reason.message for reason in world.last.reasons]
    assert "stable 0/2 ready for weight 0" in messages


def test_t17_every_scale_carries_the_version_that_it_was_decided_on() -> None:
    world = at_half()
    world.command(abort=True)
    world.run(until=lambda w: names.SCALE_DOWN_DEADLINE in w.set_of("v2").annotations)
    world.now += timedelta(minutes=5)
    stale = plan(world.snapshot())
    scales = [action for action in stale.actions if isinstance(action, Scale)]
    assert [scale.replicas for scale in scales] == [0]
    world.set_of("v2").version += 1
    for scale in scales:
        world.apply(scale)
    assert world.set_of("v2").replicas == 1

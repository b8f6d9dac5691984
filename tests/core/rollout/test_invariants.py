"""The independent assertions trip on plans that harm, and a plan that trips them fails static."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.rollout.world import ROUTER, World, first_deploy, hash_of
from serinus.core.rollout.actions import Action, Plan, PointService, Retire, Scale, SetRouting
from serinus.core.rollout.invariants.check import broken, fail_static
from serinus.core.rollout.plan import plan
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.rules import ALL, Rule
from serinus.core.rollout.standing import stand
from serinus.core.routing import Routing

STEPS = [{"setWeight": 50}, {"pause": {}}]
V1, V2 = hash_of("v1"), hash_of("v2")


def half() -> World:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run()
    world.now = world.now.replace(minute=30)
    return world


def faults(world: World, *actions: Action) -> tuple[str, ...]:
    return broken(world.snapshot(), Plan(actions=actions))


def scale(version: str, replicas: int) -> Scale:
    return Scale(f"app-{hash_of(version)}", "1", replicas)


def test_what_the_planner_does_breaks_nothing() -> None:
    assert faults(half()) == ()


def test_two_routing_writes_trip() -> None:
    world = half()
    writes = (
        SetRouting(ROUTER, Routing(60), world.now),
        PointService("stable", "1", V2, world.now),
    )
    assert "2 writes of one plan change what production gets" in faults(world, *writes)


@pytest.mark.parametrize("weight", [-1, 101])
def test_a_weight_out_of_bounds_trips(weight: int) -> None:
    world = half()
    found = faults(world, SetRouting(ROUTER, Routing(weight), world.now))
    assert f"weight {weight} is not between 0 and 100" in found


def test_traffic_to_the_dead_trips() -> None:
    world = half()
    world.kill("v2")
    assert faults(world, SetRouting(ROUTER, Routing(60), world.now))
    assert not faults(world, SetRouting(ROUTER, Routing(0), world.now))


def test_pods_that_requests_may_reach_trip() -> None:
    world = half()
    assert faults(world, scale("v2", 0))
    assert faults(world, scale("v1", 1))
    assert not faults(world, scale("v1", 2))


def test_a_reduction_beside_a_routing_write_trips() -> None:
    world = half()
    assert faults(world, scale("v1", 2), SetRouting(ROUTER, Routing(60), world.now))


def test_deleting_what_is_used_trips() -> None:
    assert faults(half(), Retire("ReplicaSet", f"app-{V1}", "1"))


def test_a_stable_revision_that_nobody_wanted_trips() -> None:
    world = half()
    status = replace(world.status, stable_rs="other")
    assert broken(world.snapshot(), Plan(status=status))


def test_a_broken_plan_becomes_a_way_back_to_a_whole_stable_and_a_word() -> None:
    world = half()
    static = fail_static(stand(world.snapshot(), ALL), ("a test said so",))
    assert static.actions == (SetRouting(ROUTER, Routing(0), world.now),)
    assert [reason.hold for reason in static.reasons] == [Hold.INVARIANT]
    assert static.status is not None
    waiting = next(c for c in static.status.conditions if c.type == "Waiting")
    assert (waiting.status, waiting.reason) == ("True", "InvariantBroken")


def test_a_broken_plan_writes_nothing_if_stable_is_not_whole() -> None:
    world = half()
    world.kill("v1", count=1)
    assert fail_static(stand(world.snapshot(), ALL), ("x",)).actions == ()


def test_a_rule_that_is_switched_off_is_caught_by_the_invariants() -> None:
    world = half()
    world.command(abort=True)
    off = ALL - {Rule.S2, Rule.DELAY, Rule.SETTLE}
    made = plan(world.snapshot(), off)
    assert [reason.hold for reason in made.reasons] == [Hold.INVARIANT]

"""Routers whose objects differ among themselves, or whose copies are out of date, are mended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.rollout.world import World, first_deploy, hash_of
from serinus.core.rollout.actions import SetRouting
from serinus.core.rollout.reasons import Hold

STEPS = [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]


def at_25() -> World:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run()
    assert world.router.routing.weight == 25
    return world


def written(world: World) -> list[int]:
    world.reconcile()
    return [a.routing.weight for a in world.last.actions if isinstance(a, SetRouting)]


@pytest.mark.parametrize(("shown", "first"), [((0, 25), 25), ((0,), 0), ((10,), 10)])
def test_objects_that_differ_are_written_again_and_nothing_rises_above_their_greatest(
    shown: tuple[int, ...], first: int
) -> None:
    world = at_25()
    world.router.readable, world.router.weights = False, shown
    assert written(world) == [first]
    world.run()
    assert world.router.routing.weight == 25


def test_an_abort_takes_everything_back_from_objects_that_differ() -> None:
    world = at_25()
    world.router.readable, world.router.weights = False, (0, 25)
    world.command(abort=True)
    world.run()
    assert world.router.routing.weight == 0


def test_a_router_of_which_nothing_is_known_is_not_raised() -> None:
    world = at_25()
    world.router.readable = False
    assert written(world) == []


def test_a_copy_that_is_out_of_date_is_written_again_but_not_in_a_race() -> None:
    world = at_25()
    world.now += timedelta(minutes=5)
    world.router.drifted = True
    assert written(world) == [25]
    world.router.drifted = True
    assert written(world) == []
    assert world.last.wake_at == world.now + timedelta(seconds=60)
    world.now += timedelta(seconds=61)
    assert written(world) == [25]


@pytest.mark.parametrize("shown", [(0, 25), (10,)])
def test_a_dead_canary_is_left_although_its_objects_differ(shown: tuple[int, ...]) -> None:
    world = at_25()
    world.router.readable, world.router.weights = False, shown
    world.kill("v2", revive=False)
    assert written(world) == [0] or world.services["canary"].selector == hash_of("v1")
    assert not [r for r in world.last.reasons if r.hold is Hold.INVARIANT]
    world.run(60)
    assert world.services["canary"].selector == hash_of("v1")

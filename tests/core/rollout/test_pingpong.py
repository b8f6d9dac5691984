"""pingPong: at a promotion two Services swap their roles, and nothing that users get moves."""

from __future__ import annotations

from dataclasses import replace as with_
from typing import Any

import pytest
from msgspec.structs import replace

from core.rollout.parts import ROUTER
from core.rollout.swapping import World, first_deploy
from core.rollout.world import hash_of
from serinus.api.argo import PingPong
from serinus.core.rollout.actions import PointService
from serinus.core.rollout.invariants.check import broken
from serinus.core.rollout.plan import plan
from serinus.core.rollout.rules import ALL, Rule
from serinus.core.routing import HeaderRoute, Routing

STEPS = [{"setWeight": 25}, {"pause": {}}]


def promoted(world: World, version: str) -> World:
    """A whole release, through its pause."""
    world.release(version)
    world.run(300)
    world.command(pause_conditions=())
    world.run(300)
    assert world.status.phase == "Healthy"
    return world


def watched(world: World, version: str) -> list[dict[str, float]]:
    """Who gets which part during a release, each change once; nobody is ever lost."""
    seen: list[dict[str, float]] = []
    inner = world.note

    def note() -> None:
        inner()
        assert world.lost() == 0.0
        if not seen or seen[-1] != world.users():
            seen.append(world.users())

    world.note = note  # type: ignore[method-assign]
    promoted(world, version)
    return seen


def test_the_first_revision_is_behind_ping() -> None:
    world = World(STEPS)
    world.run()
    assert (world.role, world.router.routing.weight) == ("ping", 0)
    assert world.services["stable"].selector == hash_of("v1")
    assert world.users() == {"v1": 1.0}


def test_at_a_promotion_the_roles_swap_and_no_selector_of_production_moves() -> None:
    world = first_deploy(STEPS)
    assert watched(world, "v2") == [{"v1": 1.0}, {"v1": 0.75, "v2": 0.25}, {"v2": 1.0}]
    assert world.role == "pong"
    assert world.router.routing.weight == 100  # by name: all of it goes to pong, as before
    assert world.status.stable_rs == hash_of("v2")
    moves = world.moves
    # ping follows when nobody is sent there any more; pong never moves once it has a weight
    assert moves == ["pong to v2", "weight 25", "weight 100", "ping to v2"]
    weights = world.status.canary.weights
    assert weights is not None
    assert (weights.stable.service_name, weights.stable.weight) == ("pong", 100)


def test_the_next_release_goes_the_other_way_and_the_one_after_it_back() -> None:
    world = promoted(first_deploy(STEPS), "v2")
    world.moves.clear()
    assert watched(world, "v3") == [{"v2": 1.0}, {"v2": 0.75, "v3": 0.25}, {"v3": 1.0}]
    assert world.role == "ping"
    assert world.moves == ["ping to v3", "weight 25", "weight 100", "pong to v3"]
    promoted(world, "v4")
    assert (world.role, world.users()) == ("pong", {"v4": 1.0})


def test_status_and_roles_change_in_one_write() -> None:
    world = first_deploy(STEPS)
    seen: set[tuple[str, str]] = set()
    inner = world.note

    def note() -> None:
        inner()
        seen.add((world.role, world.version_of(world.status.stable_rs)))

    world.note = note  # type: ignore[method-assign]
    promoted(world, "v2")
    assert seen == {("ping", "v1"), ("pong", "v2")}


def test_no_event_says_that_traffic_moved_when_only_the_roles_did() -> None:
    world = promoted(first_deploy(STEPS), "v2")
    told = [text for reason, text in world.events if reason == "TrafficWeightUpdated"]
    assert told == [
        "Traffic weight updated from 0 to 25",
        "Traffic weight updated from 25 to 100",
    ]


@pytest.mark.parametrize("start", ["v1", "v2"], ids=["ping is stable", "pong is stable"])
def test_an_abort_goes_back_and_swaps_nothing(start: str) -> None:
    world = first_deploy(STEPS)
    if start == "v2":
        promoted(world, "v2")
    role = world.role
    world.release("v3")
    world.run(300)
    assert world.users() == {start: 0.75, "v3": 0.25}
    world.command(abort=True)
    world.run(300)
    assert (world.role, world.users()) == (role, {start: 1.0})
    world.command(abort=False)
    world.run(300)
    assert world.users() == {start: 0.75, "v3": 0.25}
    world.command(promote_full=True)
    world.run(300)
    assert (world.role != role, world.users()) == (True, {"v3": 1.0})


def test_a_third_revision_and_a_return_to_stable_in_mid_release() -> None:
    world = promoted(first_deploy(STEPS), "v2")
    world.release("v3")
    world.run(300)
    world.release("v4")
    world.run(300)
    assert (world.role, world.users()) == ("pong", {"v2": 0.75, "v4": 0.25})
    world.release("v2")
    world.run(300)
    assert (world.role, world.users(), world.status.phase) == ("pong", {"v2": 1.0}, "Healthy")


def test_an_undo_right_after_the_swap_goes_by_the_other_service() -> None:
    world = promoted(first_deploy(STEPS, scaleDownDelaySeconds=600), "v2")
    world.moves.clear()
    promoted(world, "v1")
    assert (world.role, world.users()) == ("ping", {"v1": 1.0})
    assert world.moves[0] == "ping to v1"


def test_without_replicas_there_is_nothing_to_swap() -> None:
    world = promoted(first_deploy(STEPS), "v2")
    world.edit(replicas=0)
    world.run(300)
    world.release("v3")
    world.run(600)
    assert (world.role, world.status.stable_rs) == ("pong", hash_of("v3"))
    world.edit(replicas=4)
    world.run(300)
    assert (world.role, world.users()) == ("pong", {"v3": 1.0})


@pytest.mark.parametrize("lost", ["status", "writes"])
def test_a_crash_around_the_swap_sends_nobody_to_the_wrong_service(lost: str) -> None:
    """At every plan of a release either its status or its writes are lost, then all goes on."""
    length = 1
    for number in range(60):
        world = first_deploy(STEPS)
        world.release("v2")
        world.run(300)
        world.command(pause_conditions=())
        plans, inner = 0, world.reconcile

        def crashing(keep: Any = lambda _: True, world: World = world, inner: Any = inner) -> bool:
            nonlocal plans
            plans += 1
            if plans - 1 != number:  # noqa: B023 - called before the loop goes on
                return bool(inner(keep))
            before = world.rollout
            inner(keep if lost == "status" else lambda _: False)
            if lost == "status":
                world.rollout = replace(world.rollout, status=before.status)
            assert world.lost() == 0.0
            return True

        world.reconcile = crashing  # type: ignore[method-assign,assignment]
        world.run(600)
        length = max(length, plans)
        assert (world.role, world.users(), world.lost()) == ("pong", {"v2": 1.0}, 0.0), number
    assert 8 < length < 60


# --- Into and out of it --------------------------------------------------------------------------


def test_two_plain_services_become_ping_and_pong_without_a_move() -> None:
    world = first_deploy(STEPS, pingPong=None, stableService="ping", canaryService="pong")
    world.edit_canary(ping_pong=PingPong(ping_service="ping", pong_service="pong"))
    world.run(300)
    assert (world.role, world.moves) == ("ping", [])
    promoted(world, "v2")
    assert (world.role, world.users()) == ("pong", {"v2": 1.0})


def test_services_that_are_named_the_wrong_way_round_are_moved_without_a_loss() -> None:
    world = first_deploy(STEPS)
    other = PingPong(ping_service="pong", pong_service="ping")
    world.edit_canary(ping_pong=other)
    world.run(300)
    assert (world.lost(), world.users()) == (0.0, {"v1": 1.0})
    assert world.status.phase == "Healthy"


def test_who_leaves_ping_pong_keeps_its_stable_service_by_its_name() -> None:
    world = promoted(first_deploy(STEPS), "v2")
    world.moves.clear()
    world.edit_canary(ping_pong=None, stable_service="pong", canary_service="ping")
    world.run(300)
    assert (world.role, world.users(), world.lost()) == ("", {"v2": 1.0}, 0.0)


# --- The first release (complaint of the original's users) ---------------------------------------


def test_ping_selects_stable_alone_before_the_first_canary_pod_gets_a_request() -> None:
    world = first_deploy(STEPS)
    ping = world.services["stable"]
    ping.selector = ""  # somebody's other tool took it out: it selects the canary's pods too
    world.release("v2")
    world.run(until=lambda w: w.router.routing.weight > 0)
    assert ping.selector == hash_of("v1")
    assert world.users() == {"v1": 0.75, "v2": 0.25}


# --- What holds it -------------------------------------------------------------------------------


def at_the_end() -> World:
    """Weight 100 is written and seen, and the promotion is due."""
    world = first_deploy(STEPS)
    world.release("v2")
    world.run(300)
    world.command(pause_conditions=())
    world.run(until=lambda w: w.router.routing.weight == 100)
    return world


def test_routes_of_the_canary_hold_the_swap() -> None:
    world = at_the_end()
    route = HeaderRoute("me", (("x", "exact", "1"),))
    world.router.routing = with_(world.router.routing, header_routes=(route,))
    assert not world.reconcile() or world.role == "ping"
    world.run(60)
    assert (world.role, world.router.routing) == ("pong", Routing(100))


def swapped_early(world: World) -> tuple[str, ...]:
    """What the invariants say of a plan that swaps the roles now."""
    snapshot = world.snapshot()
    made = plan(snapshot, check=False)
    assert made.status is not None
    canary = replace(made.status.canary, stable_ping_pong="pong")
    return broken(snapshot, with_(made, status=replace(made.status, canary=canary)))


def test_the_invariants_see_a_swap_without_a_promotion_and_at_part_of_the_weight() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run(300)
    said = swapped_early(world)
    assert "the Services swap their roles without a promotion" in said
    assert "the Services swap their roles while the canary's does not carry everything" in said


def test_the_invariants_see_a_swap_beside_a_write_and_one_that_is_forgotten() -> None:
    world = at_the_end()
    world.now += world.settings.settle
    snapshot = world.snapshot()
    made = plan(snapshot, check=False)
    assert made.status is not None
    assert made.status.canary.stable_ping_pong == "pong"
    assert broken(snapshot, made) == ()
    write = PointService("ping", "1", hash_of("v2"), world.now)
    said = broken(snapshot, with_(made, actions=(*made.actions, write)))
    assert any("beside a write" in text for text in said)
    canary = replace(made.status.canary, stable_ping_pong="")
    said = broken(snapshot, with_(made, status=replace(made.status, canary=canary)))
    assert "the role of stable's Service is forgotten: '' after ping" in said


def test_without_the_rule_of_promotion_the_invariants_trip() -> None:
    world = first_deploy([{"setWeight": 25}])
    world.rules = ALL - {Rule.S7}
    world.release("v2")
    for _ in range(60):
        world.reconcile()
        if any("swap" in reason.message for reason in world.last.reasons):
            return
        world.now += world.settings.settle
    raise AssertionError(f"never: {world.last.reasons} {ROUTER}")

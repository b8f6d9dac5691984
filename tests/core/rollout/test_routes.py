"""Header and mirror routes: set and taken back by steps, belonging to whoever is on trial."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.rollout.world import World, first_deploy, hash_of
from serinus.core.rollout.actions import Scale, SetRouting
from serinus.core.routing import HeaderRoute, MirrorMatch, MirrorRoute, Routing

TESTERS = HeaderRoute("testers", (("x-tester", "exact", "yes"),))
STAFF = HeaderRoute("staff", (("x-staff", "regex", "a|b"),))
COPIES = MirrorRoute("copies", (MirrorMatch(method=("exact", "GET")),), 35)


def header(name: str = "testers", value: str = "yes") -> dict[str, Any]:
    match = [{"headerName": f"x-{name[:-1]}", "headerValue": {"exact": value}}]
    return {"setHeaderRoute": {"name": name, "match": match}}


STAFF_STEP = {
    "setHeaderRoute": {
        "name": "staff",
        "match": [{"headerName": "x-staff", "headerValue": {"regex": "a|b"}}],
    }
}
COPIES_STEP = {
    "setMirrorRoute": {"name": "copies", "match": [{"method": {"exact": "GET"}}], "percentage": 35}
}
USUAL = [header(), {"pause": {}}, {"setWeight": 50}, {"pause": {}}]


def released(steps: Any, **options: Any) -> World:
    """v2 came as far as it comes by itself."""
    world = first_deploy(steps, **options)
    world.release("v2")
    world.run()
    return world


def waiting(world: World) -> tuple[str, str]:
    found = next(c for c in world.status.conditions if c.type == "Waiting")
    return found.reason, found.message


def test_the_first_revision_gets_no_route() -> None:
    world = World(USUAL)
    world.run()
    assert world.router.routing == Routing(0)
    assert world.status.phase == "Healthy"


def test_matches_of_one_header_stand_together_in_the_order_of_the_headers() -> None:
    rows = (("x-b", "1"), ("x-a", "2"), ("x-b", "3"))
    match = [{"headerName": name, "headerValue": {"exact": value}} for name, value in rows]
    world = released([{"setHeaderRoute": {"name": "testers", "match": match}}, {"pause": {}}])
    matches = (("x-b", "exact", "1"), ("x-b", "exact", "3"), ("x-a", "exact", "2"))
    assert world.router.routing == Routing(0, header_routes=(HeaderRoute("testers", matches),))


def test_a_header_route_at_weight_0_needs_a_pod_that_answers_and_goes_at_promotion() -> None:
    world = released(USUAL)
    assert world.router.routing == Routing(0, header_routes=(TESTERS,))
    world.command(pause_conditions=())
    world.run()
    assert world.router.routing == Routing(50, header_routes=(TESTERS,))
    world.command(pause_conditions=())
    world.run()
    assert world.router.routing == Routing(0)
    assert world.status.stable_rs == hash_of("v2")
    routed = [line.rsplit(" ", 3)[0] for line in world.timeline]
    assert list(dict.fromkeys(line.split(" ", 1)[1] for line in routed)) == [
        *("w=0 step=0", "w=0+testers step=0", "w=0+testers step=1", "w=0+testers step=2"),
        *("w=50+testers step=2", "w=50+testers step=3", "w=50+testers step=4"),
        *("w=100 step=4", "w=0 step=4"),
    ]


def test_a_new_route_waits_for_every_pod_that_its_step_asks_for() -> None:
    world = first_deploy([{"setCanaryScale": {"replicas": 3}}, header(), {"pause": {}}])
    world.release("v2")
    world.run(until=lambda w: w.status.current_step_index == 1)
    world.kill("v2", 1)
    world.reconcile()
    assert world.router.routing == Routing(0)
    assert waiting(world) == ("WaitingForCapacity", "canary 2/3 ready for header route testers")
    world.run()
    assert world.router.routing == Routing(0, header_routes=(TESTERS,))


def test_a_scale_of_0_still_gives_a_route_one_pod() -> None:
    world = released([{"setCanaryScale": {"weight": 0}}, header(), {"pause": {}}])
    assert world.router.routing.header_routes == (TESTERS,)
    assert world.set_of("v2").replicas == 1


def test_a_later_step_replaces_a_route_and_one_without_a_match_takes_it_away() -> None:
    steps = [
        *(STAFF_STEP, header(), {"pause": {}}, header(value="no"), {"pause": {}}),
        *({"setHeaderRoute": {"name": "testers"}}, {"pause": {}}),
    ]
    world = released(steps)
    assert world.router.routing.header_routes == (TESTERS, STAFF)
    world.command(pause_conditions=())
    world.run()
    changed = HeaderRoute("testers", (("x-tester", "exact", "no"),))
    assert world.router.routing.header_routes == (changed, STAFF)
    world.command(pause_conditions=())
    world.run()
    assert world.router.routing.header_routes == (STAFF,)
    assert world.status.current_step_index == 6


def test_a_mirror_gives_the_canary_copies_and_needs_a_pod() -> None:
    world = released([COPIES_STEP, {"pause": {}}])
    assert world.router.routing == Routing(0, mirror_routes=(COPIES,))
    assert world.set_of("v2").replicas == 1
    world.command(abort=True)
    world.run()
    assert world.router.routing == Routing(0)
    assert world.set_of("v2").replicas == 0


@pytest.mark.parametrize("dynamic", [False, True])
def test_an_abort_takes_the_routes_back_and_pods_stay_until_nobody_is_sent_there(
    dynamic: bool,
) -> None:
    world = released(USUAL, dynamicStableScale=dynamic)
    world.command(pause_conditions=())
    world.run()
    world.command(abort=True)
    lost, now = 0.0, world.now
    while world.router.routing != Routing(0):
        before = world.set_of("v2").replicas
        assert world.reconcile() or world.now < now + timedelta(minutes=1)
        assert world.set_of("v2").replicas == before
        lost = max(lost, world.lost())
        world.now += timedelta(seconds=1)
    world.run()
    assert lost == 0
    assert world.set_of("v2").replicas == 0


def test_abort_under_dynamic_stable_scale_drops_the_routes_with_the_first_stage() -> None:
    world = first_deploy([header(), {"setWeight": 50}, {"pause": {}}], dynamicStableScale=True)
    world.release("v2")
    world.run()
    assert world.set_of("v1").replicas == 2
    world.kill("v1", 1)
    world.command(abort=True)
    world.settle()
    assert world.router.routing == Routing(50)
    world.run()
    assert world.router.routing == Routing(0)


def test_a_dead_canary_is_left_by_its_routes_at_once_and_gets_them_again() -> None:
    world = first_deploy([header(), {"pause": {"duration": "60s"}}, {"pause": {}}])
    world.release("v2")
    world.run(until=lambda w: bool(w.status.pause_conditions))
    world.kill("v2", revive=False)
    world.reconcile()
    assert world.router.routing == Routing(0)
    world.run(seconds=120)
    assert world.status.current_step_index == 1
    assert "no ready endpoint" in waiting(world)[1] or "0/1 ready" in waiting(world)[1]
    world.revive("v2")
    world.run()
    assert world.router.routing == Routing(0, header_routes=(TESTERS,))
    assert world.status.current_step_index == 2


def test_routes_are_taken_from_the_old_canary_before_a_third_revision_gets_the_service() -> None:
    world = released(USUAL)
    world.release("v3")
    world.reconcile()
    assert world.router.routing == Routing(0)
    assert world.services["canary"].selector == hash_of("v2")
    world.run()
    assert world.services["canary"].selector == hash_of("v3")
    assert world.router.routing == Routing(0, header_routes=(TESTERS,))


def test_full_promotion_ends_the_routes_with_the_whole_weight() -> None:
    world = released(USUAL)
    world.command(promote_full=True)
    seen: list[Routing] = []
    while world.status.stable_rs != hash_of("v2"):
        world.run(until=lambda w: w.router.routing != (seen or [None])[-1])
        seen.append(world.router.routing)
    assert Routing(100) in seen
    assert not any(r.header_routes for r in seen if r.weight == 100)
    world.run()
    assert world.router.routing == Routing(0)


def test_less_weight_comes_before_a_new_route() -> None:
    steps = [{"setWeight": 50}, {"pause": {}}]
    world = released(steps)
    world.edit_canary(steps=first_deploy(USUAL).rollout.spec.strategy.canary.steps)  # type: ignore[union-attr]
    seen = []
    for _ in range(30):
        world.reconcile()
        seen += [a.routing for a in world.last.actions if isinstance(a, SetRouting)]
        world.now += timedelta(seconds=1)
    assert seen == [Routing(0), Routing(0, header_routes=(TESTERS,))]


def test_a_step_that_gives_back_pods_keeps_one_for_the_route() -> None:
    steps = [
        *({"setCanaryScale": {"replicas": 3}}, header(), {"pause": {"duration": "10s"}}),
        *({"setCanaryScale": {"matchTrafficWeight": True}}, {"pause": {}}),
    ]
    world = released(steps)
    assert world.status.current_step_index == 4
    assert world.set_of("v2").replicas == 1
    assert world.router.routing.header_routes == (TESTERS,)


def test_a_router_that_cannot_be_read_holds_new_routes_and_an_abort_takes_them_back_blind() -> None:
    world = first_deploy(USUAL)
    world.router.readable = False
    world.release("v2")
    world.run(seconds=60)
    assert world.router.routing == Routing(0)
    world.router.readable = True
    world.run()
    world.router.readable = False
    world.command(abort=True)
    world.run(seconds=30)
    assert world.router.routing == Routing(0)


def test_a_freeze_gives_no_route() -> None:
    world = first_deploy(USUAL)
    world.release("v2")
    world.edit(paused=True)
    world.run()
    assert world.router.routing == Routing(0)
    assert not [a for a in world.last.actions if isinstance(a, Scale)]


def test_a_router_that_says_that_it_does_not_obey_holds_the_step() -> None:
    world = first_deploy(USUAL)
    world.release("v2")
    world.run(until=lambda w: w.services["canary"].selector == hash_of("v2"))
    for _ in range(30):
        world.reconcile()
        world.router.verified = False if world.router.routing.header_routes else None
        world.now += timedelta(seconds=1)
    assert world.router.routing.header_routes == (TESTERS,)
    assert world.status.current_step_index == 0
    assert waiting(world)[1] == "setHeaderRoute: testers is not shown by every router"

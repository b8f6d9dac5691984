"""What was routed and is named no more goes back to stable first; the new strategy waits for that.

The world of these stories shows the routing of the note, as `control/looking` does, until LetGo.
"""

from __future__ import annotations

from dataclasses import replace as with_fields
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from core.rollout.switched import Switched
from core.rollout.world import ROUTER, World, hash_of
from serinus.api.argo import Strategy, TrafficWeights, WeightDestination
from serinus.base.errors import FieldProblem
from serinus.core.rollout import actions as act
from serinus.core.rollout.course import set_course
from serinus.core.rollout.desired import Proposal
from serinus.core.rollout.edits import has_left, hold_what_is_left, letting_go
from serinus.core.rollout.invariants.check import broken
from serinus.core.rollout.plan import plan
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.rules import ALL
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.rollout.standing import Standing, stand
from serinus.core.routing import Additional, Routing, Unknown

STEPS = [{"setWeight": 50}, {"pause": {}}]
V1, V2 = hash_of("v1"), hash_of("v2")
PROBLEM = FieldProblem("spec.strategy.canary.trafficRouting", "does not name Ingress main any more")
SETTLE = timedelta(seconds=2)


class Leaving(World):
    """A canary in mid-release; with `take_out` its strategy is exchanged for one without router."""

    wanted: Strategy | None = None
    let_go_at: str = ""

    def take_out(self) -> None:
        self.wanted = Strategy(canary=replace(self.canary, traffic_routing=None))

    @property
    def canary(self) -> Any:
        assert self.rollout.spec.strategy.canary is not None
        return self.rollout.spec.strategy.canary

    def snapshot(self) -> Snapshot:
        found = super().snapshot()
        if self.wanted is None:
            return found
        return with_fields(found, leaving=True, problems=(*found.problems, PROBLEM))

    def apply(self, action: act.Action) -> None:
        super().apply(action)
        if isinstance(action, act.LetGo):
            self.let_go_at = self.line()
            assert self.wanted is not None
            strategy, self.wanted = self.wanted, None
            self.edit(strategy=strategy)


def half(**options: Any) -> Leaving:
    """v1 stable, v2 at 50."""
    world = Leaving(STEPS, **options)
    world.run()
    world.release("v2")
    world.run()
    return world


def left() -> Leaving:
    world = half()
    world.now += timedelta(minutes=30)
    world.take_out()
    return world


def standing(world: World) -> Standing:
    return stand(world.snapshot(), ALL)


def faults(world: World, *actions: act.Action) -> str:
    return "; ".join(broken(world.snapshot(), act.Plan(actions=actions)))


# --- What is done --------------------------------------------------------------------------------


def test_it_goes_back_to_stable_is_let_go_and_then_the_new_strategy_begins() -> None:
    world = left()
    world.run(until=lambda it: bool(it.let_go_at))  # type: ignore[attr-defined]
    assert world.router.routing == Routing(0)
    assert world.router.written_at is not None
    assert world.now >= world.router.written_at + SETTLE, "seen and settled"
    assert world.let_go_at == "w=0 step=1 v1:4 v2:2 Degraded", "all pods are there still"
    world.run()
    assert world.status.stable_rs == V1
    assert world.status.phase == "Paused"


def test_the_way_back_waits_for_room_in_stable() -> None:
    world = left()
    world.set_of("v1").pods[0].ready_at = None
    world.run()
    assert (world.router.routing.weight, world.let_go_at) == (25, "")
    world.revive("v1")
    world.run()
    assert world.router.routing.weight == 0
    assert world.let_go_at


def test_an_abort_beside_it_changes_nothing_of_that() -> None:
    world = left()
    world.command(abort=True)
    world.run()
    assert world.router.routing == Routing(0)
    assert world.let_go_at


def test_a_stable_service_that_lost_its_selector_is_pointed_at_stable_first() -> None:
    """No weight falls towards a Service that is on nobody; unrepaired it would wait for ever."""
    world = left()
    world.services["stable"].selector = ""
    world.run()
    assert world.services["stable"].selector == V1
    assert world.let_go_at


def test_a_restarted_controller_goes_on_after_every_lost_write() -> None:
    for lost in range(12):
        world = left()
        kept = iter(range(1000))
        world.reconcile(lambda action, kept=kept, lost=lost: next(kept) < lost)  # type: ignore[misc]
        world.run()
        assert world.router.routing == Routing(0), lost
        assert world.let_go_at, lost


# --- When it may be let go -----------------------------------------------------------------------


def drained() -> Leaving:
    """Weight 0 is written and settled, and the status has forgotten what it told."""
    world = left()
    world.router.routing = Routing(0)
    world.router.written_at = world.now - timedelta(minutes=1)
    world.command(canary=replace(world.status.canary, weights=None))
    return world


def test_what_is_drained_and_forgotten_is_let_go() -> None:
    world = drained()
    assert letting_go(standing(world)) == (act.LetGo(),)
    assert faults(world, act.LetGo()) == ""


STILL = {
    "a weight": Routing(1),
    "an experiment's weight": Routing(0, additional=(Additional("trial", 5),)),
}


@pytest.mark.parametrize("name", list(STILL))
def test_while_anybody_but_stable_gets_a_part_it_is_not_let_go(name: str) -> None:
    world = drained()
    world.router.routing = STILL[name]
    assert letting_go(standing(world)) == ()
    assert "gives another than stable a part" in faults(world, act.LetGo())


def test_before_it_has_settled_it_is_not_let_go() -> None:
    world = drained()
    world.router.written_at = world.now - SETTLE / 2
    assert letting_go(standing(world)) == ()
    assert "may be obeyed as it was before" in faults(world, act.LetGo())


def test_while_the_data_plane_obeys_something_else_it_is_not_let_go() -> None:
    world = drained()
    world.router.verified = False
    assert letting_go(standing(world)) == ()
    assert "may be obeyed as it was before" in faults(world, act.LetGo())


def test_while_the_status_tells_of_the_weights_it_is_not_let_go() -> None:
    world = drained()
    told = TrafficWeights(canary=WeightDestination(weight=50))
    world.command(canary=replace(world.status.canary, weights=told))
    assert letting_go(standing(world)) == ()
    assert "the status still tells" in faults(world, act.LetGo())


@pytest.mark.parametrize(("weights", "over"), [((0,), True), ((0, 50), False), ((), False)])
def test_where_an_object_is_missing_the_others_say_whether_it_is_over(
    weights: tuple[int, ...], over: bool
) -> None:
    world = drained()
    world.router.readable, world.router.weights = False, weights
    snapshot = world.snapshot()
    assert isinstance(snapshot.routers[0].routing, Unknown)
    assert has_left(stand(snapshot, ALL)) is over
    assert ("gives another" in faults(world, act.LetGo())) is not over


def test_nothing_is_let_go_where_nothing_is_left() -> None:
    world = drained()
    world.wanted = None
    assert letting_go(standing(world)) == ()
    assert "nothing was seen" in faults(world, act.LetGo())


# --- What is held meanwhile ----------------------------------------------------------------------

ASKED = Proposal(
    counts={f"app-{V1}": 1, f"app-{V2}": 0},
    canary_selector=V2,
    stable_selector=V1,
    active_selector=V2,
    preview_selector=V2,
)


def test_meanwhile_no_pod_goes_and_services_move_to_stable_only() -> None:
    world = left()
    held = hold_what_is_left(standing(world), ASKED)
    assert held.counts == {f"app-{V1}": 4, f"app-{V2}": 2}
    assert (held.canary_selector, held.active_selector, held.preview_selector) == ("", "", "")
    assert held.stable_selector == V1
    back = hold_what_is_left(standing(world), with_fields(ASKED, canary_selector=V1))
    assert back.canary_selector == V1


def test_more_pods_may_come_meanwhile() -> None:
    more = with_fields(ASKED, counts={f"app-{V1}": 6, f"app-{V2}": 2})
    assert hold_what_is_left(standing(left()), more).counts == more.counts


def test_without_anything_left_a_proposal_passes_as_it_is() -> None:
    assert hold_what_is_left(standing(half()), ASKED) is ASKED


def test_without_a_note_the_same_is_held_and_the_stable_service_too() -> None:
    world = Switched()
    world.run()
    told = TrafficWeights(canary=WeightDestination(weight=50))
    world.command(canary=replace(world.status.canary, weights=told))
    now = stand(world.snapshot(), ALL)
    asked = with_fields(ASKED, counts={f"app-{V1}": 0})
    held = hold_what_is_left(now, asked)
    selectors = (held.canary_selector, held.stable_selector, held.active_selector)
    assert (*selectors, held.preview_selector) == ("", "", "", "")
    assert held.counts == {f"app-{V1}": 4}
    assert set_course(now).stable_hash == V1


# --- What the invariants say by themselves -------------------------------------------------------


def test_the_planner_breaks_none_on_the_way() -> None:
    world = left()
    while not world.let_go_at:
        assert broken(world.snapshot(), plan(world.snapshot(), check=False)) == ()
        world.reconcile()
        world.now += timedelta(seconds=1)


def test_a_plan_that_takes_from_the_old_routes_trips() -> None:
    world = left()
    at = world.now
    name = f"app-{V2}"
    assert "shrinks while old routes" in faults(world, act.Scale(name, "1", 1))
    assert "while old routes lead to it" in faults(world, act.PointService("stable", "1", V2, at))
    assert "while old routes" not in faults(world, act.PointService("canary", "1", V1, at))
    assert "is a rise by a router" in faults(world, act.SetRouting(ROUTER, Routing(60), at))
    assert "is a rise by" not in faults(world, act.SetRouting(ROUTER, Routing(25), at))


def test_a_plan_that_begins_something_new_trips() -> None:
    world = left()
    made = plan(world.snapshot(), check=False)
    assert made.status is not None
    new = act.CreateRevision("app-x", "x", 3, world.snapshot().template, "")
    assert "begins before the old routes are gone" in faults(world, new)
    another = with_fields(made, status=replace(made.status, current_pod_hash="x"))
    assert any("revision x is begun" in one for one in broken(world.snapshot(), another))


def test_a_plan_that_takes_pods_from_a_route_without_a_note_trips() -> None:
    world = half()
    told = TrafficWeights(canary=WeightDestination(weight=50))
    world.edit(strategy=Strategy(canary=replace(world.canary, traffic_routing=None)))
    world.command(canary=replace(world.status.canary, weights=told))
    assert "shrinks while old routes" in faults(world, act.Scale(f"app-{V2}", "1", 1))


# --- Walks ---------------------------------------------------------------------------------------


def _disturb(world: Leaving, chance: Random) -> None:
    """Something that people, pods or time do beside it."""
    match chance.randrange(9):
        case 0:
            world.kill(chance.choice(["v1", "v2"]), count=chance.randint(1, 4))
        case 1:
            world.command(abort=True)
        case 2:
            world.release(chance.choice(["v1", "v2", "v3"]))
        case 3:
            world.services[chance.choice(["stable", "canary"])].selector = chance.choice(["", V1])
        case 4:
            world.router.readable = not world.router.readable
            world.router.weights = chance.choice([(), (0, world.router.routing.weight)])
        case 5:
            world.edit(replicas=chance.randint(1, 6))
        case 6:
            world.command(promote_full=True)
        case _:
            world.now += timedelta(seconds=chance.choice([0.5, 1, 3, 40]))


@pytest.mark.parametrize("seed", range(60))
def test_whatever_else_happens_it_ends_at_stable_and_no_plan_is_unsound(seed: int) -> None:
    chance, world = Random(seed), left()
    for _ in range(25):
        _disturb(world, chance)
        world.reconcile(lambda _: chance.random() < 0.8)
        assert Hold.INVARIANT not in [reason.hold for reason in world.last.reasons], world.last
        if world.let_go_at:
            break
    world.router.readable, world.router.weights = True, ()
    if not world.let_go_at:
        world.run()
    assert world.let_go_at, (world.line(), world.last.reasons)
    assert world.router.routing.is_nothing

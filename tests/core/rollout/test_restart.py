"""spec.restartAt: old pods go a few at a time and come back young, whatever the strategy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.rollout.world import World, first_deploy
from serinus.core.rollout.actions import Evict
from serinus.core.rollout.plan import plan
from serinus.core.rollout.snapshot import Snapshot

STEPS = [{"setWeight": 25}, {"pause": {}}]
BY_PODS: dict[str, Any] = {"trafficRouting": None, "canaryService": "", "stableService": ""}


class Restarted(World):
    """A world whose pods have an age, and go when they are evicted."""

    def snapshot(self) -> Snapshot:
        seen = super().snapshot()
        births = self.__dict__.setdefault("births", {})
        revisions = tuple(
            replace(
                revision,
                pods=tuple(
                    replace(pod, born=births.setdefault(pod.name, self.now))
                    for pod in revision.pods
                ),
            )
            for revision in seen.revisions
        )
        return replace(seen, revisions=revisions)

    def apply(self, action: Any) -> None:
        if not isinstance(action, Evict):
            super().apply(action)
            return
        self.writes += 1
        for item in self.sets.values():
            before = len(item.pods)
            item.pods = [pod for pod in item.pods if pod.name != action.pod]
            if len(item.pods) < before:
                count, item.replicas = item.replicas, len(item.pods)
                self._scale(item, str(item.version), count)

    def least_ready(self) -> int:
        return sum(self.ready(pod) for item in self.sets.values() for pod in item.pods)


def deployed(replicas: int, steps: Any = STEPS, **canary: Any) -> Restarted:
    world = Restarted(steps, replicas=replicas, **canary)
    world.run()
    world.now += timedelta(seconds=60)
    world.timeline.clear()
    return world


def restart(world: Restarted, seconds: float = 0) -> tuple[int, set[str]]:
    """Restarts now; the fewest ready pods on the way, and what the phase said."""
    before = {pod.name for item in world.sets.values() for pod in item.pods}
    world.edit(restart_at=world.now + timedelta(seconds=seconds))
    fewest, said = 10**6, set[str]()
    for _ in range(400):
        world.reconcile()
        fewest = min(fewest, world.least_ready())
        said.add(world.status.message)
        world.now += timedelta(seconds=0.5)
    after = {pod.name for item in world.sets.values() for pod in item.pods}
    assert not before & after, "every pod is another one"
    assert world.status.restarted_at == world.rollout.spec.restart_at
    assert not world.reconcile(), "and then it is silent"
    return fewest, said


@pytest.mark.parametrize("canary", [{}, BY_PODS], ids=["routed", "by pods"])
def test_pods_are_replaced_within_max_unavailable(canary: dict[str, Any]) -> None:
    world = deployed(8, **canary)
    fewest, said = restart(world)
    assert fewest == 6
    assert "rollout is restarting" in said
    assert world.status.phase == "Healthy"


def test_with_nothing_to_be_missing_one_goes_at_a_time() -> None:
    world = deployed(4, maxUnavailable=0, **BY_PODS)
    assert restart(world)[0] == 3


@pytest.mark.parametrize("canary", [{}, BY_PODS], ids=["routed", "by pods"])
def test_a_single_pod_gets_a_second_one_first(canary: dict[str, Any]) -> None:
    world = deployed(1, **canary)
    assert restart(world)[0] == 1
    assert world.set_of("v1").replicas == 1


def test_a_single_pod_that_may_not_surge_is_away_for_a_while() -> None:
    world = deployed(1, maxSurge=0, maxUnavailable=1, **BY_PODS)
    assert restart(world)[0] == 0


def test_in_mid_release_a_canary_of_one_pod_keeps_answering() -> None:
    world = deployed(4)
    world.release("v2")
    world.run(until=lambda w: w.status.phase == "Paused")
    world.now += timedelta(seconds=30)
    world.edit(restart_at=world.now)
    for _ in range(400):
        world.reconcile()
        assert world.lost() == 0
        assert world.router.routing.weight == 25
        world.now += timedelta(seconds=0.5)
    assert world.status.restarted_at == world.rollout.spec.restart_at
    assert (world.set_of("v1").replicas, world.set_of("v2").replicas) == (4, 1)


def test_in_mid_release_the_bound_is_one_for_the_pods_of_both() -> None:
    world = deployed(4, steps=[{"setWeight": 50}, {"pause": {}}])
    world.release("v2")
    world.run(until=lambda w: w.status.phase == "Paused")
    world.now += timedelta(seconds=30)
    world.edit(restart_at=world.now)
    seen = world.snapshot()
    first = [a.pod for a in plan(seen).actions if isinstance(a, Evict)]
    assert len(first) == 1
    going = tuple(
        replace(
            revision,
            pods=tuple(replace(pod, deleting=pod.name in first) for pod in revision.pods),
        )
        for revision in seen.revisions
    )
    late = plan(replace(seen, revisions=going))
    assert not [a for a in late.actions if isinstance(a, Evict)], "its ReplicaSet is late to say so"


def test_a_restart_may_be_asked_for_in_advance() -> None:
    world = deployed(4)
    world.edit(restart_at=world.now + timedelta(seconds=100))
    world.settle()
    assert world.last.wake_at == world.rollout.spec.restart_at
    assert world.status.phase == "Healthy", "nothing is under way yet"
    world.now += timedelta(seconds=100)
    assert any(isinstance(a, Evict) for a in plan(world.snapshot()).actions)


def test_a_new_revision_cancels_a_restart() -> None:
    world = deployed(4)
    world.edit(restart_at=world.now)
    world.release("v2")
    world.reconcile()
    world.reconcile()
    assert not any(isinstance(a, Evict) for a in world.last.actions)
    assert world.status.restarted_at == world.rollout.spec.restart_at


def test_a_budget_that_says_no_is_asked_again_after_half_a_minute() -> None:
    world = deployed(4)
    world.edit(restart_at=world.now)
    world.reconcile(keep=lambda action: not isinstance(action, Evict))
    assert world.last.wake_at == world.now + timedelta(seconds=30)
    assert any(isinstance(a, Evict) for a in plan(world.snapshot()).actions)


def test_a_world_without_a_wish_has_no_reason_to_wake() -> None:
    assert first_deploy(STEPS).last.wake_at is None

"""The traffic of an experiment's pods: noted first, given together, taken back before they go."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from core.rollout.world import World
from serinus.api import names
from serinus.api.experiment import Experiment, ExperimentSpec, ExperimentStatus, TemplateStatus
from serinus.api.kubernetes import ObjectMeta
from serinus.base.errors import FieldProblem
from serinus.core.rollout import actions as act
from serinus.core.rollout.invariants.check import broken
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.snapshot import ServiceSeen, Snapshot
from serinus.core.routing import Additional, Routing

TRIAL = {
    "templates": [
        {"name": "old", "specRef": "stable", "weight": 5},
        {"name": "new", "specRef": "canary", "weight": 10, "replicas": 2},
    ]
}
STEPS = [{"experiment": TRIAL}, {"setWeight": 50}, {"pause": {}}]
BOTH = (Additional("trial-old", 5), Additional("trial-new", 10))


class TrialWorld(World):
    """A world with experiments; what becomes of them is the test's to say."""

    def __init__(self, *, steps: list[Any] = STEPS, **canary: Any) -> None:
        super().__init__(steps, **canary)
        self.trials: dict[str, Experiment] = {}
        self.endpoints_of = {"trial-old": 1, "trial-new": 2}
        self.done: list[act.Action] = []

    def snapshot(self) -> Snapshot:
        services = {
            name: ServiceSeen(
                name=name,
                resource_version="1",
                selector_hash="x",
                written_at=None,
                endpoints={"x": count},
            )
            for name, count in self.endpoints_of.items()
        }
        seen = super().snapshot()
        return dataclasses.replace(
            seen,
            services={**seen.services, **services},
            experiments=tuple(self.trials.values()),
        )

    def apply(self, action: act.Action) -> None:
        match action:
            case act.StartExperiment(name, _, _, hash_):
                labels = {names.POD_HASH: hash_}
                metadata = ObjectMeta(name=name, resource_version="1", labels=labels)
                self.trials[name] = Experiment(metadata=metadata)
            case act.MarkExperiment(name, version, in_traffic):
                metadata = self.trials[name].metadata
                assert version == metadata.resource_version
                notes = {names.IN_TRAFFIC: "app"} if in_traffic else {}
                newer = str(int(version) + 1)
                metadata = replace(metadata, annotations=notes, resource_version=newer)
                self.trials[name] = replace(self.trials[name], metadata=metadata)
            case act.StopExperiment(name, _):
                spec = ExperimentSpec(terminate=True)
                self.trials[name] = replace(self.trials[name], spec=spec)
                self.become("Successful")
        if isinstance(action, act.MarkExperiment | act.SetRouting):
            self.done.append(action)
        super().apply(action)

    def become(self, phase: str, template: str = "Running") -> None:
        """The phase of every experiment, and of its templates."""
        told = tuple(
            TemplateStatus(name=n, status=template, service_name=f"trial-{n}", pod_template_hash=n)
            for n in ("old", "new")
        )
        status = ExperimentStatus(phase=phase, template_statuses=told)
        self.trials = {name: replace(one, status=status) for name, one in self.trials.items()}

    @property
    def routing(self) -> Routing:
        return self.router.routing

    @property
    def noted(self) -> bool:
        return any(names.IN_TRAFFIC in one.metadata.annotations for one in self.trials.values())


def running(**canary: Any) -> TrialWorld:
    """A release whose first step, the experiment, has all its pods."""
    world = TrialWorld(**canary)
    world.run()
    world.release("v2")
    world.run()
    world.become("Running")
    return world


def test_the_note_comes_first_then_all_weights_at_once() -> None:
    world = running()
    world.done.clear()
    world.reconcile()
    assert (world.noted, world.routing.additional) == (True, ())
    (name,) = world.trials
    told = f"experiment {name} is told first that traffic comes"
    assert told in [reason.message for reason in world.last.reasons]
    world.settle()
    assert world.routing == Routing(0, additional=BOTH)
    assert [type(one) for one in world.done] == [act.MarkExperiment, act.SetRouting]
    world.run()
    weights = world.status.canary.weights
    assert weights is not None
    assert [(one.service_name, one.weight) for one in weights.additional] == [
        ("trial-old", 5),
        ("trial-new", 10),
    ]
    assert (weights.canary.weight, weights.stable.weight) == (0, 85)


def test_nothing_is_given_before_every_template_has_all_its_endpoints() -> None:
    world = running()
    world.endpoints_of["trial-new"] = 1
    world.run()
    assert (world.noted, world.routing.additional) == (True, ())
    text = "Service trial-new of experiment"
    (reason,) = [one for one in world.last.reasons if one.hold is Hold.CAPACITY]
    assert reason.message.startswith(text)
    assert reason.message.endswith("1/2 ready for weight 10")
    world.endpoints_of["trial-new"] = 2
    world.run()
    assert world.routing.additional == BOTH


def test_a_service_that_dies_is_left_at_once_and_one_that_limps_stays() -> None:
    world = running()
    world.run()
    world.endpoints_of["trial-new"] = 1
    world.run()
    assert world.routing.additional == BOTH
    world.endpoints_of["trial-new"] = 0
    world.reconcile()
    assert world.routing.additional == (BOTH[0],)


def test_a_service_that_dies_is_left_at_once_although_the_spec_is_invalid() -> None:
    world = running(steps=[{"setWeight": 25}, *STEPS])
    world.run()
    world.problems = (FieldProblem("spec.replicas", "is not a number"),)
    world.run()
    assert world.routing == Routing(25, additional=BOTH)
    world.endpoints_of["trial-old"] = 0
    world.run()
    assert world.routing == Routing(25, additional=BOTH[1:])
    world.problems = ()
    world.endpoints_of["trial-old"] = 1
    world.run()
    assert world.routing == Routing(25, additional=BOTH)


def test_it_is_taken_back_and_settled_before_the_note_is_and_before_the_weight_rises() -> None:
    world = running()
    world.run()
    world.become("Successful", "Successful")
    world.done.clear()
    world.run(until=lambda w: w.routing.weight == 50)
    first, second, third = world.done
    assert isinstance(first, act.SetRouting)
    assert first.routing == Routing(0)
    assert isinstance(second, act.MarkExperiment)
    assert not second.in_traffic
    assert isinstance(third, act.SetRouting)
    assert third.routing == Routing(50)


def test_the_note_stays_until_the_last_write_has_settled() -> None:
    world = running()
    world.run()
    world.become("Successful", "Successful")
    world.settle()
    assert (world.routing.additional, world.noted) == ((), True)
    world.now += timedelta(seconds=1)
    world.settle()
    assert world.noted
    world.now += timedelta(seconds=2)
    world.settle()
    assert not world.noted


def test_an_abort_takes_all_back_and_lets_the_experiment_go() -> None:
    world = running()
    world.run()
    world.command(abort=True)
    world.run()
    assert (world.routing, world.noted) == (Routing(0), False)


def test_a_router_that_cannot_be_read_keeps_the_note() -> None:
    world = running()
    world.run()
    world.command(abort=True)
    world.router.readable = False
    world.run(seconds=600)
    assert world.noted
    world.router.readable = True
    world.run(seconds=600)
    assert not world.noted


def test_a_frozen_rollout_gives_nothing_new_and_takes_nothing_away() -> None:
    world = running()
    world.edit(paused=True)
    world.run()
    assert (world.noted, world.routing.additional) == (False, ())
    world.edit(paused=False)
    world.run()
    world.edit(paused=True)
    world.run()
    assert world.routing.additional == BOTH


def test_a_plan_that_breaks_one_of_these_is_seen_by_the_invariants() -> None:
    world = running()
    snapshot = world.snapshot()
    given = act.SetRouting("nginx", Routing(0, additional=BOTH), world.now)
    assert "although no experiment knows that it comes" in broken(snapshot, plan_of(given))[0]
    world.run()
    (name,) = world.trials
    let_go = act.MarkExperiment(name, "2", in_traffic=False)
    assert "is let go although a router" in broken(world.snapshot(), plan_of(let_go))[0]
    much = Routing(90, additional=BOTH)
    found = broken(world.snapshot(), plan_of(act.SetRouting("nginx", much, world.now)))
    assert "the weights add up to 105, over 100" in found


def plan_of(action: act.Action) -> act.Plan:
    return act.Plan(actions=(action,))


def test_with_its_router_left_behind_it_goes_back_too_and_only_then_all_is_let_go() -> None:
    world = running()
    world.run()
    assert world.routing.additional == BOTH

    seen = world.snapshot
    problem = FieldProblem("spec.strategy.canary.trafficRouting", "was taken out")
    world.snapshot = lambda: dataclasses.replace(  # type: ignore[method-assign]
        seen(), leaving=True, problems=(problem,)
    )
    world.reconcile(lambda action: not isinstance(action, act.LetGo))
    assert world.routing == Routing(0)
    assert not any(isinstance(action, act.LetGo) for action in world.last.actions)
    world.now += timedelta(seconds=5)
    world.reconcile()
    assert not world.noted, "its pods may go now"
    world.reconcile()
    assert any(isinstance(action, act.LetGo) for action in world.last.actions)

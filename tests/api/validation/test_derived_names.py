"""Names that are made of those which users give are judged before anything is created."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from api.worlds import World, put
from serinus.api.experiment import Experiment
from serinus.api.names import REVISION
from serinus.api.validation.derived import canary_ingress_name
from serinus.api.validation.experiment import validate_experiment
from serinus.api.validation.labels import is_object_name
from serinus.api.wire import decode

C = "spec.strategy.canary."
E = C + "steps[3].experiment."
STEP = {
    "experiment": {
        "templates": [{"name": "baseline", "specRef": "stable", "service": {}}],
        "analyses": [{"name": "errors", "templateName": "errors", "args": []}],
    }
}
ARGS = [{"name": "revision", "valueFrom": {"podTemplateHashValue": "Latest"}}]


def world_of(name: str, template: dict[str, Any] | None = None, revision: str = "") -> World:
    world = World()
    rollout = world.rollout
    put(rollout, "metadata.name", name)
    if revision:
        put(rollout, "metadata.annotations", {REVISION: revision})
    step: Any = yaml.safe_load(yaml.safe_dump(STEP))
    step["experiment"]["analyses"][0]["args"] = ARGS
    step["experiment"]["templates"][0] |= template or {}
    rollout["spec"]["strategy"]["canary"]["steps"].append(step)
    return world


def errors(world: World) -> list[str]:
    return [str(problem) for problem in world.findings().errors]


def warnings(world: World) -> list[str]:
    return [str(problem) for problem in world.findings().warnings]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("s" * 40, "is over 63 characters"),
        ("shop.v2", "has a dot"),
        ("2nd-shop", "begins with a digit"),
    ],
)
def test_a_service_of_an_experiment_step_that_no_server_accepts(name: str, why: str) -> None:
    told = errors(world_of(name))
    assert len(told) == 1
    assert told[0].startswith(f"{E}templates[0].service: its Service would be called '{name}")
    assert told[0].endswith(f"which {why}; give it another name in service.name")
    assert errors(world_of(name, {"service": {"name": "baseline"}})) == []
    assert errors(world_of(name, {"service": None})) == []


def test_a_weight_makes_a_service_too() -> None:
    told = errors(world_of("shop.v2", {"service": None, "weight": 5}))
    assert any(one.startswith(f"{E}templates[0].weight: its Service would be") for one in told)


def test_what_fits_only_at_low_revisions_is_said_and_held_when_it_fits_no_more() -> None:
    name = "s" * 39  # 63 with hash, revision 1, step and template
    assert errors(world_of(name)) == []
    assert warnings(world_of(name)) == [
        f"{E}templates[0].service: the name of its Service grows with revisions and retries, up to "
        "68 characters of 63; give it one in service.name"
    ]
    assert warnings(world_of("s" * 34)) == []
    assert "is over 63 characters" in errors(world_of(name, revision="10"))[0]


def test_a_name_of_an_analysis_run_has_room_for_its_revision_and_step() -> None:
    fits = 253 - len("-hhhhhhhhhh-1-2")
    world = World()
    put(world.rollout, "metadata.name", "s" * fits)
    assert errors(world) == []
    put(world.rollout, "metadata.name", "s" * (fits + 2))
    assert errors(world) == [
        "metadata.name: the name of its AnalysisRun would have 255 characters, 253 at most; "
        "make it 2 shorter"
    ]


def test_names_of_what_an_experiment_step_makes_have_room() -> None:
    told = errors(world_of("s" * 232, {"name": "b" * 8, "service": None}))
    assert told == [
        f"{E}templates[0].name: the name of its ReplicaSet would have 256 characters, 253 at most; "
        "make it 3 shorter",
        f"{E}analyses[0].name: the name of its AnalysisRun would have 254 characters, 253 at most; "
        "make it 1 shorter",
    ]


def test_an_experiment_takes_no_service_of_the_release() -> None:
    told = errors(world_of("shop", {"service": {"name": "shop-stable"}}))
    assert told == [
        f"{E}templates[0].service.name: 'shop-stable' is the stableService of this Rollout; "
        "name another Service"
    ]


def test_canary_ingresses_of_one_name_are_told() -> None:
    world = World()
    put(world.rollout, "metadata.name", "s" * 225)
    stable = ["i" * 40 + "-a", "i" * 40 + "-b"]
    put(world.rollout, C + "trafficRouting.nginx", {"stableIngresses": stable})
    assert any(
        one.startswith(f"{C}trafficRouting.nginx.stableIngresses[1]: the canary Ingresses of")
        for one in errors(world)
    )
    put(world.rollout, "metadata.name", "shop")
    assert errors(world) == []


def test_the_name_of_a_canary_ingress_is_one_wherever_it_is_cut() -> None:
    for length in range(200, 254):
        name = canary_ingress_name("s" * length, "a.b.c")
        assert is_object_name(name), name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("e" * 60, "spec.templates[0].service: its Service would be called 'eeee"),
        ("e" * 250, "spec.templates[0].name: the name of its ReplicaSet would have 254 characters"),
        ("e" * 252, "spec.analyses[0].name: the name of its AnalysisRun would have 254 characters"),
        ("0e", "which begins with a digit; give it another name in service.name"),
    ],
)
def test_names_of_what_an_experiment_makes(name: str, expected: str) -> None:
    pods = {
        "metadata": {"labels": {"app": "e"}},
        "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]},
    }
    template = {"name": "one", "selector": {"matchLabels": {"app": "e"}}, "template": pods}
    document = {
        "metadata": {"name": name, "namespace": "prod"},
        "spec": {
            "templates": [{**template, "service": {}}],
            "analyses": [{"name": "a", "templateName": "errors"}],
        },
    }
    told = [str(problem) for problem in validate_experiment(decode(Experiment, document))]
    assert any(expected in one for one in told), told
    document["metadata"]["name"] = "e"
    assert list(validate_experiment(decode(Experiment, document))) == []

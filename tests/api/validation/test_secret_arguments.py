"""A secret goes to a provider and nowhere else, whatever way it takes to a metric."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from api.worlds import World, put
from serinus.api.analysis import AnalysisTemplate, ClusterAnalysisTemplate
from serinus.api.reading import read
from serinus.api.validation.check import check
from serinus.core.analysis.checks import LANGUAGE

STEP = "spec.strategy.canary.steps[2].analysis"
SECRET = {"secretKeyRef": {"name": "vault", "key": "token"}}
NESTED = """
apiVersion: argoproj.io/v1alpha1
kind: ClusterAnalysisTemplate
metadata: {name: latency}
spec:
  args: [{name: token}]
  metrics:
  - name: latency
    successCondition: 'result[0] < {{args.token}}'
    provider: {prometheus: {address: "http://p:9090", query: latency}}
"""


def nested_world() -> World:
    """`errors` has a secret and names `latency`, whose condition uses it."""
    world = World()
    world.add(NESTED)
    template = world.of("AnalysisTemplate")
    put(template, "spec.args", [{"name": "revision"}, {"name": "token", "valueFrom": SECRET}])
    put(template, "spec.templates", [{"templateName": "latency", "clusterScope": True}])
    return world


def test_a_secret_that_reaches_a_condition_of_a_nested_template_is_named() -> None:
    assert nested_world().told() == [
        f"{STEP}.templates: ClusterAnalysisTemplate latency: spec.metrics[0].successCondition: "
        "{{args.token}} is a secret; pass it by value"
    ]


def test_through_two_templates_and_the_other_way_round() -> None:
    world = nested_world()
    inner = world.of("ClusterAnalysisTemplate")
    put(inner, "spec.templates", [{"templateName": "errors-by-zone", "clusterScope": True}])
    put(inner, "spec.metrics.0.successCondition", "result[0] < 1")
    world.add(NESTED.replace("latency", "errors-by-zone").replace("token", "zone"))
    put(world.of("AnalysisTemplate"), "spec.args.1.name", "zone")
    put(inner, "spec.args", [])
    deep = f"{STEP}.templates: ClusterAnalysisTemplate errors-by-zone: spec.metrics[0]."
    assert world.told() == [deep + "successCondition: {{args.zone}} is a secret; pass it by value"]
    # the secret is declared at the bottom, and shows at the top
    put(world.of("ClusterAnalysisTemplate", "errors-by-zone"), "spec.args.0.valueFrom", SECRET)
    put(
        world.of("ClusterAnalysisTemplate", "errors-by-zone"), "spec.metrics.0.successCondition", ""
    )
    put(world.of("AnalysisTemplate"), "spec.args", [{"name": "revision"}])
    put(
        world.of("AnalysisTemplate"), "spec.metrics.0.failureCondition", "result[0] > {{args.zone}}"
    )
    assert world.told() == [
        f"{STEP}.templates: AnalysisTemplate errors: spec.metrics[0].failureCondition: "
        "{{args.zone}} is a secret; pass it by value"
    ]


def test_a_value_that_the_step_passes_takes_its_place() -> None:
    world = nested_world()
    args = "spec.strategy.canary.steps.2.analysis.args"
    step: list[Any] = world.rollout["spec"]["strategy"]["canary"]["steps"][2]["analysis"]["args"]
    put(world.rollout, args, [*step, {"name": "token", "value": "0.5"}])
    assert world.told() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("failureCondition", "result[0] > {{ args.token }}"),
        ("interval", "{{args.token}}"),
        ("count", "{{args.token}}"),
        ("failureLimit", "{{args.token}}"),
        ("provider.prometheus.rangeQuery.start", "now() - duration('{{args.token}}')"),
    ],
)
def test_it_is_named_wherever_it_would_be_read_or_shown(field: str, value: str) -> None:
    world = nested_world()
    put(world.of("ClusterAnalysisTemplate"), "spec.metrics.0.successCondition", "result[0] < 1")
    assert world.told() == []
    put(world.of("ClusterAnalysisTemplate"), f"spec.metrics.0.{field}", value)
    told = [one for one in world.told() if "is a secret" in one]
    assert len(told) == 1
    assert f"spec.metrics[0].{field}: {{{{args.token}}}} is a secret" in told[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("query", "latency{key='{{args.token}}'}"),
        ("headers", [{"key": "Authorization", "value": "Bearer {{args.token}}"}]),
        ("authentication", {"basicAuth": {"username": "u", "password": "{{args.token}}"}}),
    ],
)
def test_what_is_sent_to_the_provider_may_hold_it(field: str, value: Any) -> None:
    world = nested_world()
    inner = world.of("ClusterAnalysisTemplate")
    put(inner, "spec.metrics.0.successCondition", "result[0] < 1")
    put(inner, f"spec.metrics.0.provider.prometheus.{field}", value)
    assert world.told() == []


def test_a_template_is_told_of_those_that_it_names_before_a_rollout_uses_it() -> None:
    world = nested_world()
    found = check(read(AnalysisTemplate, world.of("AnalysisTemplate")), world, LANGUAGE)
    assert [str(problem) for problem in found.errors] == [
        "spec.templates: ClusterAnalysisTemplate latency: spec.metrics[0].successCondition: "
        "{{args.token}} is a secret; pass it by value"
    ]
    inner = read(ClusterAnalysisTemplate, world.of("ClusterAnalysisTemplate"))
    assert check(inner, world, LANGUAGE).errors == ()


def test_templates_that_name_each_other_are_read_once() -> None:
    world = World()
    put(world.of("AnalysisTemplate"), "spec.templates", [{"templateName": "errors"}])
    assert world.told() == []
    found = check(read(AnalysisTemplate, world.of("AnalysisTemplate")), world, LANGUAGE)
    assert found.problems() == ()


def test_a_step_that_names_two_templates_shares_its_secrets_with_both() -> None:
    world = nested_world()
    put(world.of("AnalysisTemplate"), "spec.templates", [])
    refs = yaml.safe_load("[{templateName: errors}, {templateName: latency, clusterScope: true}]")
    put(world.rollout, "spec.strategy.canary.steps.2.analysis.templates", refs)
    assert [one for one in world.told() if "is a secret" in one] == [
        f"{STEP}.templates: ClusterAnalysisTemplate latency: spec.metrics[0].successCondition: "
        "{{args.token}} is a secret; pass it by value"
    ]

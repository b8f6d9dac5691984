"""What a Rollout refers to: missing things are waited for, wrong ones are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from api.worlds import World, put
from serinus.api.findings import Missing
from serinus.core.analysis.checks import LANGUAGE

C = "spec.strategy.canary."
STEP = C + "steps[2].analysis"


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("Service", "shop-canary", C + "canaryService"),
        ("Service", "shop-stable", C + "stableService"),
        ("Ingress", "shop", C + "trafficRouting.nginx.stableIngress"),
        ("AnalysisTemplate", "errors", STEP + ".templates[0]"),
    ],
)
def test_what_is_not_there_is_waited_for(kind: str, name: str, path: str) -> None:
    world = World()
    world.remove(kind, name)
    found = world.findings()
    waiting = Missing(path, f"waiting for {kind} {name} in namespace prod")
    assert (found.errors, found.missing) == ((), (waiting,))
    assert found.problems() == (waiting,)


def test_a_cluster_template_is_looked_for_without_namespace() -> None:
    world = World()
    ref = {"templateName": "errors", "clusterScope": True}
    put(world.rollout, C + "steps.2.analysis.templates", [ref])
    assert world.told() == [
        STEP + ".templates[0]: waiting for ClusterAnalysisTemplate errors",
    ]
    template = world.of("AnalysisTemplate")
    world.documents.append({**template, "kind": "ClusterAnalysisTemplate"})
    put(world.of("ClusterAnalysisTemplate"), "metadata", {"name": "errors"})
    assert world.told() == []


def test_a_service_that_would_select_none_of_the_pods() -> None:
    world = World()
    put(world.of("Service"), "spec.selector", {"app": "shop", "role": "canary"})
    assert world.told() == [
        C + "canaryService: Service shop-canary selects role=canary, which the pods of "
        "spec.template do not carry; it would select none of them"
    ]


def test_a_canary_service_without_the_port_to_which_the_ingress_leads() -> None:
    world = World()
    ports = [{"name": "web", "port": 8080}, {"name": "metrics", "port": 9090}]
    put(world.of("Service", "shop-canary"), "spec.ports", ports)
    assert world.told() == [
        C + "canaryService: Service shop-canary has no port 80, to which Ingress shop leads; it "
        "has 8080, 9090, metrics, web"
    ]
    rule = "spec.rules.0.http.paths.0.backend.service.port"
    put(world.of("Ingress"), rule, {"name": "web"})
    assert world.told() == []
    put(world.of("Ingress"), rule, {"name": "http"})
    assert "has no port http, to which" in world.told()[0]
    put(world.of("Service", "shop-canary"), "spec.ports", [])
    assert world.told() == [], "no port at all is said by the server"


def test_the_hash_in_a_selector_is_ours_and_does_not_count() -> None:
    world = World()
    selector = {"app": "shop", "rollouts-pod-template-hash": "abc"}
    put(world.of("Service"), "spec.selector", selector)
    assert world.told() == []


def test_a_service_without_selector_and_one_of_another_rollout() -> None:
    world = World()
    put(world.of("Service", "shop-stable"), "spec.selector", {})
    managed = {"argo-rollouts.argoproj.io/managed-by-rollouts": "other"}
    put(world.of("Service", "shop-canary"), "metadata.annotations", managed)
    assert world.told() == [
        C + "canaryService: Service shop-canary is managed by the Rollout other (its annotation "
        "argo-rollouts.argoproj.io/managed-by-rollouts) until that is deleted; name another "
        "Service",
        C + "stableService: Service shop-stable has no selector; it must select the pods",
    ]


def test_an_ingress_that_does_not_lead_to_stable() -> None:
    world = World()
    put(world.rollout, C + "stableService", "other")
    world.add(
        "{apiVersion: v1, kind: Service, metadata: {name: other, namespace: prod},"
        " spec: {selector: {app: shop}}}"
    )
    assert world.told() == [
        C + "trafficRouting.nginx.stableIngress: Ingress shop has no rule with a path to Service "
        "other; it has shop-stable"
    ]


def test_every_one_of_several_ingresses_is_looked_at() -> None:
    world = World()
    put(world.rollout, C + "trafficRouting.nginx", {"stableIngresses": ["shop", "shop-2"]})
    assert world.told() == [
        C + "trafficRouting.nginx.stableIngresses[1]: waiting for Ingress shop-2 in namespace prod"
    ]


def test_an_object_of_which_nothing_can_be_made_is_named() -> None:
    world = World()
    put(world.of("AnalysisTemplate"), "spec.metrics", 5)
    assert len(world.told()) == 1
    assert "AnalysisTemplate errors in namespace prod cannot be read" in world.told()[0]


# --- Templates -----------------------------------------------------------------------------------

M = "spec.metrics.0."
T = "AnalysisTemplate errors: spec.metrics[0]."
METRICS: list[tuple[str, Any, str]] = [
    (M + "interval", "5 minutes", T + "interval: '5 minutes' is not a duration"),
    (M + "initialDelay", "soon", T + "initialDelay: 'soon' is not a duration"),
    (M + "interval", ..., T + "interval: is missing; 3 measurements need one"),
    (M + "count", ..., T + "count: is missing, so metric errors never ends"),
    (M + "count", "many", T + "count: 'many' is no whole number"),
    (M + "count", -1, T + "count: -1 must be 0 or more"),
    (M + "failureLimit", -2, T + "failureLimit: -2 must be -1 or more"),
    (M + "failureLimit", -1, T + "failureLimit: -1 tolerates every failure"),
    (M + "failureLimit", 4, T + "count: 3 is less than failureLimit + consecutiveSuccessLimit (4)"),
    (M + "consecutiveSuccessLimit", 4, T + "count: 3 is less than failureLimit"),
    (M + "inconclusiveLimit", 4, T + "count: 3 is less than inconclusiveLimit"),
    (M + "consecutiveErrorLimit", -1, T + "consecutiveErrorLimit: -1 must be 0 or more"),
    (M + "noDataLimit", -1, T + "noDataLimit: -1 must be 0 or more"),
    (M + "onNoData", "panic", T + "onNoData: 'panic' must be one of error, fail, skip"),
    (M + "provider", {}, T + "provider: needs exactly one provider, has none"),
    (M + "provider.prometheus.query", "", T + "provider.prometheus.query: is missing"),
    (
        M + "provider.prometheus.query",
        'a{ns="{{namespace}}"}',
        T + "provider.prometheus.query: {{namespace}} is no argument; did you mean "
        "{{args.namespace}}?",
    ),
    (
        M + "provider.prometheus.query",
        "a{{{args.x}}}",
        T + "provider.prometheus.query: {{{args.x}} is no argument; write {{args.x}}, and a space "
        "between other braces and it",
    ),
    (
        M + "provider.prometheus.query",
        "a{ns='{{args.ns}'}",
        T + "provider.prometheus.query: has {{ without }}; write {{args.name}}",
    ),
    (
        M + "provider.prometheus.authentication",
        {"sigv4": {"region": "eu"}},
        T + "provider.prometheus.authentication.sigv4: is not supported yet; use basicAuth",
    ),
    (
        M + "provider.prometheus.authentication",
        {"basicAuth": {"username": "u"}, "oauth2": {"tokenUrl": "t"}},
        T + "provider.prometheus.authentication: has basicAuth and oauth2; keep one",
    ),
    (
        M + "provider.prometheus.authentication",
        {"oauth2": {"tokenUrl": "t", "clientId": "i"}},
        T + "provider.prometheus.authentication.oauth2.clientSecret: is missing",
    ),
    (M + "provider.prometheus.timeout", -1, T + "provider.prometheus.timeout: -1 must be 0"),
    (
        M + "provider.prometheus.rangeQuery",
        {"start": "now()", "end": "now()", "step": "often"},
        T + "provider.prometheus.rangeQuery.step: 'often' is not a duration",
    ),
    (M + "successCondition", "result[0", T + "successCondition: "),
    (
        "spec.dryRun",
        [{"metricName": "["}],
        "spec.dryRun[0].metricName: invalid regular expression '['",
    ),
    (
        "spec.measurementRetention",
        [{"metricName": "(?=errors)", "limit": 3}],
        "spec.measurementRetention[0].metricName: invalid regular expression '(?=errors)'",
    ),
]


@pytest.mark.parametrize(("path", "value", "expected"), METRICS)
def test_rules_of_metrics(path: str, value: Any, expected: str) -> None:
    world = World()
    put(world.of("AnalysisTemplate"), path, value)
    found = world.findings()
    assert any(expected in str(error) for error in found.errors), found.errors
    assert {error.path for error in found.errors} == {STEP + ".templates[0]"}


def test_empty_ways_to_log_in_change_nothing() -> None:
    world = World()
    empty: dict[str, Any] = {"sigv4": {}, "basicAuth": {}, "oauth2": {}}
    put(world.of("AnalysisTemplate"), M + "provider.prometheus.authentication", empty)
    assert world.told() == []


def test_limits_that_an_argument_fills_in_are_left_alone() -> None:
    world = World()
    template = world.of("AnalysisTemplate")
    for name in ("count", "failureLimit", "interval", "successCondition"):
        put(template, M + name, "{{args.revision}}")
    strict = replace(LANGUAGE, condition=lambda text: "not understood")
    assert world.findings(strict).errors == ()


def test_a_problem_of_a_template_is_told_once_however_many_steps_name_it() -> None:
    world = World()
    steps = world.rollout["spec"]["strategy"]["canary"]["steps"]
    steps += [steps[2], steps[2]]
    put(world.of("AnalysisTemplate"), M + "count", -1)
    assert len(world.findings().errors) == 1


def test_nested_templates_are_followed_and_a_circle_ends() -> None:
    world = World()
    put(world.of("AnalysisTemplate"), "spec.templates", [{"templateName": "inner"}])
    assert world.told() == [
        STEP + ".templates[0]: waiting for AnalysisTemplate inner in namespace prod"
    ]
    world.add("""
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: inner, namespace: prod}
spec:
  templates: [{templateName: errors}]
  args: [{name: limit}, {name: revision, value: x}]
  metrics:
  - {name: other, provider: {prometheus: {query: 'up > {{ args.limit }}'}}}
""")
    assert world.told() == [
        STEP + ".args: missing arg `limit`, used by metric other of AnalysisTemplate inner: "
        "add it under steps[2].analysis.args, for example `- name: limit` with `value: ...`"
    ]


def test_two_metrics_of_one_name_and_two_values_of_one_argument() -> None:
    world = World()
    text = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: %s, namespace: prod}
spec:
  args: [{name: zone, value: %s}]
  metrics: [{name: errors, provider: {prometheus: {query: up}}}]
"""
    world.add(text % ("one", "a"))
    world.add(text % ("two", "b"))
    refs = [{"templateName": name} for name in ("one", "two")]
    put(world.rollout, C + "steps.2.analysis.templates", refs)
    assert world.told() == [
        STEP + ".templates: one and two both have a metric errors",
        STEP + ".templates: one and two have different values for arg zone",
    ]


def test_a_missing_argument_names_every_step_that_has_to_pass_it() -> None:
    world = World()
    steps = world.rollout["spec"]["strategy"]["canary"]["steps"]
    steps.append({"analysis": {"templates": [{"templateName": "errors"}]}})
    steps.append({"analysis": {"templates": [{"templateName": "errors"}]}})
    assert world.told() == [
        C + "steps[3].analysis.args: missing arg `revision`, used by metric errors of "
        "AnalysisTemplate errors: add it under steps[3].analysis.args and steps[4].analysis.args, "
        "for example `- name: revision` with `valueFrom: {podTemplateHashValue: Latest}`"
    ]


def test_what_is_passed_must_be_declared_to_be_filled_in() -> None:
    world = World()
    put(world.of("AnalysisTemplate"), "spec.args", [])
    assert world.told() == [
        STEP + ": missing arg `revision`, used by metric errors of AnalysisTemplate errors: "
        "declare it in the template (spec.args: `- name: revision`)"
    ]


def test_defaults_and_secrets_count_as_values() -> None:
    world = World()
    put(world.rollout, C + "steps.2.analysis.args", ...)
    secret = {"secretKeyRef": {"name": "s", "key": "k"}}
    for argument in ({"value": ""}, {"value": "x"}, {"valueFrom": secret}):
        put(world.of("AnalysisTemplate"), "spec.args", [{"name": "revision", **argument}])
        assert world.told() == []


def test_rules_of_a_template_that_fit_no_metric_of_the_analysis() -> None:
    world = World()
    other = world.of("AnalysisTemplate")
    world.documents.append(yaml.safe_load(yaml.safe_dump(other)))
    put(world.documents[-1], "metadata.name", "latency")
    put(world.documents[-1], "spec.metrics.0.name", "latency")
    put(other, "spec.dryRun", [{"metricName": "latency"}])
    refs = C + "steps.2.analysis.templates"
    named = f"{STEP}.templates: AnalysisTemplate "
    assert world.told() == [
        f"{named}errors: spec.dryRun[0].metricName: 'latency' fits no metric; there are errors"
    ]
    put(world.rollout, refs, [{"templateName": "errors"}, {"templateName": "latency"}])
    assert world.told() == []
    put(world.documents[-1], "spec.dryRun", [{"metricName": "latency"}])
    assert world.told() == [
        f"{named}latency: spec.dryRun: 'latency' is in AnalysisTemplate errors too"
    ]

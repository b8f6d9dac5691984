"""Rules of Experiments and AnalysisRuns by themselves."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from api.worlds import put
from serinus.api.analysis import AnalysisRun, AnalysisTemplate
from serinus.api.experiment import Experiment
from serinus.api.validation.analysis import validate_run_spec
from serinus.api.validation.check import check_references
from serinus.api.validation.experiment import validate_experiment
from serinus.api.wire import decode
from serinus.core.analysis.checks import LANGUAGE

EXPERIMENT = """
metadata: {name: e, namespace: prod}
spec:
  duration: 10m
  templates:
  - name: one
    selector: {matchLabels: {app: e}}
    template:
      metadata: {labels: {app: e}}
      spec: {containers: [{name: c, image: shop:v1}]}
  analyses: [{name: a, templateName: errors}]
"""
RUN = """
metadata: {name: r, namespace: prod}
spec:
  args: [{name: x, value: "1"}]
  metrics:
  - {name: m, provider: {prometheus: {query: up}}}
"""


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("spec.duration", "long", "spec.duration: 'long' is not a duration"),
        ("spec.templates", [], "spec.templates: is empty"),
        ("spec.templates.0.selector", ..., "spec.templates[0].selector: is missing"),
        ("spec.templates.0.selector", {}, "spec.templates[0].selector: is empty"),
        ("spec.templates.0.minReadySeconds", 601, "spec.templates[0].minReadySeconds: 601 is more"),
        ("spec.templates.0.template.spec.containers", [], "template.spec.containers: is empty"),
        ("spec.templates.0.name", "", "spec.templates[0].name: '' is empty or repeated"),
        ("spec.templates.0.name", "A b", "spec.templates[0].name: 'A b': use lower-case letters"),
        (
            "spec.templates.0.template.metadata.labels",
            {"app": "x"},
            "spec.templates[0].template.metadata.labels: do not match the selector",
        ),
        ("spec.scaleDownDelaySeconds", -1, "spec.scaleDownDelaySeconds: -1 must be 0 or more"),
        (
            "spec.dryRun",
            [{"metricName": "m"}, {"metricName": "m"}],
            "spec.dryRun[1].metricName: 'm' is repeated",
        ),
        (
            "spec.analysisRunMetadata",
            {"labels": {"a": "b c"}},
            "spec.analysisRunMetadata.labels.a: 'b c' is no label value",
        ),
        ("spec.analyses.0.templateName", "", "spec.analyses[0].templateName: is missing"),
        ("spec.templates.0.service", {}, "spec.templates[0].service: needs a container with ports"),
        (
            "spec.templates.0.service",
            {"name": "My_Svc"},
            "spec.templates[0].service.name: 'My_Svc': use at most 63 lower-case letters",
        ),
        ("spec.analyses.0.name", "Bad_Name", "spec.analyses[0].name: 'Bad_Name': use lower-case"),
        ("spec.analyses.0.args", [{"name": "x"}], "spec.analyses[0].args[0]: 'x' has no value"),
        (
            "spec.analyses.0.args",
            [{"name": "x", "value": "{{ templates.two.podTemplateHash }}"}],
            "spec.analyses[0].args[0].value: {{templates.two.podTemplateHash}} is not known; there "
            "are: experiment.availableAt, experiment.finishedAt, templates.one.podTemplateHash, "
            "templates.one.replicaset.name",
        ),
        (
            "spec.templates.0.selector.matchLabels.tier",
            "front",
            "spec.templates[0].template.metadata.labels: do not match the selector",
        ),
    ],
)
def test_rules_of_experiments(path: str, value: Any, expected: str) -> None:
    document = yaml.safe_load(EXPERIMENT)
    assert list(validate_experiment(decode(Experiment, document))) == []
    put(document, path, value)
    told = [str(p) for p in validate_experiment(decode(Experiment, document))]
    assert any(expected in text for text in told), told


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("spec.metrics", [], "spec.metrics: is empty"),
        ("spec.args.0.value", ..., "spec.args[0]: 'x' has no value"),
        ("spec.args", [{"name": "x", "value": "1"}] * 2, "spec.args[1].name: is empty or repeated"),
        (
            "spec.args.0.valueFrom",
            {"secretKeyRef": {"name": "s", "key": "k"}},
            "spec.args[0]: has value and valueFrom; keep one",
        ),
        ("spec.args.0", {"name": "x", "valueFrom": {}}, "spec.args[0].valueFrom: needs one of"),
        (
            "spec.args.0",
            {"name": "x", "valueFrom": {"secretKeyRef": {"name": "s"}}},
            "spec.args[0].valueFrom.secretKeyRef: needs name and key",
        ),
        (
            "spec.ttlStrategy",
            {"secondsAfterFailure": -1},
            "spec.ttlStrategy.secondsAfterFailure: -1 must be 0 or more",
        ),
        (
            "spec.measurementRetention",
            [{"metricName": "m", "limit": -1}],
            "spec.measurementRetention[0].limit: -1 must be 0 or more",
        ),
        ("spec.dryRun", [{"metricName": "z"}], "spec.dryRun[0].metricName: 'z' fits no metric"),
        (
            "spec.metrics.0.provider.prometheus.query",
            "up{a='{{args.y}}'}",
            "spec.metrics[0]: uses {{args.y}}, which is not in spec.args",
        ),
        (
            "spec.measurementRetention",
            [{"metricName": "m", "limit": 1}, {"metricName": "m", "limit": 2}],
            "spec.measurementRetention[1].metricName: 'm' is repeated",
        ),
    ],
)
def test_rules_of_runs(path: str, value: Any, expected: str) -> None:
    document = yaml.safe_load(RUN)
    assert list(validate_run_spec(decode(AnalysisRun, document).spec, LANGUAGE)) == []
    put(document, path, value)
    told = [str(p) for p in validate_run_spec(decode(AnalysisRun, document).spec, LANGUAGE)]
    assert any(expected in text for text in told), told


def test_a_service_that_is_called_as_the_replica_set_needs_a_name_that_a_service_may_have() -> None:
    document = yaml.safe_load(EXPERIMENT)
    container = document["spec"]["templates"][0]["template"]["spec"]["containers"][0]
    container["ports"] = [{"containerPort": 80}]
    document["spec"]["templates"][0]["service"] = {}
    assert list(validate_experiment(decode(Experiment, document))) == []
    document["metadata"]["name"] = "v1.2"
    assert [str(p) for p in validate_experiment(decode(Experiment, document))] == [
        "spec.templates[0].service: its Service would be called 'v1.2-one', which has a dot; "
        "give it another name in service.name"
    ]


def test_a_condition_that_uses_a_secret_is_named_before_anything_is_measured() -> None:
    document = yaml.safe_load(RUN)
    secret = {"secretKeyRef": {"name": "s", "key": "k"}}
    document["spec"]["args"] = [{"name": "x", "valueFrom": secret}]
    document["spec"]["metrics"][0]["successCondition"] = "result[0] < {{ args.x }}"
    told = [str(p) for p in validate_run_spec(decode(AnalysisRun, document).spec, LANGUAGE)]
    assert told == ["spec.metrics[0].successCondition: {{args.x}} is a secret; pass it by value"]


def test_a_secret_that_an_experiment_passes_is_no_part_of_a_condition() -> None:
    document = yaml.safe_load(EXPERIMENT)
    secret = {"secretKeyRef": {"name": "s", "key": "k"}}
    document["spec"]["analyses"][0]["args"] = [{"name": "x", "valueFrom": secret}]
    metric = {
        "name": "m",
        "successCondition": "result[0] < {{args.x}}",
        "provider": {"prometheus": {"query": "up"}},
    }
    template = {
        "metadata": {"name": "errors", "namespace": "prod"},
        "spec": {"args": [{"name": "x"}], "metrics": [metric]},
    }

    class Only:
        def get(self, kind: Any, namespace: str, name: str) -> Any:
            return decode(kind, template) if kind is AnalysisTemplate else None

    told = check_references(decode(Experiment, document), Only(), LANGUAGE).problems()
    assert [str(problem) for problem in told] == [
        "spec.analyses[0].args: AnalysisTemplate errors: spec.metrics[0].successCondition: "
        "{{args.x}} is a secret; pass it by value"
    ]

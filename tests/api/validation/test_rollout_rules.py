"""Every rule of a Rollout's own spec: what breaks it, and what is said."""

from __future__ import annotations

from typing import Any

import pytest

from api.worlds import World, put

C = "spec.strategy.canary."
BREAKS: list[tuple[str, Any, str]] = [
    ("spec.replicas", -1, "spec.replicas: -1 must be 0 or more"),
    ("spec.minReadySeconds", -1, "spec.minReadySeconds: -1 must be 0 or more"),
    (
        "spec.minReadySeconds",
        600,
        "spec.progressDeadlineSeconds: 600 must be greater than minReadySeconds (600)",
    ),
    (
        "spec.progressDeadlineSeconds",
        0,
        "spec.progressDeadlineSeconds: 0 must be greater than minReadySeconds (0)",
    ),
    ("spec.revisionHistoryLimit", -2, "spec.revisionHistoryLimit: -2 must be 0 or more"),
    ("spec.rollbackWindow", {"revisions": -1}, "spec.rollbackWindow.revisions: -1 must be"),
    (
        "spec.analysis",
        {"unsuccessfulRunHistoryLimit": -1},
        "spec.analysis.unsuccessfulRunHistoryLimit: -1 must be 0 or more",
    ),
    ("spec.selector", ..., "spec.selector: is missing"),
    ("spec.selector", {}, "spec.selector: is empty"),
    ("spec.selector.matchLabels", {"app": "x y"}, "spec.selector.matchLabels.app: 'x y' is no"),
    (
        "spec.selector.matchExpressions",
        [{"key": "app", "operator": "in", "values": ["shop"]}],
        "spec.selector.matchExpressions[0].operator: must be one of In",
    ),
    (
        "spec.selector.matchExpressions",
        [{"key": "app", "operator": "In"}],
        "spec.selector.matchExpressions[0].values: operator In needs values",
    ),
    (
        "spec.selector.matchLabels",
        {"app": "other"},
        "spec.template.metadata.labels: do not match spec.selector",
    ),
    ("spec.template", ..., "spec.template: is missing"),
    ("spec.strategy", {}, "spec.strategy: needs one of canary and blueGreen, has neither"),
    ("spec.strategy.blueGreen", {"activeService": "a"}, "canary and blueGreen, has both"),
    (C + "canaryService", "", C + "canaryService: is missing; the nginx router needs it"),
    (C + "stableService", ..., C + "stableService: is missing"),
    (C + "stableService", "shop-canary", C + "canaryService: 'shop-canary' is the stableService"),
    (C + "maxSurge", "a lot", C + "maxSurge: 'a lot' is neither a whole number nor a percentage"),
    (C + "maxUnavailable", -1, C + "maxUnavailable: -1 must be 0 or more"),
    (C + "abortScaleDownDelaySeconds", -1, C + "abortScaleDownDelaySeconds: -1 must be"),
    (C + "trafficRouting.nginx", {}, C + "trafficRouting.nginx.stableIngress: is missing"),
    (
        C + "trafficRouting.nginx.stableIngresses",
        ["a"],
        C + "trafficRouting.nginx.stableIngresses: and stableIngress are both set",
    ),
    (
        C + "trafficRouting.nginx.annotationPrefix",
        "not a prefix",
        C + "trafficRouting.nginx.annotationPrefix: ",
    ),
    (C + "trafficRouting.maxTrafficWeight", 0, C + "trafficRouting.maxTrafficWeight: must be 1"),
    (
        C + "canaryMetadata",
        {"labels": {"app": "other"}},
        C + "canaryMetadata.labels.app: pods are selected by it",
    ),
    (
        C + "stableMetadata",
        {"labels": {"rollouts-pod-template-hash": "x"}},
        C + "stableMetadata.labels.rollouts-pod-template-hash: pods are selected by it",
    ),
    (
        C + "replicaProgressThreshold",
        {"type": "Share", "value": 1},
        C + "replicaProgressThreshold.type: 'Share' must be Percent or Pods",
    ),
    (
        C + "replicaProgressThreshold",
        {"type": "Percent", "value": 101},
        C + "replicaProgressThreshold.value: 101 must be 0 to 100",
    ),
    (C + "analysis", {"startingStep": 1}, C + "analysis.templates: is empty"),
    (C + "steps.0", {"setWeight": 101}, C + "steps[0].setWeight: 101 must be 0 to 100"),
    (C + "steps.0", {"setWeight": -1}, C + "steps[0].setWeight: -1 must be 0 to 100"),
    (C + "steps.0", {}, C + "steps[0]: does nothing"),
    (
        C + "steps.0",
        {"setWeight": 5, "pause": {}},
        C + "steps[0]: does setWeight and pause; write a step for each",
    ),
    (C + "steps.1.pause.duration", "5 min", C + "steps[1].pause.duration: '5 min' is not a"),
    (C + "steps.1.pause.duration", -3, C + "steps[1].pause.duration: -3 must not be negative"),
    (C + "steps.1.pause.duration", "-3s", C + "steps[1].pause.duration: -3s must not be"),
    (C + "steps.0", {"setCanaryScale": {}}, C + "steps[0].setCanaryScale: is empty"),
    (
        C + "steps.0",
        {"setCanaryScale": {"replicas": -1}},
        C + "steps[0].setCanaryScale.replicas: -1 must be 0 or more",
    ),
    (
        C + "steps.0",
        {"setCanaryScale": {"weight": 101}},
        C + "steps[0].setCanaryScale.weight: 101 must be 0 to 100",
    ),
    (
        C + "steps.0",
        {"setCanaryScale": {"matchTrafficWeight": True, "replicas": 1}},
        C + "steps[0].setCanaryScale.matchTrafficWeight: ends a scale",
    ),
    (C + "steps.2.analysis.templates", [], C + "steps[2].analysis.templates: is empty"),
    (
        C + "steps.2.analysis.templates",
        [{"templateName": "errors"}, {"templateName": "errors"}],
        C + "steps[2].analysis.templates[1]: errors is twice",
    ),
    (
        C + "steps.2.analysis.args.0.valueFrom",
        {"podTemplateHashValue": "Newest"},
        C + "steps[2].analysis.args[0].valueFrom.podTemplateHashValue: 'Newest' must be Latest",
    ),
    (
        C + "steps.2.analysis.args.0.valueFrom",
        {"fieldRef": {"fieldPath": "metadata.labels.app"}},
        C + "steps[2].analysis.args[0].valueFrom.fieldRef.fieldPath: 'metadata.labels.app'",
    ),
    (
        C + "steps.2.analysis.args.0.valueFrom",
        {},
        C + "steps[2].analysis.args[0].valueFrom: needs one of",
    ),
    (
        C + "steps.2.analysis.args.0.value",
        "x",
        C + "steps[2].analysis.args[0]: has value and valueFrom",
    ),
    (
        C + "steps.2.analysis.dryRun",
        [{"metricName": "*"}],
        C + "steps[2].analysis.dryRun[0].metricName: invalid regular expression '*'",
    ),
    (
        C + "steps.2.analysis.dryRun",
        [{"metricName": "(?<=e)rrors"}],
        C + "steps[2].analysis.dryRun[0].metricName: invalid regular expression '(?<=e)rrors'",
    ),
    (
        C + "steps.2.analysis.dryRun",
        [{"metricName": "latency"}],
        C + "steps[2].analysis.dryRun[0].metricName: 'latency' fits no metric; there are errors",
    ),
]
FINE: list[tuple[str, Any]] = [
    ("spec.replicas", 0),
    ("spec.progressDeadlineSeconds", 1),
    (C + "maxSurge", "25%"),
    (C + "maxUnavailable", 0),
    (C + "steps", []),
    (C + "steps.1.pause", {}),
    (C + "steps.1.pause.duration", "90"),
    (C + "steps.1.pause.duration", 90),
    (C + "steps.0", {"setWeight": 0}),
    (C + "steps.0", {"setCanaryScale": {"replicas": 2, "weight": 10}}),
    (C + "steps.0", {"setCanaryScale": {"matchTrafficWeight": True}}),
    (C + "trafficRouting.maxTrafficWeight", 1000),
    (C + "canaryMetadata", {"labels": {"role": "canary"}, "annotations": {"Team": "x y"}}),
    (C + "dynamicStableScale", True),
    (C + "steps.2.analysis.dryRun", [{"metricName": "err.*"}]),
    # Python's own engine does not know \\z, and may take for ever for nested repetitions
    (C + "steps.2.analysis.dryRun", [{"metricName": r"^errors\z"}]),
    (C + "steps.2.analysis.dryRun", [{"metricName": "^(err.*|(e+)+$)"}]),
    (C + "steps.2.analysis.args.0.valueFrom", {"fieldRef": {"fieldPath": "metadata.labels['a']"}}),
    (C + "steps.2.analysis.args.0.valueFrom", {"fieldRef": {"fieldPath": "status.phase"}}),
    (C + "minPodsPerReplicaSet", 2),
    (C + "scaleDownDelayRevisionLimit", 0),
    (C + "replicaProgressThreshold", {"type": "Percent", "value": 90}),
    ("spec.paused", True),
]


@pytest.mark.parametrize(("path", "value", "expected"), BREAKS)
def test_what_breaks_a_rule_is_told(path: str, value: Any, expected: str) -> None:
    world = World()
    put(world.rollout, path, value)
    assert any(expected in text for text in world.told()), world.told()
    assert world.findings().problems()


@pytest.mark.parametrize(("path", "value"), FINE)
def test_what_breaks_no_rule_is_accepted(path: str, value: Any) -> None:
    world = World()
    put(world.rollout, path, value)
    assert world.told() == []


def test_weights_go_up_to_the_total() -> None:
    world = World()
    put(world.rollout, C + "trafficRouting.maxTrafficWeight", 1000)
    put(world.rollout, C + "steps.0.setWeight", 1000)
    assert world.told() == []


def test_a_delay_does_not_go_with_a_shrinking_stable() -> None:
    world = World()
    put(world.rollout, C + "dynamicStableScale", True)
    put(world.rollout, C + "scaleDownDelaySeconds", 30)
    text = "scaleDownDelaySeconds: cannot be combined with dynamicStableScale; keep one"
    assert world.told() == [C + text]


def test_no_surge_and_nothing_unavailable_cannot_be() -> None:
    world = World()
    put(world.rollout, C + "maxSurge", "0%")
    put(world.rollout, C + "maxUnavailable", 0)
    assert world.told() == [C + "maxSurge: must not be 0 if maxUnavailable is 0"]


def test_all_errors_come_at_once() -> None:
    world = World()
    put(world.rollout, "spec.replicas", -1)
    put(world.rollout, C + "steps.0.setWeight", 200)
    put(world.rollout, "spec.template.spec.containers.0.image", "")
    assert [text.split(":")[0] for text in world.told()] == [
        "spec.replicas",
        "spec.template.spec.containers[0].image",
        C + "steps[0].setWeight",
    ]


POD = "spec.template.spec.containers.0."
PODS: list[tuple[str, Any, str]] = [
    ("spec.template.spec.containers", [], "spec.template.spec.containers: is empty"),
    (POD + "name", "Shop", "containers[0].name: 'Shop': use lower-case"),
    (POD + "image", " shop", "containers[0].image: ' shop' begins or ends with a space"),
    (POD + "ports", [{"containerPort": 0}], "ports[0].containerPort: must be 1 to 65535"),
    (POD + "resources", {"limits": {"cpu": "1 core"}}, "resources.limits.cpu: '1 core' is not a"),
    (
        POD + "resources",
        {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}},
        "resources.requests.cpu: is greater than the limit",
    ),
    (POD + "volumeMounts", [{"name": "v"}], "volumeMounts[0].name: no volume is called 'v'"),
    ("spec.template.spec.restartPolicy", "Never", "restartPolicy: must be Always"),
    ("spec.template.spec.activeDeadlineSeconds", 5, "activeDeadlineSeconds: must not be set"),
    (
        "spec.template.spec.initContainers",
        [{"name": "shop", "image": "a"}],
        "containers[0].name: 'shop' is used twice",
    ),
    (
        "spec.template.metadata.labels",
        {"app": "shop", "n": 5},
        "spec.template.metadata.labels.n: must be text",
    ),
]


@pytest.mark.parametrize(("path", "value", "expected"), PODS)
def test_rules_of_the_pods(path: str, value: Any, expected: str) -> None:
    world = World()
    put(world.rollout, path, value)
    assert any(expected in text for text in world.told()), world.told()

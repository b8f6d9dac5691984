"""A Deployment as a Rollout: what is carried over, what is told, and that it passes the checks."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from serinus.api.converting import NoDeployment, convert
from serinus.api.linting import lint
from serinus.core.analysis.checks import LANGUAGE

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  uid: 1-2-3
  labels: {app: web}
  annotations: {team: a, deployment.kubernetes.io/revision: "4"}
spec:
  replicas: 3
  minReadySeconds: 5
  revisionHistoryLimit: 2
  paused: false
  progressDeadlineSeconds: 120
  selector: {matchLabels: {app: web}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: web}}
    spec:
      dnsPolicy: ClusterFirst
      containers: [{name: web, image: "web:v1", futureField: kept}]
"""
CARRIED = {
    "replicas": 3,
    "minReadySeconds": 5,
    "revisionHistoryLimit": 2,
    "paused": False,
    "progressDeadlineSeconds": 120,
}


def source(**spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(DEPLOYMENT)
    found["spec"] |= spec
    return found


def test_pods_and_numbers_are_carried_over_as_they_came() -> None:
    made = convert(source(), "canary", None)
    spec = made.rollout["spec"]
    assert {name: spec[name] for name in CARRIED} == CARRIED
    assert (spec["selector"], spec["template"]) == (
        source()["spec"]["selector"],
        source()["spec"]["template"],
    )
    canary = spec["strategy"]["canary"]
    assert (canary["maxSurge"], canary["maxUnavailable"]) == (1, 0)
    assert made.rollout["metadata"] == {
        "name": "web",
        "namespace": "shop",
        "labels": {"app": "web"},
        "annotations": {"team": "a"},
    }
    assert made.lost == ()


def test_with_a_workload_ref_the_pods_stay_where_they_are() -> None:
    made = convert(source(), "canary", "progressively")
    assert made.rollout["spec"]["workloadRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "web",
        "scaleDown": "progressively",
    }
    assert not {"template", "selector"} & made.rollout["spec"].keys()


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
@pytest.mark.parametrize("scale_down", [None, "never", "onsuccess", "progressively"])
def test_what_is_made_passes_the_checks(strategy: str, scale_down: str | None) -> None:
    made = convert(source(), strategy, scale_down)
    files = [("a", DEPLOYMENT), ("b", yaml.safe_dump(made.rollout))]
    report = lint(files, LANGUAGE, strict=True)
    errors = [str(r) for r in report.remarks if r.severity == "error"]
    assert [text for text in errors if "supported yet" not in text] == []


def test_what_cannot_be_carried_over_is_told() -> None:
    recreated = source(strategy={"type": "Recreate"}, podFailurePolicy={})
    lost = convert(recreated, "canary", None).lost
    assert [text.split(":")[0] for text in lost] == [
        "spec.strategy.type Recreate",
        "spec.podFailurePolicy",
    ]
    assert len(convert(source(), "blue-green", None).lost) == 1


@pytest.mark.parametrize(
    ("scale_down", "expected"),
    [
        (None, "kubectl delete -n shop deployment/web"),
        ("never", "kubectl scale -n shop deployment/web --replicas=0"),
        ("onsuccess", "scales it to 0 when it is stable"),
        ("progressively", "scales it to 0 as its own get ready"),
    ],
)
def test_the_order_says_what_becomes_of_the_deployment(
    scale_down: str | None, expected: str
) -> None:
    order = convert(source(), "canary", scale_down).order
    assert "HorizontalPodAutoscaler" in order[0]
    assert expected in order[2]
    assert order[-1].endswith("Rollout." if scale_down is None else "Deployment.")


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "StatefulSet"}, {"metadata": {}}, {"spec": {}}],
    ids=["kind", "name", "spec"],
)
def test_what_is_no_deployment_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(NoDeployment):
        convert({**source(), **wrong}, "canary", None)


def test_the_commands_of_the_order_name_the_namespace() -> None:
    document = yaml.safe_load(DEPLOYMENT)
    for scale_down in (None, "never", "onsuccess"):
        told = " ".join(convert(document, "canary", scale_down).order)
        assert told.count("kubectl ") == told.count(" -n shop ") > 0
    del document["metadata"]["namespace"]
    assert " -n " not in " ".join(convert(document, "canary", None).order)

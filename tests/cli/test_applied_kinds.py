"""All kinds of ours are applied on the server's side, beside a controller that writes statuses."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from local.apiserver.api import Api, Json, story
from local.apiserver.applied import MERGE, apply, fields, not_applied, owners
from serinus.cli.composition import crds

GROUP = "/apis/argoproj.io/v1alpha1"
METRIC: Json = {
    "name": "errors",
    "interval": "30s",
    "successCondition": "result[0] < 1",
    "provider": {"prometheus": {"address": "http://prometheus:9090", "query": "up"}},
}
LABELS = {"app": "web"}


def template(image: str) -> Json:
    container = {"name": "web", "image": image, "ports": [{"containerPort": 80}]}
    return {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}


def specs(image: str = "web:1") -> dict[str, Json]:
    """A spec of each kind by its plural; `image` is where they have one."""
    selector = {"matchLabels": LABELS}
    steps = [{"setWeight": 20}, {"pause": {}}]
    parts = [{"name": "one", "replicas": 1, "selector": selector, "template": template(image)}]
    return {
        "rollouts": {
            "selector": selector,
            "template": template(image),
            "strategy": {"canary": {"steps": steps}},
        },
        "experiments": {"templates": parts, "duration": "5m"},
        "analysisruns": {"metrics": [METRIC]},
        "analysistemplates": {"metrics": [METRIC], "args": [{"name": "service"}]},
        "clusteranalysistemplates": {"metrics": [METRIC], "args": [{"name": "service"}]},
    }


KINDS = {
    "rollouts": "Rollout",
    "experiments": "Experiment",
    "analysisruns": "AnalysisRun",
    "analysistemplates": "AnalysisTemplate",
    "clusteranalysistemplates": "ClusterAnalysisTemplate",
}


def place(plural: str) -> str:
    inner = "" if plural.startswith("cluster") else "/namespaces/default"
    return f"{GROUP}{inner}/{plural}/web"


def manifest(plural: str, image: str = "web:1", **spec: Any) -> Json:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": KINDS[plural],
        "metadata": {"name": "web"},
        "spec": specs(image)[plural] | spec,
    }


async def define(api: Api) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for text in crds():
        await api.ok("POST", path, yaml.safe_load(text))


@pytest.mark.parametrize("plural", KINDS)
def test_each_kind_is_applied_and_applied_again_without_a_change(plural: str) -> None:
    async def tell(api: Api) -> None:
        await define(api)
        made = await apply(api, manifest(plural), path=place(plural))
        assert owners(made) == [("me", "Apply", "")]
        assert set(fields(made, "me")["f:spec"]) == {f"f:{name}" for name in specs()[plural]}
        assert await apply(api, manifest(plural), path=place(plural)) == made
        assert owners(await apply(api, manifest(plural), "you", place(plural))) == [
            ("you", "Apply", ""),
            ("me", "Apply", ""),
        ]

    story(tell)


def test_a_release_by_apply_conflicts_with_an_edit_and_not_with_the_status() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        path = place("rollouts")
        await apply(api, manifest("rollouts"), path=path)
        status = {"status": {"phase": "Progressing", "currentStepIndex": 0}}
        by = {"query": {"fieldManager": "controller"}, "content_type": MERGE}
        seen = await api.ok("PATCH", f"{path}/status", status, **by)
        assert fields(seen, "controller", half="status")["f:status"].keys() == {
            *(".", "f:phase", "f:currentStepIndex")
        }
        after = await apply(api, manifest("rollouts", "web:2"), path=path)
        assert after["status"] == status["status"]
        edit = [{"op": "replace", "value": "web:3"}]
        edit[0]["path"] = "/spec/template/spec/containers/0/image"
        edited = {"query": {"fieldManager": "edit"}, "content_type": "application/json-patch+json"}
        await api.ok("PATCH", path, edit, **edited)
        refusal = await not_applied(api, manifest("rollouts", "web:4"), path=path)
        assert refusal["details"]["causes"][0]["message"] == (
            'conflict with "edit" using argoproj.io/v1alpha1'
        )
        path_of_image = '.spec.template.spec.containers[name="web"].image'
        assert refusal["message"].endswith(path_of_image)
        await api.ok("PATCH", f"{path}/scale", {"spec": {"replicas": 7}}, **by)
        scaled = await api.ok("GET", path)
        assert fields(scaled, "controller", half="scale") == {"f:spec": {"f:replicas": {}}}
        kept = await apply(api, manifest("rollouts", "web:4"), path=path, force="true")
        assert kept["spec"]["replicas"] == 7

    story(tell)

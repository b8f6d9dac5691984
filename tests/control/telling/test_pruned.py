"""A cluster with Argo Rollouts' own definitions: what they drop is told, on the objects too."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from control import scenes
from serinus.api.extensions import LAST_APPLIED
from serinus.control.kinds import ANALYSIS_TEMPLATES
from serinus.kube.resource import CRDS, EVENTS
from serinus.kube.transport.wire import Request, Response, Transport
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

REFERENCE = Path(os.environ.get("SERINUS_REFERENCE", "../shared")) / "crds"
NAME = "analysistemplates.argoproj.io"


def original() -> dict[str, Any]:
    """Argo Rollouts' definition of AnalysisTemplates."""
    if not REFERENCE.is_dir():
        pytest.skip("the reference schemas are not here (SERINUS_REFERENCE)")
    text = (REFERENCE / "argo-rollouts.analysis-template.yaml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    return found


async def small(cluster: PaperCluster) -> dict[str, Any]:
    """Our own definition without the fields that are ours."""
    found = await cluster.admin.get(CRDS, NAME)
    schema = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    metric = schema["properties"]["spec"]["properties"]["metrics"]["items"]
    del metric["properties"]["noDataLimit"], metric["properties"]["onNoData"]
    metric.pop("x-kubernetes-preserve-unknown-fields", None)
    return found


def template(name: str, **fields: Any) -> dict[str, Any]:
    """A template as `kubectl apply` sends it."""
    manifest: dict[str, Any] = yaml.safe_load(scenes.TEMPLATE)
    manifest["metadata"]["name"] = name
    manifest["spec"]["metrics"][0] |= fields
    note = {LAST_APPLIED: json.dumps(manifest)}
    manifest["metadata"]["annotations"] = note
    return manifest


async def told(cluster: PaperCluster) -> list[tuple[str, str, int]]:
    """Who has an event FieldsPruned, about what, how often."""
    events = (await cluster.admin.list(EVENTS, NAMESPACE)).items
    return [
        (e["involvedObject"]["name"], e["message"].partition(":")[0], e.get("count", 1))
        for e in events
        if e["reason"] == "FieldsPruned"
    ]


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the controller as a whole says."""
    return [record for record in caplog.records if record.name == "serinus.controller"]


@pytest.mark.parametrize("kind", ["the original's", "our own, cut"])
def test_what_is_dropped_is_told_at_the_start_in_numbers_and_on_the_objects(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> tuple[list[tuple[str, str, int]], str, dict[str, Any]]:
        async with paper_cluster() as cluster:
            cut = original() if kind == "the original's" else await small(cluster)
            await cluster.admin.patch(CRDS, NAME, {"spec": {"versions": cut["spec"]["versions"]}})
            before = template("before", onNoData="fail", noDataLimit=2)
            await cluster.admin.create(ANALYSIS_TEMPLATES, before, NAMESPACE)
            async with controlled(cluster) as world:
                for later in (template("later", onNoData="skip"), template("plain")):
                    await cluster.admin.create(ANALYSIS_TEMPLATES, later, NAMESPACE)
                await cluster.clock.sleep(5)
                again = {"metadata": {"labels": {"changed": "yes"}}}
                await cluster.admin.patch(ANALYSIS_TEMPLATES, "later", again, NAMESPACE)
                await cluster.clock.sleep(5)
                stored = await cluster.admin.get(ANALYSIS_TEMPLATES, "later", NAMESPACE)
                return await told(cluster), world.telemetry.page(), stored

    with caplog.at_level(logging.INFO, logger="serinus.controller"):
        events, page, stored = run_virtual(story())
    assert "onNoData" not in stored["spec"]["metrics"][0]
    assert sorted(events) == [
        ("before", "spec.metrics[].noDataLimit, spec.metrics[].onNoData", 1),
        ("later", "spec.metrics[].onNoData", 1),
    ]
    assert [line for line in page.splitlines() if line.startswith("serinus_pruned_field{")] == [
        f'serinus_pruned_field{{field="spec.metrics[].{field}",kind="{NAME}"}} 1'
        for field in ("noDataLimit", "onNoData")
    ]
    warned = [record for record in ours(caplog) if record.levelno == logging.WARNING]
    assert [record.kind for record in warned] == [NAME]  # type: ignore[attr-defined]


class Forbidding:
    """A server that does not let the definitions be read."""

    def __init__(self, inner: Transport) -> None:
        self._inner, self.stream, self.close = inner, inner.stream, inner.close

    async def send(self, request: Request) -> Response:
        if "customresourcedefinitions" in request.path:
            return Response(403, {}, b'{"kind":"Status","code":403,"message":"not allowed"}')
        return await self._inner.send(request)


@pytest.mark.parametrize("forbidden", [True, False])
def test_who_may_not_read_definitions_says_one_line_and_ours_say_nothing(
    forbidden: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> tuple[list[tuple[str, str, int]], str]:
        async with paper_cluster() as cluster:
            wish = template("wish", onNoData="fail")
            await cluster.admin.create(ANALYSIS_TEMPLATES, wish, NAMESPACE)
            wrap = Forbidding if forbidden else lambda transport: transport
            async with controlled(cluster, wrap) as world:
                await cluster.clock.sleep(60)
                return await told(cluster), world.telemetry.page()

    with caplog.at_level(logging.INFO, logger="serinus.controller"):
        events, page = run_virtual(story())
    assert events == []
    assert "serinus_pruned_field" not in page
    lines = [r.getMessage() for r in ours(caplog) if r.getMessage() != "at work"]
    assert len(lines) == forbidden
    assert all("whether fields are pruned is not known" in line for line in lines)

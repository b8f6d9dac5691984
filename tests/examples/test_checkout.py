"""The checkout example: its objects fit each other, and its queries answer on real pods."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from serinus.api import crds
from serinus.api.admission import admit
from serinus.api.kubernetes import EndpointSlice, Service
from serinus.api.wire import decode
from serinus.base.clock import Clock
from serinus.local.apiserver.kinds.schema import Schema
from serinus.local.metrics.promql.query import VectorResult, query_instant
from serinus.local.metrics.samples import Samples
from serinus.local.metrics.scraper import Scraper
from serinus.local.metrics.sources import (
    ContainerUsage,
    object_gauges,
    scrape_targets,
    usage_gauges,
)
from serinus.local.node.podspec import NodePod
from serinus.local.slices import wanted_slices
from support.sample_pods import sample_pods

FOLDER = Path(__file__).parents[2] / "examples" / "checkout"
TICKS = 24
REQUESTS_A_TICK = 20  # of each pod
HASHES = {"canary": "6f7d", "stable": "5c9b"}
Document = dict[str, Any]


def documents() -> list[Document]:
    return [
        document
        for path in sorted(FOLDER.glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
    ]


def of_kind(kind: str) -> dict[str, Document]:
    return {d["metadata"]["name"]: d for d in documents() if d["kind"] == kind}


ROLLOUT = of_kind("Rollout")["checkout-service"]
CANARY = ROLLOUT["spec"]["strategy"]["canary"]
TEMPLATES = of_kind("AnalysisTemplate")
GATES = [step["analysis"] for step in CANARY["steps"] if "analysis" in step]


def test_every_object_has_its_place_in_the_namespace_that_comes_first() -> None:
    first, *rest = documents()
    assert (first["kind"], first["metadata"]["name"]) == ("Namespace", "production")
    assert {document["metadata"]["namespace"] for document in rest} == {"production"}


def test_every_object_of_ours_keeps_to_its_definition_and_has_no_unknown_field() -> None:
    checked = 0
    for definition in map(yaml.safe_load, crds.documents()):
        kind = definition["spec"]["names"]["kind"]
        schema = Schema(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        for name, document in of_kind(kind).items():
            assert schema.problems(document) == [], name
            body = {part: document[part] for part in ("apiVersion", "kind", "spec")}
            assert schema.prune(body)[1] == (), name
            checked += 1
    assert checked == 5


def test_nothing_is_said_about_any_object_once_all_are_there() -> None:
    for document in documents():
        assert admit(document, Applied()) == ((), ()), document["metadata"]["name"]


class Applied:
    """All of the example, as a server stores it."""

    def get(self, group: str, plural: str, name: str, namespace: str = "") -> Document | None:
        kinds = {"services": "Service", "ingresses": "Ingress"}
        found = of_kind(kinds.get(plural, "AnalysisTemplate")).get(name)
        return found if found and found["metadata"]["namespace"] == namespace else None


def test_what_the_rollout_names_is_there() -> None:
    services = of_kind("Service")
    stable, canary = CANARY["stableService"], CANARY["canaryService"]
    assert {stable, canary} == set(services)
    ingress = of_kind("Ingress")[CANARY["trafficRouting"]["nginx"]["stableIngress"]]
    assert ingress["spec"]["ingressClassName"] == "nginx"
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "checkout.example.com"
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": stable, "port": {"number": 80}}
    labels = ROLLOUT["spec"]["template"]["metadata"]["labels"]
    assert ROLLOUT["spec"]["selector"]["matchLabels"].items() <= labels.items()
    for service in services.values():
        assert service["spec"]["selector"].items() <= labels.items()


def test_every_template_declares_the_arguments_that_it_uses_and_no_other() -> None:
    for name, template in TEMPLATES.items():
        used = set(re.findall(r"\{\{args\.([\w-]+)\}\}", str(template["spec"]["metrics"])))
        assert used == {argument["name"] for argument in template["spec"]["args"]}, name


@pytest.mark.parametrize("number", range(3))
def test_every_gate_passes_exactly_what_its_templates_declare(number: int) -> None:
    gate = GATES[number]
    declared = {
        argument["name"]
        for template in gate["templates"]
        for argument in TEMPLATES[template["templateName"]]["spec"]["args"]
    }
    assert {argument["name"] for argument in gate["args"]} == declared
    for argument in gate["args"]:
        assert bool(argument.get("value")) != bool(argument.get("valueFrom"))


def test_there_are_three_gates_at_5_20_and_50_percent_before_all_of_it() -> None:
    weights = [step["setWeight"] for step in CANARY["steps"] if "setWeight" in step]
    assert weights == [5, 20, 50, 100]
    assert [len(gate["templates"]) for gate in GATES] == [2, 3, 4]


@pytest.mark.parametrize(
    ("tag", "error_rate"), [("v2", 0.0), ("v3.error-every-20", pytest.approx(0.05))]
)
def test_each_query_measures_what_its_gate_is_about_on_real_pods(
    tmp_path: Path, tag: str, error_rate: Any
) -> None:
    versions = {
        f"checkout-service-{HASHES['stable']}-aaaaa": "v1",
        f"checkout-service-{HASHES['stable']}-bbbbb": "v1",
        f"checkout-service-{HASHES['canary']}-ccccc": tag,
        f"checkout-service-{HASHES['canary']}-ddddd": tag,
    }
    with sample_pods(tmp_path, versions) as ports:
        measured = answers(*asyncio.run(scraped(ports)))
    latency = measured.pop("latency-p99")
    assert 0 < latency < 500
    assert measured == {
        "error-rate": error_rate,
        "memory-usage": pytest.approx(16 / 128),
        "throughput-comparison": pytest.approx(1.0),
    }


async def scraped(ports: Mapping[str, int]) -> tuple[Samples, int]:
    """Six minutes of a clock that is moved by hand: requests, then a scrape, each 15 s."""
    seconds = 0.0
    clock = Clock(1, datetime(2026, 1, 1, tzinfo=UTC), lambda: seconds)
    running, samples = pods(ports), Samples()
    usage = [
        ContainerUsage("production", pod.metadata.name, "checkout", megabytes_of(pod) * 2**20, 1)
        for pod in running
    ]
    scraper = Scraper(
        clock,
        samples,
        lambda: scrape_targets(running, list(slices(running))),
        lambda: [*usage_gauges(usage, 30), *object_gauges(running)],
    )
    async with aiohttp.ClientSession() as session:
        for _ in range(TICKS):
            for port in ports.values():
                for _ in range(REQUESTS_A_TICK):
                    async with session.get(f"http://127.0.0.1:{port}/pay") as answer:
                        await answer.read()
            seconds += 15
            await scraper.scrape_now()
    await scraper.close()
    assert [state.error for state in scraper.states()] == [""] * len(ports)
    return samples, clock.millis()


def answers(samples: Samples, at_ms: int) -> dict[str, float]:
    """What each template's metric measures, its arguments filled in as the third gate does."""
    filled = {"revision": "canary", "baseline": "stable", "hash": HASHES["canary"]}
    found = {}
    for name, template in TEMPLATES.items():
        (metric,) = template["spec"]["metrics"]
        query = metric["provider"]["prometheus"]["query"]
        query = re.sub(r"\{\{args\.([\w-]+)\}\}", lambda match: filled[match[1]], query)
        result = query_instant(samples, query, at_ms)
        assert isinstance(result, VectorResult)
        ((_, found[name]),) = result.elements
    return found


def revision_of(name: str) -> str:
    return "canary" if HASHES["canary"] in name else "stable"


def megabytes_of(pod: NodePod) -> int:
    return 16 if revision_of(pod.metadata.name) == "canary" else 100


def pods(ports: Mapping[str, int]) -> list[NodePod]:
    """The example's pods as the node writes them, with the labels that the controller gives."""
    template = ROLLOUT["spec"]["template"]
    made = []
    for name, port in ports.items():
        revision = revision_of(name)
        labels = {
            **template["metadata"]["labels"],
            **CANARY[f"{revision}Metadata"]["labels"],
            "rollouts-pod-template-hash": HASHES[revision],
        }
        metadata = {
            "name": name,
            "namespace": "production",
            "labels": labels,
            "annotations": {"serinus.dev/port": str(port)},
        }
        ready = {"type": "Ready", "status": "True"}
        status = {"phase": "Running", "podIP": "127.0.0.1", "conditions": [ready]}
        body = {"metadata": metadata, "spec": template["spec"], "status": status}
        made.append(decode(NodePod, body))
    return made


def slices(running: Iterable[NodePod]) -> Iterator[EndpointSlice]:
    """Those of both Services, each turned to its revision as the controller does."""
    for name, document in of_kind("Service").items():
        revision = "canary" if name == CANARY["canaryService"] else "stable"
        selector = {
            **document["spec"]["selector"],
            "rollouts-pod-template-hash": HASHES[revision],
        }
        service = decode(Service, {**document, "spec": {**document["spec"], "selector": selector}})
        for part in wanted_slices(service, list(running)).values():
            yield decode(EndpointSlice, part)

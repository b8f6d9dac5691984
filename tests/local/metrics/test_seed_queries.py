"""Every query of the manifests that must work gives the number that the traffic had."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from serinus.local.metrics.promql.compile import compile_query
from serinus.local.metrics.promql.query import VectorResult, query_instant
from serinus.local.metrics.samples import Samples

REFERENCE = Path(os.environ.get("SERINUS_REFERENCE", Path(__file__).parents[4] / "shared"))
NOW = 600_000
PLACE = {
    "namespace": "production",
    "job": "checkout",
    "service": "checkout",
    "container": "checkout",
}


def shop(errors_of_new_every: int) -> Samples:
    """Ten minutes of scrapes: two pods each of stable and new, 10 and 9 requests a second.

    Every request takes between 0.1 and 0.2 s; the new ones have a 500 each so many requests.
    """
    samples = Samples()
    for number in range(4):
        revision = "canary" if number > 1 else "stable"
        pod = {**PLACE, "app": "checkout", "pod": f"checkout-{number}", "revision": revision}
        every = errors_of_new_every if revision == "canary" else 0
        for at_ms in range(0, NOW + 1, 15_000):
            total = at_ms / 1000 * (9 if revision == "canary" else 10)
            errors = total / every if every else 0.0
            for code, count in (("200", total - errors), ("500", errors)):
                named = {**pod, "__name__": "http_requests_total", "code": code, "status": code}
                samples.append(named, at_ms, count)
            for le, count in (("0.1", 0.0), ("0.2", total), ("+Inf", total)):
                named = {**pod, "__name__": "http_request_duration_seconds_bucket", "le": le}
                samples.append(named, at_ms, count)
            gauge = {"namespace": "production", "pod": pod["pod"], "container": "checkout"}
            used = {**gauge, "__name__": "container_memory_working_set_bytes"}
            limit = {**gauge, "__name__": "kube_pod_container_resource_limits"}
            samples.append(used, at_ms, 32 * 2**20)
            samples.append({**limit, "resource": "memory", "unit": "byte"}, at_ms, 128 * 2**20)
            samples.append({**limit, "resource": "cpu", "unit": "core"}, at_ms, 1.0)
    return samples


ERRORS = """
  sum(rate(http_requests_total{app="checkout", revision="%s", code=~"5.."}[2m]))
  / sum(rate(http_requests_total{app="checkout", revision="%s"}[2m]))"""
SUCCESS = """sum(rate(http_requests_total{job="checkout", status!~"5.."}[2m])) /
  sum(rate(http_requests_total{job="checkout"}[2m]))"""
LATENCY = """histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket{
  app="checkout", revision="canary"}[2m])) by (le)) * 1000"""
MEMORY = """
  avg(container_memory_working_set_bytes{pod=~"checkout-.*", container="checkout",
    namespace="production"})
  / avg(kube_pod_container_resource_limits{pod=~"checkout-.*", container="checkout",
    namespace="production", resource="memory"})"""
THROUGHPUT = """sum(rate(http_requests_total{app="checkout", revision="canary"}[5m]))
  / sum(rate(http_requests_total{app="checkout", revision="stable"}[5m]))"""
SERVED = """sum(rate(http_requests_total{service="checkout",status=~"2.."}[5m]))
  / sum(rate(http_requests_total{service="checkout"}[5m]))"""
BY_NAMESPACE = """sum(rate(http_requests_total{namespace="production", status=~"5.."}[2m]))
  / sum(rate(http_requests_total{namespace="production"}[2m]))"""
EVERYWHERE = """histogram_quantile(0.99,
  sum(rate(http_request_duration_seconds_bucket[5m])) by (le))"""


@pytest.mark.parametrize(
    ("query", "good", "bad"),
    [
        (ERRORS % ("canary", "canary"), 0.0, 0.05),
        (ERRORS % ("stable", "stable"), 0.0, 0.0),
        (SUCCESS, 1.0, 1 - 0.05 * 9 / 19),
        (LATENCY, 199.0, 199.0),
        (MEMORY, 0.25, 0.25),
        (THROUGHPUT, 0.9, 0.9),
        (SERVED, 1.0, 1 - 0.05 * 9 / 19),
        (BY_NAMESPACE, 0.0, 0.05 * 9 / 19),
        (EVERYWHERE, 0.199, 0.199),
    ],
)
def test_a_query_of_the_kind_that_gates_use_gives(query: str, good: float, bad: float) -> None:
    for every, expected in ((0, good), (20, bad)):
        result = query_instant(shop(every), query, NOW)
        assert isinstance(result, VectorResult)
        assert [value for _, value in result.elements] == [pytest.approx(expected, abs=1e-9)]


def test_without_traffic_ratios_are_no_number_and_without_series_there_is_no_answer() -> None:
    idle = Samples()
    for at_ms in range(0, NOW + 1, 15_000):
        for code in ("200", "500"):
            labels = {"__name__": "http_requests_total", "job": "checkout", "status": code}
            idle.append(labels, at_ms, 0.0)
    result = query_instant(idle, SUCCESS, NOW)
    assert isinstance(result, VectorResult)
    assert [math.isnan(value) for _, value in result.elements] == [True]
    assert query_instant(Samples(), SUCCESS, NOW) == VectorResult([])


def printed_queries() -> Iterator[tuple[str, str]]:
    for path in sorted((REFERENCE / "seeds").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            yield from ((path.name, query) for query in _queries(document))


def _queries(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("query"), str):
            yield node["query"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _queries(part)


@pytest.mark.skipif(not (REFERENCE / "seeds").is_dir(), reason="SERINUS_REFERENCE is not there")
def test_every_printed_query_is_understood() -> None:
    found = [
        (name, compile_query(re.sub(r"\{\{.*?\}\}", "x", query)))
        for name, query in printed_queries()
    ]
    assert len(found) >= 9

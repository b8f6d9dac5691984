"""Our PromQL and Debian's Prometheus 2.42 answer alike, over gaps, resets and ends of series."""

from __future__ import annotations

import math
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serinus.local.metrics.answers import result_data
from serinus.local.metrics.promql.query import RangeQuery, query_instant
from serinus.local.metrics.promql.values import PROMETHEUS_2, BadQuery, QueryFailed
from serinus.local.metrics.samples import STALE, Samples
from support.prometheus import Oracle, Points, needs_prometheus, prometheus

pytestmark = needs_prometheus
T0 = 1_700_000_000_000
SEED = 7
# Offsets in seconds from T0: the edges, the middle, exact scrapes, gaps, after some have ended.
INSTANTS = [0, 15, 47.5, 600, 905.123, 1500, 1837, 2400]
QUERIES = [
    "rate(http_requests_total[2m])",
    "increase(http_requests_total[5m])",
    'sum(rate(http_requests_total{code=~"5.."}[2m])) / sum(rate(http_requests_total[2m]))',
    'sum by (revision) (rate(http_requests_total{code!~"5..",code!=""}[2m]))',
    "histogram_quantile(0.99, sum(rate(duration_seconds_bucket[2m])) by (le)) * 1000",
    "histogram_quantile(0.5, sum by (le, pod) (rate(duration_seconds_bucket[5m])))",
    "avg(memory_bytes) / avg(memory_limit_bytes)",
    "memory_bytes / ignoring(kind) memory_limit_bytes",
    "memory_bytes / on(pod) group_left(kind) memory_limit_bytes > 0.3",
    "memory_limit_bytes * on(pod) group_right memory_bytes",
    "irate(http_requests_total[1m]) > bool 1",
    "delta(memory_bytes[3m]) + idelta(memory_bytes[3m])",
    "deriv(memory_bytes[4m])",
    "predict_linear(memory_bytes[4m], 3600)",
    "avg_over_time(memory_bytes[2m] offset 1m)",
    "max_over_time(memory_bytes[3m]) - min_over_time(memory_bytes[3m])",
    "stddev_over_time(memory_bytes[5m]) / stdvar_over_time(memory_bytes[5m])",
    "quantile_over_time(0.7, memory_bytes[5m])",
    "changes(memory_bytes[10m]) + on(pod) group_right resets(http_requests_total[10m])",
    "count_over_time(http_requests_total[2m]) or last_over_time(memory_bytes[90s])",
    "topk(2, http_requests_total) or bottomk(1, memory_bytes)",
    'quantile(0.3, http_requests_total) or count_values("v", changes(memory_bytes[2m]))',
    "stddev without (pod) (http_requests_total) or stdvar(memory_bytes) or group(memory_bytes)",
    'http_requests_total{code="200"} and on(pod) (http_requests_total{code="500"} > 3)',
    "http_requests_total unless on(pod) (memory_bytes > 5e7)",
    'label_replace(memory_bytes, "short", "$1-x", "pod", "p(.*)")',
    'label_join(memory_bytes, "both", "/", "pod", "kind") or timestamp(memory_bytes)',
    'absent(nothing{a="b",c=~"d"}) or absent_over_time(memory_bytes{pod="p9"}[5m])',
    "max_over_time(sum(rate(http_requests_total[1m]))[5m:30s]) + vector(time())",
    "http_requests_total @ 1700000600 offset 30s - http_requests_total offset -15s",
    "clamp(round(memory_bytes / 1e6, 0.5), 10, 60) % 7",
    "sgn(ln(memory_bytes - 4e7)) or hour() + day_of_week() * 100 + days_in_month() * 1000",
    "-sqrt(abs(-http_requests_total)) ^ 2 atan2 3",
    "sum_over_time((memory_bytes > 4e7)[6m:]) / present_over_time(memory_bytes[6m])",
    "scalar(count(http_requests_total)) + http_requests_total * pi()",
]
REFUSED_BY_BOTH = [
    "memory_bytes / on(kind) http_requests_total",
    "http_requests_total + on(pod) memory_bytes",
    'label_replace(http_requests_total, "code", "same", "code", ".*")',
    "sum(rate(http_requests_total))",
    "http_requests_total{",
    "1 > 2",
    "rate({__name__=~'http_requests_total|memory_bytes'}[5m]) + ",
]


def history() -> Points:
    """40 minutes of scrapes each 15 s with jitter, missed scrapes, restarts, early ends."""
    rng = random.Random(SEED)
    points: dict[tuple[tuple[str, str], ...], list[tuple[int, float]]] = {}
    for number in range(4):
        pod = f"p{number}"
        revision = "new" if number > 2 else "old"
        born, ends = (300, 1600) if number == 3 else (0, 1800 if number == 2 else 2400)
        count = {"200": 0.0, "404": 5.0, "500": 0.0}
        buckets = {"0.01": 0.0, "0.1": 0.0, "0.5": 0.0, "+Inf": 0.0}
        memory = 3e7
        for tick in range(born, ends, 15):
            at = T0 + tick * 1000 + (rng.randrange(120) if number == 1 else 0)
            if number == 1 and tick == 900:
                count, buckets = dict.fromkeys(count, 0.0), dict.fromkeys(buckets, 0.0)
            for code in count:
                count[code] += rng.randrange(20 if code == "200" else 2)
            step = 0.0
            for bound in buckets:
                step += rng.randrange(9)
                buckets[bound] += step
            memory += rng.uniform(-1e6, 2e6)
            if rng.random() < 0.1 or (number == 0 and 850 < tick < 1010):
                continue
            place = (("pod", pod), ("revision", revision))
            for code, value in count.items():
                key = (("__name__", "http_requests_total"), *place, ("code", code))
                points.setdefault(key, []).append((at, value))
            for bound, value in buckets.items():
                key = (("__name__", "duration_seconds_bucket"), *place, ("le", bound))
                points.setdefault(key, []).append((at, value))
            named = ("__name__", "memory_bytes"), ("pod", pod)
            points.setdefault(named, []).append((at, memory))
            limit = ("__name__", "memory_limit_bytes"), ("pod", pod), ("kind", "hard")
            points.setdefault(limit, []).append((at, 1e8))
    return points


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), history()) as server:
        yield server


@pytest.fixture(scope="module")
def samples() -> Samples:
    filled = Samples(retention_ms=10**12)
    for labels, values in history().items():
        for at_ms, value in values:
            filled.append(dict(labels), at_ms, value)
    return filled


@pytest.mark.parametrize("query", QUERIES)
def test_instant_queries_agree_to_twelve_digits(
    oracle: Oracle, samples: Samples, query: str
) -> None:
    elements = 0
    for offset in INSTANTS:
        at_ms = T0 + round(offset * 1000)
        theirs = oracle.ask("/api/v1/query", query=query, time=at_ms / 1000)
        ours = result_data(query_instant(samples, query, at_ms, PROMETHEUS_2), at_ms)
        assert theirs["status"] == "success"
        assert_same(theirs["data"], ours, f"{query} at +{offset}")
        elements += len(ours["result"])
    assert elements > 0


@pytest.mark.parametrize("query", QUERIES[:8] + QUERIES[14:20])
def test_range_queries_agree_to_twelve_digits(oracle: Oracle, samples: Samples, query: str) -> None:
    begin, end = T0 + 100_000, T0 + 2_100_000
    theirs = oracle.ask(
        "/api/v1/query_range", query=query, start=begin / 1000, end=end / 1000, step=37
    )
    asked = RangeQuery(samples, query, range(begin, end + 1, 37_000), PROMETHEUS_2)
    for _ in asked:
        pass
    ours = result_data(asked.result, end)
    assert sum(len(series["values"]) for series in ours["result"]) > 50
    assert_same(theirs["data"], ours, query)


@pytest.mark.parametrize("query", REFUSED_BY_BOTH)
def test_what_prometheus_refuses_is_refused(oracle: Oracle, samples: Samples, query: str) -> None:
    at_ms = T0 + 1_500_000
    theirs = oracle.ask("/api/v1/query", query=query, time=at_ms / 1000)
    with pytest.raises((BadQuery, QueryFailed)) as ours:
        query_instant(samples, query, at_ms, PROMETHEUS_2)
    assert theirs["errorType"] == ("execution" if ours.type is QueryFailed else "bad_data")


def test_series_that_ended_by_a_marker_agree(tmp_path: Path) -> None:
    """promtool's own test of rules knows the word `stale`; it judges the numbers that we expect."""
    samples = Samples()
    for index, value in enumerate([1, 2, STALE, None, 5, 8, STALE]):
        if value is not None:
            samples.append({"__name__": "x"}, index * 60_000, value)
    asked = [
        "x",
        "count_over_time(x[10m])",
        "rate(x[4m])",
        "sum_over_time(x[3m])",
        "changes(x[9m])",
    ]
    tests = ""
    answered = 0
    for query in asked:
        for minute in range(8):
            found = result_data(query_instant(samples, query, minute * 60_000, PROMETHEUS_2), 0)
            answered += len(found["result"])
            expected = "".join(
                f"\n        - labels: '{'x' if '__name__' in e['metric'] else '{}'}'"
                f"\n          value: {e['value'][1]}"
                for e in found["result"]
            )
            tests += f"\n    - expr: '{query}'\n      eval_time: {minute}m\n      exp_samples:"
            tests += expected or " []"
    (tmp_path / "rules.yml").write_text(
        "evaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n"
        "  - series: x\n    values: '1 2 stale _ 5 8 stale'\n"
        f"  promql_expr_test:{tests}\n"
    )
    judged = subprocess.run(
        ["promtool", "test", "rules", "rules.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert answered > 20


def assert_same(theirs: dict[str, Any], ours: dict[str, Any], where: str) -> None:
    assert ours["resultType"] == theirs["resultType"], where
    if theirs["resultType"] == "scalar":
        return assert_close(ours["result"], theirs["result"], where)
    shown_ours, shown_theirs = _by_labels(ours), _by_labels(theirs)
    assert shown_ours.keys() == shown_theirs.keys(), where
    for labels, points in shown_theirs.items():
        assert len(shown_ours[labels]) == len(points), f"{where} {labels}"
        for mine, other in zip(shown_ours[labels], points, strict=True):
            assert_close(mine, other, f"{where} {labels}")


def assert_close(ours: list[Any], theirs: list[Any], where: str) -> None:
    assert ours[0] == theirs[0], where
    mine, other = float(ours[1]), float(theirs[1])
    same = mine == other or (math.isnan(mine) and math.isnan(other))
    assert same or math.isclose(mine, other, rel_tol=1e-12, abs_tol=1e-12), (
        f"{where}: ours {mine!r}, theirs {other!r}"
    )


def _by_labels(data: dict[str, Any]) -> dict[tuple[tuple[str, str], ...], list[Any]]:
    return {
        tuple(sorted(e["metric"].items())): e.get("values") or [e["value"]] for e in data["result"]
    }

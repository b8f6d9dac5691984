"""PromQL by fixed numbers: worked out by hand, so that they hold without a Prometheus to ask."""

from __future__ import annotations

import math
from typing import Any

import pytest

from serinus.local.metrics.promql.query import (
    MatrixResult,
    RangeQuery,
    ScalarResult,
    TextResult,
    VectorResult,
    query_instant,
)
from serinus.local.metrics.promql.values import (
    PROMETHEUS_2,
    PROMETHEUS_3,
    BadQuery,
    QueryFailed,
    Semantics,
)
from serinus.local.metrics.samples import STALE, Samples


def filled(**series: list[tuple[float, float]]) -> Samples:
    """Series `name` or `name__pod` with (seconds, value) points."""
    samples = Samples()
    for name, points in series.items():
        metric, _, pod = name.partition("__")
        for seconds, value in points:
            samples.append({"__name__": metric, "pod": pod}, round(seconds * 1000), value)
    return samples


def values(
    samples: Samples, query: str, seconds: float, semantics: Semantics = PROMETHEUS_3
) -> dict[str, float]:
    """Value by label set, written as Prometheus does."""
    result = query_instant(samples, query, round(seconds * 1000), semantics)
    assert isinstance(result, VectorResult)
    return {str(labels): value for labels, value in result.elements}


STEADY = filled(c=[(t, float(t)) for t in range(0, 301, 15)])


def test_a_range_leaves_out_its_beginning_in_3_and_holds_it_in_2() -> None:
    assert values(STEADY, "count_over_time(c[1m])", 120) == {"{}": 4.0}
    assert values(STEADY, "count_over_time(c[1m])", 120, PROMETHEUS_2) == {"{}": 5.0}
    assert values(STEADY, "rate(c[1m])", 120) == {"{}": pytest.approx(1.0)}
    assert values(STEADY, "rate(c[1m])", 120, PROMETHEUS_2) == {"{}": pytest.approx(1.0)}


def test_the_look_back_is_five_minutes_with_the_same_edge() -> None:
    gone = filled(x=[(0, 7.0)])
    assert values(gone, "x", 299.999) == {"x{}": 7.0}
    assert values(gone, "x", 300) == {}
    assert values(gone, "x", 300, PROMETHEUS_2) == {"x{}": 7.0}
    assert values(gone, "x", 300.001, PROMETHEUS_2) == {}


def test_growth_is_not_carried_past_a_counters_zero() -> None:
    """2 at 105 s and 5 at 120 s: it was 0 ten seconds before the first sample."""
    young = filled(c=[(105, 2.0), (120, 5.0)])
    assert values(young, "increase(c[1m])", 120) == {"{}": pytest.approx(3 * 22.5 / 15)}
    assert values(young, "increase(c[1m])", 120, PROMETHEUS_2) == {"{}": pytest.approx(5.0)}
    assert values(young, "delta(c[1m])", 120) == {"{}": pytest.approx(3 * 22.5 / 15)}


def test_a_restart_counts_as_growth_from_zero() -> None:
    restarted = filled(c=[(0, 10.0), (15, 16.0), (30, 2.0), (45, 6.0)])
    assert values(restarted, "increase(c[1m])", 45, PROMETHEUS_2) == {"{}": pytest.approx(16.0)}
    assert values(restarted, "resets(c[1m])", 45) == {"{}": 1.0}
    assert values(restarted, "irate(c[1m])", 30) == {"{}": pytest.approx(2 / 15)}


def test_a_series_that_ended_by_a_marker_is_gone_at_once() -> None:
    ended = filled(x=[(0, 1.0), (15, 2.0), (30, STALE)])
    assert values(ended, "x", 29) == {"x{}": 2.0}
    assert values(ended, "x", 30) == {}
    assert values(ended, "sum_over_time(x[1m])", 31) == {"{}": 3.0}


def test_offset_and_at_move_the_instant_that_is_looked_at() -> None:
    assert values(STEADY, "c offset 1m", 120) == {"c{}": 60.0}
    assert values(STEADY, "c offset -1m", 120) == {"c{}": 180.0}
    assert values(STEADY, "c @ 45", 120) == {"c{}": 45.0}
    assert values(STEADY, "c @ 45 offset 30s", 120) == {"c{}": 15.0}
    assert values(STEADY, "max_over_time(c[30s] @ 60)", 300) == {"{}": 60.0}


BUCKETS = Samples()
for bound, count in [("0.1", 50.0), ("0.2", 90.0), ("0.5", 80.0), ("0.50", 10.0), ("+Inf", 100.0)]:
    BUCKETS.append({"__name__": "b", "le": bound}, 0, count)


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("0.25", 0.05),
        ("0.7", 0.15),
        ("0.9", 0.2),
        ("0.99", 0.5),
        ("1.5", math.inf),
        ("-1", -math.inf),
        ("NaN", math.nan),
    ],
)
def test_quantiles_of_buckets_are_linear_and_repair_equal_and_falling_bounds(
    q: str, expected: float
) -> None:
    """0.5 and 0.50 are one bucket of 90."""
    found = values(BUCKETS, f"histogram_quantile({q}, b)", 0)
    assert found == {"{}": pytest.approx(expected, nan_ok=True)}


def test_a_quantile_without_observations_or_without_the_last_bucket_is_no_number() -> None:
    assert math.isnan(values(BUCKETS, "histogram_quantile(0.5, b * 0)", 0)["{}"])
    assert math.isnan(values(BUCKETS, 'histogram_quantile(0.5, b{le!="+Inf"})', 0)["{}"])
    assert values(BUCKETS, 'histogram_quantile(0.5, b{le="none"})', 0) == {}


PODS = filled(m__a=[(0, 1.0)], m__b=[(0, 4.0)], n__a=[(0, 10.0)], n__c=[(0, 20.0)])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("m + n", {'{pod="a"}': 11.0}),
        ("m < 2", {'m{pod="a"}': 1.0}),
        ("2 > m", {'m{pod="a"}': 1.0}),
        ("m > bool 2", {'{pod="a"}': 0.0, '{pod="b"}': 1.0}),
        ("m == on(pod) m", {'{pod="a"}': 1.0, '{pod="b"}': 4.0}),
        ("m == m", {'m{pod="a"}': 1.0, 'm{pod="b"}': 4.0}),
        ("m and n", {'m{pod="a"}': 1.0}),
        ("m unless n", {'m{pod="b"}': 4.0}),
        ("m or n", {'m{pod="a"}': 1.0, 'm{pod="b"}': 4.0, 'n{pod="c"}': 20.0}),
        ("m or vector(0)", {'m{pod="a"}': 1.0, 'm{pod="b"}': 4.0, "{}": 0.0}),
        ("nothing or vector(0)", {"{}": 0.0}),
        ("m / 0", {'{pod="a"}': math.inf, '{pod="b"}': math.inf}),
        ("sum(m) / sum(n)", {"{}": pytest.approx(5 / 30)}),
        ("sum(nothing) / sum(n)", {}),
        ("sum by (pod) ({__name__=~'m|n'})", {'{pod="a"}': 11, '{pod="b"}': 4, '{pod="c"}': 20}),
        ("avg without (pod) (m)", {"{}": 2.5}),
        ("m * on() group_left sum(n)", {'{pod="a"}': 30.0, '{pod="b"}': 120.0}),
        ("topk(1, m)", {'m{pod="b"}': 4.0}),
        ("bottomk(1, m)", {'m{pod="a"}': 1.0}),
        ("topk(0, m)", {}),
        ('count_values("v", m)', {'{v="1"}': 1.0, '{v="4"}': 1.0}),
        ("quantile(0.5, m)", {"{}": 2.5}),
        ("stddev(m)", {"{}": 1.5}),
        ('absent(m{pod="z"})', {'{pod="z"}': 1.0}),
        ('absent(m{pod="a"})', {}),
        ('label_replace(m{pod="a"}, "p", "${1}-$$", "pod", "(.)")', {'m{p="a-$", pod="a"}': 1.0}),
        ('label_join(m{pod="a"}, "p", ".", "pod", "pod")', {'m{p="a.a", pod="a"}': 1.0}),
        (r"m{pod=~`\w`} * 0", {'{pod="a"}': 0.0, '{pod="b"}': 0.0}),
        ("clamp(m, 2, 3)", {'{pod="a"}': 2.0, '{pod="b"}': 3.0}),
        ("round(m / 3, 0.5)", {'{pod="a"}': 0.5, '{pod="b"}': 1.5}),
        ("-m", {'{pod="a"}': -1.0, '{pod="b"}': -4.0}),
        ("(-m) ^ 3 % 5", {'{pod="a"}': -1.0, '{pod="b"}': -4.0}),
        ("vector(scalar(m))", {"{}": pytest.approx(math.nan, nan_ok=True)}),
        ('vector(scalar(m{pod="b"}))', {"{}": 4.0}),
        ("hour(vector(7200)) + minute()", {"{}": 2.0}),
        ("day_of_month(vector(86400 * 31)) * 100 + month()", {"{}": 101.0}),
    ],
)
def test_an_operator_or_function_gives(query: str, expected: dict[str, Any]) -> None:
    assert values(PODS, query, 0) == expected


def test_sorting_orders_elements_and_puts_no_number_last() -> None:
    mixed = filled(x__a=[(0, 2.0)], x__b=[(0, math.nan)], x__c=[(0, 1.0)])
    assert list(values(mixed, "sort(x)", 0)) == ['x{pod="c"}', 'x{pod="a"}', 'x{pod="b"}']
    assert list(values(mixed, "sort_desc(x)", 0)) == ['x{pod="a"}', 'x{pod="c"}', 'x{pod="b"}']


def test_results_have_the_type_of_their_expression() -> None:
    assert query_instant(PODS, "1 + 2 * 3", 0) == ScalarResult(7.0)
    assert query_instant(PODS, "time()", 1500) == ScalarResult(1.5)
    assert query_instant(PODS, '"a`b"', 0) == TextResult("a`b")
    ranged = query_instant(STEADY, "c[30s]", 60_000)
    assert isinstance(ranged, MatrixResult)
    assert [(list(t), list(v)) for _, t, v in ranged.windows] == [([45000, 60000], [45.0, 60.0])]


def test_a_range_query_is_an_instant_query_at_each_step() -> None:
    query = RangeQuery(STEADY, "rate(c[1m]) * 0 + c @ end()", range(60_000, 180_001, 60_000))
    assert list(query) == [60_000, 120_000, 180_000]
    assert [(times, found) for _, times, found in query.result.windows] == [
        ([60_000, 120_000, 180_000], [180.0, 180.0, 180.0])
    ]


def test_a_subquery_steps_on_multiples_of_its_step() -> None:
    assert values(STEADY, "count_over_time(c[1m:20s])", 130) == {"{}": 3.0}
    assert values(STEADY, "sum_over_time(c[1m:30s])", 125) == {"{}": 90.0 + 120.0}
    assert values(STEADY, "max_over_time(rate(c[1m])[2m:])", 240) == {"{}": pytest.approx(1.0)}


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("holt_winters(m[5m], 0.1, 0.1)", "holt_winters"),
        ("histogram_count(m)", "'histogram_count' is not supported"),
        ("sort_by_label(m, 'pod')", "'sort_by_label' is not supported; supported: abs"),
        ("limitk(1, m)", "'limitk' is not supported"),
        ("m + fill(0) n", "fill"),
        ('m{pod="a" or pod="b"}', "`or` between label matchers"),
        ("rate(m)", "expected type matrix"),
        ("m{", "unexpected end"),
        ('m{pod=~"("}', "regex"),
        ("1 > 2", "BOOL"),
        ("ln(NaN)", "expected type vector in argument 1 of 'ln'"),
        ("", "empty"),
        ("m" * 20_000, "20000 characters"),
        ("(" * 300 + "m" + ")" * 300, "300 operators and brackets"),
        ("m" + "+m" * 5000, "5000 operators"),
        ('label_replace(m, "a-b", "", "pod", "")', "'a-b' is not a label name"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(query: str, word: str) -> None:
    with pytest.raises(BadQuery, match=word):
        query_instant(PODS, query, 0)


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("m + on() n", "duplicate series for the match group on the right"),
        ("m + on() sum(n)", "must be explicit"),
        ('label_replace(m, "pod", "x", "", "")', "same labelset"),
        ("-{pod='a'}", "same labelset"),
        ("sum_over_time(c[5m:1ms])", "more than 1000 samples"),
    ],
)
def test_what_has_no_answer_says_why(query: str, word: str) -> None:
    with pytest.raises(QueryFailed, match=word):
        query_instant(PODS, query, 0, Semantics(sample_limit=1000))


def test_a_range_of_too_many_steps_is_refused() -> None:
    with pytest.raises(BadQuery, match="11,000 points"):
        RangeQuery(PODS, "m", range(0, 11_002))
    with pytest.raises(BadQuery, match="range vector"):
        RangeQuery(PODS, "m[1m]", range(0, 10))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("stddev_over_time(x[1m])", math.inf),
        ("round(x, Inf)", math.nan),
        ("round(x, 0)", math.nan),
        ("exp(x)", math.inf),
        ("-x ^ 3", -math.inf),
        ("x % 0", math.nan),
        ("hour(x)", math.nan),
        ("sqrt(-x)", math.nan),
        ("ln(x * 0)", -math.inf),
        ("acos(x)", math.nan),
        ("predict_linear(x[1m] @ 30, 0)", math.nan),
        ("avg_over_time((x * 10)[1m:30s])", math.inf),
        ("sum(x * 10 or -x * 10)", math.inf),
    ],
)
def test_numbers_that_leave_the_floats_are_infinite_or_none_and_never_an_error(
    query: str, expected: float
) -> None:
    """`predict_linear` far from its samples has nothing to divide by, as in Prometheus."""
    huge = filled(x=[(0, 1e308), (30, 1.2e308), (10**10, 1e308)])
    at = 10**10 if "@" in query else 30
    assert values(huge, query, at) == {"{}": pytest.approx(expected, nan_ok=True)}

"""The text of /metrics: what is read, what is refused and how."""

from __future__ import annotations

import math

import pytest

from serinus.local.metrics.exposition import ExpositionError, parse_head, parse_lines

PAGE = """# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{method="GET",code="200"} 1027 1395066363000
requests_total{method="GET",code="500",}    3

  plain_gauge   1.5e3
spaced { a = "1" , b="}" } -Inf
latency_seconds_bucket{le="+Inf"} +Inf
odd NaN
escaped{text="a\\"b\\\\c\\nd # e"} 0
"""


def test_a_page_is_read_line_by_line() -> None:
    lines = parse_lines(PAGE)
    assert lines[:2] == [
        ('requests_total{method="GET",code="200"}', 1027.0, 1395066363000),
        ('requests_total{method="GET",code="500",}', 3.0, None),
    ]
    assert [(head.split("{")[0].strip(), value) for head, value, _ in lines[2:5]] == [
        ("plain_gauge", 1500.0),
        ("spaced", -math.inf),
        ("latency_seconds_bucket", math.inf),
    ]
    assert math.isnan(lines[5][1])
    assert len(lines) == 7


def test_labels_are_read_with_their_escapes() -> None:
    heads = [parse_head(head) for head, _, _ in parse_lines(PAGE)]
    assert heads[1] == {"__name__": "requests_total", "method": "GET", "code": "500"}
    assert heads[2] == {"__name__": "plain_gauge"}
    assert heads[3] == {"__name__": "spaced", "a": "1", "b": "}"}
    assert heads[6] == {"__name__": "escaped", "text": 'a"b\\c\nd # e'}


def test_openmetrics_times_are_seconds_and_exemplars_are_left_out() -> None:
    page = (
        'x_bucket{le="1",t="a # {b"} 8 1520879607.789 # {trace_id="KOO"} 0.67 1520879607.7\n# EOF\n'
    )
    assert parse_lines(page, openmetrics=True) == [
        ('x_bucket{le="1",t="a # {b"}', 8.0, 1520879607789)
    ]


@pytest.mark.parametrize(
    "line",
    ["x", "x{a='1'", "x 1 2 3", "x one", "x 1_000", 'x{a="1"}', "x 1 soon", "{} ", "x 1 inf"],
)
def test_a_bad_line_is_named_with_its_number(line: str) -> None:
    with pytest.raises(ExpositionError, match="line 2: "):
        parse_lines(f"good 1\n{line}\n")


@pytest.mark.parametrize(
    ("head", "word"),
    [
        ('9x{a="1"}', "'9x' is not a metric name"),
        ('{"with.dots"}', "not a metric name"),
        ("x{a=1}", "a=1"),
        ('x{a="1" b="2"}', "is not label"),
        ('x{a-b="1"}', "a-b"),
        ('x{a="1",a="2"}', "twice"),
        ('x{a="1}', "is not label"),
    ],
)
def test_bad_labels_are_named(head: str, word: str) -> None:
    with pytest.raises(ExpositionError, match=word):
        parse_head(head)

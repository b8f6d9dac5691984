"""The ring: what is kept, what is found, how a series ends."""

from __future__ import annotations

import math

import pytest

from serinus.local.metrics.labels import Labels, labels_of
from serinus.local.metrics.samples import STALE, Samples, is_stale, make_matcher

X = {"__name__": "x", "pod": "a"}
Y = {"__name__": "y", "pod": "b", "code": "500"}


def test_the_staleness_marker_is_not_any_other_nan() -> None:
    assert is_stale(STALE)
    assert not is_stale(math.nan)
    assert not is_stale(1.0)


def test_the_newest_value_within_a_range_is_found_and_its_beginning_is_left_out() -> None:
    series = Samples().series(labels_of(X.items()))
    for at, value in [(100, 1.0), (200, 2.0), (300, 3.0)]:
        series.append(at, value)
    assert series.newest(0, 250) == (200, 2.0)
    assert series.newest(200, 299) is None
    assert series.newest(0, 99) is None
    assert series.newest(299, 300) == (300, 3.0)


def test_a_marker_hides_the_newest_value_and_is_no_part_of_a_window() -> None:
    series = Samples().series(labels_of(X.items()))
    series.append(100, 1.0)
    series.end(200)
    series.append(300, 3.0)
    assert series.newest(0, 250) is None
    times, values = series.window(0, 300)
    assert (list(times), list(values)) == ([100, 300], [1.0, 3.0])


def test_a_series_ends_once_and_strictly_after_its_last_value() -> None:
    series = Samples().series(labels_of(X.items()))
    series.append(100, 1.0)
    series.end(100)
    series.end(150)
    assert list(series.times) == [100, 101]


def test_values_that_are_not_later_than_the_last_are_refused() -> None:
    samples = Samples()
    assert samples.append(X, 100, 1.0)
    assert not samples.append(X, 100, 2.0)
    assert not samples.append(X, 99, 2.0)
    assert list(samples.series(labels_of(X.items())).values) == [1.0]


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ([("__name__", "=", "x")], ["x"]),
        ([("pod", "=~", "a|b")], ["x", "y"]),
        ([("pod", "=~", "a")], ["x"]),
        ([("pod", "!~", "a.*")], ["y"]),
        ([("code", "!=", "500")], ["x"]),
        ([("code", "=", "")], ["x"]),
        ([("pod", "=", "b"), ("code", "=", "500"), ("__name__", "!=", "z")], ["y"]),
        ([("pod", "=", "b"), ("code", "=", "200")], []),
        ([("code", "=~", "5.")], []),
    ],
)
def test_series_are_selected_by_all_four_matchers(
    conditions: list[tuple[str, str, str]], found: list[str]
) -> None:
    samples = Samples()
    samples.append(X, 1, 1.0)
    samples.append(Y, 1, 1.0)
    matchers = [make_matcher(*condition) for condition in conditions]
    assert [series.labels.name for series in samples.select(matchers)] == found


def test_what_is_older_than_the_retention_is_forgotten_with_its_empty_series() -> None:
    samples = Samples(retention_ms=1000)
    samples.append(X, 100, 1.0)
    samples.append(X, 1500, 2.0)
    samples.append(Y, 100, 1.0)
    samples.forget_before(2000)
    assert [list(s.times) for s in samples.select([])] == [[1500]]
    assert samples.select([make_matcher("pod", "=", "b")]) == []
    samples.append(Y, 2001, 1.0)
    assert len(samples.select([make_matcher("pod", "=", "b")])) == 1


def test_labels_are_equal_by_content_and_never_hold_empty_values() -> None:
    assert labels_of([("b", "2"), ("a", "1"), ("c", "")]) == Labels({"a": "1", "b": "2"})
    assert hash(Labels({"a": "1", "b": "2"})) == hash(Labels({"b": "2", "a": "1"}))
    assert Labels({"__name__": "x", "a": "1"}).nameless() == Labels({"a": "1"})
    assert Labels({"a": "1"}).changed("a", "") == Labels({})


def test_a_regular_expression_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match=r"\(\?U\)"):
        make_matcher("a", "=~", "(?U)x")
    with pytest.raises(ValueError, match="A-Za-z"):
        make_matcher("a", "=~", "[[:alpha:]]")

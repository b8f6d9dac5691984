"""Conditions: Argo's own functions, strict bools, and what they say about missing data."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serinus.expr.condition import compile_expression, evaluate_time, holds
from serinus.expr.errors import ExprError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "result", "expected"),
    [
        ("result[0] >= 0.95", [0.99], True),
        ("result[0] >= 0.95", [0.9], False),
        ("result[0] < 0.01", [math.nan], False),
        ("len(result) == 0 || result[0] < 0.01", [], True),
        ("len(result) == 0 || isNaN(result[0])", [math.nan], True),
        ("all(result, # < 1)", [0.5, 0.9], True),
        ("result > 0.5 && result < 2", 1.5, True),
        ("isInf(result)", math.inf, True),
        ("isInf(result)", -math.inf, True),
        ("isInf(result)", 1.0, False),
        ("isNaN(result)", 1, False),
        ("isNil(result)", None, True),
        ("isNil(result)", [], False),
        ("default(result, 0) < 0.05", None, True),
        ("default(result, 0) < 0.05", 0.1, False),
        ("asInt(result) > 5", "7", True),
        ('asFloat(result) == 0.5 && result != ""', "0.5", True),
        ('result.status == "ok" and result.items[0].n > 1', {"status": "ok", "items": [{"n": 2}]},
         True),
        ("result.missing == nil", {}, True),
        ("sum(result) / len(result) < 2", [1.0, 2.0], True),
        ("max(result) <= 5 and mean(result) <= 3", [1.0, 5.0], True),
        ("not (result contains 'error')", "all fine", True),
        ("result matches '^2..$'", "204", True),
        ("percentile(result)", [1.0], None),
    ],
)  # fmt: skip
def test_a_condition_holds_or_not(source: str, result: Any, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(ExprError, match="unknown name percentile"):
            compile_expression(source)
        return
    assert holds(compile_expression(source), result, NOW) is expected


def test_isnil_and_default_look_at_the_raw_result_whatever_they_are_given() -> None:
    assert holds(compile_expression("isNil(5)"), None, NOW) is True
    assert holds(compile_expression("default(nil, 3) == 7"), 7, NOW) is True


@pytest.mark.parametrize(
    ("source", "result", "message"),
    [
        ("result[0]", [0.5], "expected bool, but the condition gives float"),
        ("result", None, "expected bool, but the condition gives nil"),
        ("1", None, "expected bool, but the condition gives int"),
        ("asInt(result) > 1", 5.0, "invalid argument for asInt (type float)"),
        ("asInt(result) > 1", "5.0", "int('5.0') is not a whole number"),
        ("isNaN(result)", "x", "invalid argument for isNaN (type string)"),
        ("result[0] > 1", [], "index out of range: 0 (array length is 0) (1:7)"),
        ("result[0] > 1", 3.0, "cannot fetch 0 from float"),
    ],
)
def test_only_a_bool_is_an_answer(source: str, result: Any, message: str) -> None:
    with pytest.raises(ExprError) as caught:
        holds(compile_expression(source), result, NOW)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("source", "handles", "reads"),
    [
        ("result[0] < 1", False, {0}),
        ("result[0] < 1 && result[2] > 5", False, {0, 2}),
        ("result[-1] < 1", False, {-1}),
        ("first(result) < 1 or last(result) > 3", False, {0, -1}),
        ("result < 1", False, None),
        ("all(result, # < 1)", False, None),
        ("sum(result) < 1", False, None),
        ("let r = result; r[0] < 1", False, None),
        ("$env.result[0] < 1", False, None),
        ("result[0] < result[asInt('1')]", False, None),
        ("true", False, set()),
        ("len(result) > 0 && result[0] < 1", True, None),
        ("isNaN(result[0])", True, {0}),
        ("isNil(result)", True, None),
        ("default(result, 0) < 1", True, None),
        ("(result ?? 0) < 1", True, None),
        ("result | len() > 0", True, None),
        ("'len(result)' == 'x'", False, set()),
    ],
)
def test_what_a_condition_says_about_missing_data(
    source: str, handles: bool, reads: set[int] | None
) -> None:
    expression = compile_expression(source)
    assert expression.handles_no_data is handles
    assert expression.reads == (None if reads is None else frozenset(reads))


def test_range_ends_are_times() -> None:
    assert evaluate_time('now() - duration("5m")', NOW) == NOW - timedelta(minutes=5)
    with pytest.raises(ExprError, match="expected a time, but 5 gives int"):
        evaluate_time("5", NOW)
    with pytest.raises(ExprError, match="unknown name result"):
        evaluate_time("result", NOW)

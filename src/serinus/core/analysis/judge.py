"""One answer to one verdict: evaluate the conditions, and treat missing data by one table.

An empty answer, nil or NaN is no data unless the condition handles it itself. No data is never
success unless the user's own condition says so about that value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from serinus.api.analysis import Metric
from serinus.core.analysis.answers import NoData, Outcome, Trouble, Value
from serinus.expr.condition import Expression, compile_expression, holds
from serinus.expr.errors import ExprError

SUCCESSFUL, FAILED, INCONCLUSIVE, ERROR = "Successful", "Failed", "Inconclusive", "Error"
NO_DATA = "no data"
"""How the message of a measurement without data begins."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one measurement. `no_data`: it counts apart (see `record.py`)."""

    phase: str
    message: str = ""
    text: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    no_data: bool = False


class _Missing:
    """What a condition says about data that is not there and that it does not handle."""


_MISSING = _Missing()
_ON_NO_DATA = {"": INCONCLUSIVE, "skip": INCONCLUSIVE, "error": ERROR, "fail": FAILED}


def judge(metric: Metric, outcome: Outcome, now: datetime) -> Verdict:
    """The verdict over an answer to a metric whose arguments are filled in."""
    if isinstance(outcome, Trouble):
        return Verdict(ERROR, outcome.message)
    try:
        success = _asked(metric.success_condition, outcome, now)
        failure = _asked(metric.failure_condition, outcome, now)
    except ExprError as error:
        return Verdict(ERROR, str(error), outcome.text, outcome.metadata)
    if success is None and failure is None and missing(outcome.result, None):
        success = _MISSING
    phase = _phase(success, failure)
    if phase is not None:
        return Verdict(phase, "", outcome.text, outcome.metadata)
    return Verdict(
        _ON_NO_DATA[metric.on_no_data],
        f"{NO_DATA}: {_why(outcome)}",
        outcome.text,
        outcome.metadata,
        no_data=metric.on_no_data in ("", "skip"),
    )


def _phase(success: bool | _Missing | None, failure: bool | _Missing | None) -> str | None:
    """By both conditions (None: there is none); failure wins. None: it depends on missing data."""
    if failure is True:
        return FAILED
    if isinstance(success, _Missing) or isinstance(failure, _Missing):
        return None
    if success is None:
        return SUCCESSFUL
    if success:
        return SUCCESSFUL
    return FAILED if failure is None else INCONCLUSIVE


def _asked(source: str, outcome: Value | NoData, now: datetime) -> bool | _Missing | None:
    if not source:
        return None
    expression = compile_expression(source)
    if not expression.handles_no_data and missing(outcome.result, expression):
        return _MISSING
    return holds(expression, outcome.result, now)


def missing(result: Any, expression: Expression | None) -> bool:
    """Whether `result` has no data for the expression (None: for one that reads everything)."""
    match result:
        case None:
            return True
        case float():
            return math.isnan(result)
        case str() | dict():
            return not result
        case list() | tuple():
            reads = None if expression is None else expression.reads
            return not result or any(_is_nan(result, index) for index in _read(result, reads))
    return False


def _read(result: list[Any] | tuple[Any, ...], reads: frozenset[int] | None) -> list[int]:
    size = len(result)
    if reads is None:
        return list(range(size))
    return [index for index in reads if -size <= index < size]


def _is_nan(result: list[Any] | tuple[Any, ...], index: int) -> bool:
    return isinstance(result[index], float) and math.isnan(result[index])


def _why(outcome: Value | NoData) -> str:
    if isinstance(outcome, NoData):
        return outcome.why
    return f"the answer is {outcome.text or 'empty'}"

"""The numbers of a metric: counts, limits and times, read once from what users may write.

A number may come as text, because it may have been an argument.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from serinus.api.analysis import Metric
from serinus.base.durations import parse_duration
from serinus.base.errors import FieldProblem

_WHOLE = re.compile(r"[+-]?\d{1,18}")
DEFAULT_CONSECUTIVE_ERROR_LIMIT = 4
DEFAULT_NO_DATA_LIMIT = 4
ON_NO_DATA = ("", "error", "fail", "skip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`count` and `no_data_run` None: without end. `failure_limit` -1, `success_run` 0: off."""

    count: int | None
    failure_limit: int
    inconclusive_limit: int
    error_run: int
    success_run: int
    no_data_run: int | None
    interval: timedelta | None
    initial_delay: timedelta


def limits_of(metric: Metric) -> Limits:
    """The numbers of a metric that `checks` found no fault with."""
    interval = parse_duration(metric.interval) if metric.interval else None
    count = _number(metric.count, 0)
    return Limits(
        count=count or (1 if interval is None else None),
        failure_limit=_number(metric.failure_limit, 0),
        inconclusive_limit=_number(metric.inconclusive_limit, 0),
        error_run=_number(metric.consecutive_error_limit, DEFAULT_CONSECUTIVE_ERROR_LIMIT),
        success_run=_number(metric.consecutive_success_limit, 0),
        no_data_run=(
            None
            if metric.on_no_data == "skip"
            else _number(metric.no_data_limit, DEFAULT_NO_DATA_LIMIT)
        ),
        interval=interval,
        initial_delay=(
            parse_duration(metric.initial_delay) if metric.initial_delay else timedelta(0)
        ),
    )


def unreadable_limits(metric: Metric, path: str) -> list[FieldProblem]:
    """Every count, limit and duration of the metric that cannot be read."""
    problems: list[FieldProblem] = []
    numbers = {
        "count": metric.count,
        "failureLimit": metric.failure_limit,
        "inconclusiveLimit": metric.inconclusive_limit,
        "consecutiveErrorLimit": metric.consecutive_error_limit,
        "consecutiveSuccessLimit": metric.consecutive_success_limit,
        "noDataLimit": metric.no_data_limit,
    }
    for name, value in numbers.items():
        if isinstance(value, str) and not _WHOLE.fullmatch(value):
            problems.append(FieldProblem(f"{path}.{name}", f"{value!r} is not a whole number"))
    durations = {"interval": metric.interval, "initialDelay": metric.initial_delay}
    for name, text in durations.items():
        try:
            span = parse_duration(text) if text else timedelta(0)
        except ValueError as error:
            problems.append(FieldProblem(f"{path}.{name}", str(error)))
        else:
            if span < timedelta(0):
                problems.append(FieldProblem(f"{path}.{name}", f"{text} is less than nothing"))
    return problems


def _number(value: int | str | None, default: int) -> int:
    return default if value is None else int(value)

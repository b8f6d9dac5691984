"""The numbers of a metric: counts, limits and times, read once from what users may write.

A number may come as text, because it may have been an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from serinus.api.analysis import Metric
from serinus.base.durations import parse_duration

DEFAULT_CONSECUTIVE_ERROR_LIMIT = 4
DEFAULT_NO_DATA_LIMIT = 4


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


def _number(value: int | str | None, default: int) -> int:
    return default if value is None else int(value)

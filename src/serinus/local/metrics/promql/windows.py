"""Functions over ranges: `rate` and its kin, `*_over_time`, trends. Pure arithmetic.

Source: Prometheus's definitions; where its versions 2 and 3 differ, `Range.left_open` tells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from serinus.local.metrics.promql.values import (
    Range,
    Vector,
    divided,
    nameless,
    quantile,
    total,
    variance,
)

Times = Sequence[int]
Values = Sequence[float]
Numbers = Sequence[float]  # the function's scalar arguments
WindowFunction = Callable[[Times, Values, Range, Numbers], float | None]


@dataclass(frozen=True, slots=True)
class OverRange:
    """One function; None as its value means that the series has no element in the result."""

    apply: WindowFunction
    keeps_name: bool = False


def over_range(function: OverRange, found: Range, numbers: Numbers) -> Vector:
    """The function's value for each series of a range."""
    apply = function.apply
    values = (
        (labels, apply(times, values, found, numbers)) for labels, times, values in found.windows
    )
    vector = [(labels, value) for labels, value in values if value is not None]
    return vector if function.keeps_name else nameless(vector)


def _extrapolated(counter: bool, per_second: bool) -> WindowFunction:
    def run(times: Times, values: Values, found: Range, _: Numbers) -> float | None:
        if len(values) < 2:
            return None
        grown = values[-1] - values[0]
        if counter:
            grown += sum(before for before, after in pairwise(values) if after < before)
        sampled = (times[-1] - times[0]) / 1000
        start = (times[0] - found.begin_ms) / 1000
        end = (found.end_ms - times[-1]) / 1000
        apart = sampled / (len(values) - 1)
        zero = math.inf
        if counter and grown > 0 and values[0] >= 0:
            zero = sampled * (values[0] / grown)  # since when a counter that began at 0 grows
        start = _reach_start(start, apart, zero, found.left_open)
        covered = sampled + start + (end if end < apart * 1.1 else apart / 2)
        factor = covered / sampled
        return grown * (factor / found.seconds if per_second else factor)

    return run


def _reach_start(start: float, apart: float, zero: float, newer: bool) -> float:
    """How far before the first sample the growth is taken to have gone on, in seconds.

    Version 2 weighs the distance to the counter's zero against the threshold, 3 takes the lesser.
    """
    if newer:
        return min(start if start < apart * 1.1 else apart / 2, zero)
    start = min(start, zero)
    return start if start < apart * 1.1 else apart / 2


def _last_two(counter: bool, per_second: bool) -> WindowFunction:
    def run(times: Times, values: Values, found: Range, _: Numbers) -> float | None:
        if len(values) < 2:
            return None
        reset = counter and values[-1] < values[-2]
        grown = values[-1] if reset else values[-1] - values[-2]
        return grown / ((times[-1] - times[-2]) / 1000) if per_second else grown

    return run


def _trend(times: Times, values: Values, origin_ms: int) -> tuple[float, float]:
    """Slope per second and value at the origin of the least-squares line."""
    first = values[0]
    if all(value == first for value in values):
        return (math.nan, math.nan) if math.isinf(first) else (0.0, first)
    count = len(values)
    xs = [(time - origin_ms) / 1000 for time in times]
    sum_x, sum_y = total(xs), total(values)
    covariance = total([x * y for x, y in zip(xs, values, strict=True)]) - sum_x * sum_y / count
    spread = total([x * x for x in xs]) - sum_x * sum_x / count
    slope = divided(covariance, spread)
    return slope, sum_y / count - slope * sum_x / count


def _deriv(times: Times, values: Values, found: Range, _: Numbers) -> float | None:
    return _trend(times, values, times[0])[0] if len(values) > 1 else None


def _predict(times: Times, values: Values, found: Range, numbers: Numbers) -> float | None:
    if len(values) < 2:
        return None
    slope, now = _trend(times, values, found.at_ms)
    return slope * numbers[0] + now


def _mean(times: Times, values: Values, found: Range, _: Numbers) -> float:
    return total(values) / len(values)


def _extreme(better: Callable[[float, float], bool]) -> WindowFunction:
    def run(times: Times, values: Values, found: Range, _: Numbers) -> float:
        best = values[0]
        for value in values:
            if better(value, best) or math.isnan(best):
                best = value
        return best

    return run


def _changes(times: Times, values: Values, found: Range, _: Numbers) -> float:
    return float(
        sum(1 for a, b in pairwise(values) if a != b and not (math.isnan(a) and math.isnan(b)))
    )


WINDOW_FUNCTIONS: dict[str, OverRange] = {
    "rate": OverRange(_extrapolated(counter=True, per_second=True)),
    "increase": OverRange(_extrapolated(counter=True, per_second=False)),
    "delta": OverRange(_extrapolated(counter=False, per_second=False)),
    "irate": OverRange(_last_two(counter=True, per_second=True)),
    "idelta": OverRange(_last_two(counter=False, per_second=False)),
    "deriv": OverRange(_deriv),
    "predict_linear": OverRange(_predict),
    "changes": OverRange(_changes),
    "resets": OverRange(lambda t, v, r, n: float(sum(1 for a, b in pairwise(v) if b < a))),
    "avg_over_time": OverRange(_mean),
    "min_over_time": OverRange(_extreme(lambda value, best: value < best)),
    "max_over_time": OverRange(_extreme(lambda value, best: value > best)),
    "sum_over_time": OverRange(lambda t, v, r, n: total(v)),
    "count_over_time": OverRange(lambda t, v, r, n: float(len(v))),
    "last_over_time": OverRange(lambda t, v, r, n: v[-1], keeps_name=True),
    "present_over_time": OverRange(lambda t, v, r, n: 1.0),
    "quantile_over_time": OverRange(lambda t, v, r, n: quantile(n[0], v)),
    "stddev_over_time": OverRange(lambda t, v, r, n: math.sqrt(variance(v))),
    "stdvar_over_time": OverRange(lambda t, v, r, n: variance(v)),
}

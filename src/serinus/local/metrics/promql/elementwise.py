"""Functions of one number: rounding, logarithms, angles, parts of a date. Pure, total.

Where mathematics has no answer the value is NaN or infinite, as in Prometheus, never an error.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable
from datetime import UTC, datetime

Number = Callable[[float], float]


def total_function(function: Number) -> Number:
    """NaN where `function` is not defined, infinite where it overflows."""

    def run(value: float) -> float:
        try:
            return function(value)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf

    return run


def _whole(function: Callable[[float], int]) -> Number:
    return lambda value: float(function(value)) if math.isfinite(value) else value


def _logarithm(function: Number) -> Number:
    defined = total_function(function)
    return lambda value: -math.inf if value == 0 else defined(value)


def _sign(value: float) -> float:
    return value if value == 0 or math.isnan(value) else math.copysign(1.0, value)


def round_to(value: float, nearest: float) -> float:
    """To the nearest multiple; halves go up. Source: Prometheus's `round`."""
    if nearest == 0 or math.isnan(nearest):
        return math.nan
    inverse = 1.0 / nearest
    scaled = value * inverse + 0.5
    if not math.isfinite(scaled) or inverse == 0:
        return value if math.isfinite(nearest) else math.nan
    return math.floor(scaled) / inverse


ELEMENTWISE: dict[str, Number] = {
    "abs": abs,
    "ceil": _whole(math.ceil),
    "floor": _whole(math.floor),
    "exp": total_function(math.exp),
    "ln": _logarithm(math.log),
    "log2": _logarithm(math.log2),
    "log10": _logarithm(math.log10),
    "sqrt": total_function(math.sqrt),
    "sgn": _sign,
    "deg": math.degrees,
    "rad": math.radians,
    **{
        name: total_function(getattr(math, name))
        for name in (
            *("acos", "acosh", "asin", "asinh", "atan", "atanh"),
            *("cos", "cosh", "sin", "sinh", "tan", "tanh"),
        )
    },
}


def _of_date(part: Callable[[datetime], float]) -> Number:
    def run(seconds: float) -> float:
        try:
            return float(part(datetime.fromtimestamp(math.floor(seconds), UTC)))
        except (ValueError, OverflowError, OSError):  # beyond the calendar
            return math.nan

    return run


DATE_PARTS: dict[str, Number] = {
    "minute": _of_date(lambda t: t.minute),
    "hour": _of_date(lambda t: t.hour),
    "day_of_week": _of_date(lambda t: t.isoweekday() % 7),
    "day_of_month": _of_date(lambda t: t.day),
    "day_of_year": _of_date(lambda t: t.timetuple().tm_yday),
    "days_in_month": _of_date(lambda t: calendar.monthrange(t.year, t.month)[1]),
    "month": _of_date(lambda t: t.month),
    "year": _of_date(lambda t: t.year),
}

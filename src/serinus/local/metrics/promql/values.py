"""What passes between the parts of an expression: scalars, vectors, windows; and their errors.

Knows no operator and no function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from serinus.base.errors import SerinusError
from serinus.local.metrics.labels import NAME, Labels
from serinus.local.metrics.samples import Samples, Series

Element = tuple[Labels, float]
Vector = list[Element]
Window = tuple[Labels, Sequence[int], Sequence[float]]  # times in milliseconds, values


class BadQuery(SerinusError):
    """The text is not a query that is understood here (Prometheus: `bad_data`, 400)."""


class QueryFailed(SerinusError):
    """A query that is understood but has no answer over these samples (`execution`, 422)."""


@dataclass(frozen=True, slots=True)
class Semantics:
    """In what two generations of Prometheus differ, and the limits of one query.

    `left_open`: ranges and the look-back leave out a sample exactly at their beginning, and a
    counter is not extrapolated past its zero; Prometheus 3 does so (the default), 2 did not.
    """

    left_open: bool = True
    lookback_ms: int = 5 * 60 * 1000
    subquery_step_ms: int = 60 * 1000
    sample_limit: int = 5_000_000

    def after(self, begin_ms: int) -> int:
        """The instant after which samples belong to a range that begins at `begin_ms`."""
        return begin_ms if self.left_open else begin_ms - 1


PROMETHEUS_3 = Semantics()
PROMETHEUS_2 = Semantics(left_open=False)


@dataclass(slots=True)
class Scope:
    """One query being answered: the samples, the whole query's range, what it has read so far."""

    samples: Samples
    semantics: Semantics
    begin_ms: int
    end_ms: int
    selected: dict[int, list[Series]] = field(default_factory=dict)
    examined: int = 0

    def examine(self, count: int) -> None:
        """Account for samples that are read; raises QueryFailed over the limit."""
        self.examined += count
        if self.examined > self.semantics.sample_limit:
            raise QueryFailed(
                f"the query reads more than {self.semantics.sample_limit} samples; "
                "shorten its range, or take a larger step"
            )


@dataclass(frozen=True, slots=True)
class Range:
    """The windows of all series over one range; begin and end in milliseconds."""

    begin_ms: int
    end_ms: int
    at_ms: int
    left_open: bool
    windows: list[Window]

    @property
    def seconds(self) -> float:
        return (self.end_ms - self.begin_ms) / 1000


@dataclass(frozen=True, slots=True)
class ScalarExpr:
    run: Callable[[Scope, int], float]


@dataclass(frozen=True, slots=True)
class VectorExpr:
    run: Callable[[Scope, int], Vector]


@dataclass(frozen=True, slots=True)
class RangeExpr:
    run: Callable[[Scope, int], Range]


@dataclass(frozen=True, slots=True)
class TextExpr:
    text: str


Expression = ScalarExpr | VectorExpr | RangeExpr | TextExpr


def distinct(vector: Vector) -> Vector:
    """The vector itself; raises QueryFailed if two elements have the same labels."""
    if len({labels for labels, _ in vector}) != len(vector):
        raise QueryFailed("vector cannot contain metrics with the same labelset")
    return vector


def mapped(vector: Vector, function: Callable[[float], float]) -> Vector:
    """Each value changed, metric names dropped (they no longer say what the number is)."""
    return nameless([(labels, function(value)) for labels, value in vector])


def nameless(vector: Vector) -> Vector:
    """Without metric names; two series that only the name told apart are an error."""
    shown = [(labels.nameless(), value) for labels, value in vector]
    several = len({labels.pairs.get(NAME) for labels, _ in vector}) > 1
    return distinct(shown) if several else shown


def total(values: Sequence[float]) -> float:
    """The sum, exactly rounded where all are finite."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # beyond the floats, or infinities of both signs
        return sum(values)


def divided(a: float, b: float) -> float:
    """As IEEE 754 has it: dividing by zero gives an infinity or NaN, never an error."""
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1, b)


def quantile(q: float, values: Sequence[float]) -> float:
    """Between the two nearest ranks, linearly. Source: Prometheus's `quantile`."""
    if not values or math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return -math.inf if q < 0 else math.inf
    ordered = sorted(values, key=nan_first)
    rank = q * (len(ordered) - 1)
    lower = math.floor(rank)
    upper = min(len(ordered) - 1, lower + 1)
    weight = rank - lower
    return ordered[lower] * (1 - weight) + ordered[upper] * weight


def nan_first(value: float) -> tuple[bool, float]:
    return (False, 0.0) if math.isnan(value) else (True, value)


def variance(values: Sequence[float]) -> float:
    """Of the whole population; NaN if a value is not finite."""
    mean = total(values) / len(values)
    return total([(value - mean) * (value - mean) for value in values]) / len(values)


def format_value(value: float) -> str:
    """A number as Prometheus prints it: shortest digits that read back, no exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 1e15:
        return "-0" if value == 0 and math.copysign(1, value) < 0 else str(int(value))
    return format(Decimal(repr(value)), "f")

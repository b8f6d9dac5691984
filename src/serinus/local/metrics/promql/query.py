"""Questions: a query at an instant, or at the steps of a range.

Instants are handed in; nothing here reads a clock. A range is an instant at each step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from serinus.local.metrics.labels import EMPTY, Labels
from serinus.local.metrics.promql.compile import compile_query
from serinus.local.metrics.promql.values import (
    PROMETHEUS_3,
    BadQuery,
    RangeExpr,
    ScalarExpr,
    Scope,
    Semantics,
    TextExpr,
    Vector,
    VectorExpr,
    Window,
)
from serinus.local.metrics.samples import Samples

STEP_LIMIT = 11_000


@dataclass(frozen=True, slots=True)
class ScalarResult:
    value: float


@dataclass(frozen=True, slots=True)
class VectorResult:
    elements: Vector


@dataclass(frozen=True, slots=True)
class MatrixResult:
    windows: list[Window]


@dataclass(frozen=True, slots=True)
class TextResult:
    text: str


Result = ScalarResult | VectorResult | MatrixResult | TextResult


def query_instant(
    samples: Samples, text: str, at_ms: int, semantics: Semantics = PROMETHEUS_3
) -> Result:
    """The value of a query at an instant (milliseconds); raises BadQuery or QueryFailed."""
    expression = compile_query(text)
    scope = Scope(samples, semantics, at_ms, at_ms)
    match expression:
        case ScalarExpr():
            return ScalarResult(expression.run(scope, at_ms))
        case VectorExpr():
            return VectorResult(expression.run(scope, at_ms))
        case RangeExpr():
            return MatrixResult(expression.run(scope, at_ms).windows)
        case TextExpr():
            return TextResult(expression.text)


class RangeQuery:
    """A query over `begin_ms` to `end_ms`, both included, each `step_ms`.

    Iterating answers one step at a time, so that the caller may do other things between; `result`
    holds what has been answered so far. Raises BadQuery when made, QueryFailed while running.
    """

    def __init__(
        self, samples: Samples, text: str, span_ms: range, semantics: Semantics = PROMETHEUS_3
    ) -> None:
        """`span_ms` is `range(begin, end + 1, step)` in milliseconds."""
        if len(span_ms) > STEP_LIMIT + 1:
            raise BadQuery(
                f"exceeded maximum resolution of {STEP_LIMIT:,} points per timeseries: "
                f"{len(span_ms):,} steps; try a larger step"
            )
        expression = compile_query(text)
        if isinstance(expression, RangeExpr | TextExpr):
            kind = "range vector" if isinstance(expression, RangeExpr) else "string"
            raise BadQuery(
                f"invalid expression type {kind!r} for range query, "
                "must be scalar or instant vector"
            )
        self._expression = expression
        self._span_ms = span_ms
        self._scope = Scope(samples, semantics, span_ms.start, span_ms.stop - 1)
        self._found: dict[Labels, tuple[list[int], list[float]]] = {}

    def __iter__(self) -> Iterator[int]:
        for at_ms in self._span_ms:
            self._step(at_ms)
            yield at_ms

    def _step(self, at_ms: int) -> None:
        self._scope.examine(1)
        match self._expression:
            case ScalarExpr() as scalar:
                vector = [(EMPTY, scalar.run(self._scope, at_ms))]
            case VectorExpr() as expression:
                vector = expression.run(self._scope, at_ms)
        for labels, value in vector:
            times, values = self._found.setdefault(labels, ([], []))
            times.append(at_ms)
            values.append(value)

    @property
    def result(self) -> MatrixResult:
        found = sorted(self._found.items(), key=lambda item: item[0].key)
        return MatrixResult([(labels, times, values) for labels, (times, values) in found])

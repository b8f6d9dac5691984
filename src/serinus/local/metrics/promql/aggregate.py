"""Aggregations over a vector: `sum by (le) (...)` and its kin.

Knows vectors and labels; knows no selector and no clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from promql_parser import AggModifierType, AggregateExpr

from serinus.local.metrics.labels import EMPTY, NAME, Labels
from serinus.local.metrics.promql.values import (
    BadQuery,
    Element,
    Expression,
    QueryFailed,
    ScalarExpr,
    Scope,
    TextExpr,
    Vector,
    VectorExpr,
    distinct,
    format_value,
    quantile,
    total,
    variance,
)

Grouping = Callable[[Labels], Labels]


def _least(values: Sequence[float]) -> float:
    return min((v for v in values if not math.isnan(v)), default=math.nan)


def _greatest(values: Sequence[float]) -> float:
    return max((v for v in values if not math.isnan(v)), default=math.nan)


FOLDS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": total,
    "avg": lambda values: total(values) / len(values),
    "min": _least,
    "max": _greatest,
    "count": lambda values: float(len(values)),
    "group": lambda values: 1.0,
    "stddev": lambda values: math.sqrt(variance(values)),
    "stdvar": variance,
}


def aggregation(node: AggregateExpr, inner: VectorExpr, param: Expression | None) -> VectorExpr:
    """The aggregation of `inner`; raises BadQuery for one that is not known here."""
    name, grouping = str(node.op), _grouping(node)
    if name in FOLDS:
        return _folded(FOLDS[name], inner, grouping)
    if name == "quantile" and isinstance(param, ScalarExpr):
        return _quantiles(param, inner, grouping)
    if name in ("topk", "bottomk") and isinstance(param, ScalarExpr):
        return _ranked(name == "topk", param, inner, grouping)
    if name == "count_values" and isinstance(param, TextExpr):
        return _counted(param.text, inner, grouping)
    known = ", ".join([*FOLDS, "quantile", "topk", "bottomk", "count_values"])
    raise BadQuery(f"the aggregation {name!r} is not supported; supported: {known}")


def _grouping(node: AggregateExpr) -> Grouping:
    modifier = node.modifier
    if modifier is None:
        return lambda labels: EMPTY
    if modifier.type == AggModifierType.By:
        kept = tuple(modifier.labels)
        return lambda labels: labels.only(kept)
    dropped = frozenset([*modifier.labels, NAME])
    return lambda labels: labels.without(dropped)


def _groups(vector: Vector, grouping: Grouping) -> dict[Labels, list[Element]]:
    groups: dict[Labels, list[Element]] = {}
    for element in vector:
        groups.setdefault(grouping(element[0]), []).append(element)
    return groups


def _folded(
    fold: Callable[[Sequence[float]], float], inner: VectorExpr, grouping: Grouping
) -> VectorExpr:
    def run(scope: Scope, at_ms: int) -> Vector:
        groups = _groups(inner.run(scope, at_ms), grouping)
        return [(labels, fold([v for _, v in elements])) for labels, elements in groups.items()]

    return VectorExpr(run)


def _quantiles(param: ScalarExpr, inner: VectorExpr, grouping: Grouping) -> VectorExpr:
    def run(scope: Scope, at_ms: int) -> Vector:
        q = param.run(scope, at_ms)
        return _folded(lambda values: quantile(q, values), inner, grouping).run(scope, at_ms)

    return VectorExpr(run)


def _ranked(largest: bool, param: ScalarExpr, inner: VectorExpr, grouping: Grouping) -> VectorExpr:
    """The k elements of each group, best first, with their own labels; NaN is the worst."""

    def order(element: Element) -> tuple[bool, float]:
        value = element[1]
        return math.isnan(value), (-value if largest else value)

    def run(scope: Scope, at_ms: int) -> Vector:
        wanted = param.run(scope, at_ms)
        if math.isnan(wanted) or abs(wanted) >= 2**63:
            raise QueryFailed(f"{format_value(wanted)} is not a count of elements")
        count = max(0, int(wanted))
        groups = _groups(inner.run(scope, at_ms), grouping) if count else {}
        return [e for elements in groups.values() for e in sorted(elements, key=order)[:count]]

    return VectorExpr(run)


def _counted(label: str, inner: VectorExpr, grouping: Grouping) -> VectorExpr:
    """How often each value occurs in a group, the value as a label."""
    if not label.isidentifier() or not label.isascii():
        raise BadQuery(f"count_values: {label!r} is not a label name")

    def run(scope: Scope, at_ms: int) -> Vector:
        counts: dict[Labels, float] = {}
        for labels, value in inner.run(scope, at_ms):
            group = grouping(labels).changed(label, format_value(value))
            counts[group] = counts.get(group, 0.0) + 1
        return distinct(list(counts.items()))

    return VectorExpr(run)

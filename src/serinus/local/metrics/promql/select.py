"""Selectors: which series, at which instant or over which range, and subqueries.

Knows the ring; knows no function and no operator.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from promql_parser import AtModifierType, MatchOp, SubqueryExpr, VectorSelector

from serinus.local.metrics.labels import NAME, Labels
from serinus.local.metrics.promql.values import (
    BadQuery,
    QueryFailed,
    Range,
    RangeExpr,
    Scope,
    Vector,
    VectorExpr,
    Window,
)
from serinus.local.metrics.samples import Matcher, Series, make_matcher

_MILLISECOND = timedelta(milliseconds=1)
_OPS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
Instant = Callable[[Scope, int], int]


def instant_selector(node: VectorSelector) -> VectorExpr:
    """Each series' newest value within the look-back."""
    with_times = timed_selector(node)

    def run(scope: Scope, at_ms: int) -> Vector:
        return [(labels, value) for labels, _, value in with_times(scope, at_ms)]

    return VectorExpr(run)


def timed_selector(
    node: VectorSelector,
) -> Callable[[Scope, int], list[tuple[Labels, int, float]]]:
    """As `instant_selector`, with the time of each value in milliseconds."""
    find, when = _finder(node), _instant(node.at, node.offset)

    def run(scope: Scope, at_ms: int) -> list[tuple[Labels, int, float]]:
        until = when(scope, at_ms)
        after = scope.semantics.after(until - scope.semantics.lookback_ms)
        found = find(scope)
        scope.examine(len(found))
        newest = ((series.labels, series.newest(after, until)) for series in found)
        return [(labels, *last) for labels, last in newest if last is not None]

    return run


def range_selector(node: VectorSelector, span: timedelta) -> RangeExpr:
    """All values of each series within a range; series without one are left out."""
    find, when, span_ms = _finder(node), _instant(node.at, node.offset), milliseconds(span)

    def run(scope: Scope, at_ms: int) -> Range:
        end = when(scope, at_ms)
        after = scope.semantics.after(end - span_ms)
        windows: list[Window] = []
        for series in find(scope):
            times, values = series.window(after, end)
            if times:
                windows.append((series.labels, times, values))
                scope.examine(len(times))
        return Range(end - span_ms, end, at_ms, scope.semantics.left_open, windows)

    return RangeExpr(run)


def subquery(node: SubqueryExpr, inner: VectorExpr) -> RangeExpr:
    """An instant expression at every step of a range; steps lie on multiples of the step."""
    when, span_ms = _instant(node.at, node.offset), milliseconds(node.range)
    own_step_ms = milliseconds(node.step)

    def run(scope: Scope, at_ms: int) -> Range:
        end = when(scope, at_ms)
        step_ms = own_step_ms or scope.semantics.subquery_step_ms
        after = scope.semantics.after(end - span_ms)
        found: dict[Labels, tuple[list[int], list[float]]] = {}
        for instant in range((after // step_ms + 1) * step_ms, end + 1, step_ms):
            scope.examine(1)
            for labels, value in inner.run(scope, instant):
                times, values = found.setdefault(labels, ([], []))
                times.append(instant)
                values.append(value)
        windows: list[Window] = [(labels, *points) for labels, points in found.items()]
        return Range(end - span_ms, end, at_ms, scope.semantics.left_open, windows)

    return RangeExpr(run)


def matchers_of(node: VectorSelector) -> list[Matcher]:
    """The conditions of a selector, its metric name among them; raises BadQuery."""
    if node.matchers.or_matchers:
        raise BadQuery("`or` between label matchers is not supported; join two selectors by `or`")
    try:
        found = [make_matcher(m.name, _op(m.op), m.value) for m in node.matchers.matchers]
    except ValueError as error:
        raise BadQuery(str(error)) from error
    return ([make_matcher(NAME, "=", node.name)] if node.name else []) + found


def milliseconds(span: timedelta | None) -> int:
    return span // _MILLISECOND if span is not None else 0


def _op(op: MatchOp) -> str:
    return _OPS[str(op).rpartition(".")[2]]


def _finder(node: VectorSelector) -> Callable[[Scope], list[Series]]:
    """Looks the series up once a query, however many steps it has."""
    matchers = matchers_of(node)
    key = id(matchers)

    def find(scope: Scope) -> list[Series]:
        found = scope.selected.get(key)
        if found is None:
            found = scope.selected[key] = scope.samples.select(matchers)
        return found

    return find


def _instant(at: Any, offset: timedelta | None) -> Instant:
    """When a selector looks, if the expression is asked about `at_ms`: `@` first, then offset."""
    shift = milliseconds(offset)
    if at is None:
        return lambda scope, at_ms: at_ms - shift
    if at.type == AtModifierType.Start:
        return lambda scope, at_ms: scope.begin_ms - shift
    if at.type == AtModifierType.End:
        return lambda scope, at_ms: scope.end_ms - shift
    if at.at is None:
        raise QueryFailed("`@` without an instant")
    fixed = round(at.at.timestamp() * 1000) - shift
    return lambda scope, at_ms: fixed

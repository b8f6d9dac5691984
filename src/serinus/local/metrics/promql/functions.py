"""Calls: the name of a function and its compiled arguments -> an expression.

A table per shape of function; what is in none of them is refused by name. Knows no operator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from promql_parser import Call, MatrixSelector, ParenExpr, VectorSelector

from serinus.local.metrics.labels import EMPTY, NAME, Labels
from serinus.local.metrics.promql.elementwise import DATE_PARTS, ELEMENTWISE, round_to
from serinus.local.metrics.promql.histogram import histogram_quantiles
from serinus.local.metrics.promql.relabel import joiner, replacer
from serinus.local.metrics.promql.select import matchers_of, timed_selector
from serinus.local.metrics.promql.values import (
    BadQuery,
    Expression,
    RangeExpr,
    ScalarExpr,
    Scope,
    TextExpr,
    Vector,
    VectorExpr,
    mapped,
    nameless,
)
from serinus.local.metrics.promql.windows import WINDOW_FUNCTIONS, over_range

_KINDS: dict[str, type[Expression]] = {
    "Vector": VectorExpr,
    "Scalar": ScalarExpr,
    "Matrix": RangeExpr,
    "String": TextExpr,
}
WithNumbers = Callable[[Vector, Sequence[float]], Vector]


def call(node: Call, arguments: Sequence[Expression]) -> Expression:
    """The call of one function; raises BadQuery if it is not supported."""
    name = node.func.name
    _check_types(node, arguments)
    vectors = [a for a in arguments if isinstance(a, VectorExpr)]
    ranges = [a for a in arguments if isinstance(a, RangeExpr)]
    numbers = [a for a in arguments if isinstance(a, ScalarExpr)]
    texts = [a.text for a in arguments if isinstance(a, TextExpr)]
    match name:
        case "time":
            return ScalarExpr(lambda scope, at_ms: at_ms / 1000)
        case "pi":
            return ScalarExpr(lambda scope, at_ms: math.pi)
        case "vector":
            return VectorExpr(lambda scope, at_ms: [(EMPTY, numbers[0].run(scope, at_ms))])
        case "scalar":
            return _scalar(vectors[0])
        case "timestamp":
            return _timestamp(node.args[0], vectors[0])
        case "absent":
            labels = _expected_labels(node.args[0])
            return VectorExpr(
                lambda scope, at_ms: [] if vectors[0].run(scope, at_ms) else [(labels, 1.0)]
            )
        case "absent_over_time":
            labels = _expected_labels(node.args[0])
            return VectorExpr(
                lambda scope, at_ms: [] if ranges[0].run(scope, at_ms).windows else [(labels, 1.0)]
            )
        case "label_replace":
            return _relabelled(replacer(texts), vectors[0])
        case "label_join":
            return _relabelled(joiner(texts), vectors[0])
    return _from_table(name, vectors, ranges, numbers)


def _check_types(node: Call, arguments: Sequence[Expression]) -> None:
    """The library lets NaN and Inf stand where a vector must; nothing here does."""
    expected = node.func.arg_types
    for number, argument in enumerate(arguments):
        kind = str(expected[min(number, len(expected) - 1)]).rpartition(".")[2]
        if not isinstance(argument, _KINDS[kind]):
            raise BadQuery(
                f"expected type {kind.lower()} in argument {number + 1} of {node.func.name!r}"
            )


def _from_table(
    name: str,
    vectors: Sequence[VectorExpr],
    ranges: Sequence[RangeExpr],
    numbers: Sequence[ScalarExpr],
) -> Expression:
    if name in WINDOW_FUNCTIONS:
        function = WINDOW_FUNCTIONS[name]
        return VectorExpr(
            lambda scope, at_ms: over_range(
                function, ranges[0].run(scope, at_ms), [n.run(scope, at_ms) for n in numbers]
            )
        )
    if name in ELEMENTWISE:
        return _each(ELEMENTWISE[name], vectors[0])
    if name in DATE_PARTS:
        inner = vectors[0] if vectors else VectorExpr(lambda s, at_ms: [(EMPTY, at_ms / 1000)])
        return _each(DATE_PARTS[name], inner)
    if name in WITH_NUMBERS:
        with_numbers = WITH_NUMBERS[name]
        return VectorExpr(
            lambda scope, at_ms: with_numbers(
                vectors[0].run(scope, at_ms), [n.run(scope, at_ms) for n in numbers]
            )
        )
    raise BadQuery(f"the function {name!r} is not supported; supported: {', '.join(SUPPORTED)}")


def _each(function: Callable[[float], float], inner: VectorExpr) -> VectorExpr:
    return VectorExpr(lambda scope, at_ms: mapped(inner.run(scope, at_ms), function))


def _relabelled(relabel: Callable[[Vector], Vector], inner: VectorExpr) -> VectorExpr:
    return VectorExpr(lambda scope, at_ms: relabel(inner.run(scope, at_ms)))


def _scalar(inner: VectorExpr) -> ScalarExpr:
    def run(scope: Scope, at_ms: int) -> float:
        vector = inner.run(scope, at_ms)
        return vector[0][1] if len(vector) == 1 else math.nan

    return ScalarExpr(run)


def _timestamp(argument: object, inner: VectorExpr) -> VectorExpr:
    """When each sample was taken, in seconds; of anything but a selector: the query's instant."""
    while isinstance(argument, ParenExpr):
        argument = argument.expr
    if not isinstance(argument, VectorSelector):
        return VectorExpr(lambda s, at_ms: mapped(inner.run(s, at_ms), lambda _: at_ms / 1000))
    timed = timed_selector(argument)
    return VectorExpr(
        lambda scope, at_ms: nameless([(k, time / 1000) for k, time, _ in timed(scope, at_ms)])
    )


def _expected_labels(argument: object) -> Labels:
    """The labels that an absent series would have, as far as its selector says."""
    while isinstance(argument, ParenExpr):
        argument = argument.expr
    if isinstance(argument, MatrixSelector):
        argument = argument.vector_selector
    if not isinstance(argument, VectorSelector):
        return EMPTY
    pairs: dict[str, str] = {}
    contradicted: set[str] = set()
    for matcher in matchers_of(argument):
        if matcher.name == NAME:
            continue
        if matcher.op == "=" and matcher.equal and matcher.name not in pairs:
            pairs[matcher.name] = matcher.equal
        else:
            contradicted.add(matcher.name)
    return Labels({name: value for name, value in pairs.items() if name not in contradicted})


def _clamp(vector: Vector, numbers: Sequence[float]) -> Vector:
    low, high = numbers
    if math.isnan(low) or math.isnan(high):
        return mapped(vector, lambda _: math.nan)
    return [] if high < low else mapped(vector, lambda value: _at_least(_at_most(value, high), low))


def _at_least(value: float, low: float) -> float:
    return math.nan if math.isnan(value) or math.isnan(low) else max(value, low)


def _at_most(value: float, high: float) -> float:
    return math.nan if math.isnan(value) or math.isnan(high) else min(value, high)


def _sorted(vector: Vector, sign: int) -> Vector:
    return sorted(vector, key=lambda e: (math.isnan(e[1]), sign * e[1]))


WITH_NUMBERS: dict[str, WithNumbers] = {
    "histogram_quantile": lambda v, n: histogram_quantiles(n[0], v),
    "round": lambda v, n: mapped(v, lambda value: round_to(value, n[0] if n else 1.0)),
    "clamp": _clamp,
    "clamp_min": lambda v, n: mapped(v, lambda value: _at_least(value, n[0])),
    "clamp_max": lambda v, n: mapped(v, lambda value: _at_most(value, n[0])),
    "sort": lambda v, n: _sorted(v, 1),
    "sort_desc": lambda v, n: _sorted(v, -1),
}
SUPPORTED = sorted(
    {*WINDOW_FUNCTIONS, *ELEMENTWISE, *DATE_PARTS, *WITH_NUMBERS}
    | {"absent", "absent_over_time", "label_join", "label_replace"}
    | {"pi", "scalar", "time", "timestamp", "vector"}
)

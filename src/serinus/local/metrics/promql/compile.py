"""The tree of the promql-parser library -> one closure to run. Each node's meaning is elsewhere."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
)

from serinus.local.metrics.labels import EMPTY
from serinus.local.metrics.promql.aggregate import aggregation
from serinus.local.metrics.promql.binary import operation
from serinus.local.metrics.promql.functions import call
from serinus.local.metrics.promql.select import instant_selector, range_selector, subquery
from serinus.local.metrics.promql.syntax import parse_query
from serinus.local.metrics.promql.values import (
    BadQuery,
    Expression,
    RangeExpr,
    ScalarExpr,
    TextExpr,
    VectorExpr,
    mapped,
)


@lru_cache(maxsize=512)
def compile_query(text: str) -> Expression:
    """An expression that can be run any number of times, over any samples; raises BadQuery."""
    return _compiled(parse_query(text))


def _compiled(node: Any) -> Expression:
    match node:
        case NumberLiteral():
            number = node.val
            return ScalarExpr(lambda scope, at_ms: number)
        case StringLiteral():
            return TextExpr(node.val)
        case ParenExpr():
            return _compiled(node.expr)
        case VectorSelector():
            return instant_selector(node)
        case MatrixSelector():
            return range_selector(node.vector_selector, node.range)
        case SubqueryExpr():
            return subquery(node, _vector(node.expr))
        case UnaryExpr():
            return _negated(_compiled(node.expr))
        case BinaryExpr():
            return operation(node, _compiled(node.lhs), _compiled(node.rhs))
        case AggregateExpr():
            param = _compiled(node.param) if node.param is not None else None
            return aggregation(node, _vector(node.expr), param)
        case Call():
            return call(node, [_compiled(argument) for argument in node.args])
    raise BadQuery(f"{type(node).__name__} is not supported")


def _vector(node: Any) -> VectorExpr:
    """What stands where an instant vector must; a subquery may hold a scalar too."""
    match _compiled(node):
        case VectorExpr() as vector:
            return vector
        case ScalarExpr() as scalar:
            return VectorExpr(lambda scope, at_ms: [(EMPTY, scalar.run(scope, at_ms))])
        case RangeExpr() | TextExpr():
            raise BadQuery("an instant vector is expected here")


def _negated(inner: Expression) -> Expression:
    match inner:
        case ScalarExpr():
            return ScalarExpr(lambda scope, at_ms: -inner.run(scope, at_ms))
        case VectorExpr():
            return VectorExpr(lambda scope, at_ms: mapped(inner.run(scope, at_ms), _minus))
        case RangeExpr() | TextExpr():
            raise BadQuery("a minus sign needs a scalar or an instant vector")


def _minus(value: float) -> float:
    return -value

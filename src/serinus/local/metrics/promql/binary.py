"""Operators between two operands: arithmetic, comparison, sets, and how vectors are matched.

Knows vectors and labels; knows no selector and no clock.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from promql_parser import BinaryExpr, BinModifier

from serinus.local.metrics.promql.matching import matched_pairs, matching_key
from serinus.local.metrics.promql.values import (
    BadQuery,
    Expression,
    RangeExpr,
    ScalarExpr,
    Scope,
    TextExpr,
    Vector,
    VectorExpr,
    divided,
    nameless,
)

Arithmetic = Callable[[float, float], float]
Comparison = Callable[[float, float], bool]


def _remainder(a: float, b: float) -> float:
    try:
        return math.fmod(a, b)
    except ValueError:
        return math.nan


def _power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and b % 2 == 1 else math.inf
    except ValueError:  # 0 to a negative power, or a root of a negative number
        if a != 0:
            return math.nan
        return math.copysign(math.inf, a) if b % 2 == 1 else math.inf


ARITHMETIC: dict[str, Arithmetic] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": divided,
    "%": _remainder,
    "^": _power,
    "atan2": math.atan2,
}
COMPARISON: dict[str, Comparison] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
SETS = ("and", "or", "unless")


def operation(node: BinaryExpr, left: Expression, right: Expression) -> Expression:
    """`left op right`; raises BadQuery for an operator or modifier that is not known here."""
    name, modifier = str(node.op), node.modifier
    if modifier is not None and (
        modifier.fill_values.lhs is not None or modifier.fill_values.rhs is not None
    ):
        raise BadQuery("the modifiers fill, fill_left and fill_right are not supported")
    if name in SETS:
        return _set_operation(name, modifier, _vector(left), _vector(right))
    if name not in ARITHMETIC and name not in COMPARISON:
        raise BadQuery(f"the operator {name!r} is not supported")
    as_bool = modifier is not None and modifier.return_bool
    match left, right:
        case ScalarExpr(), ScalarExpr():
            compute: Callable[[float, float], float] = (
                ARITHMETIC[name] if name in ARITHMETIC else _as_number(COMPARISON[name])
            )
            return ScalarExpr(lambda scope, at: compute(left.run(scope, at), right.run(scope, at)))
        case VectorExpr(), ScalarExpr():
            return _with_scalar(name, as_bool, left, right, swapped=False)
        case ScalarExpr(), VectorExpr():
            return _with_scalar(name, as_bool, right, left, swapped=True)
    return _between_vectors(name, modifier, _vector(left), _vector(right))


def _as_number(compare: Comparison) -> Arithmetic:
    return lambda a, b: float(compare(a, b))


def _vector(side: Expression) -> VectorExpr:
    match side:
        case VectorExpr():
            return side
        case RangeExpr() | ScalarExpr() | TextExpr():
            raise BadQuery("this operator needs instant vectors on both sides")


def _with_scalar(
    name: str, as_bool: bool, vector: VectorExpr, scalar: ScalarExpr, swapped: bool
) -> VectorExpr:
    """Each element with the one number; a comparison without `bool` keeps elements as they are."""
    arithmetic = _as_number(COMPARISON[name]) if as_bool else ARITHMETIC.get(name)

    def run(scope: Scope, at_ms: int) -> Vector:
        elements, number = vector.run(scope, at_ms), scalar.run(scope, at_ms)
        if arithmetic is not None:
            return nameless(
                [
                    (labels, arithmetic(number, value) if swapped else arithmetic(value, number))
                    for labels, value in elements
                ]
            )
        holds = COMPARISON[name]
        return [
            (labels, value)
            for labels, value in elements
            if (holds(number, value) if swapped else holds(value, number))
        ]

    return VectorExpr(run)


def _between_vectors(
    name: str, modifier: BinModifier | None, left: VectorExpr, right: VectorExpr
) -> VectorExpr:
    as_bool = modifier is not None and modifier.return_bool
    drops_name = name in ARITHMETIC or as_bool
    pairs = matched_pairs(modifier, drops_name)
    arithmetic = _as_number(COMPARISON[name]) if as_bool else ARITHMETIC.get(name)

    def run(scope: Scope, at_ms: int) -> Vector:
        found = pairs(left.run(scope, at_ms), right.run(scope, at_ms))
        if arithmetic is not None:
            return [(pair.labels, arithmetic(pair.left, pair.right)) for pair in found]
        holds = COMPARISON[name]
        return [(pair.labels, pair.left) for pair in found if holds(pair.left, pair.right)]

    return VectorExpr(run)


def _set_operation(
    name: str, modifier: BinModifier | None, left: VectorExpr, right: VectorExpr
) -> VectorExpr:
    key = matching_key(modifier)

    def run(scope: Scope, at_ms: int) -> Vector:
        ours, theirs = left.run(scope, at_ms), right.run(scope, at_ms)
        if name == "or":
            had = {key(labels) for labels, _ in ours}
            return ours + [element for element in theirs if key(element[0]) not in had]
        others = {key(labels) for labels, _ in theirs}
        wanted = name == "and"
        return [element for element in ours if (key(element[0]) in others) == wanted]

    return VectorExpr(run)

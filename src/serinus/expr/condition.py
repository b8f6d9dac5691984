"""Conditions of metrics: an expression over `result` and Argo Rollouts' own functions.

The environment is that of successCondition and failureCondition: `result`, `asInt`, `asFloat`,
`isNaN`, `isInf`, `isNil`, `default`. What a missing answer means is decided elsewhere, by
`handles_no_data` and `reads` of a Condition.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from serinus.expr import tree
from serinus.expr.compiler import Compiler
from serinus.expr.errors import ExprError, located
from serinus.expr.frame import Frame, Run
from serinus.expr.functions import Builtin, number, parse_float, parse_int, string
from serinus.expr.parser import parse
from serinus.expr.values import kind

_HANDLERS = frozenset({"len", "isNaN", "isNil", "default"})
_RESULT = "result"


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression and what can be said about it without a value."""

    source: str
    handles_no_data: bool
    reads: frozenset[int] | None
    """The elements of `result` that are read, negative ones from the end; None is all of it."""
    run: Run
    slots: int


def _is_nil(frame: Frame, _: Any) -> bool:
    # Quirk: the argument is not looked at, the raw result is
    return frame.env.get(_RESULT) is None


def _default(frame: Frame, _: Any, fallback: Any) -> Any:
    # Quirk: the first argument is not looked at; the answer is the raw result, or the fallback
    result = frame.env.get(_RESULT)
    return fallback if result is None else result


_FUNCTIONS: Mapping[str, Builtin] = {
    "asInt": Builtin(1, 1, lambda frame, value: parse_int(string("asInt", value))),
    "asFloat": Builtin(1, 1, lambda frame, value: parse_float(string("asFloat", value))),
    "isNaN": Builtin(1, 1, lambda frame, value: math.isnan(number("isNaN", value))),
    "isInf": Builtin(1, 1, lambda frame, value: math.isinf(number("isInf", value))),
    "isNil": Builtin(1, 1, _is_nil),
    "default": Builtin(2, 2, _default),
}


@lru_cache(maxsize=1024)
def compile_expression(source: str, names: frozenset[str] = frozenset({_RESULT})) -> Expression:
    """`source` over the given names, ready to be evaluated. Raises ExprError."""
    try:
        root = parse(source)
        compiler = Compiler(names, _FUNCTIONS)
        run = compiler.compile(root)
    except ExprError as error:
        raise located(error, source) from None
    except RecursionError:
        raise ExprError("the expression is nested too deeply") from None
    return Expression(source, _handles_no_data(root), _reads(root), run, compiler.slots)


def evaluate(expression: Expression, env: Mapping[str, Any], now: datetime) -> Any:
    """The value of the expression. Raises ExprError, whatever is in `env`."""
    frame = Frame(env, expression.slots, now)
    try:
        return expression.run(frame)
    except ExprError as error:
        raise located(error, expression.source) from None
    except RecursionError:
        raise ExprError("a value is nested too deeply") from None


def holds(expression: Expression, result: Any, now: datetime) -> bool:
    """Whether the condition is true of `result`. Raises ExprError if it gives no bool."""
    answer = evaluate(expression, {_RESULT: result}, now)
    if not isinstance(answer, bool):
        raise ExprError(f"expected bool, but the condition gives {kind(answer)}")
    return answer


def evaluate_time(source: str, now: datetime) -> datetime:
    """The instant of a rangeQuery's start or end, such as `now() - duration("5m")`."""
    answer = evaluate(compile_expression(source, frozenset()), {}, now)
    if not isinstance(answer, datetime):
        raise ExprError(f"expected a time, but {source} gives {kind(answer)}")
    return answer


def _handles_no_data(root: tree.Node) -> bool:
    return any(
        (isinstance(node, tree.Call) and node.name in _HANDLERS)
        or (isinstance(node, tree.Binary) and node.operator == "??")
        for node in tree.walk(root)
    )


def _reads(root: tree.Node) -> frozenset[int] | None:
    found: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        index = _element(node)
        if index is not None:
            found.add(index)
        elif isinstance(node, tree.Name) and node.name in (_RESULT, "$env"):
            return None
        else:
            waiting.extend(tree.children(node))
    return frozenset(found)


def _element(node: tree.Node) -> int | None:
    """Which element of `result` the node is, if it is one by its text alone."""
    match node:
        case tree.Call("first", (tree.Name("result"),)):
            return 0
        case tree.Call("last", (tree.Name("result"),)):
            return -1
        case tree.Member(tree.Name("result"), tree.Literal(int() as index)):
            return index
        case tree.Member(tree.Name("result"), tree.Unary("-", tree.Literal(int() as index))):
            return -index
    return None

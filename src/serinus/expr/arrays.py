"""The built-in functions of expr-lang over arrays and maps: one table."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

from serinus.expr.errors import ExprError
from serinus.expr.frame import Frame
from serinus.expr.functions import Builtin, string, wrong
from serinus.expr.values import NUMBERS, Budget, add, equal, fetch, kind, less, whole


def array(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return value
    raise wrong(name, value)


def mapping(name: str, value: Any) -> dict[Any, Any]:
    if isinstance(value, dict):
        return value
    raise wrong(name, value)


def map_key(value: Any) -> Any:
    """`value` if it can be a map's key; arrays and maps cannot."""
    if isinstance(value, list | dict | tuple):
        raise ExprError(f"cannot use {kind(value)} as a map key")
    return value


def _length(frame: Frame, value: Any) -> int:
    if isinstance(value, str | list | tuple | dict):
        return len(value)
    raise wrong("len", value)


def _flat(value: Any, budget: Budget) -> list[Any]:
    budget.pay(1)
    if not isinstance(value, list | tuple):
        return [value]
    return [leaf for item in value for leaf in _flat(item, budget)]


def _leaves(name: str, values: tuple[Any, ...], budget: Budget) -> list[Any]:
    """The numbers in the arguments, arrays opened at any depth."""
    found = _flat(list(values), budget)
    for leaf in found:
        if kind(leaf) not in NUMBERS:
            raise wrong(name, leaf)
    return found


def _extreme(name: str, better: Callable[[Any, Any], bool]) -> Builtin:
    def run(frame: Frame, *values: Any) -> Any:
        best: Any = None
        for leaf in _leaves(name, values, frame.budget):
            # Quirk: NaN never replaces and is never replaced, so its place in the list decides
            if best is None or better(leaf, best):
                best = leaf
        return best

    return Builtin(1, None, run)


def _mean(frame: Frame, *values: Any) -> float:
    leaves = _leaves("mean", values, frame.budget)
    total = 0.0
    for leaf in leaves:
        total += float(leaf)
    return total / len(leaves) if leaves else 0.0


def _median(frame: Frame, *values: Any) -> float:
    leaves = [float(v) for v in _leaves("median", values, frame.budget)]
    # Go sorts NaN before all other numbers
    leaves.sort(key=lambda v: (not math.isnan(v), v))
    middle = len(leaves) // 2
    if not leaves:
        return 0.0
    return leaves[middle] if len(leaves) % 2 else (leaves[middle - 1] + leaves[middle]) / 2


def total(values: Any, budget: Budget) -> Any:
    """The sum of numbers, 0 of none."""
    result: Any = 0
    for value in values:
        budget.pay(1)
        if kind(value) not in NUMBERS:
            raise wrong("sum", value)
        result = add(result, value, budget)
    return result


def _end(index: int) -> Callable[..., Any]:
    def run(frame: Frame, value: Any) -> Any:
        items = array("first" if index == 0 else "last", value)
        return items[index] if items else None

    return run


def _get(frame: Frame, value: Any, key: Any) -> Any:
    """Like `value[key]`, but nil where that is an error."""
    try:
        return fetch(value, key)
    except ExprError:
        return None


def _take(frame: Frame, value: Any, count: Any) -> Any:
    items = array("take", value)
    wanted = whole(count, "take")
    if wanted < 0:
        raise ExprError(f"take: expected a number of elements, got {wanted}")
    frame.budget.pay(min(wanted, len(items)))
    return items[:wanted]


def _join(frame: Frame, value: Any, glue: Any = "") -> str:
    separator = string("join", glue)
    items = [string("join", item) for item in array("join", value)]
    frame.budget.pay(sum(map(len, items)) + len(separator) * len(items) + len(items))
    return separator.join(items)


def _concat(frame: Frame, *values: Any) -> list[Any]:
    frame.budget.pay(sum(len(array("concat", v)) for v in values))
    return [item for value in values for item in value]


def _flatten(frame: Frame, value: Any) -> list[Any]:
    return _flat(array("flatten", value), frame.budget)


def _reverse(frame: Frame, value: Any) -> list[Any]:
    frame.budget.pay(len(array("reverse", value)))
    return list(reversed(value))


def _unique(frame: Frame, value: Any) -> list[Any]:
    found: list[Any] = []
    for item in array("uniq", value):
        if not any(equal(item, seen, frame.budget) for seen in found):
            found.append(item)
    return found


def _from_pairs(frame: Frame, value: Any) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for pair in array("fromPairs", value):
        frame.budget.pay(1)
        if len(array("fromPairs", pair)) != 2:
            raise ExprError(f"fromPairs: a pair has 2 elements, not {len(pair)}")
        result[map_key(pair[0])] = pair[1]
    return result


def descending(order: Any) -> bool:
    """True for "desc", false for "asc". Raises ExprError for anything else."""
    if order not in ("asc", "desc"):
        raise ExprError(f"invalid order {order}, expected asc or desc")
    return bool(order == "desc")


def ordered(pairs: list[tuple[Any, Any]], order: Any, budget: Budget) -> list[Any]:
    """The second parts of `pairs`, sorted by the first ones."""

    def by_first(a: tuple[Any, Any], b: tuple[Any, Any]) -> int:
        budget.pay(1)
        return -1 if less(a[0], b[0]) else 1 if less(b[0], a[0]) else 0

    down = descending(order)
    return [v for _, v in sorted(pairs, key=functools.cmp_to_key(by_first), reverse=down)]


def _sort(frame: Frame, value: Any, order: Any = "asc") -> list[Any]:
    return ordered([(item, item) for item in array("sort", value)], order, frame.budget)


def _listed(name: str, work: Callable[[dict[Any, Any]], list[Any]]) -> Builtin:
    def run(frame: Frame, value: Any) -> list[Any]:
        frame.budget.pay(len(mapping(name, value)))
        return work(value)

    return Builtin(1, 1, run)


COLLECTIONS: Mapping[str, Builtin] = {
    "len": Builtin(1, 1, _length),
    "max": _extreme("max", lambda a, b: a > b),
    "min": _extreme("min", lambda a, b: a < b),
    "mean": Builtin(1, None, _mean),
    "median": Builtin(1, None, _median),
    "first": Builtin(1, 1, _end(0)),
    "last": Builtin(1, 1, _end(-1)),
    "get": Builtin(2, 2, _get),
    "take": Builtin(2, 2, _take),
    "join": Builtin(1, 2, _join),
    "concat": Builtin(1, None, _concat),
    "flatten": Builtin(1, 1, _flatten),
    "reverse": Builtin(1, 1, _reverse),
    "uniq": Builtin(1, 1, _unique),
    "sort": Builtin(1, 2, _sort),
    "keys": _listed("keys", lambda m: list(m)),
    "values": _listed("values", lambda m: list(m.values())),
    "toPairs": _listed("toPairs", lambda m: [[k, v] for k, v in m.items()]),
    "fromPairs": Builtin(1, 1, _from_pairs),
}

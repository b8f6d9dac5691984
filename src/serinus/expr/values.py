"""The values of expressions and what Go makes of them: kinds, numbers, equality, order, text.

A value is None, bool, int (64 bit), float, str, list or tuple, dict, Duration, an aware
datetime or a ZoneInfo. Everything that may be large is paid for from a Budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from serinus.expr.errors import ExprError
from serinus.expr.gotime import Duration, between, duration_text, format_time, shifted

MAX_STEPS = 300_000
_KINDS: dict[type, str] = {
    type(None): "nil", bool: "bool", int: "int", float: "float", str: "string", list: "array",
    tuple: "array", dict: "map", Duration: "duration", datetime: "time", ZoneInfo: "timezone",
}  # fmt: skip
_LOW, _HIGH = -(2**63), 2**63


class Budget:
    """How much one evaluation may still do, in visited parts; bounds time and memory."""

    __slots__ = ("left",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.left = steps

    def pay(self, steps: int) -> None:
        """Raises ExprError when the expression asks for too much."""
        self.left -= steps
        if self.left < 0:
            raise ExprError("the expression does too much work (memory budget exceeded)")


def kind(value: Any) -> str:
    """The kind's name as messages and `type()` give it."""
    return _KINDS.get(type(value)) or _subclass_kind(value)


def _subclass_kind(value: Any) -> str:
    for base, name in _KINDS.items():
        if isinstance(value, base):
            return name
    return type(value).__name__


NUMBERS = frozenset({"int", "float", "duration"})
WHOLE = frozenset({"int", "duration"})


def mismatch(operator: str, left: Any, right: Any) -> ExprError:
    """The error for operands that do not fit; with what to write if a list was not indexed."""
    kinds = {kind(left), kind(right)}
    advice = ""
    if "array" in kinds and kinds & NUMBERS:
        advice = "; read one element of the array, such as result[0]"
    elif "nil" in kinds:
        advice = "; a value is missing, give one with ??"
    return ExprError(
        f"invalid operation: {operator} (mismatched types {kind(left)} and {kind(right)}){advice}"
    )


def wrapped(value: int) -> int:
    """A whole number as 64 bits hold it: overflow wraps."""
    return value if _LOW <= value < _HIGH else (value - _LOW) % 2**64 + _LOW


def _both(a: Any, b: Any, operator: str) -> bool:
    """True if both are numbers and the result is whole; raises if one is no number."""
    left, right = kind(a), kind(b)
    if left not in NUMBERS or right not in NUMBERS:
        raise mismatch(operator, a, b)
    return left in WHOLE and right in WHOLE


def _number(a: Any, b: Any, operator: str, work: Callable[[Any, Any], Any]) -> Any:
    if not _both(a, b, operator):
        return work(float(a), float(b))
    result = wrapped(work(int(a), int(b)))
    return Duration(result) if "duration" in (kind(a), kind(b)) else result


def add(a: Any, b: Any, budget: Budget) -> Any:
    """Numbers, texts, and times with durations."""
    match kind(a), kind(b):
        case "string", "string":
            budget.pay(len(a) + len(b))
            return a + b
        case "time", "duration":
            return shifted(a, b)
        case "duration", "time":
            return shifted(b, a)
    return _number(a, b, "+", lambda x, y: x + y)


def subtract(a: Any, b: Any) -> Any:
    """Numbers; time - time is a duration, time - duration a time."""
    match kind(a), kind(b):
        case "time", "time":
            return between(a, b)
        case "time", "duration":
            return shifted(a, -b)
    return _number(a, b, "-", lambda x, y: x - y)


def multiply(a: Any, b: Any) -> Any:
    return _number(a, b, "*", lambda x, y: x * y)


def divide(a: Any, b: Any) -> float:
    """Always a float; by zero it is an infinity or NaN, as IEEE has it."""
    _both(a, b, "/")
    x, y = float(a), float(b)
    if y:
        return x / y
    return math.nan if x == 0 or math.isnan(x) else math.copysign(math.inf, x) * math.copysign(1, y)


def remainder(a: Any, b: Any) -> int:
    """Of whole numbers, with the sign of the first, as Go's."""
    if kind(a) not in WHOLE or kind(b) not in WHOLE:
        raise mismatch("%", a, b)
    if b == 0:
        raise ExprError("integer divide by zero")
    result = abs(int(a)) % abs(int(b))
    return -result if a < 0 else result


def power(a: Any, b: Any) -> float:
    """Go's math.Pow: always a float; no errors, but infinities and NaN."""
    _both(a, b, "**")
    x, y = float(a), float(b)
    odd = y.is_integer() and y % 2 == 1 and abs(y) < 2**53
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0 and odd else math.inf
    except ValueError:  # 0 to a negative power, or a negative base with a fraction
        return math.copysign(math.inf, x if odd else 1.0) if x == 0 else math.nan


def negate(a: Any) -> Any:
    if kind(a) not in NUMBERS:
        raise ExprError(f"invalid operation: - (mismatched type {kind(a)})")
    if isinstance(a, float):
        return -a
    return Duration(wrapped(-a)) if isinstance(a, Duration) else wrapped(-a)


def plus(a: Any) -> Any:
    if kind(a) not in NUMBERS:
        raise ExprError(f"invalid operation: + (mismatched type {kind(a)})")
    return a


def equal(a: Any, b: Any, budget: Budget) -> bool:
    """Deep equality; whole numbers and floats compare by value, other kinds never mix."""
    budget.pay(1)
    left, right = kind(a), kind(b)
    if left in NUMBERS and right in NUMBERS:
        return bool(a == b)
    if left != right:
        return False
    if left == "string":
        budget.pay(min(len(a), len(b)))
    if left == "array":
        return len(a) == len(b) and all(equal(x, y, budget) for x, y in zip(a, b, strict=True))
    if left == "map":
        return len(a) == len(b) and all(k in b and equal(v, b[k], budget) for k, v in a.items())
    return bool(a == b)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def compare(operator: str) -> Callable[[Any, Any], bool]:
    """The function of `<`, `<=`, `>` or `>=`: numbers, texts or times; NaN is never in order."""
    work = _COMPARE[operator]

    def compared(a: Any, b: Any) -> bool:
        left, right = kind(a), kind(b)
        if (left in NUMBERS and right in NUMBERS) or (left == right and left in ("string", "time")):
            return bool(work(a, b))
        raise mismatch(operator, a, b)

    return compared


less = compare("<")


def whole(value: Any, what: str) -> int:
    """`value` as a whole number, floats cut towards zero. Raises ExprError."""
    match kind(value):
        case "int" | "duration":
            return int(value)
        case "float":
            if math.isnan(value) or not _LOW <= value < _HIGH:
                raise ExprError(f"{what}: {float_text(value)} does not fit a whole number")
            return int(value)
    raise ExprError(f"{what}: expected a number, got {kind(value)}")


def float_text(value: float) -> str:
    """As Go's %v prints it: shortest, 1e+21 and up and below 1e-4 with an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    number = Decimal(repr(value))
    exponent = number.adjusted()
    if -4 <= exponent < 21:
        return format(number, "f").removesuffix(".0")
    digits = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
    return f"{'-' if value < 0 else ''}{mantissa}e{exponent:+03}"


def text(value: Any, budget: Budget) -> str:
    """As Go's %v prints it: `[1 2]`, `map[a:1]`, `<nil>`."""
    budget.pay(1)
    match kind(value):
        case "nil":
            return "<nil>"
        case "bool":
            return "true" if value else "false"
        case "float":
            return float_text(value)
        case "string":
            budget.pay(len(value))
            return str(value)
        case "duration":
            return duration_text(value)
        case "time":
            return format_time(value, "2006-01-02 15:04:05.999999999 -0700 MST")
        case "array":
            return "[" + " ".join(text(item, budget) for item in value) + "]"
        case "map":
            pairs = sorted((text(k, budget), text(v, budget)) for k, v in value.items())
            return "map[" + " ".join(f"{k}:{v}" for k, v in pairs) + "]"
    return str(value)


def fetch(node: Any, key: Any) -> Any:
    """`node[key]`, `node.key`: a missing map key is nil, a missing index an error."""
    match kind(node):
        case "array":
            index = whole(key, "array index")
            place = index + len(node) if index < 0 else index
            if not 0 <= place < len(node):
                raise ExprError(f"index out of range: {index} (array length is {len(node)})")
            return node[place]
        case "map":
            if isinstance(key, list | dict | tuple):
                raise ExprError(f"cannot use {kind(key)} as a map key")
            return node.get(key)
        case "nil":
            raise ExprError(f"cannot fetch {key} from nil; ask with ?. or give a value with ??")
    raise ExprError(f"cannot fetch {key} from {kind(node)}")


def sliced(node: Any, start: Any, stop: Any) -> Any:
    """`node[start:stop]`: bounds are cut to the length, negative ones count from the end."""
    if kind(node) not in ("array", "string"):
        raise ExprError(f"cannot slice {kind(node)}")
    length = len(node)
    first = 0 if start is None else whole(start, "slice index")
    last = length if stop is None else whole(stop, "slice index")
    first = max(0, first + length if first < 0 else first)
    last = min(length, max(0, last + length if last < 0 else last))
    return node[min(first, last) : last]

"""The built-in functions of expr-lang over numbers, texts, times and JSON: one table."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from serinus.expr import gotime
from serinus.expr.errors import ExprError
from serinus.expr.frame import Frame
from serinus.expr.values import NUMBERS, WHOLE, Budget, float_text, kind, negate, text, whole


@dataclass(frozen=True, slots=True)
class Builtin:
    """`work(frame, *arguments)`, with `least` to `most` arguments (None: any number)."""

    least: int
    most: int | None
    work: Callable[..., Any]


def wrong(name: str, value: Any) -> ExprError:
    """The error for an argument of a kind that `name` does not take."""
    return ExprError(f"invalid argument for {name} (type {kind(value)})")


def string(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise wrong(name, value)


def number(name: str, value: Any) -> Any:
    if kind(value) in NUMBERS:
        return value
    raise wrong(name, value)


def _on_text(name: str, work: Callable[[str], Any]) -> Callable[..., Any]:
    def run(frame: Frame, value: Any) -> Any:
        frame.budget.pay(len(string(name, value)))
        return work(value)

    return run


def _on_texts(name: str, work: Callable[[str, str], Any]) -> Callable[..., Any]:
    def run(frame: Frame, value: Any, other: Any) -> Any:
        frame.budget.pay(len(string(name, value)) + len(string(name, other)))
        return work(value, other)

    return run


def _affix(name: str, work: Callable[[str, str], str]) -> Callable[..., Any]:
    # Quirk: without the second argument a single space is cut, not all white space
    return lambda frame, value, affix=" ": _on_texts(name, work)(frame, value, affix)


def _trim(frame: Frame, value: Any, characters: Any = None) -> str:
    cut = None if characters is None else string("trim", characters)
    frame.budget.pay(len(string("trim", value)))
    return str(value).strip(cut) if cut != "" else str(value)


def _split(name: str, *, keep: bool) -> Callable[..., Any]:
    def run(frame: Frame, value: Any, separator: Any, limit: Any = -1) -> list[str]:
        source, mark = string(name, value), string(name, separator)
        parts = whole(limit, name)
        frame.budget.pay(len(source) + 1)
        if parts == 0:
            return []
        most = -1 if parts < 0 else parts - 1
        if not mark:
            cut = len(source) if most < 0 else min(most, max(0, len(source) - 1))
            pieces = list(source[:cut]) + ([source[cut:]] if source[cut:] else [])
            return pieces
        pieces = source.split(mark, most)
        return [p + mark for p in pieces[:-1]] + pieces[-1:] if keep else pieces

    return run


def _replace(frame: Frame, value: Any, old: Any, new: Any, limit: Any = -1) -> str:
    source, before, after = (string("replace", v) for v in (value, old, new))
    times = whole(limit, "replace")
    found = source.count(before)
    count = found if times < 0 else min(times, found)
    frame.budget.pay(len(source) + count * len(after))
    return source.replace(before, after, count)


def _repeat(frame: Frame, value: Any, times: Any) -> str:
    count = whole(times, "repeat")
    if count < 0:
        raise ExprError(f"invalid argument for repeat (expected positive integer, got {count})")
    frame.budget.pay(len(string("repeat", value)) * count)
    return str(value) * count


def _absolute(frame: Frame, value: Any) -> Any:
    return negate(value) if number("abs", value) < 0 else value


def _rounding(name: str, work: Callable[[float], float]) -> Callable[..., Any]:
    def run(frame: Frame, value: Any) -> float:
        given = float(number(name, value))
        return work(given) if math.isfinite(given) else given

    return run


def _half_away(value: float) -> float:
    whole_part = math.trunc(value)
    return float(whole_part + (math.copysign(1, value) if abs(value - whole_part) >= 0.5 else 0))


def _int(frame: Frame, value: Any) -> int:
    if isinstance(value, str):
        return parse_int(value)
    return whole(value, "int")


def parse_int(value: str) -> int:
    """Go's decimal Atoi: an optional sign and ASCII digits that fit 64 bits."""
    digits = value[1:] if value[:1] in ("+", "-") else value
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 40):
        raise ExprError(f"invalid operation: int({value[:80]!r}) is not a whole number")
    result = int(value)
    if not -(2**63) <= result < 2**63:
        raise ExprError(f"invalid operation: int({value}) does not fit 64 bits")
    return result


def parse_float(value: str) -> float:
    """Go's ParseFloat: decimal numbers, inf, infinity and nan in any case."""
    plain = value.isascii() and value == value.strip() and len(value) < 400
    try:
        if not plain:
            raise ValueError
        result = float(value)
    except ValueError:
        raise ExprError(f"invalid operation: float({value[:80]!r}) is not a number") from None
    if math.isinf(result) and any(c.isdigit() for c in value):
        raise ExprError(f"invalid operation: float({value[:80]!r}) is out of range")
    return result


def _float(frame: Frame, value: Any) -> float:
    return parse_float(value) if isinstance(value, str) else float(number("float", value))


_NAMED = {"duration": "time.Duration", "time": "time.Time", "timezone": "time.Location"}


def _type(frame: Frame, value: Any) -> str:
    return _NAMED.get(kind(value), kind(value))


_JSON_TEXT = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028"})


def _json(value: Any, indent: str, budget: Budget) -> str:
    """As Go's MarshalIndent writes it: two spaces, sorted keys, whole floats without a point."""
    budget.pay(1 + len(indent))
    match kind(value):
        case "float" if not math.isfinite(value):
            raise ExprError(f"toJSON: JSON has no {float_text(value)}")
        case "nil" | "bool" | "int" | "duration" | "float":
            return "null" if value is None else text(value if kind(value) != "duration"
                                                     else int(value), budget)  # fmt: skip
        case "string":
            budget.pay(len(value))
            return json.dumps(value, ensure_ascii=False).translate(_JSON_TEXT)
        case "time":
            return json.dumps(gotime.format_time(value, "2006-01-02T15:04:05.999999999Z07:00"))
        case "array":
            inner = [_json(item, indent + "  ", budget) for item in value]
            return _bracketed("[]", inner, indent)
        case "map":
            keys = {text(k, budget): v for k, v in value.items()}
            inner = [
                f"{_json(k, '', budget)}: {_json(keys[k], indent + '  ', budget)}"
                for k in sorted(keys)
            ]
            return _bracketed("{}", inner, indent)
    raise wrong("toJSON", value)


def _bracketed(brackets: str, inner: list[str], indent: str) -> str:
    if not inner:
        return brackets
    separator = f",\n{indent}  "
    return f"{brackets[0]}\n{indent}  {separator.join(inner)}\n{indent}{brackets[1]}"


def _constant(name: str) -> Any:
    raise ExprError(f"fromJSON: JSON has no {name}")


def _from_json(frame: Frame, value: Any) -> Any:
    frame.budget.pay(len(string("fromJSON", value)))
    try:
        return json.loads(value, parse_int=float, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise ExprError(f"fromJSON: {error}") from None


def _from_base64(frame: Frame, value: Any) -> str:
    frame.budget.pay(len(string("fromBase64", value)))
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        raise ExprError("fromBase64: the text is not base64 of UTF-8") from None


def _now(frame: Frame, tz: Any = None) -> Any:
    if tz is not None and not isinstance(tz, ZoneInfo):
        raise wrong("now", tz)
    return frame.now.astimezone(tz) if tz else frame.now


def _date(frame: Frame, *given: Any) -> Any:
    tz = given[0] if given and isinstance(given[0], ZoneInfo) else None
    arguments = [string("date", v) for v in (given[1:] if tz else given)]
    match arguments:
        case [value]:
            for layout in gotime.DEFAULT_LAYOUTS:
                try:
                    return gotime.parse_time(value, layout, tz)
                except ExprError:
                    continue  # the next layout may fit
            raise ExprError(f"invalid date {value}")
        case [value, layout]:
            return gotime.parse_time(value, layout, tz)
        case [value, layout, name]:
            return gotime.parse_time(value, layout, gotime.zone(name))
    raise ExprError(f"date takes 1 to 3 strings, got {len(arguments)}")


def _bits(name: str, work: Callable[[int, int], int]) -> Builtin:
    def run(frame: Frame, a: Any, b: Any) -> int:
        for value in (a, b):
            if kind(value) not in WHOLE:
                raise wrong(name, value)
        if "sh" in name and b < 0:
            raise ExprError(f"invalid operation: negative shift count {b} (type int)")
        return _signed(work(int(a), min(int(b), 64) if "sh" in name else int(b)))

    return Builtin(2, 2, run)


def _signed(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


def _bitnot(frame: Frame, value: Any) -> int:
    if kind(value) not in WHOLE:
        raise wrong("bitnot", value)
    return ~int(value)


BUILTINS: Mapping[str, Builtin] = {
    "type": Builtin(1, 1, _type),
    "abs": Builtin(1, 1, _absolute),
    "ceil": Builtin(1, 1, _rounding("ceil", lambda v: float(math.ceil(v)))),
    "floor": Builtin(1, 1, _rounding("floor", lambda v: float(math.floor(v)))),
    "round": Builtin(1, 1, _rounding("round", _half_away)),
    "int": Builtin(1, 1, _int),
    "float": Builtin(1, 1, _float),
    "string": Builtin(1, 1, lambda frame, value: text(value, frame.budget)),
    "trim": Builtin(1, 2, _trim),
    "trimPrefix": Builtin(1, 2, _affix("trimPrefix", str.removeprefix)),
    "trimSuffix": Builtin(1, 2, _affix("trimSuffix", str.removesuffix)),
    "upper": Builtin(1, 1, _on_text("upper", str.upper)),
    "lower": Builtin(1, 1, _on_text("lower", str.lower)),
    "split": Builtin(2, 3, _split("split", keep=False)),
    "splitAfter": Builtin(2, 3, _split("splitAfter", keep=True)),
    "replace": Builtin(3, 4, _replace),
    "repeat": Builtin(2, 2, _repeat),
    "indexOf": Builtin(2, 2, _on_texts("indexOf", str.find)),
    "lastIndexOf": Builtin(2, 2, _on_texts("lastIndexOf", str.rfind)),
    "hasPrefix": Builtin(2, 2, _on_texts("hasPrefix", str.startswith)),
    "hasSuffix": Builtin(2, 2, _on_texts("hasSuffix", str.endswith)),
    "toJSON": Builtin(1, 1, lambda frame, value: _json(value, "", frame.budget)),
    "fromJSON": Builtin(1, 1, _from_json),
    "toBase64": Builtin(
        1,
        1,
        _on_text("toBase64", lambda v: base64.b64encode(v.encode("utf-8", "replace")).decode()),
    ),
    "fromBase64": Builtin(1, 1, _from_base64),
    "now": Builtin(0, 1, _now),
    "duration": Builtin(
        1, 1, lambda frame, value: gotime.duration_from_text(string("duration", value))
    ),
    "date": Builtin(1, 4, _date),
    "timezone": Builtin(1, 1, lambda frame, value: gotime.zone(string("timezone", value))),
    "bitand": _bits("bitand", lambda a, b: a & b),
    "bitor": _bits("bitor", lambda a, b: a | b),
    "bitxor": _bits("bitxor", lambda a, b: a ^ b),
    "bitnand": _bits("bitnand", lambda a, b: a & ~b),
    "bitshl": _bits("bitshl", lambda a, b: a << b),
    "bitshr": _bits("bitshr", lambda a, b: a >> b),
    "bitushr": _bits("bitushr", lambda a, b: a % 2**64 >> b),
    "bitnot": Builtin(1, 1, _bitnot),
}

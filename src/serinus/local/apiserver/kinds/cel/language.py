"""The one door to the CEL library, and Kubernetes' functions that it does not bring along.

Source of the functions: the lists of CEL in Kubernetes' documentation. What is not here
(quantities, IP addresses, versions, formatting) makes a rule `Unsupported`, never wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from serinus.base.errors import SerinusError

INSTALL = "pip install 'serinus[cel]'"


class Unsupported(SerinusError):
    """An expression that is fine for Kubernetes and cannot be evaluated here."""


class Broken(SerinusError):
    """An expression that no Kubernetes would take."""


def _substring(text: str, start: int, end: int | None = None) -> str:
    return text[start:end]


def _index(values: Sequence[Any] | str, wanted: Any, start: int = 0) -> int:
    try:
        return values.index(wanted, start)
    except ValueError:
        return -1


def _last_index(values: Sequence[Any] | str, wanted: Any) -> int:
    if isinstance(values, str):
        return values.rfind(wanted)
    return len(values) - 1 - _index(values[::-1], wanted) if wanted in values else -1


def _split(text: str, separator: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if separator == "":
        return list(text)
    return text.split(separator, limit - 1 if limit > 0 else -1)


def _join(parts: Sequence[str], separator: str = "") -> str:
    return separator.join(parts)


def _replace(text: str, old: str, new: str, count: int = -1) -> str:
    return text.replace(old, new, count)


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[0] if found else ""


def _find_all(text: str, pattern: str) -> list[str]:
    return [found[0] for found in re.finditer(pattern, text)]


def _is_sorted(values: Sequence[Any]) -> bool:
    return all(left <= right for left, right in pairwise(values))


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path.startswith("/")))


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "charAt": lambda text, at: text[at] if at < len(text) else "",
    "find": _find,
    "findAll": _find_all,
    "indexOf": _index,
    "isSorted": _is_sorted,
    "isURL": _is_url,
    "join": _join,
    "lastIndexOf": _last_index,
    "lowerAscii": lambda text: text.lower(),
    "replace": _replace,
    "split": _split,
    "substring": _substring,
    "sum": sum,
    "trim": lambda text: text.strip(),
    "upperAscii": lambda text: text.upper(),
}
_KNOWN = frozenset(
    (
        *_FUNCTIONS,
        *("all", "exists", "exists_one", "filter", "map", "has", "size", "contains", "startsWith"),
        *("endsWith", "matches", "type", "int", "uint", "double", "string", "bool", "bytes", "dyn"),
        *("duration", "timestamp", "min", "max", "getFullYear", "getMonth", "getDayOfYear"),
        *("getDayOfMonth", "getDate", "getDayOfWeek", "getHours", "getMinutes", "getSeconds"),
        "getMilliseconds",
    )
)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression, and whether it looks at what was before."""

    text: str
    program: Any
    on_change: bool

    def value(self, variables: Mapping[str, Any]) -> Any:
        """What it yields; raises Broken with the reason where it cannot be evaluated."""
        import cel

        context = cel.Context(dict(variables))
        for name, function in _FUNCTIONS.items():
            context.add_function(name, function)
        try:
            return self.program.execute(context)
        except KeyError as error:
            raise Broken(f"no such key: {error.args[0]}") from error
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise Broken(str(error)) from error


def installed() -> bool:
    """Whether the library is there."""
    return find_spec("cel") is not None


def compiled(text: str) -> Expression:
    """An expression that can be evaluated; raises Unsupported or Broken with the reason."""
    if not installed():
        raise Unsupported(f"rules need the extra cel: {INSTALL}")
    import cel

    try:
        program = cel.compile(text)
    except ValueError as error:
        reason = " ".join(str(error).split())
        if "unsupported syntax" in reason:
            raise Unsupported(reason) from error
        raise Broken(f"compilation failed: {reason}") from error
    called = {name for name in program.functions() if name.isidentifier()}
    if unknown := sorted(called - _KNOWN):
        raise Unsupported(f"these functions are not evaluated here: {', '.join(unknown)}")
    names = set(program.variables())
    return Expression(text, program, "oldSelf" in names)

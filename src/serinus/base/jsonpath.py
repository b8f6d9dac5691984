"""kubectl's dialect of JSONPath, compiled to functions: `.spec.replicas`, `{.items[*].name}`.

Known: fields (`.a`, `['a']`), indexes and slices (`[0]`, `[-1]`, `[1:3]`), `*`, `..name`, unions
of names or numbers, filters with one comparison or a bare existence test. Templates with text
around several braces, `range` and scripts are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

Step = Callable[[Any], Iterator[Any]]
Path = Callable[[Any], list[Any]]

_FIELD = re.compile(r"\.?((?:[^\W\d]|[-_/\\$])(?:\\.|[^.\[\]{}()\s])*)")
_FILTER = re.compile(r"\?\(\s*(@[^=!<>]*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?)\s*)?\)")
_QUOTED = re.compile(r"'((?:\\.|[^'])*)'|\"((?:\\.|[^\"])*)\"")
_SLICE = re.compile(r"(-?\d*):(-?\d*)(?::(-?\d*))?")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda left, right: bool(left == right),
    "!=": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    ">": lambda left, right: bool(left > right),
    "<=": lambda left, right: bool(left <= right),
    ">=": lambda left, right: bool(left >= right),
}


@lru_cache(maxsize=1024)
def compile_path(text: str) -> Path:
    """The function behind a path: a value in, all that it finds out, in order.

    Braces, a leading `$` and a leading dot may be left out. Raises ValueError with the part that
    it does not know. What is not there finds nothing; that is no error.
    """
    body = text.strip()
    if body.startswith("{") and body.endswith("}"):
        body = body[1:-1].strip()
    steps = _parse(body.removeprefix("$").removeprefix("@"), text)

    def find(value: Any) -> list[Any]:
        found = [value]
        for step in steps:
            found = [child for item in found for child in step(item)]
        return found

    return find


def _parse(body: str, text: str) -> list[Step]:
    steps: list[Step] = []
    at = 0
    while at < len(body):
        if body.startswith("..", at):
            steps.append(_descend)
            at += 1 if body[at + 2 : at + 3] not in ("[", "*") else 2
        elif body.startswith((".*", "*"), at):
            steps.append(_each)
            at += 2 if body[at] == "." else 1
        elif body[at] == "[":
            end = _closing(body, at, text)
            steps.append(_bracket(body[at + 1 : end].strip(), text))
            at = end + 1
        elif body[at:] == ".":
            break
        elif match := _FIELD.match(body, at):
            steps.append(_field(re.sub(r"\\(.)", r"\1", match[1])))
            at = match.end()
        else:
            raise ValueError(f"{text!r} is not a path that is known: stuck at {body[at:]!r}")
    return steps


def _closing(body: str, at: int, text: str) -> int:
    """The index of the bracket that closes the one at `at`, quotes skipped."""
    depth, quote = 0, ""
    for index in range(at, len(body)):
        letter = body[index]
        if quote:
            quote = "" if letter == quote and body[index - 1] != "\\" else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "[(") - (letter in "])")
            if depth == 0:
                return index
    raise ValueError(f"{text!r}: a bracket is not closed")


def _bracket(inner: str, text: str) -> Step:
    if inner == "*":
        return _each
    if match := _FILTER.fullmatch(inner):
        return _filter(*match.groups())
    if match := _SLICE.fullmatch(inner):
        return _slice(*(int(part) if part else None for part in match.groups()))
    parts = [part.strip() for part in re.split(r",(?=(?:[^'\"]|'[^']*'|\"[^\"]*\")*$)", inner)]
    return _union([_one(part, text) for part in parts])


def _one(part: str, text: str) -> Step:
    if match := _QUOTED.fullmatch(part):
        return _field(re.sub(r"\\(.)", r"\1", match[1] if match[1] is not None else match[2]))
    if part.lstrip("-").isdecimal():
        return _index(int(part))
    raise ValueError(f"{text!r} is not a path that is known: [{part}]")


def _field(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, Mapping) and name in value:
            yield value[name]

    return step


def _index(number: int) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= number < len(value):
            yield value[number]

    return step


def _slice(start: int | None, stop: int | None, stride: int | None) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[start : stop : stride or None]

    return step


def _union(steps: list[Step]) -> Step:
    if len(steps) == 1:
        return steps[0]
    return lambda value: (found for step in steps for found in step(value))


def _each(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descend(value: Any) -> Iterator[Any]:
    yield value
    for child in _each(value):
        yield from _descend(child)


def _filter(left: str, operator: str | None, right: str | None) -> Step:
    path = compile_path(left)
    if operator is None or right is None:
        return lambda value: (item for item in _each(value) if path(item))
    wanted, compare = _operand(right), _COMPARE[operator]

    def step(value: Any) -> Iterator[Any]:
        for item in _each(value):
            against = wanted(item)
            if any(_holds(compare, found, against) for found in path(item)):
                yield item

    return step


def _holds(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    if isinstance(left, str) != isinstance(right, str):
        return False
    try:
        return compare(left, right)
    except TypeError:
        return False


def _operand(text: str) -> Callable[[Any], Any]:
    if text.startswith("@"):
        path = compile_path(text)
        return lambda item: next(iter(path(item)), None)
    if match := _QUOTED.fullmatch(text):
        quoted = match[1] if match[1] is not None else match[2]
        return lambda _: quoted
    words = {"true": True, "false": False, "null": None, "nil": None}
    if text in words:
        return lambda _: words[text]
    number = float(text)
    return lambda _: number

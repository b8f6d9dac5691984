"""Label and field selectors, as list and watch requests carry them.

Pure: text in, predicate out. Knows objects as mappings only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from serinus.local.apiserver.errors import StatusError, bad_request

Predicate = Callable[[Mapping[str, Any]], bool]

_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_SET = re.compile(rf"({_NAME})\s+(in|notin)\s*\(([^()]*)\)")
_EQUAL = re.compile(rf"({_NAME})\s*(==|=|!=)\s*([-A-Za-z0-9_.]*)")
_EXISTS = re.compile(rf"(!?)\s*({_NAME})")
_BOUND = re.compile(rf"({_NAME})\s*([<>])\s*(-?\d+)")

LabelTest = Callable[[Mapping[str, str]], bool]


def label_selector(text: str) -> LabelTest | None:
    """The test behind `a=b,c!=d,e in (f,g),!h`; None if it selects everything.

    Raises StatusError 400 with the part that is not a requirement.
    """
    tests = [_requirement(part.strip()) for part in _split(text) if part.strip()]
    if not tests:
        return None
    return lambda labels: all(test(labels) for test in tests)


def _split(text: str) -> list[str]:
    return re.split(r",(?![^()]*\))", text)


def _requirement(part: str) -> LabelTest:
    if match := _SET.fullmatch(part):
        key, operator, listed = match.groups()
        values = frozenset(value.strip() for value in listed.split(","))
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _BOUND.fullmatch(part):
        return _bound(*match.groups())
    if match := _EQUAL.fullmatch(part):
        key, operator, value = match.groups()
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.fullmatch(part):
        absent, key = match.groups()
        return (lambda labels: key not in labels) if absent else (lambda labels: key in labels)
    raise _unparsable("label", part)


def _bound(key: str, operator: str, limit: str) -> LabelTest:
    def test(labels: Mapping[str, str]) -> bool:
        value = labels.get(key, "")
        if not value.lstrip("-").isdecimal():
            return False
        return int(value) > int(limit) if operator == ">" else int(value) < int(limit)

    return test


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector, as objects carry it, selects `labels`; an empty one selects all."""
    selector = selector or {}
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _expression_holds(row, labels) for row in selector.get("matchExpressions") or ()
    )


def _expression_holds(row: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = row.get("key") or "", row.get("values") or ()
    match row.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def field_selector(text: str) -> Predicate | None:
    """The test behind `metadata.name=x,status.phase!=Running`; None if it selects everything.

    Any path of plain fields is accepted, so more than a usual server indexes; an absent field
    counts as empty text.
    """
    tests: list[Predicate] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = re.fullmatch(r"([A-Za-z][A-Za-z0-9_.-]*?)(==|=|!=)(.*)", part)
        if match is None:
            raise _unparsable("field", part)
        path, operator, value = match.groups()
        tests.append(_field_test(tuple(path.split(".")), value, operator != "!="))
    if not tests:
        return None
    return lambda value: all(test(value) for test in tests)


def _field_test(path: tuple[str, ...], wanted: str, equal: bool) -> Predicate:
    def test(value: Mapping[str, Any]) -> bool:
        at: Any = value
        for name in path:
            at = at.get(name) if isinstance(at, Mapping) else None
        return (_text(at) == wanted) is equal

    return test


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unparsable(what: str, part: str) -> StatusError:
    return bad_request(f"unable to parse requirement: {part!r} is not a {what} selector")


def selection(labels: str, fields: str) -> Predicate | None:
    """Both selectors as one test on whole objects; None if everything is selected."""
    by_label = label_selector(labels)
    by_field = field_selector(fields)
    if by_label is None:
        return by_field

    def test(value: Mapping[str, Any]) -> bool:
        found = value["metadata"].get("labels") or {}
        return by_label(found) and (by_field is None or by_field(value))

    return test

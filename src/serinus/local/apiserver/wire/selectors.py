"""Label and field selectors, as list and watch requests carry them.

Pure: text in, predicate out. Knows objects as mappings only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from serinus.local.apiserver.errors import StatusError, bad_request
from serinus.local.apiserver.kinds import events
from serinus.local.apiserver.kinds.names import label_value_faults, qualified_name_faults, quoted

Predicate = Callable[[Mapping[str, Any]], bool]

LIMIT_BYTES = 64 * 1024
_WORD = r"[^\s,()=!<>]+"
_SET = re.compile(rf"({_WORD})\s+(in|notin)\s*\(([^()]*)\)")
_EQUAL = re.compile(rf"({_WORD})\s*(==|=|!=)\s*([^\s,()=!<>]*)")
_EXISTS = re.compile(rf"(!?)\s*({_WORD})")
_BOUND = re.compile(rf"({_WORD})\s*([<>])\s*(-?\d+)")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*?)(==|=|!=)(.*)")
# what a field is called in the object, and as what its absence counts
_ALIASES = {
    "source": "source.component",
    "status.successful": "status.succeeded",
    **events.SELECTED,
}
_ABSENT = {
    "spec.hostNetwork": "false",
    "spec.unschedulable": "false",
    "status.replicas": "0",
    "status.successful": "0",
}

LabelTest = Callable[[Mapping[str, str]], bool]


def label_selector(text: str) -> LabelTest | None:
    """The test behind `a=b,c!=d,e in (f,g),!h`; None if it selects everything.

    Raises StatusError 400 with the part that is not a requirement.
    """
    if len(text) > LIMIT_BYTES:
        raise bad_request(f"a selector may be {LIMIT_BYTES} bytes long at most")
    tests = [_requirement(part.strip()) for part in _split(text) if part.strip()]
    if not tests:
        return None
    return lambda labels: all(test(labels) for test in tests)


def _split(text: str) -> list[str]:
    """The parts between commas; those within brackets separate values."""
    parts, within = [""], False
    for piece in re.split(r"([,()])", text):
        within = piece == "(" or (within and piece != ")")
        if piece == "," and not within:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _requirement(part: str) -> LabelTest:
    if match := _SET.fullmatch(part):
        key, operator, listed = match.groups()
        values = frozenset(value.strip() for value in listed.split(","))
        _check(key, sorted(values))
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _BOUND.fullmatch(part):
        _check(match[1], ())
        return _bound(*match.groups())
    if match := _EQUAL.fullmatch(part):
        key, operator, value = match.groups()
        _check(key, (value,))
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.fullmatch(part):
        absent, key = match.groups()
        _check(key, ())
        return (lambda labels: key not in labels) if absent else (lambda labels: key in labels)
    raise _unparsable(part)


def _check(key: str, values: Sequence[str]) -> None:
    """StatusError 400 unless these can be a label's key and values."""
    found = [f"key: Invalid value: {quoted(key)}: {fault}" for fault in qualified_name_faults(key)]
    found += [
        f"values[{index}][{key}]: Invalid value: {quoted(value)}: {fault}"
        for index, value in enumerate(values)
        for fault in label_value_faults(value)
    ]
    if found:
        raise bad_request(f"unable to parse requirement: {found[0]}")


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

    Any path of plain fields is accepted (which ones a kind supports is checked elsewhere); an
    absent field counts as empty text.
    """
    tests: list[Predicate] = []
    for field, operator, value in _field_parts(text):
        path = tuple(_ALIASES.get(field, field).split("."))
        tests.append(_field_test(path, value, operator != "!=", _ABSENT.get(field, "")))
    if not tests:
        return None
    return lambda value: all(test(value) for test in tests)


def _field_parts(text: str) -> list[tuple[str, str, str]]:
    if len(text) > LIMIT_BYTES:
        raise bad_request(f"a selector may be {LIMIT_BYTES} bytes long at most")
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = _FIELD.fullmatch(part)
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        found.append((match[1], match[2], match[3]))
    return found


def selected_fields(text: str) -> list[str]:
    """The fields that a field selector names; StatusError 400 if it is none."""
    return [field for field, _, _ in _field_parts(text)]


def _field_test(path: tuple[str, ...], wanted: str, equal: bool, absent: str) -> Predicate:
    def test(value: Mapping[str, Any]) -> bool:
        at: Any = value
        for name in path:
            at = at.get(name) if isinstance(at, Mapping) else None
        return ((_text(at) or absent) == wanted) is equal

    return test


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unparsable(part: str) -> StatusError:
    return bad_request(f"unable to parse requirement: {part!r} is not a label selector")


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

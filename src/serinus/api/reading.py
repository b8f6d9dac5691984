"""Reads an object item by item, so that one bad entry hides neither the others nor the object.

Values of a wrong type are left out and named, numbers that people wrote as text are taken,
unknown fields are named with the field that was probably meant. Knows no meaning of values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from serinus.api.fields import fields_of, item_of, options_of, struct_in
from serinus.api.findings import Findings
from serinus.api.kubernetes import ObjectMeta, PartialObject
from serinus.api.nearest import suggestion
from serinus.api.wire import Unreadable, decode
from serinus.base.errors import FieldProblem

T = TypeVar("T", bound=msgspec.Struct)

_GONE = object()
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_CONFIDENTIAL = re.compile(r"(password|clientSecret|headers\[\d+\]\.value)$", re.IGNORECASE)
"""Fields whose value is not shown, although it stands in the object."""
MOST = 2**31 - 1
"""Of a whole number in a spec."""
_OWN_FIELDS_ONLY = ("metadata", "status")
"""Not looked at for unknown fields: others write there too."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """An object as far as it could be read, and what was wrong with the rest."""

    object: T
    findings: Findings


def read(type_: type[T], source: bytes | PartialObject | Mapping[str, Any]) -> Reading[T]:
    """`source` as `type_`, a kind with metadata, and all that does not fit.

    Raises ValueError only if `source` is not a JSON object at all; see `read_or_name`.
    """
    if isinstance(source, bytes):
        return _read(type_, source)
    return _read(type_, msgspec.json.encode(source))


def read_or_name(type_: type[T], partial: PartialObject) -> Reading[T] | Unreadable:
    """`read`, or the Unreadable that stands in for an object of which nothing can be made."""
    try:
        return read(type_, partial)
    except ValueError as error:
        meta = partial.metadata
        return Unreadable(namespace=meta.namespace, name=meta.name, error=str(error))


@lru_cache(maxsize=1024)
def _read(type_: type[T], source: bytes) -> Reading[T]:
    data = msgspec.json.decode(source, type=dict[str, Any])
    walk = _Walk(type_)
    mended = walk.struct(data, type_, "")
    try:
        found = decode(type_, source)  # the very bytes: unread parts stay as they came
    except msgspec.ValidationError:
        found = decode(type_, mended)
    return Reading(found, Findings(errors=tuple(walk.errors), warnings=tuple(walk.unknown)))


@dataclass(slots=True)
class _Walk:
    """One pass over an object; collects what does not fit."""

    root: type[msgspec.Struct]
    errors: list[FieldProblem] = field(default_factory=list)
    unknown: list[FieldProblem] = field(default_factory=list)

    def struct(self, value: dict[str, Any], type_: type[msgspec.Struct], path: str) -> Any:
        known = fields_of(type_)
        mended: dict[str, Any] = {}
        for name, item in value.items():
            below = f"{path}.{name}" if path else name
            if name not in known:
                self._name_unknown(type_, below)
                continue
            kept = self.value(item, known[name], below)
            if kept is not _GONE:
                mended[name] = kept
        return mended

    def value(self, value: Any, annotation: Any, path: str) -> Any:
        if value is None:
            return _GONE  # as in Go: null is absent
        inner = struct_in(annotation)
        if inner is not None:
            return self._expect(value, dict, path, lambda v: self.struct(v, inner, path))
        item = item_of(annotation, tuple)
        if item is not None:
            return self._expect(value, list, path, lambda v: self._items(v, item, path))
        item = item_of(annotation, Mapping)
        if item is not None:
            return self._expect(value, dict, path, lambda v: self._entries(v, item, path))
        return self._scalar(value, options_of(annotation), path)

    def _items(self, value: list[Any], item: Any, path: str) -> list[Any]:
        kept = [self.value(entry, item, f"{path}[{i}]") for i, entry in enumerate(value)]
        # an entry that is gone stays as an empty one, so that the others keep their places
        return [
            {} if entry is _GONE and struct_in(item) else entry
            for entry in kept
            if entry is not _GONE or struct_in(item)
        ]

    def _entries(self, value: dict[str, Any], item: Any, path: str) -> dict[str, Any]:
        kept = {key: self.value(entry, item, f"{path}.{key}") for key, entry in value.items()}
        return {key: entry for key, entry in kept.items() if entry is not _GONE}

    def _expect(self, value: Any, type_: type, path: str, then: Any) -> Any:
        if isinstance(value, type_):
            return then(value)
        return self._wrong(value, "a list" if type_ is list else "an object", path)

    def _scalar(self, value: Any, options: tuple[Any, ...], path: str) -> Any:
        if Any in options or msgspec.Raw in options:
            return value
        if isinstance(value, bool):
            return value if bool in options else self._wrong(value, _words(options), path)
        if isinstance(value, int | float) and (int in options or float in options):
            return self._number(value, options, path)
        if isinstance(value, str):
            if str in options:
                return value
            if int in options and _WHOLE.fullmatch(value.strip()):
                return self._number(int(value), options, path)
            if datetime in options and _is_time(value):
                return value
        return self._wrong(value, _words(options), path)

    def _number(self, value: float, options: tuple[Any, ...], path: str) -> Any:
        """A whole number of a spec has 32 bits, as in the original."""
        if float in options:
            return value
        if path.startswith("spec") and abs(value) > MOST:
            return self._wrong(value, f"at most {MOST} and at least -{MOST}", path)
        return value if float(value).is_integer() else self._wrong(value, _words(options), path)

    def _wrong(self, value: Any, wanted: str, path: str) -> Any:
        found = "" if _CONFIDENTIAL.search(path) else f", not {_shown(value)}"
        self.errors.append(FieldProblem(path, f"must be {wanted}{found}"))
        return _GONE

    def _name_unknown(self, level: type[msgspec.Struct], path: str) -> None:
        if path.split(".")[0] in _OWN_FIELDS_ONLY or level is ObjectMeta:
            return
        meant = suggestion(self.root, level, path)
        hint = f"; did you mean {meant}?" if meant else "; it is ignored"
        self.unknown.append(FieldProblem(path, f"unknown field{hint}"))


_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
_WORDS |= {datetime: "a time such as 2024-01-31T08:00:00Z"}


def _words(options: tuple[Any, ...]) -> str:
    return " or ".join(_WORDS[option] for option in options if option in _WORDS)


def _shown(value: Any) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 40 else text[:37] + "..."


def _is_time(text: str) -> bool:
    try:
        msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return False
    return True

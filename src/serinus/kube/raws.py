"""Cuts decoded objects loose from the bytes that they were decoded from.

A `msgspec.Raw` field is a view into the whole page or line; one kept object would keep all of it.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

Copier = Callable[[Any], Any]


def raw_copier(type_: Any) -> Copier | None:
    """A function that gives every Raw inside a decoded `type_` bytes of its own, in place.

    It returns the value to keep. None if the type holds no Raw. Frozen Structs are changed too:
    call it before anybody else sees the object.
    """
    return _copier(type_, {})


def _copier(type_: Any, known: dict[Any, Copier | None]) -> Copier | None:
    if type_ is msgspec.Raw:
        return _copy_raw
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        if type_ not in known:
            known[type_] = None  # a Struct inside itself is cut at the first level
            known[type_] = _struct_copier(type_, known)
        return known[type_]
    origin, parts = typing.get_origin(type_), typing.get_args(type_)
    if origin in (typing.Union, types.UnionType):
        return _union_copier(parts, known)
    if origin in (list, tuple, Sequence) and parts:
        return _sequence_copier(_copier(parts[0], known))
    if origin in (dict, Mapping):
        return _dict_copier(_copier(parts[1], known))
    return _copier(parts[0], known) if origin is typing.Annotated else None


def _copy_raw(value: msgspec.Raw) -> msgspec.Raw:
    return value.copy()


def _struct_copier(type_: type[msgspec.Struct], known: dict[Any, Copier | None]) -> Copier | None:
    fields = [(field.name, _copier(field.type, known)) for field in msgspec.structs.fields(type_)]
    with_raw = [(name, copier) for name, copier in fields if copier is not None]
    if not with_raw:
        return None

    def copy(value: Any) -> Any:
        for name, copier in with_raw:
            held = getattr(value, name)
            kept = copier(held)
            if kept is not held:
                msgspec.structs.force_setattr(value, name, kept)
        return value

    return copy


def _union_copier(parts: tuple[Any, ...], known: dict[Any, Copier | None]) -> Copier | None:
    choices = [
        (typing.get_origin(part) or part, copier)
        for part in parts
        if (copier := _copier(part, known)) is not None
    ]
    if not choices:
        return None

    def copy(value: Any) -> Any:
        for kind, copier in choices:
            if isinstance(value, kind):
                return copier(value)
        return value

    return copy


def _sequence_copier(inner: Copier | None) -> Copier | None:
    return None if inner is None else lambda value: type(value)(map(inner, value))


def _dict_copier(inner: Copier | None) -> Copier | None:
    if inner is None:
        return None
    return lambda value: {key: inner(part) for key, part in value.items()}

"""The door through which objects of the Kubernetes API come in and go out.

Structs are read-only views: unknown fields are ignored here, missing ones have the API's zero
value. Knows nothing about what the objects mean, nor about transport.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

#: Stands where unread JSON is missing (msgspec has no `Raw | None`); left out when encoded.
ABSENT = msgspec.Raw(b"")


class Wire(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Base of every API object and part of one: frozen, camelCase outside, defaults left out."""


def always(empty: Callable[[], T]) -> T:
    """A field that is written even if it is empty: the schema requires it."""
    made: T = msgspec.field(default_factory=empty)
    return made


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """An object that does not decode at all; it stands in for that object, and only that one."""

    namespace: str = ""
    name: str = ""
    error: str = ""


@lru_cache(maxsize=256)
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def decode(type_: type[T], source: bytes | str | msgspec.Raw | Mapping[str, Any]) -> T:
    """`source` (JSON, or an object already decoded) as `type_`.

    Raises msgspec.ValidationError (a ValueError) with the path of the first misfit.
    """
    json = source if isinstance(source, bytes | str) else msgspec.json.encode(source)
    key: Any = type_  # mypy: a type variable is not known to be hashable
    decoded: T = _decoder(key).decode(json)
    return decoded


def encode(value: Any) -> bytes:
    """`value` as compact JSON; fields that have their default are left out."""
    return msgspec.json.encode(value)


def builtins(value: Any) -> Any:
    """`value` as dicts, lists and scalars, times as RFC 3339 text, as they go over the wire."""
    return msgspec.json.decode(msgspec.json.encode(value))

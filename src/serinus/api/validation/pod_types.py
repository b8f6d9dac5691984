"""Values of a wrong type in a pod template, such as `value: 5` of an environment variable.

A definition of a custom kind leaves the schema of a pod out, as it is half a megabyte; so these
would be found where the pods' ReplicaSet is created, after the release has begun. The types are
facts of core/v1, in `api/pod_types.json` (scripts/make_pod_types.py). Knows no meaning of values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from serinus.base.errors import FieldProblem
from serinus.base.quantity import parse_quantity

_TEXT, _QUANTITY, _ANY = "text", "quantity", "any"
_SCALARS: Mapping[str, tuple[type, ...]] = {
    _TEXT: (str,),
    "whole": (int,),
    "bool": (bool,),
    "number": (int, float),
    "number or text": (int, str),
}
_WORDS = {"whole": "a whole number", "bool": "true or false", "number": "a number"}
_WORDS |= {"number or text": "a whole number or text", _QUANTITY: "a quantity such as 250m"}


@cache
def pod_types() -> Mapping[str, Mapping[str, Any]]:
    """By the name of a part of a pod, and of its field."""
    found: dict[str, dict[str, Any]] = msgspec.json.decode(
        (files("serinus.api") / "pod_types.json").read_bytes()
    )
    return found


def mistyped(spec: Any, path: str) -> Iterator[FieldProblem]:
    """What in a PodSpec at `path` has a type that no server takes. Unknown fields are passed by."""
    yield from _value(spec, "PodSpec", path)


def _value(value: Any, kind: Any, path: str) -> Iterator[FieldProblem]:
    if value is None or kind == _ANY:
        return  # as in Go: null is absent
    match kind:
        case [item]:
            if isinstance(value, list):
                for index, one in enumerate(value):
                    yield from _entry(one, item, f"{path}[{index}]")
            else:
                yield _wrong("a list", path)
        case {"*": item}:
            if isinstance(value, Mapping):
                for name, one in value.items():
                    yield from _value(one, item, f"{path}.{name}")
            else:
                yield _wrong("an object", path)
        case _:
            yield from _scalar_or_part(value, str(kind), path)


def _entry(value: Any, kind: Any, path: str) -> Iterator[FieldProblem]:
    """An entry of a list, which may not be null."""
    if value is None:
        yield FieldProblem(path, "is null; remove it")
    else:
        yield from _value(value, kind, path)


def _scalar_or_part(value: Any, kind: str, path: str) -> Iterator[FieldProblem]:
    fields = pod_types().get(kind)
    if fields is not None:
        if not isinstance(value, Mapping):
            yield _wrong("an object", path)
            return
        for name, one in value.items():
            yield from _value(one, fields.get(name, _ANY), f"{path}.{name}")
    elif kind == _QUANTITY and isinstance(value, str | int | float) and not isinstance(value, bool):
        yield from _quantity(value, path)
    elif not _is(value, kind):
        quoted = kind == _TEXT and isinstance(value, int | float)
        yield _wrong(_WORDS.get(kind, kind), path, "; put the value in quotes" if quoted else "")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "bool"
    return kind != _QUANTITY and isinstance(value, _SCALARS[kind])


def _quantity(value: str | float, path: str) -> Iterator[FieldProblem]:
    try:
        parse_quantity(value)
    except ValueError as error:
        yield FieldProblem(path, str(error))


def _wrong(wanted: str, path: str, hint: str = "") -> FieldProblem:
    return FieldProblem(path, f"must be {wanted}{hint}")  # the value may be somebody's password

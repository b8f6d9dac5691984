"""The fields that the Structs know, as a tree: which exist where, and what each may hold.

Knows types only; what a value means is the business of `validation/`.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec


@lru_cache(maxsize=256)
def fields_of(struct: type[msgspec.Struct]) -> Mapping[str, Any]:
    """JSON name -> annotation, in the order of definition."""
    hints = get_type_hints(struct)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(struct)}


def options_of(annotation: Any) -> tuple[Any, ...]:
    """The types that a value may have: the members of a union, or the one type."""
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


@lru_cache(maxsize=4096)
def struct_in(annotation: Any) -> type[msgspec.Struct] | None:
    """The Struct in an annotation, if there is one (optional ones too)."""
    return next(
        (
            o
            for o in options_of(annotation)
            if isinstance(o, type) and issubclass(o, msgspec.Struct)
        ),
        None,
    )


@lru_cache(maxsize=4096)
def item_of(annotation: Any, container: type) -> Any:
    """What a tuple (`container` is tuple) or a map (Mapping) holds; None if it is neither."""
    for option in options_of(annotation):
        if get_origin(option) is container:
            return get_args(option)[0 if container is tuple else 1]
    return None


@lru_cache(maxsize=32)
def places(root: type[msgspec.Struct]) -> Mapping[str, tuple[str, ...]]:
    """Name -> the paths of all fields with that name below `root`; lists show as `steps[]`."""
    found: dict[str, list[str]] = {}
    for path in _paths(root, ""):
        found.setdefault(path.rpartition(".")[2].removesuffix("[]"), []).append(path)
    return {name: tuple(paths) for name, paths in found.items()}


def _paths(struct: type[msgspec.Struct], above: str) -> Iterator[str]:
    for name, annotation in fields_of(struct).items():
        path = f"{above}.{name}" if above else name
        if not above and name not in ("spec", "metadata"):
            continue
        yield path
        item = item_of(annotation, tuple)
        inner = struct_in(item if item is not None else annotation)
        if inner is not None and name != "metadata":
            yield from _paths(inner, path + ("[]" if item is not None else ""))

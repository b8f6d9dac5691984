"""A few words to write structural schemas and CustomResourceDefinitions with. Pure.

Schemas are open (unknown fields are kept) unless `closed`: a definition here knows the fields that
routers read and write, and must not lose what it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
INT_OR_STRING: Schema = {"x-kubernetes-int-or-string": True}
STRINGS: Schema = {"type": "object", "additionalProperties": STRING}
ANYTHING: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
PORT: Schema = {"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535}

AGE = ("Age", "date", ".metadata.creationTimestamp")
Column = tuple[str, str, str]  # name, type, JSON path


def text(*, default: str | None = None, enum: Sequence[str] = ()) -> Schema:
    """A string, with a default and the values that it may have."""
    made: Schema = {"type": "string"}
    if default is not None:
        made["default"] = default
    if enum:
        made["enum"] = list(enum)
    return made


def whole(minimum: int, maximum: int | None = None, *, default: int | None = None) -> Schema:
    """A whole number of 32 bits between two bounds, both included."""
    made: Schema = {"type": "integer", "format": "int32", "minimum": minimum}
    if maximum is not None:
        made["maximum"] = maximum
    if default is not None:
        made["default"] = default
    return made


def items(of: Schema, *, most: int | None = None, keys: Sequence[str] = ()) -> Schema:
    """A list: replaced whole (atomic), or with `keys` merged by them."""
    made: Schema = {"type": "array", "items": of, "x-kubernetes-list-type": "atomic"}
    if keys:
        made |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}
    if most is not None:
        made["maxItems"] = most
    return made


def fields(
    known: Mapping[str, Schema], *, required: Sequence[str] = (), closed: bool = False
) -> Schema:
    """An object of `known` fields; others are kept, or dropped if `closed`."""
    made: Schema = {"type": "object", "properties": dict(known)}
    if required:
        made["required"] = list(required)
    if not closed:
        made["x-kubernetes-preserve-unknown-fields"] = True
    return made


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: where it is served, its names, and the schema of its spec.

    The first of `versions` is stored; all have the same schema.
    """

    group: str
    versions: tuple[str, ...]
    name: str
    plural: str
    spec: Schema
    namespaced: bool = True
    status: Schema | None = None
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Column, ...] = (AGE,)


def definition(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind, as one applies it."""
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "shortNames": list(kind.short),
        "categories": list(kind.categories),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "names": {key: value for key, value in names.items() if value},
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [_version(kind, version) for version in kind.versions],
        },
    }


def _version(kind: Kind, version: str) -> dict[str, Any]:
    known = {"spec": kind.spec} | ({"status": kind.status} if kind.status is not None else {})
    root = {"apiVersion": STRING, "kind": STRING, "metadata": {"type": "object"}, **known}
    schema = {"type": "object", "properties": root}
    if kind.spec.get("required"):
        schema["required"] = ["spec"]
    made: dict[str, Any] = {
        "name": version,
        "served": True,
        "storage": version == kind.versions[0],
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": [
            {"name": name, "type": type_, "jsonPath": path} for name, type_, path in kind.columns
        ],
    }
    if kind.status is not None:
        made["subresources"] = {"status": {}}
    return made

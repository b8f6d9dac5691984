"""The built-in kinds with their schemas and columns, as the registry starts with them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from serinus.local.apiserver.kinds.columns import AGE, NAME, Cell, Column
from serinus.local.apiserver.kinds.columns_built_in import COLUMNS
from serinus.local.apiserver.kinds.kinds import BUILT_IN, REVIEWS, Kind
from serinus.local.apiserver.kinds.registry import Served
from serinus.local.apiserver.kinds.schema import Schema
from serinus.local.apiserver.kinds.versions import stored

METADATA = {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
_GVK = "x-kubernetes-group-version-kind"


# what they require depends on how they came to be: see rules.py
_REQUIRED_ELSEWHERE = frozenset(("io.k8s.api.events.v1.Event",))


@cache
def definitions() -> dict[str, Any]:
    """Committed facts about built-in kinds, by definition name (scripts/make_builtin_schema)."""
    path = files("serinus.local.apiserver.kinds") / "builtin_schema.json"
    loaded: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return loaded


@cache
def definition_names() -> dict[tuple[str, str, str], str]:
    """Which definition describes a (group, version, kind)."""
    return {
        (gvk["group"], gvk["version"], gvk["kind"]): name
        for name, definition in definitions().items()
        for gvk in definition.get(_GVK, ())
    }


def schema_of(kind: Kind) -> Schema:
    """The schema of a built-in kind."""
    name = definition_names()[(kind.group, kind.version, kind.kind)]
    return _schemas(name)


@cache
def _schemas(name: str) -> Schema:
    root = {"$ref": f"#/definitions/{name}"}
    rules = {**definitions()[name], "required": []} if name in _REQUIRED_ELSEWHERE else None
    return Schema(root, definitions(), absent_nulls=True, rules_root=rules)


def built_in_kinds() -> list[Served]:
    """All built-in kinds."""
    return [Served(kind, schema_of(kind), _columns(kind)) for kind in (*BUILT_IN, *REVIEWS)]


def _columns(kind: Kind) -> tuple[Column, ...]:
    """The columns of a kind; those of another spelling are reckoned from the stored object."""
    found = COLUMNS.get(kind.place, (NAME, AGE))
    if kind.stored_under is None:
        return found
    return tuple(replace(column, cell=_of_stored(kind, column.cell)) for column in found)


def _of_stored(kind: Kind, cell: Cell) -> Cell:
    return lambda value, now: cell(stored(kind, value), now)

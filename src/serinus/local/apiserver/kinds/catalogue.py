"""The built-in kinds with their schemas and columns, as the registry starts with them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from serinus.local.apiserver.kinds.columns import AGE, NAME
from serinus.local.apiserver.kinds.columns_built_in import COLUMNS
from serinus.local.apiserver.kinds.kinds import BUILT_IN, REVIEWS, Kind
from serinus.local.apiserver.kinds.registry import Served
from serinus.local.apiserver.kinds.schema import Schema

METADATA = {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
_GVK = "x-kubernetes-group-version-kind"


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
    return Schema(root, definitions(), absent_nulls=True)


def built_in_kinds() -> list[Served]:
    """All built-in kinds."""
    return [
        Served(kind, schema_of(kind), COLUMNS.get((kind.group, kind.plural), (NAME, AGE)))
        for kind in (*BUILT_IN, *REVIEWS)
    ]

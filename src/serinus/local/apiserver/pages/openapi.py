"""OpenAPI v3: an index and one document per group and version, for validation and explain.

Made from the same schemas that objects are checked against. Pure over the registry; a document's
hash is part of its address, so that clients may keep it for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from serinus.local.apiserver.kinds.catalogue import definition_names
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.kinds.registry import Registry, Served

_REF = "#/definitions/"
_COMPONENT = "#/components/schemas/"
_GVK = "x-kubernetes-group-version-kind"
_OURS = ("x-kubernetes-int-or-string", "x-kubernetes-quantity")


class Documents:
    """The documents of what is served now, made when asked for and kept until it changes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._generation = -1
        self._made: dict[str, bytes] = {}

    def index(self) -> dict[str, Any]:
        """`/openapi/v3`: the address of each document with its hash."""
        names = dict.fromkeys(_name(served.kind) for served in self._registry.all())
        rows = {}
        for name in names:
            tag = hashlib.sha256(self._made_document(name)).hexdigest()[:32].upper()
            rows[name] = {"serverRelativeURL": f"/openapi/v3/{name}?hash={tag}"}
        return {"paths": rows}

    def document(self, name: str) -> bytes | None:
        """The document of `api/v1` or `apis/G/V`; None if nothing is served there."""
        if all(_name(served.kind) != name for served in self._registry.all()):
            return None
        return self._made_document(name)

    def _made_document(self, name: str) -> bytes:
        if self._generation != self._registry.generation:
            self._made, self._generation = {}, self._registry.generation
        if name not in self._made:
            kinds = [served for served in self._registry.all() if _name(served.kind) == name]
            self._made[name] = msgspec.json.encode(make_document(kinds))
        return self._made[name]


def _name(kind: Kind) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"


def make_document(kinds: list[Served]) -> dict[str, Any]:
    """The document of the kinds of one group and version."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for served in kinds:
        component = _component(served, schemas)
        paths |= _paths(served.kind, component)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Serinus, embedded cluster", "version": "v1.37.0"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _component(served: Served, schemas: dict[str, Any]) -> str:
    """Add the schema of a kind, with all that it refers to; its component name."""
    kind = served.kind
    gvk = [{"group": kind.group, "version": kind.version, "kind": kind.kind}]
    name = definition_names().get((kind.group, kind.version, kind.kind))
    if name is None or kind.custom:
        name = ".".join((*reversed(kind.group.split(".")), kind.version, kind.kind))
        root: Mapping[str, Any] = {**served.schema.root, _GVK: gvk}
    else:
        root = served.schema.definitions[name]
    waiting = {name: root}
    while waiting:
        at, node = waiting.popitem()
        schemas[at] = _shown(node)
        for reference in _references(node):
            if reference not in schemas:
                waiting[reference] = served.schema.definitions[reference]
    return name


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return {name for item in node for name in _references(item)}
    if not isinstance(node, Mapping):
        return set()
    found = {name for value in node.values() for name in _references(value)}
    own = node.get("$ref")
    return found | {own.removeprefix(_REF)} if isinstance(own, str) else found


def _shown(node: Any) -> Any:
    """A schema as OpenAPI v3 spells it: references in `allOf`, our own words translated."""
    if isinstance(node, list):
        return [_shown(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return {"allOf": [{"$ref": _COMPONENT + reference.removeprefix(_REF)}], **rest}
    if node.get("x-kubernetes-quantity"):
        return {"oneOf": [{"type": "string"}, {"type": "number"}]}
    if node.get("x-kubernetes-int-or-string") and "type" not in node:
        return {**_plain(node), "oneOf": [{"type": "integer"}, {"type": "string"}]}
    return _plain(node)


def _plain(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _shown(value) for key, value in node.items() if key not in _OURS}


def _paths(kind: Kind, component: str) -> dict[str, Any]:
    root = f"/{_name(kind)}"
    within = f"{root}/namespaces/{{namespace}}" if kind.namespaced else root
    collection, item = f"{within}/{kind.plural}", f"{within}/{kind.plural}/{{name}}"
    return {
        collection: {
            "get": _operation(kind, component, "list"),
            "post": _operation(kind, component, "post", validated=True),
        },
        item: {
            "get": _operation(kind, component, "get"),
            "put": _operation(kind, component, "put", validated=True),
            "patch": _operation(kind, component, "patch", validated=True),
            "delete": _operation(kind, component, "delete"),
        },
    }


def _operation(
    kind: Kind, component: str, action: str, *, validated: bool = False
) -> dict[str, Any]:
    names = ("dryRun", "fieldManager", "fieldValidation") if validated else ()
    schema = {"schema": {"$ref": _COMPONENT + component}}
    return {
        "operationId": f"{action}{kind.version}{kind.kind}",
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string"}} for name in names
        ],
        "responses": {"200": {"description": "OK", "content": {"application/json": schema}}},
        "x-kubernetes-action": action,
        _GVK: {"group": kind.group, "version": kind.version, "kind": kind.kind},
    }

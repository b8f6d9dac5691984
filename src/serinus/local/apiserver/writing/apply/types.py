"""What a schema says about merging: which values are one piece, which lists merge by which keys.

A `Type` is made from a schema's node when it is first asked for and then kept by its parent; so
recursive schemas are no trouble, and a walk costs one lookup a field.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from serinus.local.apiserver.kinds.schema import EMBEDDED, PRESERVE, Schema, keeps_unknown
from serinus.local.apiserver.writing.apply.elements import (
    field_element,
    key_element,
    text_key_element,
    value_element,
)

SchemaNode = Mapping[str, Any]

_LIST_TYPE = "x-kubernetes-list-type"
_LIST_KEYS = "x-kubernetes-list-map-keys"
_MAP_TYPE = "x-kubernetes-map-type"
_STRATEGY = "x-kubernetes-patch-strategy"
_MERGE_KEY = "x-kubernetes-patch-merge-key"
_OBJECT_META: SchemaNode = {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
_TEXT: SchemaNode = {"type": "string"}
# the one key field that built-in kinds give a default (of ports); their table names no defaults
_KEY_DEFAULTS = {"protocol": "TCP"}


class Form(Enum):
    """How values of a type merge."""

    LEAF = auto()
    """One piece: scalars, and what is atomic."""
    MAP = auto()
    """Field by field."""
    KEYED = auto()
    """A list, item by item, found by their key fields."""
    SET = auto()
    """A list of scalars, each of which is an item."""
    DEDUCED = auto()
    """Unknown: objects field by field, all else one piece."""


class BadItem(ValueError):
    """An item of a list that cannot be told from the others."""


class Type:
    """How the values of one schema node merge."""

    __slots__ = (
        *("_children", "_defaults", "_node", "_others", "_schema"),
        *("form", "has_fields", "has_items", "keys"),
    )

    def __init__(self, schema: Schema, node: SchemaNode) -> None:
        self._schema = schema
        self._node = node
        self._children: dict[str, tuple[str, Type]] = {}
        self._others: Type | None = None
        self._defaults: dict[str, Any] | None = None
        self.form, self.keys = _form_of(node)
        self.has_fields = self.form is Form.MAP or self.form is Form.DEDUCED
        self.has_items = self.form is Form.KEYED or self.form is Form.SET

    def field(self, name: str) -> tuple[str, Type] | None:
        """The path element and the type of a field that the schema names; None if it does not."""
        found = self._children.get(name)
        if found is None:
            node = (self._node.get("properties") or {}).get(name)
            if self._node.get(EMBEDDED) and name in ("apiVersion", "kind", "metadata"):
                node = _OBJECT_META if name == "metadata" else _TEXT
            if node is None:
                return None
            found = (field_element(name), _made(self._schema, node))
            self._children[name] = found
        return found

    def others(self) -> Type | None:
        """The type of fields that the schema does not name; None if there may be none."""
        if self.form is Form.DEDUCED:
            return self
        if self._others is None:
            node = self._node.get("additionalProperties")
            if isinstance(node, Mapping):
                self._others = _made(self._schema, node)
            elif node is True or keeps_unknown(self._node):
                self._others = DEDUCED
        return self._others

    def step(self, name: str) -> tuple[str, Type]:
        """The path element and the type of any field; what the schema does not know is a leaf."""
        return (
            self._children.get(name)
            or self.field(name)
            or (field_element(name), self.others() or _LEAF)
        )

    def item(self) -> Type:
        """The type of the items of a list."""
        if self._others is None:
            self._others = _made(self._schema, self._node.get("items") or {})
        return self._others

    def element(self, item: Any) -> str:
        """The path element of an item; BadItem if it has none."""
        if self.form is Form.SET:
            if isinstance(item, dict | list):
                raise BadItem("a set holds scalars only")
            return value_element(item)
        if not isinstance(item, dict):
            raise BadItem("associative list with keys may not have non-map elements")
        if len(self.keys) == 1 and isinstance(text := item.get(self.keys[0]), str):
            return text_key_element(self.keys[0], text)
        found: dict[str, Any] = {}
        for key in self.keys:
            value = item.get(key)
            if value is None:
                value = self._key_defaults().get(key)
            if value is None:
                raise BadItem(
                    f'associative list with keys has an element that omits key field "{key}" '
                    "(and doesn't have default value)"
                )
            found[key] = value
        return key_element(found)

    def _key_defaults(self) -> dict[str, Any]:
        if self._defaults is None:
            node = self._schema.resolve(self._node.get("items") or {})
            fields = node.get("properties") or {}
            given = {k: fields[k]["default"] for k in self.keys if "default" in fields.get(k, {})}
            built_in = _KEY_DEFAULTS if self._schema.absent_nulls else {}
            self._defaults = {k: v for k, v in built_in.items() if k in self.keys} | given
        return self._defaults


def _form_of(node: SchemaNode) -> tuple[Form, tuple[str, ...]]:
    if node.get("type") == "array":
        return _list_form(node)
    if node.get(_MAP_TYPE) == "atomic":
        return Form.LEAF, ()
    if "properties" in node or "additionalProperties" in node or node.get(EMBEDDED):
        return Form.MAP, ()
    if node.get(PRESERVE):
        return Form.DEDUCED, ()
    return (Form.MAP if node.get("type") == "object" else Form.LEAF), ()


def _list_form(node: SchemaNode) -> tuple[Form, tuple[str, ...]]:
    match node.get(_LIST_TYPE):
        case "map":
            return Form.KEYED, tuple(node.get(_LIST_KEYS) or ())
        case "set":
            return Form.SET, ()
        case None if "merge" in str(node.get(_STRATEGY, "")).split(","):
            key = node.get(_MERGE_KEY)
            return (Form.KEYED, (key,)) if key else (Form.SET, ())
    return Form.LEAF, ()


def _made(schema: Schema, node: SchemaNode) -> Type:
    if "$ref" in node:
        beside = {key: value for key, value in node.items() if key == _MAP_TYPE}
        node = {**schema.resolve(node), **beside} if beside else schema.resolve(node)
    return Type(schema, node)


def root_type(schema: Schema) -> Type:
    """The type of the objects of a schema."""
    found = schema.kept.get(_KEPT)
    if found is None:
        found = schema.kept[_KEPT] = _made(schema, schema.root)
    assert isinstance(found, Type)
    return found


_KEPT = "type"
_ANY = Schema({PRESERVE: True})
DEDUCED = Type(_ANY, _ANY.root)
_LEAF = Type(_ANY, _TEXT)

"""Structural schemas: which fields an object may have, their defaults, what is wrong with it.

One machine for built-in kinds (a table with `$ref`s) and custom ones (a definition's own schema).
Walks are pure and copy only what they change. Knows no kind by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import is_
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.kinds.schema_rules import Rules

Node = Mapping[str, Any]

PRESERVE = "x-kubernetes-preserve-unknown-fields"
EMBEDDED = "x-kubernetes-embedded-resource"
_WORDS_ABOUT = frozenset(("description", "nullable", "default"))
_REF = "#/definitions/"
_TYPE_META = ("apiVersion", "kind", "metadata")


class Schema:
    """The schema of one served version; `definitions` hold what its `$ref`s name.

    `absent_nulls`: a null counts as an absent field everywhere, as in the built-in kinds.
    `rules_root`: what values are validated against, where that is less than what is pruned.
    """

    def __init__(
        self,
        root: Node,
        definitions: Mapping[str, Node] | None = None,
        *,
        absent_nulls: bool = False,
        rules_root: Node | None = None,
    ) -> None:
        self.root = root
        self._rules_root = root if rules_root is None else rules_root
        self.definitions = definitions or {}
        self.absent_nulls = absent_nulls
        self._rules: Rules | None = None
        self._defaults: bool | None = None
        # what others made of this schema and want to find again, by their own names
        self.kept: dict[str, object] = {}

    def resolve(self, node: Node) -> Node:
        """The node itself, or what its `$ref` names."""
        reference = node.get("$ref")
        return self.definitions[reference.removeprefix(_REF)] if reference else node

    def prune(
        self, value: dict[str, Any], before: Node | None = None
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """`value` without unknown fields, and the paths of those that were dropped.

        Parts that are the very objects of `before`, which was pruned once, are not walked again.
        """
        dropped: list[str] = []
        pruned: dict[str, Any] = dict(value)
        if value is not before:
            pruned = self._prune_map(self.resolve(self.root), (value, before), "", dropped)
        return pruned, tuple(dropped)

    def _prune(self, node: Node, pair: tuple[Any, Any], path: str, dropped: list[str]) -> Any:
        value, before = pair
        if value is before or not isinstance(value, dict | list):
            return value
        node = self.resolve(node)
        if isinstance(value, dict):
            return self._prune_map(node, pair, path, dropped)
        items = node.get("items")
        if not isinstance(items, Mapping):
            return value
        return [
            self._prune(items, (item, None), f"{path}[{index}]", dropped)
            for index, item in enumerate(value)
        ]

    def _prune_map(
        self, node: Node, pair: tuple[dict[str, Any], Any], path: str, dropped: list[str]
    ) -> dict[str, Any]:
        fields = node.get("properties") or {}
        others = node.get("additionalProperties")
        keep = keeps_unknown(node) or others is True
        embedded = bool(node.get(EMBEDDED))
        value, before = pair if isinstance(pair[1], Mapping) else (pair[0], {})
        prefix = f"{path}." if path else ""
        kept: dict[str, Any] = {}
        for name, child in value.items():
            known = fields.get(name)
            if child is None and self.absent_nulls and (known is not None or not keep):
                continue
            if embedded and name in _TYPE_META:
                kept[name] = child
            elif known is not None:
                kept[name] = self._prune(known, (child, before.get(name)), prefix + name, dropped)
            elif isinstance(others, Mapping):
                kept[name] = self._prune(others, (child, before.get(name)), prefix + name, dropped)
            elif keep:
                kept[name] = child
            else:
                dropped.append(prefix + name)
        return kept

    def default(self, value: dict[str, Any]) -> dict[str, Any]:
        """`value` with the schema's defaults filled in; parts without any stay the same objects."""
        if self._defaults is None:
            self._defaults = _has_default(self.root)
        return self._default_map(self.resolve(self.root), value) if self._defaults else value

    def _default(self, node: Node, value: Any) -> Any:
        node = self.resolve(node)
        if isinstance(value, dict):
            return self._default_map(node, value)
        if isinstance(value, list) and isinstance(items := node.get("items"), Mapping):
            filled = [self._default(items, item) for item in value]
            return value if all(map(is_, filled, value)) else filled
        return value

    def _default_map(self, node: Node, value: dict[str, Any]) -> dict[str, Any]:
        fields: Mapping[str, Node] = node.get("properties") or {}
        filled = value
        for name, child in fields.items():
            if name in value and not (value[name] is None and "default" in child):
                found = self._default(child, value[name])
            elif "default" in child and not (name in value and child.get("nullable")):
                found = self._default(child, child["default"])
            else:
                continue
            if found is not value.get(name):
                filled = {**filled, name: found}
        others = node.get("additionalProperties")
        if isinstance(others, Mapping):
            return filled | {
                name: self._default(others, filled[name]) for name in filled.keys() - fields.keys()
            }
        return filled

    def problems(self, value: Node, before: Node | None = None) -> list[FieldProblem]:
        """Everything that the schema forbids about `value`, in the order of its fields.

        `before` is a value that had no problems; its very objects are not all walked again.
        """
        if self._rules is None:
            self._rules = Rules(self._rules_root, self.definitions)
        return self._rules.problems(value, before)

    def fields(self, path: tuple[str, ...]) -> Iterator[str]:
        """The names that the schema knows below a path of field names."""
        node = self.resolve(self.root)
        for name in path:
            found = (node.get("properties") or {}).get(name)
            if found is None:
                return
            node = self.resolve(found)
            if isinstance(items := node.get("items"), Mapping):
                node = self.resolve(items)
        yield from node.get("properties") or {}


def keeps_unknown(node: Node) -> bool:
    """Whether fields that the node does not name stay: a free value, or one that says so."""
    return bool(node.get(PRESERVE)) or not node.keys() - _WORDS_ABOUT


def _has_default(node: Any) -> bool:
    """Whether a schema gives any field below it a default (the built-in ones do not)."""
    if isinstance(node, list):
        return any(map(_has_default, node))
    if not isinstance(node, Mapping):
        return False
    return "default" in node or any(map(_has_default, node.values()))

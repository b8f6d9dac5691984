"""Structural schemas: which fields an object may have, their defaults, what is wrong with it.

One machine for built-in kinds (a table with `$ref`s) and custom ones (a definition's own schema).
Walks are pure and copy only what they change. Knows no kind by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.schema_rules import Rules

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

    def resolve(self, node: Node) -> Node:
        """The node itself, or what its `$ref` names."""
        reference = node.get("$ref")
        return self.definitions[reference.removeprefix(_REF)] if reference else node

    def prune(self, value: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """`value` without unknown fields, and the paths of those that were dropped."""
        dropped: list[str] = []
        pruned = self._prune(self.root, value, "", dropped)
        return pruned, tuple(dropped)

    def _prune(self, node: Node, value: Any, path: str, dropped: list[str]) -> Any:
        node = self.resolve(node)
        if isinstance(value, dict):
            return self._prune_map(node, value, path, dropped)
        if isinstance(value, list):
            items = node.get("items")
            if not isinstance(items, Mapping):
                return value
            return [
                self._prune(items, item, f"{path}[{index}]", dropped)
                for index, item in enumerate(value)
            ]
        return value

    def _prune_map(
        self, node: Node, value: dict[str, Any], path: str, dropped: list[str]
    ) -> dict[str, Any]:
        fields = node.get("properties") or {}
        others = node.get("additionalProperties")
        keep = keeps_unknown(node) or others is True
        prefix = f"{path}." if path else ""
        kept: dict[str, Any] = {}
        embedded = bool(node.get(EMBEDDED))
        for name, child in value.items():
            if child is None and self.absent_nulls and (name in fields or not keep):
                continue
            if embedded and name in _TYPE_META:
                kept[name] = child
            elif name in fields:
                kept[name] = self._prune(fields[name], child, prefix + name, dropped)
            elif isinstance(others, Mapping):
                kept[name] = self._prune(others, child, prefix + name, dropped)
            elif keep:
                kept[name] = child
            else:
                dropped.append(prefix + name)
        return kept

    def default(self, value: dict[str, Any]) -> dict[str, Any]:
        """`value` with the schema's defaults filled in."""
        filled = self._default(self.root, value)
        assert isinstance(filled, dict)
        return filled

    def _default(self, node: Node, value: Any) -> Any:
        node = self.resolve(node)
        if isinstance(value, dict):
            return self._default_map(node, value)
        if isinstance(value, list) and isinstance(items := node.get("items"), Mapping):
            return [self._default(items, item) for item in value]
        return value

    def _default_map(self, node: Node, value: dict[str, Any]) -> dict[str, Any]:
        fields: Mapping[str, Node] = node.get("properties") or {}
        filled = dict(value)
        for name, child in fields.items():
            known = self.resolve(child)
            if "default" in known and self._wants_default(known, filled, name):
                filled[name] = known["default"]
            if name in filled:
                filled[name] = self._default(known, filled[name])
        others = node.get("additionalProperties")
        if isinstance(others, Mapping):
            for name in filled.keys() - fields.keys():
                filled[name] = self._default(others, filled[name])
        return filled

    def _wants_default(self, node: Node, value: Mapping[str, Any], name: str) -> bool:
        if name not in value:
            return True
        return value[name] is None and not node.get("nullable")

    def problems(self, value: Mapping[str, Any]) -> list[FieldProblem]:
        """Everything that the schema forbids about `value`, in the order of its fields."""
        if self._rules is None:
            self._rules = Rules(self._rules_root, self.definitions)
        return self._rules.problems(value)

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

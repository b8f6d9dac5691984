"""The rules of a schema: where they stand, what they see, and what of a value breaks them. Pure.

Facts of `x-kubernetes-validations`: `self` is the value at the rule's place, of the schema's types;
a rule that names `oldSelf` holds for changes only; items of lists are matched by their keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from serinus.base.durations import parse_duration
from serinus.base.errors import FieldProblem
from serinus.local.apiserver.kinds.cel.language import Broken, Expression, Unsupported, compiled

Node = Mapping[str, Any]
RULES = "x-kubernetes-validations"
_REASONS = {
    "FieldValueRequired": "Required value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueDuplicate": "Duplicate value",
}
_SPELLED = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_SPECIAL = re.compile(r"__|[./-]")
_KEYWORDS = frozenset(
    (
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for"),
        *("function", "if", "import", "let", "loop", "package", "namespace", "return", "var"),
        *("void", "while"),
    )
)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, compiled."""

    expression: Expression
    fields: Node

    @property
    def told(self) -> str:
        """What a person reads when it is broken."""
        return self.fields.get("message") or f"failed rule: {self.expression.text.strip()}"


class RuleSet:
    """All rules of one schema; empty for nearly every kind."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._rules: dict[int, tuple[Rule, ...]] = {}
        self._on_the_way: set[int] = set()
        self.unsupported: list[str] = []
        self.broken: list[tuple[str, str]] = []
        self._collect(root, "")

    def problems(self, value: Node, before: Node | None) -> list[FieldProblem]:
        """What of a value, of which the schema has nothing to say, breaks a rule."""
        if not self._on_the_way:
            return []
        found: list[FieldProblem] = []
        self._walk(self._root, (value, before), "", found)
        return found

    def _collect(self, node: Node, path: str) -> bool:
        """Whether there is a rule at `node` or below it."""
        rules = tuple(self._read(node, path))
        below = [self._collect(child, f"{path}.{step}") for step, child in _children(node)]
        if rules:
            self._rules[id(node)] = rules
        if rules or any(below):
            self._on_the_way.add(id(node))
            return True
        return False

    def _read(self, node: Node, path: str) -> Iterator[Rule]:
        for place, fields in enumerate(node.get(RULES) or ()):
            where = f"{path.lstrip('.')}.{RULES}[{place}]".lstrip(".")
            try:
                if fields.get("optionalOldSelf") or fields.get("messageExpression"):
                    raise Unsupported("optionalOldSelf and messageExpression are not evaluated")
                yield Rule(compiled(fields["rule"]), fields)
            except Unsupported as error:
                self.unsupported.append(f"rule {where} ({fields['rule']}) is not enforced: {error}")
            except Broken as error:
                self.broken.append((where + ".rule", f"Invalid value: {fields['rule']!r}: {error}"))

    def _walk(
        self, node: Node, pair: tuple[Any, Any], path: str, found: list[FieldProblem]
    ) -> None:
        value, before = pair
        if id(node) not in self._on_the_way or value is None:
            return
        for rule in self._rules.get(id(node), ()):
            if before is not None or not rule.expression.on_change:
                found.extend(_judged(rule, node, pair, path))
        if isinstance(value, Mapping):
            old = before if isinstance(before, Mapping) else {}
            for name, child in _fields(node, value):
                at = f"{path}.{name}" if path else name
                self._walk(child, (value[name], old.get(name)), at, found)
        elif isinstance(value, list) and isinstance(items := node.get("items"), Mapping):
            for index, item in enumerate(value):
                was = _counterpart(node, item, before)
                self._walk(items, (item, was), f"{path}[{index}]", found)


def _children(node: Node) -> Iterator[tuple[str, Node]]:
    for name, child in (node.get("properties") or {}).items():
        yield f"properties[{name}]", child
    for word in ("items", "additionalProperties"):
        if isinstance(child := node.get(word), Mapping):
            yield word, child


def _fields(node: Node, value: Node) -> Iterator[tuple[str, Node]]:
    known, others = node.get("properties") or {}, node.get("additionalProperties")
    for name in value:
        child = known.get(name, others)
        if isinstance(child, Mapping):
            yield name, child


def _counterpart(node: Node, item: Any, before: Any) -> Any:
    """The item of the list before that has the same keys; None where lists are replaced whole."""
    keys = node.get("x-kubernetes-list-map-keys") or ()
    if not keys or not isinstance(before, list) or not isinstance(item, Mapping):
        return None
    wanted = [item.get(key) for key in keys]
    return next((old for old in before if [old.get(key) for key in keys] == wanted), None)


def _judged(rule: Rule, node: Node, pair: tuple[Any, Any], path: str) -> Iterator[FieldProblem]:
    variables = {"self": _typed(node, pair[0], root=not path)}
    if pair[1] is not None:
        variables["oldSelf"] = _typed(node, pair[1], root=not path)
    shown = f'"{node.get("type", "object")}"'
    field = (path + str(rule.fields.get("fieldPath") or "")).lstrip(".") or "<nil>"
    try:
        if rule.expression.value(variables) is True:
            return
    except Broken as error:
        told = f"{error} evaluating rule: {rule.fields.get('message') or rule.expression.text}"
        yield FieldProblem(field, f"Invalid value: {shown}: {told}")
        return
    reason = _REASONS.get(str(rule.fields.get("reason")), "Invalid value")
    value = "" if reason in ("Required value", "Forbidden") else f"{shown}: "
    yield FieldProblem(field, f"{reason}: {value}{rule.told}")


def _typed(node: Node, value: Any, *, root: bool = False) -> Any:
    """A value as rules see it: whole numbers of the type number are doubles, times are times."""
    if isinstance(value, Mapping):
        known, others = node.get("properties") or {}, node.get("additionalProperties")
        shown = {
            _spelled(name): _typed(child, value[name])
            for name, child in known.items()
            if value.get(name) is not None
        }
        if isinstance(others, Mapping):
            shown |= {
                name: _typed(others, item) for name, item in value.items() if name not in known
            }
        if root or node.get("x-kubernetes-embedded-resource"):
            shown |= _identity(value)
        return shown
    if isinstance(value, list):
        items = node.get("items")
        return [_typed(items, item) for item in value] if isinstance(items, Mapping) else value
    return _scalar(node, value)


def _identity(value: Node) -> dict[str, Any]:
    metadata = value.get("metadata") or {}
    names = {name: metadata[name] for name in ("name", "generateName") if metadata.get(name)}
    return {"apiVersion": value.get("apiVersion"), "kind": value.get("kind"), "metadata": names}


def _scalar(node: Node, value: Any) -> Any:
    if node.get("type") == "number" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if node.get("format") == "date-time" and isinstance(value, str):
        return datetime.fromisoformat(value)
    if node.get("format") == "duration" and isinstance(value, str):
        return parse_duration(value)
    return value


def _spelled(name: str) -> str:
    """A field's name as an expression spells it (facts of CEL in Kubernetes)."""
    if name in _KEYWORDS:
        return f"__{name}__"
    if not _IDENTIFIER.fullmatch(name):
        return name
    return _SPECIAL.sub(lambda found: _SPELLED[found[0]], name)

"""The fields that an applied configuration speaks of, and what is wrong with it.

Stricter than the walks over stored objects: who applies a field must mean a field that exists, and
name each item of a list once.
"""

from __future__ import annotations

from typing import Any

from serinus.local.apiserver.writing.apply.elements import shown
from serinus.local.apiserver.writing.apply.fieldset import EMPTY, LEAF, Node, node_of
from serinus.local.apiserver.writing.apply.types import BadItem, Form, Type


def field_set(kind: Type, config: Any) -> tuple[Node, tuple[str, ...]]:
    """The set of all leaves and items in `config`, and every problem as `path: sentence`."""
    problems: list[str] = []
    node = _fields(kind, config, "", problems)
    return node or EMPTY, tuple(problems)


def _fields(kind: Type, value: Any, path: str, problems: list[str]) -> Node | None:
    if kind.has_fields and isinstance(value, dict):
        return _map_fields(kind, value, path, problems)
    if kind.has_items and isinstance(value, list):
        return _list_fields(kind, value, path, problems)
    if kind.form in (Form.LEAF, Form.DEDUCED):
        return LEAF
    if value is not None:
        wanted = "list" if kind.has_items else "map"
        problems.append(f"{path}: expected {wanted}, got {_word(value)}")
    return None


def _map_fields(kind: Type, value: dict[str, Any], path: str, problems: list[str]) -> Node | None:
    made: Node = {}
    for name, child in value.items():
        found = kind.field(name)
        if found is None and kind.others() is None:
            problems.append(f"{path}.{name}: field not declared in schema")
            continue
        element, of = found or kind.step(name)
        plain = of.form is Form.LEAF
        node = LEAF if plain else _fields(of, child, f"{path}.{name}", problems)
        # fields of a schema are owned by their parts; entries of a map, nulls and `{}` themselves
        itself = found is None or child is None or child == {}
        if itself or node is not None:
            made[element] = node_of(itself, node or {}) if itself else node
    return made or None


def _list_fields(kind: Type, items: list[Any], path: str, problems: list[str]) -> Node | None:
    made: Node = {}
    for index, item in enumerate(items):
        try:
            element = kind.element(item)
        except BadItem as error:
            problems.append(f"{path}: element {index}: {error}")
            continue
        if element in made:
            problems.append(f"{path}: duplicate entries for key {shown(element)}")
            continue
        below = _fields(kind.item(), item, path + shown(element), problems)
        made[element] = node_of(True, below or {})
    return made or None


def _word(value: Any) -> str:
    names = {dict: "map", list: "list", str: "string", bool: "boolean", int: "int"}
    return names.get(type(value), "float")

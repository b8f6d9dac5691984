"""Merging what is applied into what is there, and taking fields out of a value.

Pure; unchanged parts stay the same objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from serinus.local.apiserver.writing.apply.compare import MISSING, indexed
from serinus.local.apiserver.writing.apply.fieldset import LEAF, SELF, Node, is_member
from serinus.local.apiserver.writing.apply.types import BadItem, Form, Type


def merge(kind: Type, live: Any, config: Any) -> Any:
    """`live` with `config` laid over it: parts merge by their type, all else is replaced."""
    if kind.has_fields and isinstance(live, dict) and live:
        if isinstance(config, dict):
            return _merge_maps(kind, live, config)
        return live if config is None else config
    if kind.has_items and isinstance(live, list) and live:
        if isinstance(config, list):
            return _merge_lists(kind, live, config)
        return live if config is None else config
    return live if type(live) is type(config) and live == config else config


def _merge_maps(kind: Type, live: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    merged = live
    for name, value in config.items():
        was = live.get(name, MISSING)
        joined = value if was is MISSING else merge(kind.step(name)[1], was, value)
        if joined is not was:
            merged = dict(live) if merged is live else merged
            merged[name] = joined
    return merged


def _merge_lists(kind: Type, live: list[Any], config: list[Any]) -> list[Any]:
    try:
        before, given = indexed(kind, live), indexed(kind, config)
    except BadItem:
        return config
    rest = iter([(kind.element(item), item) for item in live])
    shared = [element for element in given if element in before]
    merged: list[Any] = []
    waiting = next(rest, None)
    for element, value in given.items():
        # what only the live list has keeps its place between the items that both have
        while waiting is not None and waiting[0] != element:
            if waiting[0] not in given:
                merged.append(waiting[1])
            elif shared and waiting[0] == shared[0]:
                break
            waiting = next(rest, None)
        if waiting is not None and waiting[0] == element:
            waiting = next(rest, None)
        if shared and shared[0] == element:
            shared.pop(0)
        was = before.get(element, MISSING)
        merged.append(value if was is MISSING else merge(kind.item(), was, value))
    merged += _remaining(waiting, rest, given)
    return live if _same_items(live, merged) else merged


def _remaining(
    waiting: tuple[str, Any] | None, rest: Iterator[tuple[str, Any]], given: dict[str, Any]
) -> Iterator[Any]:
    while waiting is not None:
        if waiting[0] not in given:
            yield waiting[1]
        waiting = next(rest, None)


def _same_items(left: list[Any], right: list[Any]) -> bool:
    return len(left) == len(right) and all(a is b for a, b in zip(left, right, strict=True))


def without(kind: Type, value: Any, fields: Node) -> Any:
    """`value` without the fields of the set; MISSING if nothing is left of it."""
    if kind.has_fields and isinstance(value, dict):
        return _map_without(kind, value, fields)
    if kind.has_items and isinstance(value, list):
        return _list_without(kind, value, fields)
    return MISSING if kind.form is Form.LEAF and isinstance(value, dict | list) else value


def _map_without(kind: Type, value: dict[str, Any], fields: Node) -> Any:
    kept: dict[str, Any] | None = None
    for name, child in value.items():
        element, of = kind.step(name)
        node = fields.get(element)
        if node is None:
            continue
        rest = MISSING if is_member(node) else without(of, child, node)
        if rest is child:
            continue
        kept = dict(value) if kept is None else kept
        if rest is MISSING:
            del kept[name]
        else:
            kept[name] = rest
    if kept is None:
        return value
    return kept or MISSING


def _list_without(kind: Type, value: list[Any], fields: Node) -> Any:
    kept: list[Any] = []
    for item in value:
        try:
            node = fields.get(kind.element(item))
        except BadItem:
            node = None
        rest = item
        if node is not None:
            rest = MISSING if is_member(node) else without(kind.item(), item, node)
        if rest is not MISSING:
            kept.append(rest)
    if _same_items(value, kept):
        return value
    return kept or MISSING


def with_named(kind: Type, fields: Node) -> Node:
    """The set together with every field that the schema names and that has fields of it below.

    Such fields are not owned as long as they have owned parts, but they go with the last of them.
    """
    if not fields:
        return fields
    made: Node = {}
    for element, node in fields.items():
        if element == SELF:
            made[SELF] = LEAF
            continue
        named, of = _step(kind, element)
        below = with_named(of, node)
        made[element] = {SELF: LEAF, **below} if named and below and SELF not in below else below
    return made


def in_pieces(kind: Type, fields: Node) -> Node:
    """The set as its type sees it now: who owned parts of what is one piece today owns the piece.

    What once was one piece and has parts today stays owned itself, without its parts.
    """
    made: Node | None = None
    for element, node in fields.items():
        if not node or element == SELF:
            continue
        of = _step(kind, element)[1]
        now = LEAF if of.form is Form.LEAF else in_pieces(of, node)
        if now is not node:
            made = dict(fields) if made is None else made
            made[element] = now
    return fields if made is None else made


def _step(kind: Type, element: str) -> tuple[bool, Type]:
    """Whether the schema names a field, and the type of what is there."""
    name = element[2:]
    if element.startswith("f:"):
        if kind.form is Form.MAP and (found := kind.field(name)) is not None:
            return True, found[1]
        return False, kind.step(name)[1]
    return False, kind.item()

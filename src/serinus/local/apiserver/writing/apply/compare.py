"""What a write changed: the fields that are new or have another value, and those that are gone.

A pure walk over two values of one type. What is the very same object, or equal as a whole, is not
walked; so a small change of a large object costs little.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from serinus.local.apiserver.writing.apply.fieldset import EMPTY, LEAF, SELF, Node
from serinus.local.apiserver.writing.apply.types import BadItem, Form, Type

MISSING: Any = object()
"""The value of a field that is not there (null is a value)."""


class Changes(NamedTuple):
    """Two sets: fields that came or have another value, and fields that went."""

    changed: Node
    removed: Node


_Pair = tuple[Node | None, Node | None]
_NOTHING: _Pair = (None, None)


def compare(kind: Type, old: Any, new: Any) -> Changes:
    """The changes from `old` to `new`, two whole objects."""
    changed, removed = _compare(kind, old, new)
    return Changes(changed or EMPTY, removed or EMPTY)


def _compare(kind: Type, old: Any, new: Any) -> _Pair:
    if old is new:
        return _NOTHING
    if old is MISSING:
        return everything(kind, new), None
    if new is MISSING:
        return None, everything(kind, old)
    if kind.has_fields and (isinstance(new, dict) or isinstance(old, dict)):
        return _compare_maps(kind, old, new)
    if kind.has_items and (isinstance(new, list) or isinstance(old, list)):
        return _compare_lists(kind, old, new)
    return _compare_leaf(old, new)


def _compare_leaf(old: Any, new: Any) -> _Pair:
    if old == new and isinstance(old, bool) == isinstance(new, bool):
        return _NOTHING
    return LEAF, None


def _compare_maps(kind: Type, old: Any, new: Any) -> _Pair:
    if not old and not new:
        return _compare_leaf(old, new)
    before: dict[str, Any] = old if isinstance(old, dict) else {}
    after: dict[str, Any] = new if isinstance(new, dict) else {}
    changed: Node = {}
    removed: Node = {}
    for name, value in after.items():
        was = before.get(name, MISSING)
        if was is not value and not _same(was, value):
            element, child = kind.step(name)
            _note(element, _compare(child, was, value), changed, removed)
    for name, was in before.items():
        if name not in after:
            element, child = kind.step(name)
            _note(element, _compare(child, was, MISSING), changed, removed)
    return changed or None, removed or None


def _compare_lists(kind: Type, old: Any, new: Any) -> _Pair:
    if not old and not new:
        return _compare_leaf(old, new)
    try:
        before, after = indexed(kind, old), indexed(kind, new)
    except BadItem:
        # such a list can only have been stored as one piece
        return _compare_leaf(old, new)
    changed: Node = {}
    removed: Node = {}
    item = kind.item()
    for element, value in after.items():
        was = before.get(element, MISSING)
        if was is not value and not _same(was, value):
            _note(element, _compare(item, was, value), changed, removed)
    for element, was in before.items():
        if element not in after:
            _note(element, _compare(item, was, MISSING), changed, removed)
    return changed or None, removed or None


def everything(kind: Type, value: Any) -> Node:
    """The node of a value with all that is in it."""
    if not value or not isinstance(value, dict | list):
        return LEAF
    made: Node = {SELF: LEAF}
    if kind.has_fields and isinstance(value, dict):
        for name, child in value.items():
            element, of = kind.step(name)
            made[element] = LEAF if of.form is Form.LEAF else everything(of, child)
        return made
    if kind.has_items and isinstance(value, list):
        try:
            items = indexed(kind, value)
        except BadItem:
            return LEAF
        of = kind.item()
        return made | {element: everything(of, item) for element, item in items.items()}
    return LEAF


def indexed(kind: Type, items: Any) -> dict[str, Any]:
    """The items of a list by their path elements, of equal ones the first; BadItem if one has none.

    What is no list has no items.
    """
    found: dict[str, Any] = {}
    if isinstance(items, list):
        for item in items:
            found.setdefault(kind.element(item), item)
    return found


def _same(old: Any, new: Any) -> bool:
    return type(old) is type(new) and bool(old == new)


def _note(element: str, pair: _Pair, changed: Node, removed: Node) -> None:
    came, went = pair
    if came is not None:
        changed[element] = came
    if went is not None:
        removed[element] = went

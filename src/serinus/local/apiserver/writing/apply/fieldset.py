"""Sets of fields, kept in the very shape of `fieldsV1`: what is stored is what is reckoned with.

A set is a dict from path element to node. A node is `{}` for a field that is in the set and has
nothing below it; else it holds the fields below, and `.` if it is in the set itself. Sets are never
changed: an operation that changes nothing returns its very argument, so that callers see by `is`
that nothing happened, and parts are shared freely.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from serinus.local.apiserver.writing.apply.elements import canonical, field_element, shown

Node = dict[str, Any]
Path = tuple[str, ...]

SELF = "."
LEAF: Node = {}
"""A field that is in the set, with nothing below it. Shared; never to be changed."""
EMPTY: Node = {}
"""The empty set, as a root. Shared; never to be changed."""


def union(left: Node, right: Node) -> Node:
    """What is in either set."""
    if not left or not right:
        return left or right
    return _plus(left, right)


def difference(left: Node, right: Node) -> Node:
    """What is in `left` and not in `right`: a field goes, what is below it stays."""
    if not left or not right or left is right:
        return EMPTY if left is right else left
    return _minus(left, right) or EMPTY


def difference_below(left: Node, right: Node) -> Node:
    """As `difference`, but a field in `right` takes everything below it along."""
    if not left or not right:
        return left
    return _minus_below(left, right) or EMPTY


def intersection(left: Node, right: Node) -> Node:
    """What is in both sets."""
    if not left or not right:
        return EMPTY
    return _both(left, right) or EMPTY


def node_of(member: bool, below: Node) -> Node | None:
    """A node of a field with `below` it; None if nothing is left of it."""
    if not below:
        return LEAF if member else None
    return {SELF: LEAF, **below} if member else below


def is_member(node: Node) -> bool:
    """Whether the field of a node is itself in the set."""
    return not node or SELF in node


def _plus(left: Node, right: Node) -> Node:
    if left is right:
        return left
    if not left:
        return right if is_member(right) else {SELF: LEAF, **right}
    if not right:
        return left if SELF in left else {SELF: LEAF, **left}
    made: Node | None = None
    for element, node in right.items():
        mine = left.get(element)
        joined = node if mine is None else _plus(mine, node)
        if joined is not mine:
            made = dict(left) if made is None else made
            made[element] = joined
    return left if made is None else made


def _minus(left: Node, right: Node) -> Node | None:
    if not left:
        return None if is_member(right) else left
    if not right:
        if SELF not in left:
            return left
        return {element: node for element, node in left.items() if element != SELF}
    made: Node | None = None
    for element, node in right.items():
        mine = left.get(element)
        if mine is None:
            continue
        rest = None if element == SELF else _minus(mine, node)
        if rest is mine:
            continue
        made = dict(left) if made is None else made
        if rest is None:
            del made[element]
        else:
            made[element] = rest
    return left if made is None else _tidy(made)


def _minus_below(left: Node, right: Node) -> Node | None:
    made = dict(left)
    for element, node in right.items():
        mine = made.get(element)
        if mine is None or element == SELF:
            continue
        rest = None if is_member(node) else _minus_below(mine, node) if mine else mine
        if rest is None:
            del made[element]
        else:
            made[element] = rest
    return _tidy(made)


def _both(left: Node, right: Node) -> Node | None:
    if left is right:
        return left
    if not left:
        return LEAF if is_member(right) else None
    if not right:
        return LEAF if SELF in left else None
    made: Node = {}
    for element, node in left.items():
        other = right.get(element)
        shared = None if other is None else _both(node, other)
        if shared is not None:
            made[element] = shared
    return _tidy(made)


def _tidy(node: Node) -> Node | None:
    """A node that may have lost children, in its one spelling; None if nothing is left."""
    if not node:
        return None
    return LEAF if len(node) == 1 and SELF in node else node


class _Shared:
    """The sets that were stored of late, by their JSON: objects of one make have the same owners.

    Holds at most `limit` of them; the older half is forgotten when it is full.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[bytes, Node] = {}

    def __call__(self, fields: Node) -> Node:
        """An equal set, the same object for equal ones."""
        encoded = _encode(fields)
        found = self._known.get(encoded)
        if found is None:
            if len(self._known) >= self._limit:
                for old in list(self._known)[: self._limit // 2]:
                    del self._known[old]
            found = self._known[encoded] = fields
        return found


_encode = msgspec.json.Encoder().encode
shared = _Shared(limit=1_024)
"""Sets to be stored go through here, so that a thousand pods of one template keep one set."""


def has(fields: Node, path: Iterable[str]) -> bool:
    """Whether the field at `path` is in the set."""
    node: Node | None = None
    for element in path:
        node = (fields if node is None else node).get(element)
        if node is None:
            return False
    return node is not None and is_member(node)


def paths(fields: Mapping[str, Any]) -> Iterator[Path]:
    """Every field of the set: those of a level in their order, then what is below them."""
    for element, node in sorted(fields.items()):
        if element != SELF and is_member(node):
            yield (element,)
    for element, node in sorted(fields.items()):
        if element != SELF and node:
            yield from ((element, *rest) for rest in paths(node))


def path_text(path: Path) -> str:
    """`.spec.containers[name="x"].image`."""
    return "".join(map(shown, path))


def of_names(*rows: str) -> Node:
    """A set of plain fields, each written `metadata.name`."""
    made: Node = EMPTY
    for row in rows:
        node: Node = LEAF
        for name in reversed(row.split(".")):
            node = {field_element(name): node}
        made = union(made, node)
    return made


def read_set(given: Any) -> Node:
    """A set that a client wrote, in our own spelling; ValueError if it is none."""
    if not isinstance(given, dict):
        raise ValueError("fieldsV1 must be an object")
    made = _read(given)
    made.pop(SELF, None)
    return made


def _read(given: dict[str, Any]) -> Node:
    made: Node = {}
    for element, below in given.items():
        if not isinstance(below, dict):
            raise ValueError(f"{element} must hold an object")
        own = SELF if element == SELF else canonical(element)
        if own is not None:
            made[own] = LEAF if own == SELF else _read(below)
    return LEAF if len(made) == 1 and SELF in made else made

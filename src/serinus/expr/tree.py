"""The tree of an expression: frozen nodes, each with its offset `at` in the source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Literal:
    """nil, true, 5, 5.5, "text"."""

    value: bool | int | float | str | None
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A variable of the environment or of `let`."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Pointer:
    """`#` (name ""), `#acc`, `#index` inside a predicate."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    operand: Node
    at: int


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Node
    right: Node
    at: int


@dataclass(frozen=True, slots=True)
class Member:
    """`node.name`, `node[key]`, and with `optional` their `?.` forms."""

    node: Node
    key: Node
    optional: bool
    at: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Where a `?.` inside that met nil ends: the whole chain is nil then."""

    node: Node
    at: int


@dataclass(frozen=True, slots=True)
class Slice:
    node: Node
    start: Node | None
    stop: Node | None
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A built-in, a function of the environment, or a predicate function such as `filter`."""

    name: str
    arguments: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class MethodCall:
    """`node.Method(...)`, of times, durations and time zones."""

    node: Node
    method: str
    arguments: tuple[Node, ...]
    optional: bool
    at: int


@dataclass(frozen=True, slots=True)
class Predicate:
    """The closure argument of `filter` and its kin."""

    node: Node
    at: int


@dataclass(frozen=True, slots=True)
class Let:
    name: str
    value: Node
    body: Node
    at: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """`a; b`: all are evaluated, the last one counts."""

    nodes: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Conditional:
    test: Node
    then: Node
    otherwise: Node
    at: int


@dataclass(frozen=True, slots=True)
class Array:
    nodes: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Map:
    keys: tuple[Node, ...]
    values: tuple[Node, ...]
    at: int


Node = (
    Literal
    | Name
    | Pointer
    | Unary
    | Binary
    | Member
    | Chain
    | Slice
    | Call
    | MethodCall
    | Predicate
    | Let
    | Sequence
    | Conditional
    | Array
    | Map
)


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below, in the order of the text."""
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tuple):
            yield from value
        elif hasattr(value, "at"):
            yield value


def walk(node: Node) -> Iterator[Node]:
    """`node` and all below it; no recursion, so any depth is safe."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(children(current))

"""YAML texts as documents, with the line at which each field stands. Knows no objects.

Values are those that kubectl would send: a time stays text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

MOST_NODES = 200_000
"""Of one document, aliases counted each time: far more than an API server takes in 3 MB."""
DEEPEST = 100
_TOO_MUCH = "is too large or too deep for an object"


class _Loader(yaml.SafeLoader):
    """Without the resolver of times, which JSON does not have."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rows if tag != "tag:yaml.org,2002:timestamp"]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a text as YAML; the first line is 1."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """One value of a text."""

    value: Any
    line: int
    """Where it begins."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """By path, written as `spec.steps[2].pause`."""
    flaws: tuple[Flaw, ...] = ()
    """Keys that are there twice: the last one holds."""

    def line_of(self, path: str) -> int:
        """The line of the field, or of the nearest one above it that is written."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, self.line)


def read_documents(text: str) -> Iterator[Document | Flaw]:
    """The documents of `text` that are not empty; a Flaw is the end of what can be read."""
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                found = _document(loader, node)
                if isinstance(found, Flaw) or found.value is not None:
                    yield found
    except yaml.YAMLError as error:
        yield _flaw(error)
    except RecursionError:
        yield Flaw(1, _TOO_MUCH)


def _document(loader: _Loader, node: yaml.Node) -> Document | Flaw:
    walk = _Walk()
    try:
        walk.visit(node, "", 0)  # before construction, which merges `<<` into the nodes
        value = loader.construct_document(node)
    except ValueError as error:
        return Flaw(node.start_mark.line + 1, str(error))
    return Document(value, node.start_mark.line + 1, walk.lines, tuple(walk.flaws))


@dataclass(slots=True)
class _Walk:
    lines: dict[str, int] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    nodes: int = 0

    def visit(self, node: yaml.Node, path: str, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MOST_NODES or depth > DEEPEST:
            raise ValueError(_TOO_MUCH)
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                here = f"{path}[{index}]"
                self.lines[here] = item.start_mark.line + 1
                self.visit(item, here, depth + 1)
        elif isinstance(node, yaml.MappingNode):
            self._entries(node, path, depth)

    def _entries(self, node: yaml.MappingNode, path: str, depth: int) -> None:
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            here = f"{path}.{name}" if path else name
            if name in seen and name != "<<":
                self.flaws.append(Flaw(line, f"{here}: is written twice; the last one holds"))
            seen.add(name)
            if name == "<<":
                self.visit(value, path, depth + 1)
                continue
            self.lines[here] = line
            self.visit(value, here, depth + 1)


def _flaw(error: yaml.YAMLError) -> Flaw:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error)
    return Flaw(mark.line + 1 if mark else 1, f"is no YAML: {what}")

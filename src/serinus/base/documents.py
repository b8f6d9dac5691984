"""YAML texts as documents, with the line at which each field stands. Knows no objects.

Values are those that kubectl would send. It reads plain words as Go's yaml.v2 does (`y` is true, a
time is text, `1:30` is text, `1e3` is a number), and a key is always text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

MOST_NODES = 200_000
"""Of one document, aliases counted each time: far more than an API server takes in 3 MB."""
DEEPEST = 100
_TOO_MUCH = "is too large or too deep for an object"


_TAG = "tag:yaml.org,2002:"
_TRUE = ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE")
_FALSE = ("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE")
_INTEGER = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|0|[1-9][0-9_]*)", re.ASCII
)
_NUMBER = re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
_HALVES = re.compile("[\ud800-\udfff]")
_WORDS = re.compile("|".join((*_TRUE, *_FALSE)))


class _Loader(yaml.SafeLoader):
    """Reads plain words as kubectl does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Keys as JSON has them: `on: 1` has the key `true`."""
        self.flatten_mapping(node)
        return {
            _key(self.construct_object(key, deep=True), key): self.construct_object(
                value, deep=deep
            )
            for key, value in node.value
        }


class _Dumper(yaml.SafeDumper):
    """Quotes what kubectl would read as something else than text."""


_PLAIN = (
    ("bool", _WORDS, "yYnNtTfFoO"),
    ("int", _INTEGER, "-+0123456789"),
    ("float", _NUMBER, "-+.0123456789"),
)
for _reads in (_Loader, _Dumper):
    _reads.yaml_implicit_resolvers = {
        first: [
            (tag, pattern)
            for tag, pattern in rows
            if tag.removeprefix(_TAG) not in ("bool", "int", "float", "timestamp")
        ]
        for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for _kind, _pattern, _first in _PLAIN:
        _whole = re.compile(f"(?:{_pattern.pattern})$", re.ASCII)
        _reads.add_implicit_resolver(f"{_TAG}{_kind}", _whole, list(_first))


def _key(value: Any, node: yaml.Node) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
    found = "empty" if value is None else "a list or an object"
    raise yaml.constructor.ConstructorError(
        None, None, f"a key must be text, not {found}", node.start_mark
    )


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = node.value.replace("_", "").lower()
    octal = re.fullmatch(r"([-+]?)0([0-7]+)", text)
    return int(f"{octal[1]}0o{octal[2]}" if octal else text, 0)


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    """JSON escapes what is beyond 16 bits as two halves of one letter."""
    text: str = loader.construct_scalar(node)
    if not _HALVES.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | float:
    value = float(node.value.replace("_", ""))
    return int(value) if value.is_integer() else value


_Loader.add_constructor(f"{_TAG}bool", lambda loader, node: node.value in _TRUE)
_Loader.add_constructor(f"{_TAG}int", _integer)
_Loader.add_constructor(f"{_TAG}str", _text)
_Loader.add_constructor(f"{_TAG}float", _number)


def write_document(value: Any) -> str:
    """`value` as YAML that kubectl reads as this value."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=100)
    return text


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

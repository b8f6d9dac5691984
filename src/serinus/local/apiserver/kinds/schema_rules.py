"""Validation of values against a structural schema, through jsonschema-rs.

The schema is translated once (`nullable`, int-or-string, quantities, what JSON Schema spells
differently); list-map keys and sets are walks of our own. Knows no kind by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import jsonschema_rs

from serinus.base.errors import FieldProblem

Node = Mapping[str, Any]

_PLAIN = (
    *("pattern", "enum", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
    *("minProperties", "maxProperties", "multipleOf", "required"),
)
_JUNCTORS = ("allOf", "anyOf", "oneOf")
# formats that a structural schema may name and that are checked; the others are documentation
_FORMATS = frozenset(("date-time", "date", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"))
# an object of three megabytes may break a rule a million times
_PROBLEMS_LIMIT = 100
_REQUIRED = "Required value"
_TYPED = "must be of type "
_BOUNDS = {
    "minimum": "greater than or equal to {limit}",
    "exclusiveMinimum": "greater than {limit}",
    "maximum": "less than or equal to {limit}",
    "exclusiveMaximum": "less than {limit}",
    "multipleOf": "a multiple of {multiple_of}",
    "minLength": "at least {limit} chars long",
}
_SHAPES = {
    "pattern": "should match '{pattern}'",
    "minItems": "should have at least {limit} items",
    "minProperties": "should have at least {limit} properties",
}
"""What Kubernetes says of a broken rule, behind the path of the field."""


class Rules:
    """A compiled schema."""

    def __init__(self, root: Node, definitions: Mapping[str, Node]) -> None:
        self._root = root
        self._definitions = definitions
        translated = _translate(root)
        if definitions:
            translated["definitions"] = {n: _translate(d) for n, d in definitions.items()}
        self._validator = _compile(translated)

    def problems(self, value: Any, before: Any = None) -> list[FieldProblem]:
        """All that is wrong with `value`; parts of `before` are known to have good lists."""
        found: list[FieldProblem] = []
        if not self._validator.is_valid(value):
            errors = islice(self._validator.iter_errors(value), _PROBLEMS_LIMIT)
            found += dict.fromkeys(_problem(error) for error in errors)
        self._walk_lists(self._root, (value, before), "", found)
        return found

    def _walk_lists(
        self, node: Node, pair: tuple[Any, Any], path: str, found: list[FieldProblem]
    ) -> None:
        value, before = pair
        if value is before:
            return
        if "$ref" in node:
            node = self._definitions[node["$ref"].removeprefix("#/definitions/")]
        if isinstance(value, dict):
            fields = node.get("properties") or {}
            others = node.get("additionalProperties")
            for name, child in value.items():
                known = fields.get(name, others)
                if isinstance(known, Mapping) and isinstance(child, dict | list):
                    was = before.get(name) if isinstance(before, dict) else None
                    at = f"{path}.{name}" if path else name
                    self._walk_lists(known, (child, was), at, found)
        elif isinstance(value, list):
            found.extend(_duplicates(node, value, path))
            items = node.get("items")
            if isinstance(items, Mapping):
                for index, item in enumerate(value):
                    if isinstance(item, dict | list):
                        self._walk_lists(items, (item, None), f"{path}[{index}]", found)


def is_absence(problem: FieldProblem) -> bool:
    """Whether a problem is that a required field is not there."""
    return problem.message == _REQUIRED


def is_of_wrong_type(problem: FieldProblem) -> bool:
    """Whether a problem is that a value is of another type than its field."""
    return _TYPED in problem.message


def schema_problem(root: Node) -> str:
    """Why a schema cannot be compiled (a bad pattern, for one); empty text if it can."""
    try:
        _compile(_translate(root))
    except ValueError as error:
        return str(error).partition("\n")[0][:300]
    return ""


def _compile(translated: dict[str, Any]) -> jsonschema_rs.Draft7Validator:
    return jsonschema_rs.Draft7Validator(translated, validate_formats=True)


def _duplicates(node: Node, items: list[Any], path: str) -> list[FieldProblem]:
    match node.get("x-kubernetes-list-type"):
        case "map":
            keys = tuple(node.get("x-kubernetes-list-map-keys", ()))
            rows: list[Any] = [
                tuple(_key(i, k) for k in keys) for i in items if isinstance(i, dict)
            ]
        case "set":
            rows = [repr(item) for item in items]
        case _:
            return []
    first: dict[Any, int] = {}
    found = []
    for index, row in enumerate(rows):
        if row in first:
            found.append(FieldProblem(f"{path}[{index}]", f"Duplicate value: {_show_row(row)}"))
        first.setdefault(row, index)
    return found


def _key(item: Mapping[str, Any], name: str) -> str:
    return repr(item.get(name))


def _show_row(row: Any) -> str:
    return ", ".join(row) if isinstance(row, tuple) else str(row)


def _translate(node: Node) -> dict[str, Any]:
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    made: dict[str, Any] = {key: node[key] for key in _PLAIN if key in node}
    if node.get("x-kubernetes-quantity"):
        made["type"] = ["string", "number"]
    elif node.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    elif "type" in node:
        made["type"] = node["type"]
    if node.get("format") in _FORMATS:
        made["format"] = node["format"]
    _translate_bounds(node, made)
    _translate_children(node, made)
    if node.get("nullable") and "type" in made:
        kinds = made["type"] if isinstance(made["type"], list) else [made["type"]]
        made["type"] = [*kinds, "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made


def _translate_bounds(node: Node, made: dict[str, Any]) -> None:
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if bound in node:
            made[exclusive if node.get(exclusive) is True else bound] = node[bound]


def _translate_children(node: Node, made: dict[str, Any]) -> None:
    if isinstance(node.get("properties"), Mapping):
        made["properties"] = {n: _translate(c) for n, c in node["properties"].items()}
    for key in ("items", "additionalProperties"):
        child = node.get(key)
        if isinstance(child, Mapping):
            made[key] = _translate(child)
    for key in _JUNCTORS:
        if node.get(key):
            made[key] = [_translate(child) for child in node[key]]
    if isinstance(node.get("not"), Mapping):
        made["not"] = _translate(node["not"])


def _problem(error: Any) -> FieldProblem:
    path, kind, instance = _path(error.instance_path), error.kind, error.instance
    match kind.name:
        case "required":
            return FieldProblem(f"{path}.{kind.property}" if path else kind.property, _REQUIRED)
        case "enum":
            allowed = ", ".join(f'"{option}"' for option in kind.options if option is not None)
            return FieldProblem(
                path, f"Unsupported value: {_shown(instance)}: supported values: {allowed}"
            )
        case "type":
            wanted = " or ".join(sorted(word for word in kind.types if word != "null"))
            found = _type_name(instance)
            words = f"{_in_body(path)}{_TYPED}{wanted}: {found}"
            return FieldProblem(path, f"Invalid value: {found}: {words}")
        case "maxLength":
            words = f"Too long: may not be more than {kind.limit} bytes"
            return FieldProblem(path, words)
        case "maxItems" | "maxProperties":
            words = f"Too many: {len(instance)}: must have at most {kind.limit} items"
            return FieldProblem(path, words)
    if sentence := _sentence(kind):
        shown = f"Invalid value: {_value(instance)}: {_in_body(path)}{sentence}"
        return FieldProblem(path, shown)
    if isinstance(instance, dict | list):
        return FieldProblem(path, f"Invalid value: {_type_name(instance)}: {_rule(kind)}")
    return FieldProblem(path, f"Invalid value: {error.message[:300]}")


def _sentence(kind: Any) -> str:
    facts = {name: getattr(kind, name, "") for name in ("limit", "multiple_of", "pattern")}
    if kind.name in _BOUNDS:
        return "should be " + _BOUNDS[kind.name].format(**facts)
    return _SHAPES[kind.name].format(**facts) if kind.name in _SHAPES else ""


def _in_body(path: str) -> str:
    return f"{path} in body " if path else ""


def _value(instance: Any) -> str:
    if isinstance(instance, dict | list):
        return _type_name(instance)
    return _shown(instance) if isinstance(instance, str) else str(instance)


def _type_name(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer"}
    return f'"{names.get(type(value), "null" if value is None else "number")}"'


def _shown(value: Any) -> str:
    return f'"{str(value)[:100]}"'


def _rule(kind: Any) -> str:
    # the library's own sentence would print the whole value
    limit = getattr(kind, "limit", None)
    return f"breaks {kind.name}" + (f" {limit}" if limit is not None else "")


def _path(parts: list[str | int]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text

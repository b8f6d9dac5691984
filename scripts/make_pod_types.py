"""Makes src/serinus/api/pod_types.json: which type each field of a pod has.

Facts only, from the definitions that `make_builtin_schema.py` has made; run it after that one:

    python scripts/make_pod_types.py

By the name of a part, and of its field: `text`, `whole`, `bool`, `quantity`, `number or text`,
`any`, `[type]` for a list, `{"*": type}` for a map, or the name of another part.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent.parent / "src/serinus/local/apiserver/kinds/builtin_schema.json"
OUTPUT = Path(__file__).parent.parent / "src/serinus/api/pod_types.json"
ROOT = "io.k8s.api.core.v1.PodSpec"
POINTER = "#/definitions/"
WORDS = {"string": "text", "integer": "whole", "boolean": "bool", "number": "number"}


def types_of(definitions: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every part that a PodSpec is made of."""
    found: dict[str, dict[str, Any]] = {}
    waiting = [ROOT]
    while waiting:
        full = waiting.pop()
        name = full.rpartition(".")[2]
        if name not in found:
            fields = definitions[full].get("properties", {})
            found[name] = {
                field: _type(schema, definitions, waiting) for field, schema in fields.items()
            }
    return found


def _type(schema: dict[str, Any], definitions: dict[str, Any], waiting: list[str]) -> Any:
    full = schema.get("$ref", "").removeprefix(POINTER)
    if full:
        part = definitions[full]
        if part.get("x-kubernetes-quantity"):
            return "quantity"
        if part.get("x-kubernetes-int-or-string"):
            return "number or text"
        if "properties" not in part:
            return WORDS.get(part.get("type", ""), "any")
        waiting.append(full)
        return full.rpartition(".")[2]
    match schema.get("type"):
        case "array":
            return [_type(schema["items"], definitions, waiting)]
        case "object":
            inner = schema.get("additionalProperties")
            return {"*": _type(inner, definitions, waiting)} if isinstance(inner, dict) else "any"
    return WORDS.get(schema.get("type", ""), "any")


def written(types: dict[str, dict[str, Any]]) -> str:
    """One line for each part, so that a change shows where it is."""
    rows = (
        f"{json.dumps(name)}: {json.dumps(fields, sort_keys=True)}"
        for name, fields in sorted(types.items())
    )
    return "{\n" + ",\n".join(rows) + "\n}\n"


if __name__ == "__main__":
    OUTPUT.write_text(written(types_of(json.loads(SOURCE.read_text()))))

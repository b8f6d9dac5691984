"""`fieldRef`: one scalar of an object by its path, as text.

`metadata.*` has the paths of the downward API; any other path walks the object's JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MAP_PATH = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")
_METADATA = ("name", "namespace", "uid")
_STEP = re.compile(r"([^.\[\]]+)((?:\[\d+\])*)")


def field_value(document: Mapping[str, Any], path: str) -> str:
    """The text at `path`. Raises ValueError saying what is wrong with the path or the object."""
    if path == "metadata" or path.startswith("metadata."):
        return _metadata(document.get("metadata") or {}, path)
    return _text(_walk(document, path), path)


def _metadata(metadata: Mapping[str, Any], path: str) -> str:
    found = _MAP_PATH.fullmatch(path)
    if found:
        values: Mapping[str, str] = metadata.get(found.group(1)) or {}
        return str(values.get(found.group(2), ""))
    name = path.removeprefix("metadata.")
    if name in _METADATA:
        return str(metadata.get(name, ""))
    raise ValueError(
        f"{path} is no path of the downward API; known: metadata.name, metadata.namespace, "
        "metadata.uid, metadata.labels['<key>'], metadata.annotations['<key>']"
    )


def _walk(document: Any, path: str) -> Any:
    value = document
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise ValueError(f"{path} is no path; write for example status.canary.weights.canary")
        value = _child(value, step.group(1), path)
        for index in re.findall(r"\d+", step.group(2)):
            value = _element(value, int(index), path)
        at = step.end() + (path[step.end() : step.end() + 1] == ".")
    return value


def _child(value: Any, name: str, path: str) -> Any:
    if not isinstance(value, Mapping) or name not in value:
        raise ValueError(f"{path}: there is no {name} in the object")
    return value[name]


def _element(value: Any, index: int, path: str) -> Any:
    if not isinstance(value, list) or index >= len(value):
        raise ValueError(f"{path}: there is no element {index} in the object")
    return value[index]


def _text(value: Any, path: str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case str() | int() | float():
            return str(value)
    raise ValueError(f"{path}: it has to be a text, a number or a bool, not a part of the object")

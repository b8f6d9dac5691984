"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902), as pure functions on plain values.

Nothing is changed in place. Knows no kinds; strategic merge patch lives in strategic.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from serinus.local.apiserver.errors import StatusError, bad_request, request_too_large

OPERATIONS_LIMIT = 10_000
COPIED_LIMIT_BYTES = 3 * 1024 * 1024


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` with `patch` merged in: objects by field, null deletes, all else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def json_patch(target: Any, operations: Any) -> Any:
    """`target` after all operations, or StatusError 400, 413, 422 naming the one that fails."""
    if not isinstance(operations, Sequence) or isinstance(operations, str):
        raise bad_request("a JSON patch is a list of operations")
    if len(operations) > OPERATIONS_LIMIT:
        raise request_too_large(
            f"The allowed maximum operations in a JSON patch is {OPERATIONS_LIMIT}, "
            f"got {len(operations)}"
        )
    copied = 0
    for index, operation in enumerate(operations):
        if not isinstance(operation, Mapping):
            raise bad_request(f"operation {index} of the JSON patch is not an object")
        try:
            copied += _copied_bytes(target, operation)
            if copied > COPIED_LIMIT_BYTES:
                raise ValueError(f"it copies more than {COPIED_LIMIT_BYTES} bytes in all")
            target = _apply(target, operation)
        except (LookupError, ValueError) as error:
            raise StatusError(
                422,
                "Invalid",
                "the server rejected our request due to an error in our request: operation "
                f"{index} of the JSON patch: {error.args[0]}",
            ) from error
    return target


def _apply(target: Any, operation: Mapping[str, Any]) -> Any:
    path = _pointer(operation, "path")
    match operation.get("op"):
        case "add":
            return _add(target, path, _value(operation))
        case "remove":
            return _remove(target, path)
        case "replace":
            _get(target, path)
            return _replace(target, path, _value(operation))
        case "move":
            source = _pointer(operation, "from")
            if path[: len(source)] == source and path != source:
                raise ValueError("a value cannot be moved into itself")
            return _add(_remove(target, source), path, _get(target, source))
        case "copy":
            return _add(target, path, _get(target, _pointer(operation, "from")))
        case "test":
            if _get(target, path) != _value(operation):
                raise ValueError(f"testing value {operation['path']} failed")
            return target
        case other:
            raise ValueError(
                f"unknown op {other!r}; known are add, remove, replace, move, copy, test"
            )


def _copied_bytes(target: Any, operation: Mapping[str, Any]) -> int:
    """The size of what an operation copies: copies of copies would grow without bound."""
    if operation.get("op") != "copy":
        return 0
    return len(msgspec.json.encode(_get(target, _pointer(operation, "from"))))


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise ValueError(f"{operation['op']} needs a value")
    return operation["value"]


def _pointer(operation: Mapping[str, Any], name: str) -> tuple[str, ...]:
    text = operation.get(name)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise ValueError(f"{name} must be a JSON pointer such as /spec/replicas")
    return tuple(p.replace("~1", "/").replace("~0", "~") for p in text.split("/")[1:])


def _get(target: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        target = target[_step(target, part, path)]
    return target


def _step(target: Any, part: str, path: tuple[str, ...], *, end: bool = False) -> Any:
    """The key or index of `part` in `target`; an index just past the list only if `end`."""
    shown = "/" + "/".join(path)
    if isinstance(target, Mapping):
        if part not in target and not end:
            raise KeyError(f"{shown} is not there")
        return part
    if not isinstance(target, list):
        raise KeyError(f"{shown} is not there")
    if part == "-" and end:
        return len(target)
    if not part.isdecimal() or (len(part) > 1 and part[0] == "0"):
        raise ValueError(f"{part!r} in {shown} is not an index")
    if int(part) >= len(target) + end:
        raise IndexError(f"index {part} in {shown} is out of range")
    return int(part)


def _with_parent(target: Any, path: tuple[str, ...], change: Any) -> Any:
    """`target` with `change` applied to a copy of the container of the last part."""
    if len(path) == 1:
        return change(target)
    at = _step(target, path[0], path)
    copy = dict(target) if isinstance(target, Mapping) else list(target)
    copy[at] = _with_parent(target[at], path[1:], change)
    return copy


def _add(target: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value

    def change(container: Any) -> Any:
        at = _step(container, path[-1], path, end=True)
        if isinstance(container, Mapping):
            return {**container, at: value}
        return [*container[:at], value, *container[at:]]

    return _with_parent(target, path, change)


def _replace(target: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value

    def change(container: Any) -> Any:
        at = _step(container, path[-1], path)
        if isinstance(container, Mapping):
            return {**container, at: value}
        return [*container[:at], value, *container[at + 1 :]]

    return _with_parent(target, path, change)


def _remove(target: Any, path: tuple[str, ...]) -> Any:
    if not path:
        raise ValueError("the whole object cannot be removed by a patch")

    def change(container: Any) -> Any:
        at = _step(container, path[-1], path)
        if isinstance(container, Mapping):
            return {name: child for name, child in container.items() if name != at}
        return [*container[:at], *container[at + 1 :]]

    return _with_parent(target, path, change)

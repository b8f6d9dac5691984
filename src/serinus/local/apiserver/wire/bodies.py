"""Request bodies become plain objects: JSON, YAML, protobuf; with limits, without surprises.

Whatever a body holds, the outcome is an object or a StatusError that says what is wrong.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from serinus.local.apiserver.errors import StatusError, bad_request, unsupported_media_type
from serinus.local.apiserver.wire.http import Request
from serinus.local.apiserver.wire.protobuf import PROTOBUF, decode_protobuf

DEPTH_LIMIT = 100
OBJECT_TYPES = ("application/json", "application/yaml", PROTOBUF)

_decode = msgspec.json.Decoder().decode
_JSON_TYPES = ("application/json", "text/json", "*/*", "application/octet-stream")
_YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")


def decode_json(body: bytes) -> Any:
    """The value of a JSON text; StatusError 400 if it is none or nested too deeply."""
    try:
        value = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_request(f"the body is not valid JSON: {error}") from error
    except RecursionError as error:
        raise _too_deep() from error
    if body.count(b"{") + body.count(b"[") > DEPTH_LIMIT:
        _check_depth(value)
    return value


def _too_deep() -> StatusError:
    return bad_request(f"the body is nested more than {DEPTH_LIMIT} levels deep")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_LIMIT):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise _too_deep()


def _children(node: Any) -> list[Any]:
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [value for value in values if isinstance(value, dict | list)]


def decode_object(request: Request) -> dict[str, Any]:
    """The object of a create or replace, by its content type."""
    content_type = request.content_type
    if content_type in _JSON_TYPES:
        value = decode_json(request.body)
    elif content_type in _YAML_TYPES:
        value = _decode_yaml(request.body)
    elif content_type == PROTOBUF:
        value = decode_protobuf(request.body)
    else:
        raise unsupported_media_type(OBJECT_TYPES)
    return require_object(value)


def require_object(value: Any) -> dict[str, Any]:
    """`value`, if it is an object whose metadata is one too; else StatusError 400."""
    if not isinstance(value, dict):
        raise bad_request("the body must be a single object")
    metadata = value.get("metadata")
    if metadata is None:
        return {**value, "metadata": {}}
    if not isinstance(metadata, dict):
        raise bad_request("metadata must be an object")
    for name in ("name", "namespace", "generateName", "resourceVersion", "uid"):
        if not isinstance(metadata.get(name, ""), str | None):
            raise bad_request(f"metadata.{name} must be text")
    return value


def _decode_yaml(body: bytes) -> Any:
    import yaml

    from serinus.local.apiserver.wire.yamls import load_yaml

    try:
        return decode_json(msgspec.json.encode(load_yaml(body, DEPTH_LIMIT)))
    except (yaml.YAMLError, RecursionError, TypeError, ValueError) as error:
        raise bad_request(f"the body is not valid YAML: {error}") from error


def duplicate_fields(body: bytes) -> list[str]:
    """The paths of fields that a JSON text names twice in one object; none if it is no JSON."""
    if not body.lstrip().startswith(b"{"):
        return []
    marked = False

    def pairs(items: list[tuple[str, Any]]) -> Mapping[str, Any]:
        nonlocal marked
        made = _Object(items)
        marked = marked or len(made) < len(items)
        made.repeated = (
            tuple(name for name, count in Counter(key for key, _ in items).items() if count > 1)
            if len(made) < len(items)
            else ()
        )
        return made

    try:
        value = json.loads(body, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return []  # who decodes it will say so
    return list(_repeated(value, "")) if marked else []


class _Object(dict[str, Any]):
    repeated: tuple[str, ...] = ()


def _repeated(value: Any, path: str) -> list[str]:
    found: list[str] = []
    if isinstance(value, _Object):
        found += [f"{path}{name}" for name in value.repeated]
        for name, child in value.items():
            found += _repeated(child, f"{path}{name}.")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += _repeated(item, f"{path.removesuffix('.')}[{index}].")
    return found

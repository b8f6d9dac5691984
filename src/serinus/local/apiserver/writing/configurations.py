"""The body of a server-side apply: YAML or JSON, with the keys that it names twice.

Whatever a body holds, the outcome is an object or a StatusError 400 that says what is wrong.
"""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from serinus.local.apiserver.errors import StatusError, bad_request
from serinus.local.apiserver.wire.bodies import (
    DEPTH_LIMIT,
    decode_json,
    duplicate_fields,
    require_object,
)
from serinus.local.apiserver.wire.yamls import require_bounded, require_shallow


def read_configuration(body: bytes) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What is applied, and a sentence for each key that is written twice in one object."""
    if body.lstrip().startswith(b"{"):
        try:
            value = decode_json(body)
        except StatusError as error:
            # braces are YAML, too
            return _read_yaml(body, error)
        twice = tuple(path.rpartition(".")[2] for path in duplicate_fields(body))
    else:
        return _read_yaml(body, None)
    return require_object(value), tuple(map(_sentence, twice))


def _sentence(key: str) -> str:
    return f'key "{key}" already set in map'


def _read_yaml(body: bytes, before: StatusError | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    try:
        require_shallow(body, DEPTH_LIMIT)
        value, twice = _load(body)
        require_bounded(value, {})
        plain = decode_json(msgspec.json.encode(value))
    except (yaml.YAMLError, RecursionError, TypeError, ValueError, UnicodeDecodeError) as error:
        raise (before or bad_request(f"error decoding YAML: {error}")) from error
    return require_object(plain), tuple(twice)


def _load(body: bytes) -> tuple[Any, list[str]]:
    loader = _Loader(body)
    try:
        return loader.get_single_data(), loader.twice
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """A safe loader that notes keys which are written twice."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.twice: list[str] = []

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in getattr(node, "value", ()):
            name = str(getattr(key, "value", ""))
            if name in seen and name != "<<":
                line = key.start_mark.line + 1
                self.twice.append(f"line {line}: {_sentence(name)}")
            seen.add(name)
        return super().construct_mapping(node, deep)

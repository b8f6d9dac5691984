"""The body of a server-side apply: YAML or JSON, with the keys that it names twice.

Whatever a body holds, the outcome is an object or a StatusError 400 that says what is wrong.
"""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from serinus.local.apiserver.bodies import decode_json, duplicate_fields, require_object
from serinus.local.apiserver.errors import StatusError, bad_request

_VALUES_LIMIT = 1_000_000


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
    loader = _Loader(body)
    try:
        value = loader.get_single_data()
        _require_bounded(value, {})
        plain = decode_json(msgspec.json.encode(value))
    except (yaml.YAMLError, RecursionError, TypeError, ValueError, UnicodeDecodeError) as error:
        raise (before or bad_request(f"error decoding YAML: {error}")) from error
    finally:
        loader.dispose()
    return require_object(plain), tuple(loader.twice)


def _require_bounded(value: Any, sizes: dict[int, int]) -> int:
    """How many values there are when aliases are written out; ValueError if that is no size."""
    if not isinstance(value, dict | list):
        return 1
    known = sizes.get(id(value))
    if known is None:
        sizes[id(value)] = _VALUES_LIMIT + 1  # an object inside itself is without end
        children = value.values() if isinstance(value, dict) else value
        known = sizes[id(value)] = 1 + sum(_require_bounded(child, sizes) for child in children)
    if known > _VALUES_LIMIT:
        raise ValueError(f"aliases make it more than {_VALUES_LIMIT} values")
    return known


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

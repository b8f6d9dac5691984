"""YAML from strangers: bounded in depth and in what its aliases grow to, then plain values.

The fast loader of PyYAML recurses on the machine's stack and would take the process with it, so
depth is counted on the stream of events first.
"""

from __future__ import annotations

from typing import Any

import yaml

VALUES_LIMIT = 1_000_000
_LETTERS_PER_VALUE = 100
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(body: bytes, depth_limit: int) -> Any:
    """The value of one YAML document; yaml.YAMLError or ValueError if it is none, or too large."""
    require_shallow(body, depth_limit)
    value = yaml.load(body, Loader=_Loader)
    require_bounded(value, {})
    return value


def require_shallow(body: bytes, depth_limit: int) -> None:
    """ValueError if a YAML text is nested more deeply than this; yaml.YAMLError if it is none."""
    depth = 0
    for event in yaml.parse(body, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > depth_limit:
            raise ValueError(f"it is nested more than {depth_limit} levels deep")


def require_bounded(value: Any, sizes: dict[int, int]) -> int:
    """How many values there are when aliases are written out; ValueError if that is no size."""
    if isinstance(value, str | bytes):
        return 1 + len(value) // _LETTERS_PER_VALUE
    if not isinstance(value, dict | list):
        return 1
    known = sizes.get(id(value))
    if known is None:
        sizes[id(value)] = VALUES_LIMIT + 1  # an object inside itself is without end
        children = value.values() if isinstance(value, dict) else value
        known = sizes[id(value)] = 1 + sum(require_bounded(child, sizes) for child in children)
    if known > VALUES_LIMIT:
        raise ValueError(f"aliases make it more than {VALUES_LIMIT} values")
    return known

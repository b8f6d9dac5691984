"""Merge patches (RFC 7386) from two states of what we own. Writes nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.api.wire import builtins


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that makes `new` of `old`; {} if they are equal. Lists are replaced whole."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if inner := merge_patch(before, value):
                patch[key] = inner
        elif key not in old or value != before:
            patch[key] = value
    return patch


def struct_patch(old: object, new: object) -> dict[str, Any]:
    """The same for two Structs: fields that no Struct knows are left alone."""
    return {} if old == new else merge_patch(builtins(old), builtins(new))

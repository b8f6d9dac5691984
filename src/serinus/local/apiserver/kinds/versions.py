"""Objects in the version in which they are served, and in the one in which they are stored. Pure.

Versions of a custom kind differ in nothing but their name here; events differ in their fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from serinus.local.apiserver.kinds import events
from serinus.local.apiserver.kinds.kinds import Kind

Object = Mapping[str, Any]


def served(kind: Kind, value: Object) -> Object:
    """A stored object as writers of this version know it; the very same one where it is so."""
    if value.get("apiVersion") == kind.api_version:
        return value
    if kind.stored_under == events.CORE:
        return events.as_own(value)
    return {**value, "apiVersion": kind.api_version}


def stored(kind: Kind, value: Object) -> dict[str, Any]:
    """An object of this version as it is stored."""
    if kind.stored_under == events.CORE:
        return events.as_stored(value)
    return {**value, "apiVersion": kind.stored_version}


def reading(kind: Kind) -> Callable[[Object], Object] | None:
    """How readers of this version see stored objects; None: as they are."""
    if kind.stored_under == events.CORE:
        return events.as_read
    if kind.api_version == kind.stored_version:
        return None
    return lambda value: {**value, "apiVersion": kind.api_version}

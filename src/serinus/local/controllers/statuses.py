"""A status as a patch: what changed, and null for what is no longer there. Pure."""

from __future__ import annotations

from typing import Any

from serinus.api.wire import Wire, builtins


def status_patch(before: Wire, after: Wire, resource_version: str = "") -> dict[str, Any]:
    """The merge patch that turns one status into another, if the object is still that version.

    Fields with their default are left out of an object, as the API does with zeros.
    """
    was, now = builtins(before), builtins(after)
    changed = {name: now.get(name) for name in {**was, **now} if was.get(name) != now.get(name)}
    patch: dict[str, Any] = {"status": changed}
    if resource_version:
        patch["metadata"] = {"resourceVersion": resource_version}
    return patch

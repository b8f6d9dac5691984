"""Adapters by name, from entry points: one door for ours and for those of other packages.

Ours are listed in the code that calls, so that a source tree that nobody installed has them.
Nothing is imported before it is asked for; an unknown name is an error, never a fallback.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from serinus.base.errors import SerinusError


def known_points(group: str, built_in: Sequence[EntryPoint]) -> tuple[EntryPoint, ...]:
    """Ours and those that all installed packages register in `group`."""
    return (*built_in, *entry_points(group=group))


def load(name: str, points: Iterable[EntryPoint], what: str) -> Any:
    """An instance of what is registered as `name`; `what` is its kind in words.

    Raises SerinusError if there is none of that name (with the known ones), if two packages claim
    it, or if its import fails.
    """
    known = tuple(points)
    found = {point.value: point for point in known if point.name == name}
    if not found:
        names = ", ".join(sorted({point.name for point in known})) or "none"
        raise SerinusError(f"no {what} is named {name!r}; known: {names}")
    if len(found) > 1:
        raise SerinusError(
            f"the {what} {name!r} is registered more than once: {', '.join(sorted(found))}; "
            "uninstall all but one"
        )
    (point,) = found.values()
    try:
        return point.load()()
    except (ImportError, AttributeError) as error:
        raise SerinusError(
            f"the {what} {name!r} cannot be loaded from {point.value}: {error}"
        ) from error

"""Routers by name: those of this package and those that other packages register, by one door.

A package adds a router with an entry point in the group `serinus.routers`. Ours are entry points
too, listed here instead of in the metadata, so that a source tree that nobody installed has them.
Nothing is imported before it is asked for, and an unknown name is an error, never a fallback.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from serinus.base.errors import SerinusError
from serinus.traffic.router import Router

GROUP = "serinus.routers"
BUILT_IN = (EntryPoint("nginx", "serinus.traffic.nginx:NginxRouter", GROUP),)


def load_router(name: str, points: Iterable[EntryPoint] | None = None) -> Router:
    """The router that is registered as `name`.

    `points` are the entry points to choose from; by default ours and those of all installed
    packages. Raises SerinusError if there is none of that name (with the known ones), if two
    packages claim it, or if its import fails.
    """
    known = tuple(points) if points is not None else (*BUILT_IN, *entry_points(group=GROUP))
    found = {point.value: point for point in known if point.name == name}
    if not found:
        names = ", ".join(sorted({point.name for point in known})) or "none"
        raise SerinusError(f"no traffic router is named {name!r}; known: {names}")
    if len(found) > 1:
        raise SerinusError(
            f"the traffic router {name!r} is registered more than once: "
            f"{', '.join(sorted(found))}; uninstall all but one"
        )
    (point,) = found.values()
    try:
        router: Router = point.load()()
    except (ImportError, AttributeError) as error:
        raise SerinusError(
            f"the traffic router {name!r} cannot be loaded from {point.value}: {error}"
        ) from error
    return router

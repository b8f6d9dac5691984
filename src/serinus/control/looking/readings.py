"""What routers read in objects, kept as long as these are the same: most looks change no route."""

from __future__ import annotations

from dataclasses import replace

from serinus.control.looking.interest import Key
from serinus.core.routing import RouterSeen
from serinus.traffic.router import Objects, Route, Router


class Readings:
    """By key and router; an object of the cache is the same object until it changes."""

    def __init__(self) -> None:
        self._kept: dict[Key, dict[str, tuple[Route, Objects, RouterSeen]]] = {}

    def of(self, key: Key, router: Router, route: Route, objects: Objects) -> RouterSeen:
        """What `router` reads in `objects`."""
        mine = self._kept.setdefault(key, {})
        kept = mine.get(router.name)
        if kept is not None and kept[0] == route and _same(kept[1], objects):
            return kept[2]
        seen = replace(router.read(route, objects), able=router.abilities)
        mine[router.name] = (route, objects, seen)
        return seen

    def forget(self, key: Key) -> None:
        """The Rollout is gone."""
        self._kept.pop(key, None)


def _same(before: Objects, now: Objects) -> bool:
    return before.keys() == now.keys() and all(before[ref] is one for ref, one in now.items())

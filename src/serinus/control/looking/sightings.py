"""Since when things have looked as they do, by this process' own looks.

The instant that a routing write carries is that of its decision; a slow line or a repeated try may
let it arrive much later. What is only remembered in memory makes a new process slower, never
unsafe: to it everything is new.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from datetime import datetime

from serinus.control.looking.interest import Key
from serinus.core.rollout.snapshot import ServiceSeen
from serinus.core.routing import RouterSeen, Routing, Unknown


class Sightings:
    """By Rollout and name of what it routes with: the content, and when it was first seen so."""

    def __init__(self) -> None:
        self._known: dict[Key, dict[str, tuple[Hashable, datetime]]] = {}

    def of_router(self, key: Key, seen: RouterSeen, now: datetime) -> RouterSeen:
        """The same with `seen_since`; what could not be read is new when it can be again."""
        shown = seen.routing if isinstance(seen.routing, Routing) else None
        since = self._since(key, f"router/{seen.router}", (shown, seen.written_at), now)
        return replace(seen, seen_since=since)

    def of_service(self, key: Key, seen: ServiceSeen, now: datetime) -> ServiceSeen:
        """The same with `seen_since`; slices that follow at last count as a change."""
        others = None
        if not isinstance(seen.endpoints, Unknown):
            others = frozenset(seen.endpoints) - {seen.selector_hash}
        content = (seen.selector_hash, seen.written_at, others)
        return replace(seen, seen_since=self._since(key, f"service/{seen.name}", content, now))

    def forget(self, key: Key) -> None:
        """The Rollout is gone."""
        self._known.pop(key, None)

    def _since(self, key: Key, name: str, content: Hashable, now: datetime) -> datetime:
        known = self._known.setdefault(key, {})
        before, since = known.get(name, (None, now))
        if name not in known or before != content:
            known[name] = (content, now)
            return now
        return since

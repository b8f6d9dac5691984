"""Rollouts that are gone: their last event, and what they leave behind.

A Rollout that another controller was given (its label of instances changed) is not in our caches
any more and is not gone: its Services are in use. So the server is asked before anything is freed.
"""

from __future__ import annotations

from collections.abc import Mapping

from serinus.api.kubernetes import ObjectMeta, PartialObject
from serinus.control.kinds import ROLLOUTS
from serinus.control.looking.caches import Caches
from serinus.control.looking.interest import Key
from serinus.control.telling.announcer import Announcer
from serinus.control.telling.deletions import Deletions
from serinus.control.writing.freed import FreedServices, FreedSubsets, FreedWorkloads
from serinus.kube.client import Client
from serinus.kube.errors import NotFound


class Departed:
    """Reads the caches and the server, writes through one client."""

    def __init__(self, client: Client, caches: Caches, announcer: Announcer) -> None:
        self._client, self._caches = client, caches
        self._freed = (
            FreedWorkloads(client, caches),
            FreedServices(client, caches),
            FreedSubsets(client, caches),
        )
        self._deletions = Deletions(announcer, lambda key: self._cached(key) is not None)

    def saw(self, key: Key, metadata: ObjectMeta) -> None:
        """It is there."""
        self._deletions.saw(key, metadata)

    async def see_off(self, key: Key) -> None:
        """It is gone, going, or somebody else's. Raises ApiErrors."""
        labels = await self._labels_at_server(key)
        if labels is not None:
            # A namesake of ours that took its place tells of it by itself, when it is seen.
            if not self._caches.is_mine(labels):
                self._deletions.forget(key)
            return
        self._deletions.missed(key)
        for freed in self._freed:
            await freed.free(key)

    def _cached(self, key: Key) -> PartialObject | None:
        return self._caches.rollouts.store.get(*key)

    async def _labels_at_server(self, key: Key) -> Mapping[str, str] | None:
        """Those of a Rollout that is there and not in our caches; None if there is none."""
        if self._cached(key) is not None:
            return None
        try:
            found = await self._client.get(ROLLOUTS, key[1], key[0])
        except NotFound:
            return None
        return found["metadata"].get("labels") or {}

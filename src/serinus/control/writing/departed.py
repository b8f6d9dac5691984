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
from serinus.control.looking.seen import Observation
from serinus.control.telling.announcer import Announcer
from serinus.control.telling.deletions import Deletions
from serinus.control.writing.freed import Freed
from serinus.kube.client import Client
from serinus.kube.errors import NotFound


class Departed:
    """Reads the caches and the server, writes through one client."""

    def __init__(self, client: Client, caches: Caches, announcer: Announcer, freed: Freed) -> None:
        self._client, self._caches, self._freed = client, caches, freed
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
        left = self._cached(key)
        if left is None:
            await self._freed.of_gone(key)
        elif left.metadata.deletion_timestamp is not None:
            await self._freed.of_going(key)

    async def tidy(self, key: Key, seen: Observation) -> None:
        """It is there and at rest: what it does not name any more is free. Raises ApiErrors."""
        status = seen.snapshot.rollout.status
        if status.phase != "Healthy" or seen.left:
            return
        others = (one for one in seen.snapshot.revisions if one.hash != status.stable_rs)
        mixed = any(one.replicas or one.pods for one in others)
        await self._freed.of_edited(key, seen.named, status.stable_rs if mixed else "-")

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

"""Writes of which nobody knows whether they took effect: their objects are read before anything
else is decided for the key (an answer that was lost is a write of ours that no cache shows).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from serinus.base.errors import SerinusError
from serinus.control.looking.caches import Caches
from serinus.control.looking.interest import Key
from serinus.kube.client import Client
from serinus.kube.errors import (
    ApiError,
    NoAnswer,
    NotFound,
    TooManyRequests,
    Unavailable,
    UnreadableAnswer,
)
from serinus.kube.resource import Resource

_log = logging.getLogger("serinus.doubts")


@dataclass(frozen=True, slots=True)
class Place:
    """One object, whether it exists or not."""

    resource: Resource
    namespace: str
    name: str


def is_doubtful(error: Exception) -> bool:
    """Whether the write that failed so may have taken effect."""
    if isinstance(error, NoAnswer):
        return error.sent
    return isinstance(error, Unavailable | UnreadableAnswer)


class Doubts:
    """The places in doubt, by key. Empty after a restart: the first lists are consistent."""

    def __init__(self, client: Client, caches: Caches) -> None:
        self._client, self._caches = client, caches
        self._places: dict[Key, dict[Place, None]] = {}

    def note(self, key: Key, place: Place) -> None:
        """The fate of a write to `place` on behalf of `key` is not known."""
        self._places.setdefault(key, {})[place] = None

    def forget(self, key: Key) -> None:
        """Nobody decides for `key` any more."""
        self._places.pop(key, None)

    async def resolve(self, key: Key) -> None:
        """Reads every place in doubt, consistently, into the caches.

        Raises the error of a server that does not answer: then nothing may be decided yet.
        """
        for place in tuple(self._places.get(key, ())):
            await self._read(key, place)
            self._places.get(key, {}).pop(place, None)
        if not self._places.get(key):
            self._places.pop(key, None)

    async def _read(self, key: Key, place: Place) -> None:
        where = (place.resource, place.namespace, place.name)
        uid = self._caches.uid(*where)
        try:
            found = await self._client.get(place.resource, place.name, place.namespace)
        except NotFound:
            self._caches.gone(*where, uid)
        except (Unavailable, TooManyRequests):
            raise
        except (ApiError, SerinusError) as error:
            # We may not read it; what the watch brings has to do.
            _log.warning("%s %s/%s is in doubt: %s", place.resource.kind, *where[1:], error)
        else:
            self._caches.wrote(place.resource, found, key)

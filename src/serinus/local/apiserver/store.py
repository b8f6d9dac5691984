"""Where objects live: versions in memory, one counter, a bounded history to watch from.

Knows keys and versions, not what an object means. Stored objects are never changed in place:
a write puts a new dict, so readers may share what they got. This is the seam at which another
storage would stand: `Store.put`, `Store.remove`, and the reads of `Collection`.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

Key = tuple[str, str]  # namespace ("" for cluster-scoped), name
Object = Mapping[str, Any]

_encode = msgspec.json.Encoder().encode


class Version:
    """One version of one object; its JSON is made once and shared by all who send it."""

    __slots__ = ("_encoded", "_line", "key", "object", "resource_version")

    def __init__(self, key: Key, value: Object, resource_version: int) -> None:
        self.key = key
        self.object = value
        self.resource_version = resource_version
        self._encoded: bytes | None = None
        self._line: tuple[str, bytes] | None = None

    @property
    def encoded(self) -> bytes:
        """The object as JSON."""
        if self._encoded is None:
            self._encoded = _encode(self.object)
        return self._encoded

    def line(self, event: str) -> bytes:
        """The object as one line of a watch; made once for the event that it came with."""
        if self._line is None or self._line[0] != event:
            self._line = (event, watch_line(event, self.encoded))
        return self._line[1]

    def forget_line(self) -> None:
        """Free the line, when no watcher is expected to ask for it."""
        self._line = None


def watch_line(event: str, encoded: bytes) -> bytes:
    """One event of a watch, with its line end."""
    return b'{"type":"%b","object":%b}\n' % (event.encode(), encoded)


class Change(NamedTuple):
    """One entry of the history. `new` is None for a deletion, `old` for a creation.

    For a deletion `last` is the object as it was last seen, under the deletion's own version.
    """

    resource_version: int
    old: Version | None
    new: Version | None
    last: Version | None


class Expired(Exception):
    """The version asked for is older than the history; `resource_version` is the oldest kept."""

    def __init__(self, resource_version: int) -> None:
        super().__init__(resource_version)
        self.resource_version = resource_version


class Collection:
    """All objects of one kind, and what happened to them of late.

    A watcher is a cursor: it keeps the absolute position of the next change and reads on from
    there, so that a slow one costs no queue; if the history has moved past it, it is Expired.
    """

    def __init__(self, history_limit: int) -> None:
        self.objects: dict[Key, Version] = {}
        self.ended = False
        self._history: list[Change] = []
        self._first = 0
        self._limit = history_limit
        self._compacted = 0
        self._changed: asyncio.Future[None] | None = None

    def get(self, namespace: str, name: str) -> Version | None:
        """The newest version, or None."""
        return self.objects.get((namespace, name))

    def sorted(self, namespace: str | None = None) -> list[Version]:
        """All of them (of `namespace`, if given) in the order of namespace and name."""
        keys = sorted(self.objects if namespace is None else self._keys_of(namespace))
        return [self.objects[key] for key in keys]

    def _keys_of(self, namespace: str) -> list[Key]:
        return [key for key in self.objects if key[0] == namespace]

    def as_of(self, resource_version: int, namespace: str | None = None) -> list[Version]:
        """The collection as it was at `resource_version`; Expired if that is forgotten."""
        self._require(resource_version)
        then: dict[Key, Version] = dict(self.objects)
        for change in reversed(self._history[self._index(resource_version) :]):
            seen = change.new or change.last
            if seen is None:
                continue
            if change.old is None:
                then.pop(seen.key, None)
            else:
                then[seen.key] = change.old
        return [then[key] for key in sorted(then) if namespace in (None, key[0])]

    def position(self, resource_version: int) -> int:
        """Where a watch from just after `resource_version` begins; Expired if forgotten."""
        self._require(resource_version)
        return self._first + self._index(resource_version)

    def end(self) -> int:
        """The position after the newest change."""
        return self._first + len(self._history)

    def since(self, position: int) -> list[Change]:
        """The changes from `position` on; Expired if some of them are forgotten."""
        if position < self._first:
            raise Expired(self._compacted)
        return self._history[position - self._first :]

    def next_change(self) -> asyncio.Future[None]:
        """A future, shared by all who wait, that is done at the next change."""
        if self._changed is None or self._changed.done():
            self._changed = asyncio.get_running_loop().create_future()
        return self._changed

    def wake(self) -> None:
        """Let all who wait for a change look again."""
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def record(self, change: Change) -> None:
        """Append to the history, forgetting the older half when it is twice the limit."""
        self._history.append(change)
        if len(self._history) > 2 * self._limit:
            self.forget(len(self._history) - self._limit)
        self.wake()

    def forget(self, count: int) -> None:
        """Drop the oldest `count` changes: watches from before them are told to list again."""
        if count <= 0:
            return
        self._compacted = self._history[count - 1].resource_version
        for change in self._history[:count]:
            if change.new is not None:
                change.new.forget_line()
        del self._history[:count]
        self._first += count

    def compact(self, resource_version: int) -> None:
        """Drop all changes up to and including `resource_version`."""
        versions = [change.resource_version for change in self._history]
        self.forget(bisect_right(versions, resource_version))

    def _require(self, resource_version: int) -> None:
        if resource_version < self._compacted:
            raise Expired(self._compacted)

    def _index(self, resource_version: int) -> int:
        wanted = resource_version + 1
        return bisect_left(self._history, wanted, key=lambda change: change.resource_version)


class Store:
    """The collections, by (group, plural), and the one counter of versions."""

    def __init__(self, history_limit: int = 2_000) -> None:
        self.resource_version = 1
        self._limit = history_limit
        self._collections: dict[tuple[str, str], Collection] = {}

    def collection(self, group: str, plural: str) -> Collection:
        """The collection of a kind, made when first asked for."""
        found = self._collections.get((group, plural))
        if found is None:
            found = self._collections[(group, plural)] = Collection(self._limit)
        return found

    def collections(self) -> Mapping[tuple[str, str], Collection]:
        """All collections that were ever asked for."""
        return self._collections

    def drop(self, group: str, plural: str) -> None:
        """Forget a kind with all its objects and history; its watches end."""
        collection = self._collections.pop((group, plural), None)
        if collection is not None:
            collection.ended = True
            collection.wake()

    def put(self, collection: Collection, key: Key, value: Object) -> Version:
        """Store `value` as the newest version of `key`, stamped with the next version number."""
        stamped = self._stamp(value)
        version = Version(key, stamped, self.resource_version)
        old = collection.objects.get(key)
        collection.objects[key] = version
        collection.record(Change(self.resource_version, old, version, None))
        return version

    def remove(self, collection: Collection, key: Key, value: Object) -> Version:
        """Delete `key`; `value` is its last state, which watchers get with the deletion."""
        old = collection.objects.pop(key)
        last = Version(key, self._stamp(value), self.resource_version)
        collection.record(Change(self.resource_version, old, None, last))
        return last

    def _stamp(self, value: Object) -> Object:
        self.resource_version += 1
        metadata = {**value["metadata"], "resourceVersion": str(self.resource_version)}
        return {**value, "metadata": metadata}

"""Where objects live: versions in memory, one counter, a bounded history to watch from.

Knows keys and versions, not what an object means. Stored objects are never changed in place:
a write puts a new dict, so readers may share what they got.

With a storage (`storage.py`) memory stays the read path. A write shows in `objects` at once, so
that the next one can build on it, and in the history, which watchers read, when it is durable; if
it is lost, it is taken back. Who answers a request has to await `Store.settled` first.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from serinus.local.apiserver.storing.journal import Journal
from serinus.local.apiserver.storing.storage import Loaded, Row, Storage, StorageError

Key = tuple[str, str]  # namespace ("" for cluster-scoped), name
Object = Mapping[str, Any]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


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
    `floor` is the version from which on its history is known.
    """

    def __init__(self, kind: tuple[str, str], history_limit: int, floor: int = 0) -> None:
        self.kind = kind
        self.objects: dict[Key, Version] = {}
        self.ended = False
        self._history: list[Change] = []
        self._first = 0
        self._limit = history_limit
        self._compacted = floor
        self._unpublished = 0
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
        return self._history[position - self._first : self._published()]

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
        """Append to the history, not yet for watchers to see."""
        self._history.append(change)
        self._unpublished += 1

    def publish(self) -> None:
        """Show the oldest unpublished change; forget the older half at twice the limit."""
        self._unpublished -= 1
        if self._published() > 2 * self._limit:
            self.forget(self._published() - self._limit)
        self.wake()

    def retract(self) -> None:
        """Undo the newest change, which nobody has seen."""
        change = self._history.pop()
        self._unpublished -= 1
        seen = change.new or change.last
        assert seen is not None
        if change.old is None:
            del self.objects[seen.key]
        else:
            self.objects[seen.key] = change.old

    def _published(self) -> int:
        """How many changes of the kept history watchers may see."""
        return len(self._history) - self._unpublished

    def forget(self, count: int) -> None:
        """Drop the oldest `count` changes: watches from before them are told to list again."""
        count = min(count, self._published())
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


class Entry(NamedTuple):
    """What the journal carries: a change of a collection, or (None) the collection's end."""

    collection: Collection
    change: Change | None


class Store:
    """The collections, by (group, plural), and the one counter of versions.

    `taken_back` is called with the kinds of which changes were lost. Without a storage every
    change is durable at once.
    """

    def __init__(self, history_limit: int = 2_000, storage: Storage | None = None) -> None:
        self.resource_version = 1
        self.taken_back: Callable[[set[tuple[str, str]]], None] = lambda kinds: None
        self._limit = history_limit
        self._floor = 0
        self._collections: dict[tuple[str, str], Collection] = {}
        self._storage = storage
        self._journal: Journal[Entry] | None = None
        if storage is not None:
            self._journal = Journal(self._commit, self._publish, self._retract)
            self._load(storage.load())
        self._published = self.resource_version

    def collection(self, group: str, plural: str) -> Collection:
        """The collection of a kind, made when first asked for."""
        kind = (group, plural)
        found = self._collections.get(kind)
        if found is None:
            found = self._collections[kind] = Collection(kind, self._limit, self._floor)
        return found

    def collections(self) -> Mapping[tuple[str, str], Collection]:
        """All collections that were ever asked for."""
        return self._collections

    @property
    def published_version(self) -> int:
        """The newest version that watchers may know of."""
        return self._published

    async def settled(self) -> StorageError | None:
        """Wait until all changes so far are durable; else why they were taken back."""
        return None if self._journal is None else await self._journal.settled()

    def drop(self, group: str, plural: str) -> None:
        """Forget a kind with all its objects and history; its watches end."""
        collection = self._collections.pop((group, plural), None)
        if collection is not None:
            self._note(Entry(collection, None))

    def put(self, collection: Collection, key: Key, value: Object) -> Version:
        """Store `value` as the newest version of `key`, stamped with the next version number."""
        stamped = self._stamp(value)
        version = Version(key, stamped, self.resource_version)
        old = collection.objects.get(key)
        collection.objects[key] = version
        self._note(Entry(collection, Change(self.resource_version, old, version, None)))
        return version

    def remove(self, collection: Collection, key: Key, value: Object) -> Version:
        """Delete `key`; `value` is its last state, which watchers get with the deletion."""
        old = collection.objects.pop(key)
        last = Version(key, self._stamp(value), self.resource_version)
        self._note(Entry(collection, Change(self.resource_version, old, None, last)))
        return last

    def _stamp(self, value: Object) -> Object:
        self.resource_version += 1
        metadata = {**value["metadata"], "resourceVersion": str(self.resource_version)}
        return {**value, "metadata": metadata}

    def _note(self, entry: Entry) -> None:
        if entry.change is not None:
            entry.collection.record(entry.change)
        if self._journal is None:
            self._publish([entry])
        else:
            self._journal.add(entry)

    def _publish(self, entries: Sequence[Entry]) -> None:
        for collection, change in entries:
            if change is None:
                collection.ended = True
                collection.wake()
            else:
                self._published = change.resource_version
                collection.publish()

    def _retract(self, entries: Sequence[Entry]) -> None:
        """As if it had never been: nobody was told, so the numbers are given again."""
        for collection, change in reversed(entries):
            if change is None:
                self._collections[collection.kind] = collection
            else:
                collection.retract()
        self.resource_version = self._published
        self.taken_back({entry.collection.kind for entry in entries})

    async def _commit(self, entries: Sequence[Entry]) -> None:
        """The last state of every key that the entries touch, in one transaction."""
        assert self._storage is not None
        rows: dict[tuple[tuple[str, str], Key], Row] = {}
        newest = self._published
        for collection, change in entries:
            kind = collection.kind
            if change is None:
                rows |= {(kind, key): Row(*kind, *key, None) for key in collection.objects}
                continue
            newest, seen = change.resource_version, change.new or change.last
            assert seen is not None
            value = None if change.new is None else change.new.encoded
            rows[kind, seen.key] = Row(*kind, *seen.key, value)
        await self._storage.commit(list(rows.values()), newest)

    def _load(self, loaded: Loaded) -> None:
        """Objects as they were; what led to them is not kept, so older watches are Expired."""
        self.resource_version = self._floor = max(1, loaded.resource_version)
        for row in loaded.rows:
            assert row.value is not None
            value = _decode(row.value)
            version = Version((row.namespace, row.name), value, _version_of(value))
            self.collection(row.group, row.plural).objects[version.key] = version


def _version_of(value: Object) -> int:
    return int(value["metadata"]["resourceVersion"])

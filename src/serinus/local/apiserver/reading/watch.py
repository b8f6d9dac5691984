"""Watches: what a collection's history has to say to one client, line by line.

A watch is a cursor over the shared history; lines are encoded once for all watchers. Time-outs are
wall time and never scaled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import msgspec

from serinus.local.apiserver.errors import bad_request, expired
from serinus.local.apiserver.reading.lists import read_resource_version, read_selection
from serinus.local.apiserver.reading.representation import Representation
from serinus.local.apiserver.state import State
from serinus.local.apiserver.storing.store import Change, Collection, Expired, Version, watch_line
from serinus.local.apiserver.wire.options import is_true
from serinus.local.apiserver.wire.selectors import Predicate

INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_DEFAULT_TIMEOUT_SECONDS = 1800.0
_LONGEST_TIMEOUT_SECONDS = 24 * 3600.0
_BOOKMARK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Watch:
    """What a client asked to be told."""

    collection: Collection
    namespace: str
    test: Predicate | None
    shape: Representation
    timeout_seconds: float
    bookmarks: bool


def read_watch(
    collection: Collection, namespace: str, query: Mapping[str, str], shape: Representation
) -> Watch:
    """The watch that a request asks for; StatusError 400 for what cannot be read."""
    text = query.get("timeoutSeconds") or "0"
    if not text.isdecimal():
        raise bad_request(f"timeoutSeconds {text!r} is not a whole number of seconds")
    timeout = min(float(text), _LONGEST_TIMEOUT_SECONDS) or _DEFAULT_TIMEOUT_SECONDS
    bookmarks = is_true(query.get("allowWatchBookmarks"))
    return Watch(collection, namespace, read_selection(query), shape, timeout, bookmarks)


def start(state: State, watch: Watch, query: Mapping[str, str]) -> AsyncIterator[bytes]:
    """The lines of the watch, whose place in the history is fixed at once, not at first reading.

    A version that the history has forgotten gives one ERROR line with a 410, as kubectl and
    client-go expect it.
    """
    initial = is_true(query.get("sendInitialEvents"))
    wanted = read_resource_version(query)
    replay = initial or wanted is None
    first: list[bytes] = []
    if replay:
        position = watch.collection.end()
        for version in watch.collection.sorted(watch.namespace or None):
            if watch.test is None or watch.test(version.object):
                first.append(watch.shape.line("ADDED", version))
        if initial and watch.bookmarks:
            now = str(state.store.resource_version)
            first.append(watch.shape.bookmark(now, {INITIAL_EVENTS_END: "true"}))
    else:
        assert wanted is not None
        try:
            position = watch.collection.position(wanted)
        except Expired as error:
            return _only(_error_line(error, wanted))
    return _lines(state, watch, position, first)


async def _only(line: bytes) -> AsyncIterator[bytes]:
    yield line


def _error_line(error: Expired, wanted: int) -> bytes:
    message = f"too old resource version: {wanted} ({error.resource_version})"
    return watch_line("ERROR", msgspec.json.encode(expired(message).body()))


async def _lines(
    state: State, watch: Watch, position: int, first: list[bytes]
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + watch.timeout_seconds
    seen = state.store.resource_version
    if first:
        yield b"".join(first)
    while True:
        try:
            changes = watch.collection.since(position)
        except Expired as error:
            yield _error_line(error, seen)
            return
        position += len(changes)
        seen = changes[-1].resource_version if changes else seen
        if lines := [line for change in changes if (line := line_of(watch, change))]:
            yield b"".join(lines)
            continue
        left = deadline - loop.time()
        if left <= 0 or state.closing.is_set() or watch.collection.ended:
            break
        done, _ = await asyncio.wait(
            {watch.collection.next_change()}, timeout=min(left, _BOOKMARK_SECONDS)
        )
        if not done and watch.bookmarks and left > _BOOKMARK_SECONDS:
            yield watch.shape.bookmark(str(state.store.published_version), {})
    if watch.bookmarks:
        yield watch.shape.bookmark(str(state.store.published_version), {})


def line_of(watch: Watch, change: Change) -> bytes | None:
    """What this watch has to be told of a change: an object may enter or leave its selection."""
    seen = change.new or change.last
    assert seen is not None
    if watch.namespace and seen.key[0] != watch.namespace:
        return None
    was = change.old is not None and _selected(watch, change.old)
    now = change.new is not None and _selected(watch, change.new)
    if now:
        return watch.shape.line("MODIFIED" if was else "ADDED", seen)
    if not was:
        return None
    if change.new is not None and change.old is not None:
        seen = _left(change.old, seen)
    return watch.shape.line("DELETED", seen)


def _left(old: Version, new: Version) -> Version:
    """An object that left a selection: as it was in it, under the version that took it out."""
    version = new.object["metadata"]["resourceVersion"]
    metadata = {**old.object["metadata"], "resourceVersion": version}
    return Version(old.key, {**old.object, "metadata": metadata}, new.resource_version)


def _selected(watch: Watch, version: Version) -> bool:
    return watch.test is None or watch.test(version.object)

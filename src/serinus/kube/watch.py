"""One watch: from a resource version until the server ends it, in batches of decoded events.

Knows no cache and does not reconnect; the informer does.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from serinus.base.errors import SerinusError
from serinus.kube.client import Client
from serinus.kube.errors import ApiError, NoAnswer, UnreadableAnswer, error_of_status
from serinus.kube.objects import Unreadable, identity_of_bytes
from serinus.kube.raws import raw_copier

T = TypeVar("T")
IDLE_SECONDS = 150.0
OVERDUE_SECONDS = 30.0
MAX_LINE_BYTES = 32 * 1024 * 1024
"""Of one event: ten times what an API server can store, decoded and spelled at its longest."""
_TIMEOUT_SECONDS = (300.0, 600.0)


class WatchEvent(msgspec.Struct, Generic[T], frozen=True):
    """What happened to an object: `kind` is ADDED, MODIFIED or DELETED."""

    kind: str = msgspec.field(name="type")
    object: T


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Nothing happened up to this version."""

    resource_version: str


Event = WatchEvent[T | Unreadable] | Bookmark


class _Envelope(msgspec.Struct):
    type: str
    object: msgspec.Raw


class EventDecoder(Generic[T]):
    """Decodes lines of a watch straight into events of `type_`."""

    def __init__(self, type_: type[T]) -> None:
        event_of: Any = WatchEvent
        self._typed = msgspec.json.Decoder(event_of[type_])
        self._envelope = msgspec.json.Decoder(_Envelope)
        self._copy = raw_copier(type_)

    def decode(self, line: bytes) -> Event[T]:
        """The event of one line; raises ApiError for an ERROR, UnreadableAnswer for no event."""
        try:
            event: WatchEvent[T | Unreadable] = self._typed.decode(line)
        except msgspec.DecodeError as error:
            return self._special(line, str(error))
        if event.kind not in ("ADDED", "MODIFIED", "DELETED"):
            return self._special(line, "")
        if self._copy is not None:
            self._copy(event.object)
        return event

    def decode_all(self, lines: list[bytes]) -> tuple[list[Event[T]], SerinusError | None]:
        """The events before the first line that is an error, and that error."""
        events: list[Event[T]] = []
        for line in lines:
            try:
                events.append(self.decode(line))
            except (ApiError, UnreadableAnswer) as error:
                return events, error
        return events, None

    def _special(self, line: bytes, error: str) -> Event[T]:
        """Bookmarks and errors look unlike objects; what is left is unreadable."""
        try:
            envelope = self._envelope.decode(line)
            if envelope.type == "ERROR":
                raise error_of_status("watch", bytes(envelope.object))
            who = identity_of_bytes(bytes(envelope.object))
        except msgspec.DecodeError as broken:
            raise UnreadableAnswer(f"a line of the watch is no event: {broken}") from broken
        if envelope.type == "BOOKMARK":
            return Bookmark(who.resource_version)
        return WatchEvent(envelope.type, Unreadable(*who, error))


async def watch(
    client: Client,
    path: str,
    query: Mapping[str, str],
    decoder: EventDecoder[T],
    jitter: random.Random,
) -> AsyncGenerator[list[Event[T]], None]:
    """Events after `query["resourceVersion"]`, as they come; ends when the server ends the stream.

    The server is asked to end it after 5 to 10 minutes, drawn from `jitter`, so that many watches
    do not come back at once. If nothing at all comes for IDLE_SECONDS (bookmarks come about once a
    minute), the connection counts as dead; so it does OVERDUE_SECONDS after the end that it was
    given, whatever comes. Raises ApiError (Gone: list again), NoAnswer, UnreadableAnswer; events of
    the same piece before an error are given first.
    """
    seconds = round(jitter.uniform(*_TIMEOUT_SECONDS))
    asked = {
        **query,
        "watch": "true",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(seconds),
    }
    now = asyncio.get_running_loop().time
    end = now() + seconds + OVERDUE_SECONDS
    async with client.stream(path, asked) as answer, aclosing(_lines(answer.chunks())) as batches:
        while True:
            patience = min(IDLE_SECONDS, end - now())
            try:
                async with asyncio.timeout(patience):
                    lines = await anext(batches, None)
            except TimeoutError as error:
                late = f"not ended {OVERDUE_SECONDS:g} s after its time of {seconds} s"
                why = late if now() >= end else f"silent for {IDLE_SECONDS:g} s"
                raise NoAnswer(f"watch {path}: {why}, taken for dead", sent=True) from error
            if lines is None:
                return
            events, failure = decoder.decode_all(lines)
            if events:
                yield events
            if failure is not None:
                raise failure


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[list[bytes], None]:
    """Whole lines, as many as each piece ends; a cut off last line is dropped."""
    pending: list[bytes] = []
    size = 0
    async for chunk in chunks:
        first, *rest = chunk.split(b"\n")
        pending.append(first)
        size += len(first)
        if size > MAX_LINE_BYTES:
            text = f"a line of the watch is longer than {MAX_LINE_BYTES >> 20} MiB, given up"
            raise UnreadableAnswer(text)
        if not rest:
            continue
        size = len(rest[-1])
        lines = [b"".join(pending), *rest[:-1]]
        pending = [rest[-1]]
        yield [line for line in lines if line]

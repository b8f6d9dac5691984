"""Keeps a store equal to what a server has of one kind: list, watch, and again for ever.

Knows no meaning of objects and never gives up: a server that is broken, busy, absent or that has
no such kind yet is asked ever more rarely.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any, Generic, TypeVar

import msgspec

from serinus.base.clock import Clock
from serinus.kube.backoff import Backoff
from serinus.kube.client import PAGE_SIZE, Client, selection
from serinus.kube.errors import (
    ApiError,
    Forbidden,
    Gone,
    NoAnswer,
    NotFound,
    UnreadableAnswer,
    is_from_the_future,
)
from serinus.kube.listing import PageDecoder, PageItems
from serinus.kube.objects import (
    Identity,
    Key,
    Unreadable,
    identity_of_bytes,
    identity_reader,
    is_newer,
)
from serinus.kube.ownwrites import OwnWrites
from serinus.kube.resource import Resource
from serinus.kube.store import Index, Store
from serinus.kube.watch import Bookmark, Event, EventDecoder, watch

T = TypeVar("T")
OnChange = Callable[[T | None, T | None], None]
OnUnreadable = Callable[[Unreadable], None]

log = logging.getLogger(__name__)
# A watch that lived this long was worth its request, even if nothing happened.
_LONG_LIFE_SECONDS = 30.0
_SMALLEST_PAGE = 20


def _unserved(resource: Resource) -> str:
    version = f"{resource.group}/{resource.version}".lstrip("/")
    what = f"the cluster does not serve {resource.kind} of {version}"
    return (
        f"{what}; install its CustomResourceDefinition in that version"
        if "." in resource.group
        else what
    )


class Informer(Generic[T]):
    """The cache of one kind, of one namespace or all, of all objects or those with `labels`.

    Objects in `store` are shared: `type` is a frozen Struct with `.metadata` (or dict, if need be,
    which then nobody may change). An object that does not decode is in `unreadable`; its last
    readable version stays in the store.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        type: type[T],
        clock: Clock,
        *,
        namespace: str | None = None,
        labels: str = "",
        indexes: Mapping[str, Index[T]] | None = None,
        jitter: random.Random,
    ) -> None:
        self.resource = resource
        self.store: Store[T] = Store(indexes)
        self.unreadable: dict[Key, Unreadable] = {}
        self.problem: str | None = None  # why the store may be behind, in words; None if it is not
        self.denied = False  # the server has no such kind, or does not let us list it
        self._client = client
        self._clock = clock
        self._jitter = jitter
        self._path = resource.path(namespace)
        self._namespace = namespace
        self._query = selection(labels, "")
        self._pages: PageDecoder[T] = PageDecoder(type)
        self._events: EventDecoder[T] = EventDecoder(type)
        self._identity = identity_reader(type)
        self._own = OwnWrites()
        self._page_size = PAGE_SIZE
        self._heard = 0  # events of objects: bookmarks alone are no progress
        self._version = ""  # the latest that we have seen; empty before a list
        self._answered = asyncio.Event()
        self._synced = asyncio.Event()
        self._on_change: list[OnChange[T]] = []
        self._on_unreadable: list[OnUnreadable] = []

    def on_change(self, callback: OnChange[T]) -> None:
        """`callback(old, new)` after each change of the store; old or new is None at its ends."""
        self._on_change.append(callback)

    def on_unreadable(self, callback: OnUnreadable) -> None:
        """`callback(unreadable)` for each new version of an object that does not decode."""
        self._on_unreadable.append(callback)

    async def synced(self) -> None:
        """Waits until the first consistent list is in the store."""
        await self._synced.wait()

    async def answered(self) -> None:
        """Waits until the first list was answered, be it by a refusal (then `problem` says why)."""
        await self._answered.wait()

    @property
    def has_synced(self) -> bool:
        """Whether the first consistent list is in the store."""
        return self._synced.is_set()

    async def run(self) -> None:
        """Follows the server until cancelled."""
        backoff = Backoff(self._jitter)
        while True:
            began, asked_wait, heard = self._clock.wall(), 0.0, self._heard
            try:
                if not self._version:
                    await self._relist()
                await self._follow()
                self._tell(None)
            except Gone as error:
                self._version = ""
                log.info("%s: %s; listing again", self.resource.full_name, error)
            except (ApiError, UnreadableAnswer) as error:
                asked_wait = self._note(error)
            except Exception as error:  # a bug of ours or a server beyond belief: anew, slowly
                log.exception("%s: the informer failed", self.resource.full_name)
                self._tell(f"{type(error).__name__}: {error}")
                self._version = ""
            if self._heard != heard or self._clock.wall() - began >= _LONG_LIFE_SECONDS:
                backoff.reset()
            await self._clock.sleep_wall(max(asked_wait, backoff.next_seconds()))

    def expect(self, answer: Mapping[str, Any]) -> None:
        """Takes in the server's answer to a write of ours: the cache is not older than that.

        Where versions can be compared the object is in the store at once (unless a newer one is);
        else `is_behind` says so until the watch shows it. Only for objects that this informer
        would be shown: of its namespace and labels.
        """
        raw = msgspec.json.encode(answer)
        who = identity_of_bytes(raw)
        if self._namespace not in (None, who.namespace) or not self._may_be_news(who):
            return
        self._own.wrote(who)
        if not (self._version or "0").isdecimal() or not who.resource_version.isdecimal():
            return
        try:
            self._put(who, self._pages.decode_item(raw))
        except msgspec.DecodeError as error:
            self._set_unreadable(Unreadable(*who, str(error)))

    def expect_gone(self, namespace: str, name: str, uid: str) -> None:
        """Takes in the server's answer that an object is gone (`Client.delete` gave None)."""
        known = self.store.get(namespace, name)
        if known is not None and self._identity(known).uid == uid:
            self._own.deleted(uid)
            self._remove((namespace, name))

    def is_behind(self, namespace: str, name: str) -> bool:
        """Whether the store lacks a write of ours to this object: do not decide on it yet."""
        known = self.store.get(namespace, name)
        key = (namespace, name)
        if not self._own.is_pending(key):
            return False
        return known is None or not self._own.is_pending(
            key, self._identity(known).resource_version
        )

    def saw(self, namespace: str, name: str, resource_version: str) -> bool:
        """Whether the store has this version of the object, or a later one (or its end)."""
        known = self.store.get(namespace, name)
        versions = [self._version] if known is None else [self._identity(known).resource_version]
        return any(
            version == resource_version or is_newer(version, resource_version) is True
            for version in [*versions, self._version]
        )

    def _note(self, error: ApiError | UnreadableAnswer) -> float:
        """Takes in why the server cannot be followed; how many seconds it asks us to wait."""
        unserved = isinstance(error, NotFound)
        self._tell(f"{_unserved(self.resource)} ({error})" if unserved else str(error))
        self.denied = isinstance(error, NotFound | Forbidden)
        if isinstance(error, UnreadableAnswer):
            self._version = ""
            return 0.0
        if is_from_the_future(error):
            self._version = ""
        return error.retry_after_seconds or 0.0

    async def _relist(self) -> None:
        """Replaces what is known by a consistent list. Each page is asked once; `run` repeats."""
        mark = self._own.mark()
        try:
            items, version = await self._client.list_pages(
                self._path, self._query, self._pages, tries=1, page_size=self._page_size
            )
        except NoAnswer as error:
            if error.sent:  # on a slow line a page may be more than a try has time for
                self._page_size = max(_SMALLEST_PAGE, self._page_size // 2)
            raise
        self._own.listed(mark, version)
        self._replace(items)
        self._version = version
        self._synced.set()
        self._tell(None)

    async def _follow(self) -> None:
        query = {**self._query, "resourceVersion": self._version}
        stream = watch(self._client, self._path, query, self._events, self._jitter)
        async with aclosing(stream) as batches:
            async for batch in batches:
                for event in batch:
                    self._apply(event)
                self._tell(None)

    def _apply(self, event: Event[T]) -> None:
        if isinstance(event, Bookmark):
            self._pass(event.resource_version)
            return
        who = self._who(event.object)
        self._pass(who.resource_version)
        self._heard += 1
        if event.kind == "DELETED":
            self._own.shown_deleted(who)
            known = self.store.get(*who.key)
            if known is None or self._identity(known).uid == who.uid:
                self._remove(who.key)
            return
        if self._own.is_deleted(who.uid) or self._own.hides(who):
            return
        self._own.shown(who)
        self._take(who, event.object)

    def _pass(self, version: str) -> None:
        """The watch has come to this version; raises Gone if it was further before.

        Within a kind versions only grow: a server that goes back was restored from a backup, and
        what we know is not its past.
        """
        if is_newer(self._version, version):
            text = f"the server has gone back from version {self._version} to {version}"
            raise Gone(410, "Restored", text)
        self._version = version or self._version

    def _replace(self, items: PageItems[T]) -> None:
        """Makes the store what a list says, but for our later writes."""
        present: set[Key] = set()
        for item in items:
            who = self._who(item)
            if self._own.is_deleted(who.uid):
                continue
            present.add(who.key)
            if not self._own.hides(who):
                self._own.shown(who)
                self._take(who, item, listed=True)
        for key in {**dict.fromkeys(self.store.keys()), **dict.fromkeys(self.unreadable)}:
            if key not in present and not self._own.is_pending(key):
                self._remove(key)

    def _may_be_news(self, who: Identity) -> bool:
        """Not if the watch has passed this version: what it showed since is the truth."""
        return is_newer(self._version, who.resource_version) is not True or not self._version

    def _who(self, found: T | Unreadable) -> Identity:
        return found.identity if isinstance(found, Unreadable) else self._identity(found)

    def _take(self, who: Identity, found: T | Unreadable, *, listed: bool = False) -> None:
        if isinstance(found, Unreadable):
            self._set_unreadable(found)
        else:
            self._put(who, found, listed=listed)

    def _put(self, who: Identity, made: T, *, listed: bool = False) -> None:
        """Keeps the object unless the store has this version or, but for a list, a newer one."""
        known = self.store.get(*who.key)
        if known is not None:
            version = self._identity(known).resource_version
            same = version == who.resource_version
            if same and who.key not in self.unreadable:
                return
            if not listed and is_newer(version, who.resource_version) is True:
                return
        self.unreadable.pop(who.key, None)
        self._changed(self.store.put(who.key, made), made)

    def _remove(self, key: Key) -> None:
        self.unreadable.pop(key, None)
        old = self.store.remove(key)
        if old is not None:
            self._changed(old, None)

    def _set_unreadable(self, found: Unreadable) -> None:
        key = (found.namespace, found.name)
        if self.unreadable.get(key) == found:
            return
        self.unreadable[key] = found
        for callback in self._on_unreadable:
            self._call(callback, found)

    def _changed(self, old: T | None, new: T | None) -> None:
        for callback in self._on_change:
            self._call(callback, old, new)

    def _call(self, callback: Callable[..., None], *values: Any) -> None:
        try:
            callback(*values)
        except Exception:  # one listener's bug must not stop the cache for the others
            log.exception("%s: a listener failed", self.resource.full_name)

    def _tell(self, problem: str | None) -> None:
        """Logs when trouble begins, changes and ends, not each time that it is met."""
        self._answered.set()
        if problem == self.problem:
            return
        if problem is None:
            self.denied = False
            log.info("%s: watching again", self.resource.full_name)
        else:
            log.warning("%s: cannot follow, trying on: %s", self.resource.full_name, problem)
        self.problem = problem

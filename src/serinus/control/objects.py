"""The objects that traffic routers read, of whatever kind: watched from the first time they are
named. While the first list of a kind is under way nothing can be said about it; a kind that cannot
be listed is unknown, never absent.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from serinus.control.caches import Caches, Key, Reference
from serinus.core.routing import Unknown
from serinus.kube.informer import Informer
from serinus.kube.resource import Resource
from serinus.traffic.router import ObjectRef, Objects

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class RoutedObjects:
    """One informer of plain objects for each kind that a router named."""

    def __init__(self, caches: Caches, wake: Callable[[Key], None], spawn: Spawn) -> None:
        self._caches, self._wake, self._spawn = caches, wake, spawn
        self._informers: dict[Resource, Informer[dict[str, Any]]] = {}
        self._waiting: set[tuple[Key, Resource]] = set()

    def read(self, key: Key, references: Iterable[ObjectRef]) -> Objects | Unknown:
        """Each object as it is, None where it is not; Unknown while a kind is not listed."""
        wanted = tuple(references)
        unknown = [ref for ref in wanted if not self._watch(key, routed(ref)).has_synced]
        if unknown:
            problem = self._informers[routed(unknown[0])].problem
            why = f": {problem}" if problem else " yet"
            return Unknown(f"{unknown[0].kind} objects have not been read{why}")
        return {
            ref: self._informers[routed(ref)].store.get(ref.namespace, ref.name) for ref in wanted
        }

    def awaits(self, key: Key) -> bool:
        """Whether a kind that `key` read is being listed for the first time; that wakes it."""
        return any(
            waits == key and not self._informers[resource].has_answered
            for waits, resource in self._waiting
        )

    def informer(self, resource: Resource) -> Informer[dict[str, Any]] | None:
        """The cache that an answer to a write belongs to."""
        return self._informers.get(resource)

    def _watch(self, key: Key, resource: Resource) -> Informer[dict[str, Any]]:
        if resource not in self._informers:
            made = self._informers[resource] = self._caches.plain(resource)
            self._caches.wake_interested(made, resource.plural, self._wake)
            self._spawn(made.run())
        informer = self._informers[resource]
        if not informer.has_synced and (key, resource) not in self._waiting:
            self._waiting.add((key, resource))
            self._spawn(self._wake_when_known(key, resource))
        return informer

    async def _wake_when_known(self, key: Key, resource: Resource) -> None:
        informer = self._informers[resource]
        await informer.answered()
        self._wake(key)
        await informer.synced()
        self._waiting.discard((key, resource))
        self._wake(key)


def routed(ref: ObjectRef) -> Resource:
    """The resource of an object that a router reads or writes."""
    group, _, version = ref.api_version.rpartition("/")
    return Resource(group, version, ref.plural, ref.kind)


def interest(references: Iterable[ObjectRef]) -> Iterable[Reference]:
    """The same objects as the caches' interest spells them."""
    return ((ref.plural, ref.namespace, ref.name) for ref in references)

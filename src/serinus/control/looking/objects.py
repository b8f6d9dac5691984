"""The objects that traffic routers read and workloads that lend their pods, of whatever kind:
watched from the first time they are named. Until a kind is listed its objects are unknown, never
absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from serinus.control.looking.caches import MARKS, Caches, Spawn, Wake
from serinus.control.looking.interest import Reference, reference
from serinus.kube.resource import Resource
from serinus.traffic.router import ObjectRef

_NONE: Mapping[str, str] = MappingProxyType({})


class RoutedObjects:
    """One informer of plain objects for each kind that was named."""

    def __init__(
        self, caches: Caches, wake: Wake, spawn: Spawn, versions: Mapping[str, str] = _NONE
    ) -> None:
        """`versions`: in which version the kinds of an API group are asked for, if in another."""
        self._caches, self._wake, self._spawn = caches, wake, spawn
        self._versions = versions
        self._watched: set[str] = set()

    def state(self, ref: ObjectRef) -> Any:
        """The object as plain data, None where it is not, Unlisted while its kind is.

        Whoever has looked at it is woken when that changes.
        """
        return self.of(routed(ref), ref.namespace, ref.name)

    def of(self, resource: Resource, namespace: str, name: str) -> Any:
        """The same for an object that no router reads."""
        self.watch(resource)
        return self._caches.state(reference(resource, namespace, name))

    def served(self, resource: Resource) -> Resource:
        """The kind in the version in which it is asked for."""
        version = self._versions.get(resource.group, resource.version)
        return resource if version == resource.version else replace(resource, version=version)

    def watches(self, resource: Resource) -> bool:
        """Whether objects of that kind are watched."""
        return resource.full_name in self._watched

    def watch(self, resource: Resource) -> None:
        """From now on, if not yet. An object that carries a mark of ours wakes whose it is."""
        if self.watches(resource):
            return
        informer = self._caches.plain(self.served(resource))
        self._watched.add(resource.full_name)
        self._caches.wake_interested(informer, self._wake)
        informer.on_change(self._wake_marked)
        self._spawn(informer.run())
        self._spawn(self._caches.wake_when_listed(informer, self._wake))

    async def listed(self, resource: Resource) -> None:
        """Waits until a watched kind is in the caches."""
        await self._caches.listed(resource)

    def _wake_marked(self, old: Any, new: Any) -> None:
        item: Mapping[str, Any] = new or old
        for whose in dict.fromkeys(whose for mark in MARKS.values() for whose in mark(item)):
            namespace, _, name = whose.partition("/")
            self._wake((namespace, name))


def routed(ref: ObjectRef) -> Resource:
    """The resource of an object that a router reads or writes."""
    group, _, version = ref.api_version.rpartition("/")
    return Resource(group, version, ref.plural, ref.kind)


def looked_at(ref: ObjectRef) -> Reference:
    """The same object as the caches spell it."""
    return reference(routed(ref), ref.namespace, ref.name)

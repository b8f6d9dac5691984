"""Deletes what has lost its owners, and carries out foreground and orphan deletion.

Works over every kind that the server announces, also those that come later. Source of the rules:
the API's owner references; an object goes when none of its owners exists any more.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from serinus.api.kubernetes import ObjectMeta, OwnerReference
from serinus.api.wire import Wire
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.errors import ApiError, NotFound
from serinus.kube.informer import Informer
from serinus.kube.resource import CRDS, Resource
from serinus.kube.workqueue import WorkQueue
from serinus.local.controllers.loop import work

log = logging.getLogger(__name__)
OWNERS_INDEX = "owners"
_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"
_SKIPPED = frozenset({"events"})  # owned by nobody, and many
_DISCOVERY_RETRY_SECONDS = 1.0


class Owned(Wire, frozen=True, kw_only=True):
    """Any object, as far as ownership goes."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()


class Place(NamedTuple):
    """One object: its kind's resource, namespace and name."""

    resource: Resource
    namespace: str
    name: str


def owners_of(thing: Owned) -> Iterable[str]:
    """The index of dependents by the uid of each owner."""
    return tuple(owner.uid for owner in thing.metadata.owner_references)


class Garbage:
    """The controller; run it once a server."""

    def __init__(self, client: Client, clock: Clock, chance: random.Random) -> None:
        self._client = client
        self._clock = clock
        self._chance = chance
        self._informers: dict[Resource, Informer[Owned]] = {}
        self._live: set[str] = set()
        self._queue: WorkQueue[Place] = WorkQueue(clock, chance)
        self._kinds_changed = asyncio.Event()

    async def run(self) -> None:
        """Follow every kind until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_kinds(group))
            await work("garbage", self._queue, self._reconcile)

    async def _follow_kinds(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._kinds_changed.clear()
            try:
                resources = await discovered(self._client)
            except ApiError as error:
                log.warning("garbage: discovery failed: %s", error)
                await self._clock.sleep_wall(_DISCOVERY_RETRY_SECONDS)
                continue
            for resource in resources:
                if resource not in self._informers:
                    self._begin(resource, group)
            await self._kinds_changed.wait()

    def _begin(self, resource: Resource, group: asyncio.TaskGroup) -> None:
        informer = Informer(
            *(self._client, resource, Owned, self._clock),
            indexes={OWNERS_INDEX: owners_of},
            jitter=self._chance,
        )
        informer.on_change(lambda old, new: self._changed(resource, old, new))
        self._informers[resource] = informer
        group.create_task(informer.run())

    def _changed(self, resource: Resource, old: Owned | None, new: Owned | None) -> None:
        if resource == CRDS:
            self._kinds_changed.set()
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._live.discard(old.metadata.uid)
            for place, _ in self._dependents(old.metadata.uid):
                self._queue.add(place)
            for owner in old.metadata.owner_references:
                self._look_at_owner(owner, old.metadata.namespace)
        if new is not None:
            self._live.add(new.metadata.uid)
            if new.metadata.owner_references or new.metadata.finalizers:
                self._queue.add(_place(resource, new))

    def _dependents(self, uid: str) -> list[tuple[Place, Owned]]:
        return [
            (_place(resource, thing), thing)
            for resource, informer in self._informers.items()
            for thing in informer.store.by_index(OWNERS_INDEX, uid)
        ]

    def _look_at_owner(self, owner: OwnerReference, namespace: str) -> None:
        """A dependent is gone: an owner that waits for that in the foreground may go now."""
        resource = self._resource_of(owner)
        if resource is not None and owner.uid in self._live:
            self._queue.add(Place(resource, namespace if resource.namespaced else "", owner.name))

    async def _reconcile(self, place: Place) -> None:
        informer = self._informers[place.resource]
        thing = informer.store.get(place.namespace, place.name)
        if thing is None:
            return
        meta = thing.metadata
        if meta.deletion_timestamp is not None:
            await self._finish(place, thing)
        elif meta.owner_references and not await self._has_owner(place, thing):
            log.info("%s %s/%s has lost its owners", place.resource.plural, *place[1:])
            try:
                left = await self._client.delete(
                    place.resource, place.name, place.namespace or None, uid=meta.uid
                )
            except NotFound:
                left = None
            if left is None:
                informer.expect_gone(place.namespace, place.name, meta.uid)
            else:
                informer.expect(left)

    async def _finish(self, place: Place, thing: Owned) -> None:
        """Do for an object that is being deleted what its finalizers ask of us."""
        meta = thing.metadata
        dependents = self._dependents(meta.uid)
        if _FOREGROUND in meta.finalizers:
            for other, _ in dependents:
                await self._delete_in_foreground(other)
            if not dependents:
                await self._drop_finalizer(place, thing, _FOREGROUND)
        elif _ORPHAN in meta.finalizers:
            for other, dependent in dependents:
                left = [o for o in dependent.metadata.owner_references if o.uid != meta.uid]
                await self._patch(other, {"ownerReferences": [_reference(o) for o in left] or None})
            await self._drop_finalizer(place, thing, _ORPHAN)

    async def _delete_in_foreground(self, place: Place) -> None:
        thing = self._informers[place.resource].store.get(place.namespace, place.name)
        if thing is None or thing.metadata.deletion_timestamp is not None:
            return
        try:
            await self._client.delete(
                *(place.resource, place.name, place.namespace or None),
                propagation="Foreground",
                uid=thing.metadata.uid,
            )
        except NotFound:
            return  # gone already: that is what we want

    async def _drop_finalizer(self, place: Place, thing: Owned, finalizer: str) -> None:
        left = [name for name in thing.metadata.finalizers if name != finalizer]
        version = thing.metadata.resource_version
        await self._patch(place, {"finalizers": left or None, "resourceVersion": version})

    async def _patch(self, place: Place, metadata: Mapping[str, Any]) -> None:
        await self._client.patch(
            place.resource, place.name, {"metadata": metadata}, place.namespace or None
        )

    async def _has_owner(self, place: Place, thing: Owned) -> bool:
        return any(
            [await self._exists(o, place.namespace) for o in thing.metadata.owner_references]
        )

    async def _exists(self, owner: OwnerReference, namespace: str) -> bool:
        """Whether the owner is there, with that uid; asked of the server unless it is known."""
        if owner.uid in self._live:
            return True
        resource = self._resource_of(owner)
        if resource is None:
            return True  # a kind that is not served: nothing is known, so nothing is deleted
        try:
            place = namespace if resource.namespaced else None
            found = await self._client.get(resource, owner.name, place, type=Owned)
        except NotFound:
            return False
        return found.metadata.uid == owner.uid

    def _resource_of(self, owner: OwnerReference) -> Resource | None:
        group = owner.api_version.rpartition("/")[0]
        matching = (r for r in self._informers if (r.group, r.kind) == (group, owner.kind))
        return next(matching, None)


async def discovered(client: Client) -> list[Resource]:
    """Every kind that the server announces and that can be listed and watched, once each."""
    groups = json.loads((await client.raw("GET", "/apis")).body)["groups"]
    paths = [("/api/v1", "", "v1")]
    for group in groups:
        preferred = group["preferredVersion"]
        version = preferred["groupVersion"]
        paths.append((f"/apis/{version}", group["name"], preferred["version"]))
    found = []
    for path, group, version in paths:
        listed = json.loads((await client.raw("GET", path)).body)["resources"]
        found += [
            Resource(group, version, kind["name"], kind["kind"], kind["namespaced"])
            for kind in listed
            if {"list", "watch", "delete"} <= set(kind["verbs"])
            and "/" not in kind["name"]
            and kind["name"] not in _SKIPPED
        ]
    return found


def _place(resource: Resource, thing: Owned) -> Place:
    return Place(resource, thing.metadata.namespace, thing.metadata.name)


def _reference(owner: OwnerReference) -> dict[str, Any]:
    """An owner reference as it goes over the wire."""
    return {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": owner.controller,
        "blockOwnerDeletion": owner.block_owner_deletion,
    }

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
from serinus.api.wire import Wire, builtins
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.errors import ApiError, NotFound
from serinus.kube.events import EventRecorder
from serinus.kube.informer import Informer
from serinus.kube.resource import CRDS, Resource
from serinus.kube.workqueue import WorkQueue
from serinus.local.controllers.loop import work
from serinus.local.controllers.references import FOREGROUND, ORPHAN, Standing, blocks, verdict
from serinus.local.controllers.writes import delete_one
from serinus.local.telling import Telling

log = logging.getLogger(__name__)
OWNERS_INDEX = "owners"
_SKIPPED = frozenset({"events"})  # owned by nobody, and many
_DISCOVERY_RETRY_SECONDS = 1.0
_UNKNOWN_SECONDS = 0.05


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
        self._live: dict[str, Place] = {}
        self._told: set[tuple[str, str]] = set()
        self._telling = Telling(EventRecorder(client, clock, "garbage-collector-controller"))
        self._queue: WorkQueue[Place] = WorkQueue(clock, chance)
        self._kinds_changed = asyncio.Event()

    async def run(self) -> None:
        """Follow every kind until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_kinds(group))
            group.create_task(self._telling.run())
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
            self._live.pop(old.metadata.uid, None)
            for place, _ in self._dependents(old.metadata.uid):
                self._queue.add(place)
        if old is not None:
            kept = new.metadata.owner_references if new is not None else ()
            for owner in old.metadata.owner_references:
                if owner not in kept:
                    self._look_at_owner(owner)
        if new is not None:
            self._live[new.metadata.uid] = _place(resource, new)
            if new.metadata.owner_references or new.metadata.finalizers:
                self._queue.add(_place(resource, new))

    def _dependents(self, uid: str) -> list[tuple[Place, Owned]]:
        return [
            (_place(resource, thing), thing)
            for resource, informer in self._informers.items()
            for thing in informer.store.by_index(OWNERS_INDEX, uid)
        ]

    def _look_at_owner(self, owner: OwnerReference) -> None:
        """A dependent is gone: an owner that waits for that in the foreground may go now."""
        if place := self._live.get(owner.uid):
            self._queue.add(place)

    async def _reconcile(self, place: Place) -> None:
        informer = self._informers[place.resource]
        thing = informer.store.get(place.namespace, place.name)
        if thing is None:
            return
        if not all(one.has_synced or one.denied for one in self._informers.values()):
            # who belongs to whom is not known yet
            self._queue.add_at(place, self._clock.now() + self._clock.span(_UNKNOWN_SECONDS))
            return
        if thing.metadata.deletion_timestamp is not None:
            await self._finish(place, thing)
        else:
            await self._judge(place, thing)

    async def _judge(self, place: Place, thing: Owned) -> None:
        """Keep or delete what has owners."""
        meta = thing.metadata
        standings = [await self._standing(place, thing, owner) for owner in meta.owner_references]
        found = verdict(meta, standings, bool(self._dependents(meta.uid)))
        if found.kept is not None:
            references = [builtins(owner) for owner in found.kept]
            version = meta.resource_version
            await self._patch(place, {"ownerReferences": references, "resourceVersion": version})
        elif found.propagation:
            log.info("%s %s/%s has lost its owners", place.resource.plural, *place[1:])
            informer = self._informers[place.resource]
            await delete_one(self._client, informer, meta, propagation=found.propagation)

    async def _finish(self, place: Place, thing: Owned) -> None:
        """Do for an object that is being deleted what its finalizers ask of us."""
        meta = thing.metadata
        dependents = self._dependents(meta.uid)
        if FOREGROUND in meta.finalizers:
            blocking = [other for other, one in dependents if blocks(one.metadata, meta.uid)]
            for other in blocking:
                self._queue.add(other)
            if not blocking:
                await self._drop_finalizer(place, thing, FOREGROUND)
        elif ORPHAN in meta.finalizers:
            for other, dependent in dependents:
                left = [o for o in dependent.metadata.owner_references if o.uid != meta.uid]
                version = dependent.metadata.resource_version
                references = [builtins(owner) for owner in left] or None
                await self._patch(
                    other, {"ownerReferences": references, "resourceVersion": version}
                )
            await self._drop_finalizer(place, thing, ORPHAN)

    async def _drop_finalizer(self, place: Place, thing: Owned, finalizer: str) -> None:
        left = [name for name in thing.metadata.finalizers if name != finalizer]
        version = thing.metadata.resource_version
        await self._patch(place, {"finalizers": left or None, "resourceVersion": version})

    async def _patch(self, place: Place, metadata: Mapping[str, Any]) -> None:
        try:
            await self._client.patch(
                place.resource, place.name, {"metadata": metadata}, place.namespace or None
            )
        except NotFound:
            return  # gone already: nothing refers to anything any more

    async def _standing(self, place: Place, thing: Owned, owner: OwnerReference) -> Standing:
        """How an owner stands; asked of the server unless it is known."""
        at = self._live.get(owner.uid)
        resource = at.resource if at is not None else self._resource_of(owner)
        if resource is None:
            return Standing.STAYS  # a kind that is not served: nothing is known, nothing deleted
        if resource.namespaced and not place.namespace:
            self._tell_stranger(place, thing, owner)
            return Standing.STAYS  # what is in no namespace cannot belong to what is in one
        if at is not None and at.namespace not in ("", place.namespace):
            self._tell_stranger(place, thing, owner)
            return Standing.ABSENT
        if at is not None:
            known = self._informers[resource].store.get(at.namespace, at.name)
            meta = known.metadata if known is not None else ObjectMeta()
        else:
            namespace = place.namespace if resource.namespaced else None
            try:
                found = await self._client.get(resource, owner.name, namespace, type=Owned)
            except NotFound:
                return Standing.ABSENT
            meta = found.metadata
        if meta.uid != owner.uid:
            return Standing.ABSENT
        waits = meta.deletion_timestamp is not None and FOREGROUND in meta.finalizers
        return Standing.WAITS if waits else Standing.STAYS

    def _tell_stranger(self, place: Place, thing: Owned, owner: OwnerReference) -> None:
        """Once for each object and owner: a reference that leads into another namespace."""
        if (thing.metadata.uid, owner.uid) in self._told:
            return
        self._told.add((thing.metadata.uid, owner.uid))
        named = f"[{owner.api_version}/{owner.kind}, namespace: {place.namespace}, "
        named += f"name: {owner.name}, uid: {owner.uid}]"
        message = f'ownerRef {named} does not exist in namespace "{place.namespace}"'
        about = (place.resource.api_version, place.resource.kind)
        self._telling.tell(about, thing.metadata, "Warning", "OwnerRefInvalidNamespace", message)

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

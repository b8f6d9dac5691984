"""What a Rollout leaves behind, given back: when it is gone, and when it names something no more.

Services and subsets select all pods again and are free for another Rollout: the hash in them is of
a revision that goes. Routed objects give stable everything, without routes of ours. Workloads that
were scaled down are scaled up. Knows no plan.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from serinus.api import names
from serinus.api.argo import Rollout
from serinus.api.routed import gone_as_noted, noted_routing
from serinus.base.clock import Clock
from serinus.control.kinds import DESTINATION_RULES
from serinus.control.looking.caches import MANAGED, ROUTED, SCALED, Caches
from serinus.control.looking.interest import Key, Reference, reference
from serinus.control.looking.objects import RoutedObjects, looked_at
from serinus.control.looking.seen import routes_of, whole
from serinus.control.writing.manifests import at
from serinus.core.routing import Routing
from serinus.kube.client import Client
from serinus.kube.errors import NotFound
from serinus.kube.resource import SERVICES, Resource
from serinus.traffic.istio.rule import freed as freed_rule
from serinus.traffic.istio.rule import selected
from serinus.traffic.router import Delete, Patch, Router

_log = logging.getLogger("serinus.freed")
_UNMARKED = {names.ROUTED_FOR: None, names.WRITTEN_AT: None}


@dataclass(frozen=True, slots=True)
class _Gift:
    """One object that is given back, and the patch that does it."""

    resource: Resource
    namespace: str
    name: str
    patch: Mapping[str, Any] | None
    """None: it is ours alone, and deleted."""
    hashes: frozenset[str] = frozenset()
    """The revisions that it selects now."""


class Freed:
    """Reads the caches, writes through one client."""

    def __init__(
        self,
        client: Client,
        caches: Caches,
        objects: RoutedObjects,
        routers: Mapping[str, Router],
        clock: Clock,
    ) -> None:
        self._client, self._caches, self._objects = client, caches, objects
        self._routers, self._clock = routers, clock

    async def of_gone(self, key: Key) -> None:
        """All of a Rollout that is not there any more. Raises a write's ApiError.

        Services first: when all pods answer behind each of them, no weight is wrong.
        """
        for gifts in (self._workloads, self._services, self._subsets, self._routes):
            await self._give(key, gifts(key))

    async def of_going(self, key: Key) -> None:
        """Of one that is being deleted: the workloads, as its pods go with it."""
        await self._give(key, self._workloads(key))

    async def of_edited(self, key: Key, named: frozenset[Reference], kept: str) -> None:
        """Of one at rest: what it does not name any more, and what gives its canary nothing.

        What selects the revision `kept` stays so for now: other pods would get its requests.
        """
        left = (*self._services(key), *self._subsets(key), *self._unmarked(key))
        free = (one for one in left if _place(one) not in named and kept not in one.hashes)
        await self._give(key, iter(tuple(free)))

    async def _give(self, key: Key, gifts: Iterator[_Gift]) -> None:
        for one in gifts:
            if one.patch is None:
                await self._delete(one)
                continue
            made = await self._client.patch(one.resource, one.name, one.patch, one.namespace)
            self._caches.wrote(one.resource, made)
            extra = {"key": f"{one.namespace}/{one.name}", "rollout": "/".join(key)}
            _log.info("%s is on its own again", one.resource.kind, extra=extra)

    async def _delete(self, one: _Gift) -> None:
        uid = self._caches.uid(one.resource, one.namespace, one.name)
        with suppress(NotFound):
            await self._client.delete(one.resource, one.name, one.namespace, uid=uid)
        self._caches.gone(one.resource, one.namespace, one.name, uid)

    def _workloads(self, key: Key) -> Iterator[_Gift]:
        for resource, found in self._caches.marked(SCALED, *key):
            had = whole(found["metadata"]["annotations"].get(names.SCALED_FROM))
            here = found["spec"].get("replicas", 1)
            patch = {
                "metadata": {"annotations": {names.SCALED_BY: None, names.SCALED_FROM: None}},
                "spec": {"replicas": max(here, had or 0)},
            }
            yield _gift(resource, found, patch)

    def _services(self, key: Key) -> Iterator[_Gift]:
        for service in self._caches.services.store.by_index("managed", "/".join(key)):
            metadata = service.metadata
            notes = {names.MANAGED_BY: None, names.WRITTEN_AT: None}
            patch = {
                "metadata": {"annotations": notes},
                "spec": {"selector": {names.POD_HASH: None}},
            }
            patch = at(metadata.resource_version, patch)
            hashes = frozenset({service.spec.selector.get(names.POD_HASH, "")})
            yield _Gift(SERVICES, metadata.namespace, metadata.name, patch, hashes)

    def _subsets(self, key: Key) -> Iterator[_Gift]:
        for resource, found in self._caches.marked(MANAGED, *key):
            if resource == DESTINATION_RULES:
                yield replace(_gift(resource, found, freed_rule(found)), hashes=selected(found))

    def _unmarked(self, key: Key) -> Iterator[_Gift]:
        for resource, found in self._caches.marked(ROUTED, *key):
            yield _gift(resource, found, {"metadata": {"annotations": _UNMARKED}})

    def _routes(self, key: Key) -> Iterator[_Gift]:
        """Each by what was noted on it: weight 0 and no routes, and then no note."""
        for resource, found in self._caches.marked(ROUTED, *key):
            patch: dict[str, Any] | None = {}
            note = noted_routing(found)
            if note is not None:
                wanted = self._to_stable(gone_as_noted(*key, note))
                patch = wanted.get(_place_of(resource, found), {})
            if patch is None:
                yield replace(_gift(resource, found, {}), patch=None)
                continue
            metadata = patch.get("metadata", {})
            notes = {**metadata.get("annotations", {}), **_UNMARKED}
            yield _gift(resource, found, {**patch, "metadata": {**metadata, "annotations": notes}})

    def _to_stable(self, rollout: Rollout) -> dict[Reference, dict[str, Any] | None]:
        """What its routers would write to give stable everything, by object; None: deleted."""
        found: dict[Reference, dict[str, Any] | None] = {}
        for router, route in routes_of(rollout, self._routers).values():
            states = {ref: self._objects.state(ref) for ref in router.references(route)}
            known = {ref: one if isinstance(one, dict) else None for ref, one in states.items()}
            nothing = Routing(0, route.total)
            for write in router.write(route, known, nothing, self._clock.now()):
                if isinstance(write, Patch):
                    found[looked_at(write.ref)] = dict(write.patch)
                elif isinstance(write, Delete):
                    found[looked_at(write.ref)] = None
        return found


def _gift(resource: Resource, found: Mapping[str, Any], patch: dict[str, Any]) -> _Gift:
    metadata = found["metadata"]
    patch = at(metadata["resourceVersion"], patch)
    return _Gift(resource, metadata.get("namespace", ""), metadata["name"], patch)


def _place(one: _Gift) -> Reference:
    return reference(one.resource, one.namespace, one.name)


def _place_of(resource: Resource, found: Mapping[str, Any]) -> Reference:
    metadata = found["metadata"]
    return reference(resource, metadata.get("namespace", ""), metadata["name"])

"""What a Rollout leaves that is gone. Its Services and subsets select all pods again and are free
for another one; workloads that it scaled down are scaled up again.

The hash in such a selector belongs to a revision that went with the Rollout. Nobody else would take
it out, and the Service would select nothing for ever. Knows no plan.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from serinus.api import names
from serinus.control.kinds import DESTINATION_RULES, SCALED_WORKLOADS
from serinus.control.looking.caches import Caches
from serinus.control.looking.interest import Key
from serinus.control.looking.seen import whole
from serinus.control.writing.manifests import at
from serinus.kube.client import Client
from serinus.kube.resource import SERVICES, Resource
from serinus.traffic.istio.rule import freed as freed_rule

_log = logging.getLogger("serinus.services")


class FreedWorkloads:
    """Workloads that a Rollout scaled down and that are on their own again: the Rollout is gone, or
    goes. They get back what they had; the Rollout's pods go with it.
    """

    def __init__(self, client: Client, caches: Caches) -> None:
        self._client, self._caches = client, caches

    async def free(self, key: Key) -> None:
        """Gives back those of the Rollout `key`, if that is gone or going. Raises ApiErrors."""
        left = self._caches.rollouts.store.get(*key)
        if left is not None and left.metadata.deletion_timestamp is None:
            return
        namespace, owner = key
        for resource in SCALED_WORKLOADS.values():
            for found in self._caches.scaled_by(resource, namespace, owner):
                await self._free(resource, namespace, owner, found)

    async def _free(
        self, resource: Resource, namespace: str, owner: str, found: Mapping[str, Any]
    ) -> None:
        metadata = found["metadata"]
        notes = metadata["annotations"]
        had = whole(notes.get(names.SCALED_FROM))
        here = found["spec"].get("replicas", 1)
        patch: dict[str, Any] = {
            "metadata": {"annotations": {names.SCALED_BY: None, names.SCALED_FROM: None}},
            "spec": {"replicas": max(here, had or 0)},
        }
        patch = at(metadata["resourceVersion"], patch)
        made = await self._client.patch(resource, metadata["name"], patch, namespace)
        self._caches.wrote(resource, made)
        extra = {"key": f"{namespace}/{metadata['name']}", "rollout": owner}
        _log.info("a workload is on its own again: its Rollout is gone", extra=extra)


class FreedSubsets:
    """The DestinationRules whose subsets a Rollout moved; of those that are watched."""

    def __init__(self, client: Client, caches: Caches) -> None:
        self._client, self._caches = client, caches

    async def free(self, key: Key) -> None:
        """Frees those of the Rollout `key` if that is gone. Raises a write's ApiError."""
        if self._caches.rollouts.store.get(*key) is not None:
            return
        namespace, owner = key
        for found in self._caches.managed_by(DESTINATION_RULES, namespace, owner):
            metadata = found["metadata"]
            patch = at(metadata["resourceVersion"], freed_rule(found))
            made = await self._client.patch(DESTINATION_RULES, metadata["name"], patch, namespace)
            self._caches.wrote(DESTINATION_RULES, made)
            extra = {"key": f"{namespace}/{metadata['name']}", "rollout": owner}
            _log.info("a DestinationRule is free: its Rollout is gone", extra=extra)


class FreedServices:
    """Reads the caches, writes through one client."""

    def __init__(self, client: Client, caches: Caches) -> None:
        self._client, self._caches = client, caches

    async def free(self, key: Key) -> None:
        """Frees the Services of the Rollout `key` if that is gone. Raises a write's ApiError."""
        if self._caches.rollouts.store.get(*key) is not None:
            return
        namespace, owner = key
        for service in self._caches.services.store.by_index("managed", f"{namespace}/{owner}"):
            metadata = service.metadata
            notes = {names.MANAGED_BY: None, names.WRITTEN_AT: None}
            patch = {
                "metadata": {"annotations": notes},
                "spec": {"selector": {names.POD_HASH: None}},
            }
            patch = at(metadata.resource_version, patch)
            made = await self._client.patch(SERVICES, metadata.name, patch, namespace)
            self._caches.wrote(SERVICES, made)
            extra = {"key": f"{namespace}/{metadata.name}", "rollout": owner}
            _log.info("a Service is free: its Rollout is gone", extra=extra)

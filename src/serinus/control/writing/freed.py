"""Services whose Rollout is gone: they select all pods again and are free for another Rollout.

The hash in such a selector belongs to a revision that went with the Rollout. Nobody else would take
it out, and the Service would select nothing for ever. Knows no plan.
"""

from __future__ import annotations

import logging

from serinus.api import names
from serinus.control.looking.caches import Caches
from serinus.control.looking.interest import Key
from serinus.control.writing.manifests import at
from serinus.kube.client import Client
from serinus.kube.resource import SERVICES

_log = logging.getLogger("serinus.services")


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

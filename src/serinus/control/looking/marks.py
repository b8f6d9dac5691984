"""Objects that carry marks of ours, of kinds that no Rollout names now: found once, at the start.

A Rollout may have been deleted, or its router taken out, while no controller ran. Which kinds have
such objects says one list a kind; only those are watched then. A kind that the cluster does not
have, or that we may not list, costs that one request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from serinus.api import names
from serinus.api.kubernetes import ObjectMeta
from serinus.api.wire import Wire
from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.control import kinds
from serinus.control.looking.lookup import ROUTES
from serinus.control.looking.objects import RoutedObjects
from serinus.kube.client import Client
from serinus.kube.errors import TooManyRequests, Unavailable
from serinus.kube.resource import DEPLOYMENTS, INGRESSES, Resource

MARKS = (names.ROUTED_FOR, names.MANAGED_BY, names.SCALED_BY)
MARKED: tuple[Resource, ...] = (
    *(INGRESSES, kinds.VIRTUAL_SERVICES, kinds.DESTINATION_RULES, kinds.TRAEFIK_SERVICES),
    *(kinds.TRAFFIC_SPLITS, kinds.MAPPINGS, kinds.APISIX_ROUTES),
    *ROUTES.values(),
    *(DEPLOYMENTS, kinds.WORKLOAD_REPLICASETS),
)
"""The kinds that get marks. Services and our own kinds are watched in any case."""
RETRY_WALL_SECONDS = 5.0
_log = logging.getLogger("serinus.marks")


class _Marked(Wire, frozen=True, kw_only=True):
    metadata: ObjectMeta = ObjectMeta()


@dataclass(frozen=True, slots=True)
class Marks:
    """Looks through one client; what it finds is watched by `objects`, which wakes whose it is."""

    client: Client
    objects: RoutedObjects
    clock: Clock
    namespace: str | None = None

    async def look(self, resources: Iterable[Resource] = MARKED) -> None:
        """All kinds beside each other; ends when those with marks are in the caches.

        Raises nothing. A kind whose list was refused is passed by; any other failure passes some
        time, and until then it is tried again.
        """
        unseen = [resource for resource in resources if not self.objects.watches(resource)]
        await asyncio.gather(*(self._through(resource) for resource in unseen))

    async def _through(self, resource: Resource) -> None:
        while True:
            try:
                served = self.objects.served(resource)
                found = await self.client.list(served, self.namespace, type=_Marked)
                break
            except (Unavailable, TooManyRequests) as error:
                _log.info("%s is looked through later: %s", resource.full_name, error)
            except SerinusError as error:
                _log.debug("%s is not looked through: %s", resource.full_name, error)
                return
            await self.clock.sleep_wall(RETRY_WALL_SECONDS)
        if any(mark in item.metadata.annotations for item in found for mark in MARKS):
            self.objects.watch(resource)
            await self.objects.listed(resource)

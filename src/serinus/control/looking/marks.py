"""Objects that carry marks of ours, of kinds that no Rollout names now: found once, at the start.

A Rollout may have been deleted, or its router taken out, while no controller ran. Which kinds have
such objects says one list a kind; only those are watched then. A kind that the cluster does not
have, or that we may not list, costs that one request.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from serinus.api import names
from serinus.api.kubernetes import ObjectMeta
from serinus.api.wire import Wire
from serinus.base.errors import SerinusError
from serinus.control import kinds
from serinus.control.looking.lookup import ROUTES
from serinus.control.looking.objects import RoutedObjects
from serinus.kube.client import Client
from serinus.kube.resource import DEPLOYMENTS, INGRESSES, Resource

MARKS = (names.ROUTED_FOR, names.MANAGED_BY, names.SCALED_BY)
MARKED: tuple[Resource, ...] = (
    *(INGRESSES, kinds.VIRTUAL_SERVICES, kinds.DESTINATION_RULES, kinds.TRAEFIK_SERVICES),
    kinds.TRAFFIC_SPLITS,
    kinds.APISIX_ROUTES,
    *ROUTES.values(),
    *(DEPLOYMENTS, kinds.WORKLOAD_REPLICASETS),
)
"""The kinds that get marks. Services and our own kinds are watched in any case."""
_log = logging.getLogger("serinus.marks")


class _Marked(Wire, frozen=True, kw_only=True):
    metadata: ObjectMeta = ObjectMeta()


@dataclass(frozen=True, slots=True)
class Marks:
    """Looks through one client; what it finds is watched by `objects`, which wakes whose it is."""

    client: Client
    objects: RoutedObjects
    namespace: str | None = None

    async def look(self, resources: Iterable[Resource] = MARKED) -> None:
        """Each kind once. Raises nothing: what cannot be listed now is found at the next start."""
        for resource in resources:
            if self.objects.watches(resource):
                continue
            try:
                found = await self.client.list(
                    self.objects.served(resource), self.namespace, type=_Marked
                )
            except SerinusError as error:
                _log.debug("%s is not looked through: %s", resource.full_name, error)
                continue
            if any(mark in item.metadata.annotations for item in found for mark in MARKS):
                self.objects.watch(resource)

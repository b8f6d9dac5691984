"""Keeps the EndpointSlices of each Service true: one for each pod that it selects."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Any

from serinus.api.kubernetes import EndpointSlice, Service
from serinus.api.wire import decode
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.errors import AlreadyExists
from serinus.kube.informer import Informer
from serinus.kube.resource import ENDPOINTSLICES, SERVICES
from serinus.kube.workqueue import WorkQueue
from serinus.local.controllers.loop import work
from serinus.local.controllers.pods import is_active
from serinus.local.controllers.selected import SELECTOR_INDEX, pods_of, selector_of, services_of
from serinus.local.controllers.writes import all_done, delete_one
from serinus.local.node.podspec import NodePod
from serinus.local.slices import (
    MANAGED_BY,
    MANAGED_BY_LABEL,
    SERVICE_NAME_LABEL,
    is_kept,
    wanted_slices,
)

Key = tuple[str, str]
SERVICE_INDEX = "service"


def service_of_slice(part: EndpointSlice) -> Iterable[str]:
    """The index by which an informer of slices finds those of a Service."""
    labels = part.metadata.labels
    if labels.get(MANAGED_BY_LABEL) == MANAGED_BY and SERVICE_NAME_LABEL in labels:
        yield f"{part.metadata.namespace}/{labels[SERVICE_NAME_LABEL]}"


class EndpointSlices:
    """The controller; `pods` is shared with others and has the index LABEL_INDEX."""

    def __init__(
        self, client: Client, clock: Clock, pods: Informer[NodePod], chance: random.Random
    ) -> None:
        self._client = client
        self._pods = pods
        self._services = Informer(
            *(client, SERVICES, Service, clock),
            indexes={SELECTOR_INDEX: selector_of},
            jitter=chance,
        )
        self._slices = Informer(
            *(client, ENDPOINTSLICES, EndpointSlice, clock),
            indexes={SERVICE_INDEX: service_of_slice},
            jitter=chance,
        )
        self._queue: WorkQueue[Key] = WorkQueue(clock, chance)
        self._services.on_change(self._service_changed)
        self._slices.on_change(self._slice_changed)
        pods.on_change(self._pod_changed)

    async def run(self) -> None:
        """Follow the server until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._services.run())
            group.create_task(self._slices.run())
            for informer in (self._pods, self._services, self._slices):
                await informer.synced()
            await work("endpointslice", self._queue, self._reconcile)

    async def _reconcile(self, key: Key) -> None:
        service = self._services.store.get(*key)
        if service is not None and not is_kept(service):
            return  # what there was stays: others may have taken it over
        wanted: dict[str, dict[str, Any]] = {}
        if service is not None and service.metadata.deletion_timestamp is None:
            wanted = wanted_slices(service, pods_of(service, self._pods.store))
        present = {
            part.metadata.name: part
            for part in self._slices.store.by_index(SERVICE_INDEX, f"{key[0]}/{key[1]}")
        }
        surplus = [part for name, part in present.items() if name not in wanted]
        dying = [part for part in surplus if not self._lives(part)]
        # Endpoints of dying pods go first. A Service that turns to other pods gets these before it
        # loses the old ones, so that it is never without any.
        await all_done(self._delete(part) for part in dying)
        await all_done(self._put(present.get(name), made) for name, made in wanted.items())
        await all_done(
            delete_one(self._client, self._slices, part.metadata)
            for part in surplus
            if part not in dying
        )

    def _lives(self, part: EndpointSlice) -> bool:
        """Whether the pod behind a slice is there and is to stay."""
        for endpoint in part.endpoints:
            target = endpoint.target_ref
            pod = target and self._pods.store.get(part.metadata.namespace, target.name)
            if pod and target and pod.metadata.uid == target.uid and is_active(pod):
                return True
        return False

    async def _put(self, present: EndpointSlice | None, made: dict[str, Any]) -> None:
        name, namespace = made["metadata"]["name"], made["metadata"]["namespace"]
        if present is None:
            try:
                answer = await self._client.create(ENDPOINTSLICES, made, namespace)
            except AlreadyExists:
                # of an earlier pod or Service of that name, not yet seen as gone
                await self._client.delete(ENDPOINTSLICES, name, namespace)
                answer = await self._client.create(ENDPOINTSLICES, made, namespace)
        elif _is_same(present, made):
            return
        else:
            patch = {"endpoints": made["endpoints"], "ports": made["ports"]}
            answer = await self._client.patch(ENDPOINTSLICES, name, patch, namespace)
        self._slices.expect(answer)

    async def _delete(self, part: EndpointSlice) -> None:
        await delete_one(self._client, self._slices, part.metadata)

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        changed = new or old
        if changed is not None:
            self._queue.add((changed.metadata.namespace, changed.metadata.name))

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        for part in (old, new):
            if part is not None and (name := part.metadata.labels.get(SERVICE_NAME_LABEL)):
                self._queue.add((part.metadata.namespace, name))

    def _pod_changed(self, old: NodePod | None, new: NodePod | None) -> None:
        for pod in (old, new):
            for service in services_of(pod, self._services.store) if pod is not None else ():
                self._queue.add((service.metadata.namespace, service.metadata.name))


def _is_same(present: EndpointSlice, made: dict[str, Any]) -> bool:
    """Whether the stored slice says what is wanted, in the fields that are ours."""
    wanted = decode(EndpointSlice, made)
    return (present.endpoints, present.ports) == (wanted.endpoints, wanted.ports)

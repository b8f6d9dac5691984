"""Tells in a namespace that is being deleted what is still in it, and which finalizers hold it.

The server itself deletes the content and lets the namespace go; what waits for finalizers waits for
others. Conditions, reasons and texts are the API's.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec.structs import replace

from serinus.api.kubernetes import Condition, ObjectMeta, PartialObject
from serinus.api.wire import Wire
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import NAMESPACES
from serinus.kube.workqueue import WorkQueue
from serinus.local.controllers.garbage import discovered
from serinus.local.controllers.loop import work
from serinus.local.controllers.writes import status_patch

_LOOK_AGAIN_SECONDS = 5.0
_FOUND = (
    (
        "NamespaceDeletionDiscoveryFailure",
        "False",
        "ResourcesDiscovered",
        "All resources successfully discovered",
    ),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "False",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "False",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)


class NamespaceStatus(Wire, frozen=True, kw_only=True):
    phase: str = ""
    conditions: tuple[Condition, ...] = ()


class Namespace(Wire, frozen=True, kw_only=True):
    metadata: ObjectMeta = ObjectMeta()
    status: NamespaceStatus = NamespaceStatus()


class Namespaces:
    """The controller; run it once a server."""

    def __init__(self, client: Client, clock: Clock, chance: random.Random) -> None:
        self._client = client
        self._clock = clock
        self._namespaces = Informer(client, NAMESPACES, Namespace, clock, jitter=chance)
        self._queue: WorkQueue[str] = WorkQueue(clock, chance)
        self._namespaces.on_change(self._changed)

    async def run(self) -> None:
        """Follow the server until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._namespaces.run())
            await self._namespaces.synced()
            await work("namespace", self._queue, self._reconcile, workers=1)

    def _changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if new is not None and new.metadata.deletion_timestamp is not None:
            self._queue.add(new.metadata.name)

    async def _reconcile(self, name: str) -> None:
        namespace = self._namespaces.store.get("", name)
        if namespace is None or namespace.metadata.deletion_timestamp is None:
            return
        left, finalizers = await self._content(name)
        status = told(namespace.status, left, finalizers, self._clock.now())
        if left and status != namespace.status:
            patch = status_patch(namespace.status, status, namespace.metadata.resource_version)
            self._namespaces.expect(
                await self._client.patch(NAMESPACES, name, patch, subresource="status")
            )
        self._queue.add_at(name, self._clock.now() + self._clock.span(_LOOK_AGAIN_SECONDS))

    async def _content(self, name: str) -> tuple[Counter[str], Counter[str]]:
        """How many objects of each kind are in a namespace, and how many each finalizer holds."""
        left: Counter[str] = Counter()
        finalizers: Counter[str] = Counter()
        for resource in await discovered(self._client):
            if not resource.namespaced:
                continue
            found = await self._client.list(resource, name, type=PartialObject)
            if found.items:
                left[f"{resource.plural}.{resource.group}"] += len(found.items)
            finalizers.update(f for one in found.items for f in one.metadata.finalizers)
        return left, finalizers


def told(
    status: NamespaceStatus, left: Mapping[str, int], finalizers: Mapping[str, int], now: datetime
) -> NamespaceStatus:
    """The status with what is left; instants stay where nothing turned."""
    before = {one.type: one for one in status.conditions}
    made = []
    for type_, state, reason, message in _rows(left, finalizers):
        was = before.get(type_)
        turned = now.replace(microsecond=0)
        if was is not None and was.status == state and was.last_transition_time:
            turned = was.last_transition_time
        made.append(
            Condition(
                type=type_,
                status=state,
                reason=reason,
                message=message,
                last_transition_time=turned,
            )
        )
    return replace(status, conditions=tuple(made))


def _rows(
    left: Mapping[str, int], finalizers: Mapping[str, int]
) -> Iterable[tuple[str, str, str, str]]:
    yield from _FOUND
    if left:
        words = f"Some resources are remaining: {_listed(left, 'has')}"
        yield "NamespaceContentRemaining", "True", "SomeResourcesRemain", words
    else:
        words = "All content successfully removed"
        yield "NamespaceContentRemaining", "False", "ContentRemoved", words
    if finalizers:
        words = _listed(finalizers, "in")
        words = f"Some content in the namespace has finalizers remaining: {words}"
        yield "NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", words
    else:
        words = "All content-preserving finalizers finished"
        yield "NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers", words


def _listed(found: Mapping[str, int], verb: str) -> str:
    rows = sorted(found.items())
    return ", ".join(f"{name} {verb} {count} resource instances" for name, count in rows)

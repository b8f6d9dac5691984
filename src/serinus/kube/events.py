"""Tells people what happened to an object, as Kubernetes Events. A lost event is accepted.

Knows no meaning of reasons. Events never hold up or fail what they tell about.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.kube.bucket import Bucket
from serinus.kube.client import Client
from serinus.kube.errors import AlreadyExists, Forbidden, NotFound
from serinus.kube.resource import EVENTS

log = logging.getLogger(__name__)
_REMEMBERED = 4096
_BURST = 100  # per object and type: an object that goes through many steps tells them all
_REFILL_PER_SECOND = 1 / 300  # then one in five minutes: what tells the same without end
_MESSAGE_BYTES = 1024

_Told = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class _Event:
    name: str
    namespace: str
    count: int


class EventRecorder:
    """Writes events in the name of `component`."""

    def __init__(self, client: Client, clock: Clock, component: str) -> None:
        self._client = client
        self._clock = clock
        self._component = component
        self._latest = 0
        self._known: OrderedDict[_Told, _Event] = OrderedDict()
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    async def emit(
        self, regarding: Mapping[str, Any], type: str, reason: str, message: str
    ) -> None:
        """Records that `reason` happened; the same again counts the event up.

        `regarding` is an object reference (apiVersion, kind, namespace, name, uid), `type` Normal
        or Warning. Never raises for a server's refusal; too many of one type about one object are
        dropped, so that what is normal never hides a warning.
        """
        uid = str(regarding.get("uid") or regarding.get("name"))
        if not self._bucket((uid, type)).try_take():
            return
        told = (f"{uid}{regarding.get('fieldPath', '')}", type, reason, message)
        known = self._known.get(told)
        try:
            event = await self._count(known) if known else None
            if event is None:
                event = await self._create(regarding, told)
        except SerinusError as error:
            ends = isinstance(error, Forbidden) and "is being terminated" in str(error)
            level = logging.DEBUG if ends else logging.WARNING  # a namespace that goes takes all
            log.log(level, "event %s %s about %s is lost: %s", type, reason, uid, error)
            return
        self._known[told] = event
        self._known.move_to_end(told)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def _create(self, regarding: Mapping[str, Any], told: _Told) -> _Event:
        now = self._now()
        _, type_, reason, message = told
        # Names are fixed before the call, so that a repeated create finds its own, and grow, so
        # that a list in the order of names is one in the order of time. The digest keeps recorders
        # apart.
        self._latest = max(self._latest + 1, round(self._clock.now().timestamp() * 1e6))
        digest = hashlib.sha256("\0".join((self._component, *told)).encode()).hexdigest()[:6]
        name = f"{str(regarding['name'])[:230]}.{self._latest:x}{digest}"
        namespace = str(regarding.get("namespace") or "default")
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": dict(regarding),
            "type": type_,
            "reason": reason,
            "message": message.encode()[:_MESSAGE_BYTES].decode(errors="ignore"),
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            await self._client.create(EVENTS, body, namespace)
        except AlreadyExists:
            log.debug("event %s was written before, its answer was lost", name)
        return _Event(name, namespace, 1)

    async def _count(self, known: _Event) -> _Event | None:
        """Counts a known event up; None if the server has forgotten it (after an hour or so)."""
        event = replace(known, count=known.count + 1)
        patch = {"count": event.count, "lastTimestamp": self._now()}
        try:
            await self._client.patch(EVENTS, event.name, patch, event.namespace)
        except NotFound:
            return None
        return event

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def _bucket(self, flow: tuple[str, str]) -> Bucket:
        if flow not in self._buckets:
            self._buckets[flow] = Bucket(self._clock, _REFILL_PER_SECOND, _BURST)
            while len(self._buckets) > _REMEMBERED:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(flow)
        return self._buckets[flow]

"""Whether Argo Rollouts' own controller is at work on the same objects: its Lease tells.

Two controllers that both write replicas, Services and weights undo each other's work, so ours waits
for the other's end. Clocks of machines are not compared: a Lease counts as held as long as it keeps
changing before our eyes, and one that was renewed long ago by any clock is not waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from serinus.api.names import ARGO_LEASE, ARGO_NAMESPACE
from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.control.counting.telemetry import Telemetry
from serinus.control.looking.seen import when
from serinus.control.wiring import World
from serinus.kube.client import Client
from serinus.kube.errors import ApiError, Forbidden, NotFound, UnreadableAnswer
from serinus.kube.events import EventRecorder
from serinus.kube.resource import LEASES

_log = logging.getLogger("serinus.controller")
Json = Mapping[str, Any]

LOOK_WALL_SECONDS = 2.0
"""Between looks while it is waited for."""
WATCH_WALL_SECONDS = 10.0
"""Between looks while we work."""
LEASE_SECONDS = 15.0
"""The other's own term, where its Lease names none."""
LONG_AGO = timedelta(minutes=10)
"""No clocks differ by so much: a Lease that was renewed before is left over."""


_UNKNOWN = "whether Argo Rollouts is at work is not known"


class TwoAtWork(SerinusError):
    """Argo Rollouts' controller began to work while ours did."""


class Neighbour:
    """Looks at the Leases of the other's name: in all namespaces, or where we may look."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        telemetry: Telemetry,
        *,
        namespace: str | None = None,
        instance_id: str = "",
        own: str = "",
    ) -> None:
        """`own` is a Lease that we hold ourselves, as namespace/name: it is nobody else's."""
        self._client, self._clock, self._telemetry = client, clock, telemetry
        self._name = f"{ARGO_LEASE}-{instance_id}" if instance_id else ARGO_LEASE
        self._namespace, self._own = namespace, own
        self._events = EventRecorder(client, clock, "serinus")
        self._known: dict[str, tuple[Any, float]] = {}
        """By namespace: the Lease's term, and when it was first seen so (of our wall clock)."""
        self._told = ""

    async def gone(self) -> None:
        """Waits until no Lease of the other's changes any more; says whom it waits for."""
        while found := await self._held():
            await self._tell(found, "waiting until it is not renewed any more")
            await self._clock.sleep_wall(LOOK_WALL_SECONDS)
        self._telemetry.neighbour("")
        if self._told:
            _log.info("Argo Rollouts' controller is not at work any more")
            self._told = ""

    async def comes(self) -> None:
        """Looks on while we work; raises TwoAtWork when the other begins."""
        while True:
            await self._clock.sleep_wall(WATCH_WALL_SECONDS)
            found = await self._renewed()
            if found:
                await self._tell(found, "stopping")
                raise TwoAtWork(
                    f"Argo Rollouts' controller {_words(found)} and works too; stopping: end one "
                    "of the two, or give each its objects (--instance-id, --beside-argo-rollouts)"
                )

    async def _held(self) -> Json | None:
        """A Lease that may be held: it changed within its own term, or was never seen to rest."""
        for lease in await self._leases():
            spec = lease.get("spec") or {}
            if spec.get("holderIdentity") and self._is_fresh(lease, spec):
                return lease
        return None

    async def _renewed(self) -> Json | None:
        """A Lease that was renewed since we looked last."""
        for lease in await self._leases():
            spec = lease.get("spec") or {}
            before, _ = self._known.get(lease["metadata"]["namespace"], (None, 0.0))
            self._note(lease, spec)
            if spec.get("holderIdentity") and spec != before:
                return lease
        return None

    def _is_fresh(self, lease: Json, spec: Json) -> bool:
        since = self._note(lease, spec)
        term = spec.get("leaseDurationSeconds")
        seconds = float(term) if isinstance(term, int) and term > 0 else LEASE_SECONDS
        renewed = when(spec.get("renewTime"))
        if renewed is not None and self._clock.now() - renewed > LONG_AGO:
            return False
        return self._clock.wall() - since < seconds

    def _note(self, lease: Json, spec: Json) -> float:
        where, now = lease["metadata"]["namespace"], self._clock.wall()
        before, since = self._known.get(where, (None, now))
        if before != spec:
            since = now
        self._known[where] = (spec, since)
        return since

    async def _leases(self) -> list[Json]:
        """Those of the other's name that can be seen; where we may not look at all namespaces,
        those of its usual one and of ours."""
        try:
            if self._namespace is None:
                fields = f"metadata.name={self._name}"
                return self._not_ours((await self._client.list(LEASES, fields=fields)).items)
        except Forbidden:
            self._namespace = ARGO_NAMESPACE
        except (ApiError, UnreadableAnswer) as error:
            _log.info("%s: %s", _UNKNOWN, error)
            return []
        return self._not_ours(await self._named({self._namespace, ARGO_NAMESPACE}))

    async def _named(self, namespaces: set[str]) -> list[Json]:
        found: list[Json] = []
        for namespace in sorted(namespaces):
            try:
                found.append(await self._client.get(LEASES, self._name, namespace))
            except NotFound:
                continue
            except (ApiError, UnreadableAnswer) as error:
                _log.info("%s: %s", _UNKNOWN, error)
        return found

    def _not_ours(self, leases: Iterable[Json]) -> list[Json]:
        def name(lease: Json) -> str:
            return f"{lease['metadata']['namespace']}/{lease['metadata']['name']}"

        return [lease for lease in leases if name(lease) != self._own]

    async def _tell(self, lease: Json, what: str) -> None:
        """Once for each holder and outcome: in the log, the numbers, and an event of the Lease."""
        text = f"Argo Rollouts' controller {_words(lease)}: {what}"
        self._telemetry.neighbour(f"Argo Rollouts' {_words(lease)}")
        if text == self._told:
            return
        self._told = text
        _log.warning(text)
        metadata = lease["metadata"]
        about = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata.get("uid", ""),
        }
        await self._events.emit(about, "Warning", "AnotherController", text)


def neighbour_of(world: World, own_lease: str = "") -> Neighbour:
    """The other's controller over the objects of `world`."""
    return Neighbour(
        world.client,
        world.clock,
        world.telemetry,
        namespace=world.namespace,
        instance_id=world.instance_id,
        own=own_lease,
    )


async def alone(neighbour: Neighbour | None, work: Callable[[], Awaitable[None]]) -> None:
    """Runs `work` when the other is not at work, and only as long as it is not.

    Raises TwoAtWork when the other begins: `work` is cancelled and waited for.
    """
    if neighbour is None:
        await work()
        return
    await neighbour.gone()
    await _beside(neighbour, work)


async def _beside(neighbour: Neighbour, work: Callable[[], Awaitable[None]]) -> None:
    working = asyncio.ensure_future(_run(work))
    watching = asyncio.ensure_future(neighbour.comes())
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.wait({working, watching})
    for task in (working, watching):
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def _words(lease: Json) -> str:
    metadata = lease["metadata"]
    holder = (lease.get("spec") or {}).get("holderIdentity")
    return f"{holder} holds lease {metadata['namespace']}/{metadata['name']}"

"""Events of the node and the controllers: told in order, in the background, never waited for."""

from __future__ import annotations

import asyncio

from serinus.api.kubernetes import ObjectMeta
from serinus.kube.events import EventRecorder

_QUEUED = 1000


class Telling:
    """A queue before an EventRecorder; when it is full, events are lost, which is accepted."""

    def __init__(self, recorder: EventRecorder) -> None:
        self._recorder = recorder
        self._queue: asyncio.Queue[tuple[dict[str, str], str, str, str]] = asyncio.Queue(_QUEUED)

    def tell(
        self, about: tuple[str, ...], meta: ObjectMeta, type_: str, reason: str, message: str
    ) -> None:
        """Say that something happened to an object.

        `about` is its apiVersion and kind, and, if a part of it is meant, the path of that part.
        """
        regarding = {
            "apiVersion": about[0],
            "kind": about[1],
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
            **({"fieldPath": about[2]} if about[2:] and about[2] else {}),
        }
        if not self._queue.full():
            self._queue.put_nowait((regarding, type_, reason, message))

    async def run(self) -> None:
        """Write what is told until cancelled."""
        while True:
            await self._recorder.emit(*await self._queue.get())

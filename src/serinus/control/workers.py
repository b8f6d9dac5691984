"""The loop around a reconciler: one key at a time each, errors by the table, one line a reconcile.

Knows nothing about what a key means.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from serinus.base.clock import Clock
from serinus.control.retry import Fate, fate
from serinus.kube.workqueue import WorkQueue

Key = tuple[str, str]
SOON = timedelta(milliseconds=50)
"""After a conflict: long enough for the watch to bring the other's write."""


class Reconciler(Protocol):
    """Brings one object nearer to what it should be; returns when to look again, if by itself."""

    kind: str

    async def reconcile(self, key: Key) -> datetime | None: ...


class Workers:
    """`count` workers over one queue; an error of one key never stops another."""

    def __init__(
        self, reconciler: Reconciler, queue: WorkQueue[Key], clock: Clock, *, count: int = 8
    ) -> None:
        self._reconciler, self._queue, self._clock, self._count = reconciler, queue, clock, count
        self._log = logging.getLogger(f"serinus.{reconciler.kind.lower()}")
        self.on_error: Callable[[Key, Exception], None] = lambda key, error: None

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                await self._one(key)
            finally:
                self._queue.done(key)

    async def _one(self, key: Key) -> None:
        try:
            wake_at = await self._reconciler.reconcile(key)
        except Exception as error:  # noqa: BLE001 - one broken object must not stop the others
            self._failed(key, error, fate(error))
            return
        self._queue.forget(key)
        if wake_at is not None:
            self._queue.add_at(key, wake_at)

    def _failed(self, key: Key, error: Exception, what: Fate) -> None:
        if what.soon:
            self._queue.add_at(key, self._clock.now() + self._clock.span(SOON.total_seconds()))
        else:
            self._queue.add_failed(key)
        if what.told:
            self._log.warning(
                "reconcile failed",
                extra={"key": "/".join(key), "error": str(error)},
                exc_info=error if what.traced else None,
            )
            self.on_error(key, error)

"""The loop around a reconciler: one key at a time each, errors by the table.

Knows nothing about what a key means.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import Protocol

from serinus.base.clock import Clock
from serinus.control.looking.interest import Key
from serinus.control.retry import Refused, asked_wait_seconds, fate
from serinus.kube.workqueue import WorkQueue

DRAIN_SECONDS = 5.0
"""Of the wall: how long work that is under way may take to its end when all ends."""


class Reconciler(Protocol):
    """Brings one object nearer to what it should be; returns when to look again, if by itself."""

    kind: str

    async def reconcile(self, key: Key) -> datetime | None: ...


class Watcher(Protocol):
    """Hears how work went."""

    def worked(self, kind: str, key: Key, seconds: float, error: Exception | None) -> None:
        """One reconcile is over, after seconds of the wall."""

    def failed(self, kind: str, key: Key, error: Exception) -> None:
        """A person should hear of this failure."""


class Workers:
    """`count` workers over one queue; an error of one key never stops another."""

    def __init__(
        self,
        reconciler: Reconciler,
        queue: WorkQueue[Key],
        clock: Clock,
        watcher: Watcher,
        *,
        count: int = 8,
    ) -> None:
        self._reconciler, self._queue, self._clock = reconciler, queue, clock
        self._watcher, self._count = watcher, count
        self._log = logging.getLogger(f"serinus.{reconciler.kind.lower()}")

    async def run(self) -> None:
        """Until cancelled; then what is under way is given DRAIN_SECONDS to its end."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            one = asyncio.ensure_future(self._one(key))
            try:
                await asyncio.shield(one)
            except Exception:  # noqa: BLE001 - a bug beside the work must not stop the worker
                self._log.exception("a worker failed", extra={"key": "/".join(key)})
            finally:
                await _ended(one)
                self._queue.done(key)

    async def _one(self, key: Key) -> None:
        began, wake_at = self._clock.wall(), None
        failure: Exception | None = None
        try:
            wake_at = await self._reconciler.reconcile(key)
        except Refused as refused:
            wake_at, failure = refused.wake_at, refused
        except Exception as error:  # noqa: BLE001 - one broken object must not stop the others
            failure = error
        self._watcher.worked(self._reconciler.kind, key, self._clock.wall() - began, failure)
        if failure is None:
            self._queue.forget(key)
        else:
            self._failed(key, failure)
        if wake_at is not None:
            self._queue.add_at(key, wake_at)

    def _failed(self, key: Key, error: Exception) -> None:
        self._queue.add_failed(key, at_least_seconds=asked_wait_seconds(error))
        what = fate(error)
        if self._queue.failures(key) < what.told:
            return
        self._log.warning(
            "reconcile failed",
            extra={"key": "/".join(key), "error": str(error)},
            exc_info=error if what.traced else None,
        )
        self._watcher.failed(self._reconciler.kind, key, error)


async def _ended(one: asyncio.Future[None]) -> None:
    """Waits for what is under way although we are cancelled; in the end it is cancelled too."""
    if not one.done():
        await asyncio.wait({one}, timeout=DRAIN_SECONDS)
    if not one.done():
        one.cancel()
        await asyncio.wait({one})

"""Group commit: what is added in one turn of the loop, or during a commit, is committed together.

Knows entries, not what they mean. An entry is told of exactly once: as durable or as lost. When a
batch is lost, all that was added since is lost with it, as it was decided on what never was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from serinus.local.apiserver.storing.storage import StorageError

log = logging.getLogger(__name__)
T = TypeVar("T")
Outcome = asyncio.Future[StorageError | None]


class Journal(Generic[T]):
    """Entries on their way to a storage; `durable` and `lost` are called in the event loop."""

    def __init__(
        self,
        commit: Callable[[Sequence[T]], Awaitable[None]],
        durable: Callable[[Sequence[T]], None],
        lost: Callable[[Sequence[T]], None],
    ) -> None:
        self._commit = commit
        self._durable = durable
        self._lost = lost
        self._pending: list[T] = []
        self._task: asyncio.Task[None] | None = None
        self._outcome: Outcome | None = None
        self._in_flight: Outcome | None = None
        self._failing = False

    def add(self, entry: T) -> None:
        """Note an entry for the next commit; entries added without an await share one."""
        self._pending.append(entry)
        if self._outcome is None:
            self._outcome = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def settled(self) -> StorageError | None:
        """Wait for all that was added so far: None if it is durable, else why it is lost."""
        waiting = self._outcome or self._in_flight
        return None if waiting is None else await asyncio.shield(waiting)

    async def _work(self) -> None:
        try:
            while self._pending:
                await self._commit_pending()
        finally:
            self._task = None

    async def _commit_pending(self) -> None:
        batch, self._pending = self._pending, []
        outcome, self._outcome = self._outcome, None
        assert outcome is not None
        self._in_flight = outcome
        try:
            await self._commit(batch)
        except StorageError as error:
            if not self._failing:  # once, as every write is told besides
                log.error("writes are refused until they can be stored again: %s", error)
            self._failing = True
            self._give_up(batch, error, outcome)
        except Exception as error:
            log.exception("a batch of %d changes was not stored", len(batch))
            self._give_up(batch, StorageError(_FAULT.format(error)), outcome)
        else:
            if self._failing:
                log.warning("writes are stored again")
            self._failing = False
            self._durable(batch)
            outcome.set_result(None)
        finally:
            self._in_flight = None

    def _give_up(self, batch: list[T], error: StorageError, outcome: Outcome) -> None:
        later, self._pending = self._pending, []
        self._lost([*batch, *later])
        outcome.set_result(error)
        if self._outcome is not None:
            self._outcome.set_result(error)
            self._outcome = None


_FAULT = "the storage failed in a way that it should not: {!r}"

"""One worker over a queue of keys: what every controller here does around its own reconcile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

from serinus.kube.errors import ApiError, Conflict, NotFound
from serinus.kube.workqueue import WorkQueue

log = logging.getLogger(__name__)
K = TypeVar("K", bound=Hashable)


async def work(
    name: str, queue: WorkQueue[K], reconcile: Callable[[K], Awaitable[None]], workers: int = 4
) -> None:
    """Reconcile keys until cancelled; what fails is tried again with the queue's back-off."""
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(_worker(name, queue, reconcile))


async def _worker(
    name: str, queue: WorkQueue[K], reconcile: Callable[[K], Awaitable[None]]
) -> None:
    while True:
        key = await queue.get()
        try:
            await reconcile(key)
            queue.forget(key)
        except (Conflict, NotFound) as error:
            # somebody was faster; the watch shows what is there now
            log.debug("%s %s: %s", name, key, error)
            queue.add_failed(key)
        except ApiError as error:
            log.warning("%s %s: %s", name, key, error)
            queue.add_failed(key)
        except Exception:
            # a bug of ours in one object must not stop the controller for the others
            log.exception("%s %s failed", name, key)
            queue.add_failed(key)
        finally:
            queue.done(key)

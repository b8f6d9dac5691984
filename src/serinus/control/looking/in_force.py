"""Asks the data plane, where it can be asked, whether what a router's objects say is in force.

Beside the workers, like measurements: an answer wakes the key, a look only takes what is known.
Nothing is asked about a routing that was confirmed once, so a resting rollout costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from serinus.base.clock import Clock
from serinus.control.looking.interest import Key
from serinus.core.routing import RouterSeen, Routing
from serinus.traffic.router import Objects, Route

_log = logging.getLogger("serinus.rollout")

FIRST_WALL_SECONDS = 0.25
"""Before the first question. Longer than data planes usually take: otherwise a weight that was
written twice with another one between could be confirmed by what was in force before both."""
LONGEST_WALL_SECONDS = 5.0
"""Between two questions about a routing that is not obeyed."""
TIMEOUT_WALL_SECONDS = 2.0
PATIENCE_WALL_SECONDS = 10.0
"""How long a data plane that does not answer is asked about one routing."""


@dataclass(frozen=True, slots=True)
class Question:
    """Does the data plane obey `routing`, which `router` wrote into `objects`?"""

    router: str
    route: Route
    objects: Objects
    routing: Routing


Verify = Callable[[Question], Awaitable[bool | None]]
"""True, False, or None where it cannot be told."""


@dataclass(slots=True)
class _Asked:
    question: Question
    written_at: datetime | None
    answer: bool | None = None
    task: asyncio.Task[None] | None = field(default=None)


class InForce:
    """What is known of each router of each Rollout; without `verify` nothing ever is.

    `wake` is called with the key when an answer changes what is known.
    """

    def __init__(self, verify: Verify | None, clock: Clock, wake: Callable[[Key], None]) -> None:
        self._verify, self._clock, self._wake = verify, clock, wake
        self._known: dict[Key, dict[str, _Asked]] = {}

    def of_router(self, key: Key, seen: RouterSeen, route: Route, objects: Objects) -> RouterSeen:
        """The same with `verified`; asks about a routing that was not seen before."""
        if self._verify is None:
            return seen
        known = self._known.setdefault(key, {})
        before = known.get(seen.router)
        if not isinstance(seen.routing, Routing):
            _stop(known.pop(seen.router, None))
            return seen
        question = Question(seen.router, route, objects, seen.routing)
        same = before is not None and before.question.routing == seen.routing
        if before is None or not same or before.written_at != seen.written_at:
            _stop(before)
            before = known[seen.router] = _Asked(question, seen.written_at)
            before.task = asyncio.create_task(self._ask(key, before))
        before.question = question
        return replace(seen, verified=before.answer)

    def forget(self, key: Key) -> None:
        """The Rollout is gone."""
        for asked in self._known.pop(key, {}).values():
            _stop(asked)

    async def close(self) -> None:
        """Ends what is under way."""
        tasks = [a.task for known in self._known.values() for a in known.values() if a.task]
        for key in list(self._known):
            self.forget(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, key: Key, asked: _Asked) -> None:
        """Until it is obeyed, or nobody answers; a new routing ends it."""
        pause, silent = FIRST_WALL_SECONDS, 0.0
        while not asked.answer and silent < PATIENCE_WALL_SECONDS:
            began = self._clock.wall()
            await self._clock.sleep_wall(pause)
            answer = await self._answer(key, asked.question)
            silent = silent + self._clock.wall() - began if answer is None else 0.0
            pause = min(pause * 1.5, LONGEST_WALL_SECONDS)
            if answer is not asked.answer:
                asked.answer = answer
                self._wake(key)
        asked.task = None

    async def _answer(self, key: Key, question: Question) -> bool | None:
        assert self._verify is not None
        try:
            async with asyncio.timeout(TIMEOUT_WALL_SECONDS):
                return await self._verify(question)
        except TimeoutError:
            _log.info("the data plane does not answer", extra={"key": "/".join(key)})
        except Exception:  # noqa: BLE001 - whoever cannot be asked leaves it to the settle time
            _log.exception("asking the data plane failed", extra={"key": "/".join(key)})
        return None


def _stop(asked: _Asked | None) -> None:
    if asked is not None and asked.task is not None:
        asked.task.cancel()

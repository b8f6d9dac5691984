"""One Rollout, once around: look, decide, do, and say when to look again.

    observe (reads) -> core.rollout.plan (PURE) -> execute (writes, status last)

Everything that is interesting happens in `core/`; this file only connects it to the world.
"""

from __future__ import annotations

import logging
from datetime import datetime

from serinus.base.clock import Clock
from serinus.control.caches import Key
from serinus.control.execute import Executor
from serinus.control.observe import Observation
from serinus.control.observer import Observer
from serinus.core.rollout.actions import Plan
from serinus.core.rollout.plan import plan

_log = logging.getLogger("serinus.rollout")


class RolloutReconciler:
    """Level-triggered: the same key may come any number of times, in any state."""

    kind = "Rollout"

    def __init__(self, observer: Observer, executor: Executor, clock: Clock) -> None:
        self._observer, self._executor, self._clock = observer, executor, clock

    async def reconcile(self, key: Key) -> datetime | None:
        """Raises the ApiError of the first write that failed; the next look starts over."""
        started = self._clock.wall()
        observation = self._observer.observe(key)
        if observation is None:
            return None
        decided = plan(observation.snapshot)
        writes = await self._executor.carry_out(observation, decided)
        self._tell(key, observation, decided, (writes, self._clock.wall() - started))
        return decided.wake_at

    def _tell(self, key: Key, seen: Observation, decided: Plan, spent: tuple[int, float]) -> None:
        """One wide line a reconcile that did something; a resting rollout is silent."""
        writes, seconds = spent
        level = logging.INFO if writes else logging.DEBUG
        if not _log.isEnabledFor(level):
            return
        status = decided.status or seen.snapshot.rollout.status
        _log.log(
            level,
            "reconciled",
            extra={
                "key": "/".join(key),
                "phase": status.phase,
                "step": status.current_step_index,
                "actions": [type(action).__name__ for action in decided.actions],
                "reasons": [reason.message for reason in decided.reasons],
                "writes": writes,
                "milliseconds": round(seconds * 1000, 1),
                "wake_at": decided.wake_at.isoformat() if decided.wake_at else None,
            },
        )

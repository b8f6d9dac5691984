"""One Rollout, once around: look, decide, do, and say when to look again.

    observe (reads) -> core.rollout.plan (PURE) -> execute (writes, status last)

Everything that is interesting happens in `core/`; this file only connects it to the world.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from serinus.base.clock import Clock
from serinus.control.counting.telemetry import Telemetry
from serinus.control.looking.interest import Key
from serinus.control.looking.observer import NotYet, Observer
from serinus.control.looking.seen import Observation
from serinus.control.retry import Refused
from serinus.control.steps.calling import StepCalls
from serinus.control.telling.refusals import Refusals
from serinus.control.telling.unreadable import UnreadableObjects
from serinus.control.writing.departed import Departed
from serinus.control.writing.doubts import Doubts
from serinus.control.writing.execute import Done, Executor
from serinus.core.rollout.actions import CallStep, Plan
from serinus.core.rollout.plan import plan
from serinus.core.rollout.plugins import awaited
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.snapshot import Snapshot

_log = logging.getLogger("serinus.rollout")


class RolloutReconciler:
    """Level-triggered: the same key may come any number of times, in any state."""

    kind = "Rollout"

    def __init__(
        self,
        observer: Observer,
        executor: Executor,
        doubts: Doubts,
        unreadable: UnreadableObjects,
        telemetry: Telemetry,
        *,
        departed: Departed,
        calls: StepCalls,
        clock: Clock,
    ) -> None:
        self._observer, self._executor = observer, executor
        self._doubts, self._unreadable, self._telemetry = doubts, unreadable, telemetry
        self._departed, self._refusals, self._calls = departed, Refusals(clock), calls

    async def reconcile(self, key: Key) -> datetime | None:
        """Raises the first error that ended the plan, or Refused; the next look starts over."""
        await self._doubts.resolve(key)
        if await self._unreadable.told(key):
            return None
        try:
            found = self._observer.observe(key)
        except ValueError as error:
            await self._unreadable.tell(key, str(error))
            return None
        match found:
            case None:
                self._forget(key)
                await self._departed.see_off(key)
                return None
            case NotYet(why, look_at):
                _log.debug("not yet", extra={"key": "/".join(key), "why": why})
                return look_at
        self._departed.saw(key, found.snapshot.rollout.metadata)
        snapshot = self._with_answers(key, found.snapshot)
        seen = replace(found, snapshot=snapshot)
        decided = plan(snapshot)
        self._telemetry.held(key, [reason.hold for reason in decided.reasons])
        done = await self._executor.carry_out(seen, decided)
        if not decided.actions:
            await self._departed.tidy(key, seen)
        for action in decided.actions:
            if isinstance(action, CallStep):
                self._calls.call(key, action.call)
        _tell(key, seen, decided, done)
        self._refusals.note(key, done.refusals)
        if done.refusals:
            raise Refused(done.refusals, decided.wake_at)
        return decided.wake_at

    def _with_answers(self, key: Key, snapshot: Snapshot) -> Snapshot:
        """What was refused of the last plan, and what step plugins have answered since."""
        noted = snapshot.rollout.status.canary.step_plugin_statuses
        answers = self._calls.answers(key, {asked for _, asked in awaited(noted)})
        return replace(
            snapshot,
            refusals=self._refusals.of(key),
            taken=self._refusals.taken(key),
            step_answers=answers,
        )

    def _forget(self, key: Key) -> None:
        self._telemetry.held(key, ())
        self._refusals.forget(key)
        self._doubts.forget(key)
        self._calls.forget(key)


def _tell(key: Key, seen: Observation, decided: Plan, done: Done) -> None:
    """One wide line a reconcile that did something; a resting rollout is silent."""
    broken = [reason.message for reason in decided.reasons if reason.hold is Hold.INVARIANT]
    level = logging.ERROR if broken else logging.INFO if done.writes else logging.DEBUG
    if not _log.isEnabledFor(level):
        return
    status = decided.status or seen.snapshot.rollout.status
    _log.log(
        level,
        "a plan was not sound: a bug of ours" if broken else "reconciled",
        extra={
            "key": "/".join(key),
            "phase": status.phase,
            "step": status.current_step_index,
            "actions": [type(action).__name__ for action in decided.actions],
            "reasons": [reason.message for reason in decided.reasons],
            "writes": done.writes,
            "refusals": [str(refusal) for refusal in done.refusals],
            "wake_at": decided.wake_at.isoformat() if decided.wake_at else None,
        },
    )

"""One Experiment, once around: look, decide, do, and say when to look again.

caches -> core.experiment.plan (PURE) -> conditional writes, status last -> events
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from serinus.api import names
from serinus.api.experiment import Experiment
from serinus.control.analysis.reconciler import Events
from serinus.control.experiments.execute import ExperimentExecutor, Outcome
from serinus.control.experiments.observer import ExperimentObserver
from serinus.control.looking.interest import Key
from serinus.control.retry import Refused
from serinus.control.telling.unreadable import UnreadableObjects
from serinus.control.writing.doubts import Doubts
from serinus.control.writing.manifests import reference
from serinus.core.analysis.assess import COMPLETED
from serinus.core.analysis.judge import ERROR
from serinus.core.experiment.actions import Announce, ExperimentPlan
from serinus.core.experiment.plan import plan

_log = logging.getLogger("serinus.experiment")


class ExperimentReconciler:
    """Level-triggered: the same key may come any number of times, in any state."""

    kind = "Experiment"

    def __init__(
        self,
        observer: ExperimentObserver,
        executor: ExperimentExecutor,
        doubts: Doubts,
        unreadable: UnreadableObjects,
        events: Events,
    ) -> None:
        self._observer, self._executor, self._doubts = observer, executor, doubts
        self._unreadable, self._events = unreadable, events
        self._taken: dict[Key, frozenset[str]] = {}
        """Names that were somebody else's when they were tried last."""
        self._refused: dict[Key, Mapping[str, str]] = {}

    async def reconcile(self, key: Key) -> datetime | None:
        """Raises the first error that ended the plan, or Refused; the next look starts over."""
        await self._doubts.resolve(key)
        if await self._unreadable.told(key):
            return None
        seen = self._observer.observe(key)
        if seen is None:
            self._forget(key)
            return None
        snapshot = replace(
            seen,
            taken=self._taken.get(key, frozenset()),
            refusals=self._refused.get(key, {}),
        )
        decided = plan(snapshot)
        done = await self._executor.carry_out(snapshot.experiment, decided)
        self._note(key, done)
        self._tell(snapshot.experiment, decided.announcements)
        _log_done(key, decided, done)
        if done.refused:
            raise Refused(tuple(done.refused.values()), decided.wake_at)
        return snapshot.now if done.taken else decided.wake_at

    def _note(self, key: Key, done: Outcome) -> None:
        self._taken[key] = self._taken.get(key, frozenset()) | done.taken
        self._refused[key] = {whose: str(error) for whose, error in done.refused.items()}

    def _forget(self, key: Key) -> None:
        self._taken.pop(key, None)
        self._refused.pop(key, None)
        self._doubts.forget(key)

    def _tell(self, experiment: Experiment, announcements: tuple[Announce, ...]) -> None:
        """Events of the Experiment; its own phases are told of its Rollout as well."""
        about = reference("Experiment", experiment.metadata)
        for told in announcements:
            kind = "Warning" if told.warning else "Normal"
            self._events.tell(about, kind, told.reason, told.message)
            for above in _rollouts_of(experiment) if told.upward else ():
                self._events.tell(above, kind, told.reason, told.message)


def _rollouts_of(experiment: Experiment) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": names.GROUP_VERSION,
            "kind": "Rollout",
            "namespace": experiment.metadata.namespace,
            "name": owner.name,
            "uid": owner.uid,
        }
        for owner in experiment.metadata.owner_references
        if owner.kind == "Rollout"
    ]


def _log_done(key: Key, decided: ExperimentPlan, done: Outcome) -> None:
    """One wide line a reconcile that did something; a resting experiment is silent."""
    if not done.writes:
        return
    _log.info(
        "reconciled",
        extra={
            "key": "/".join(key),
            "phase": decided.status.phase if decided.status else "",
            "actions": [type(action).__name__ for action in decided.actions],
            "writes": done.writes,
            "refusals": [str(error) for error in done.refused.values()],
            "wake_at": decided.wake_at.isoformat() if decided.wake_at else None,
        },
    )


def experiment_error(document: Mapping[str, Any], error: str, now: datetime) -> dict[str, Any]:
    """The status of an Experiment of which nothing can be made: Error, unless it has ended."""
    status = document.get("status")
    phase = status.get("phase") if isinstance(status, dict) else None
    if phase in COMPLETED:
        return {}
    return {"phase": ERROR, "message": f"the experiment cannot be read: {error}"}

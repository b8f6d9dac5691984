"""One AnalysisRun, once around: look, decide, write the status, then ask what is to be measured.

store + answers -> core.analysis.plan (PURE) -> status patch, measurements, events
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from serinus.api.analysis import AnalysisRun
from serinus.api.wire import decode
from serinus.base.clock import Clock
from serinus.control import kinds
from serinus.control.analysis.measure import Measurer, RunKey
from serinus.control.looking.interest import Key
from serinus.control.telling.unreadable import UnreadableObjects, run_error
from serinus.control.writing.manifests import reference
from serinus.control.writing.patches import struct_patch
from serinus.core.analysis.actions import AnalysisPlan, Cancel, Expire, Measure
from serinus.core.analysis.plan import plan
from serinus.core.analysis.record import asked_now, in_flight
from serinus.core.analysis.snapshot import AnalysisSnapshot
from serinus.kube.client import Client
from serinus.kube.errors import NotFound
from serinus.kube.informer import Informer

_log = logging.getLogger("serinus.analysis")
_ROUNDS = 4
"""Looks at one object in a row: a started measurement is asked right after it was written."""


class Events(Protocol):
    """Where people are told; neither waits nor fails."""

    def tell(self, about: Mapping[str, Any], type: str, reason: str, message: str) -> None: ...


class AnalysisReconciler:
    """Level-triggered. Reads the informer `runs`, which takes in the answers to our writes."""

    kind = "AnalysisRun"

    def __init__(
        self,
        client: Client,
        runs: Informer[AnalysisRun],
        measurer: Measurer,
        events: Events,
        clock: Clock,
    ) -> None:
        self._client, self._runs, self._measurer = client, runs, measurer
        self._events, self._clock = events, clock
        self._unreadable = UnreadableObjects(client, runs, clock, run_error)

    async def reconcile(self, key: Key) -> datetime | None:
        """When to look again. Raises the ApiError of a write that failed (Conflict: look anew)."""
        if await self._unreadable.told(key):
            self._measurer.forget(*key)
            return None
        run = self._runs.store.get(*key)
        if run is None or run.metadata.deletion_timestamp is not None:
            self._measurer.forget(*key)
            return None
        self._measurer.forget(*key, uid=run.metadata.uid)
        for _ in range(_ROUNDS):
            decided = self._decided(run)
            run = await self._carried_out(run, decided)
            if decided.status is None:
                break
        return decided.wake_at

    def _decided(self, run: AnalysisRun) -> AnalysisPlan:
        answers = self._measurer.answers(_key(run))
        return plan(AnalysisSnapshot(now=self._clock.now(), run=run, answers=answers))

    async def _carried_out(self, run: AnalysisRun, decided: AnalysisPlan) -> AnalysisRun:
        written = run
        if decided.status is not None:
            written = await self._written(run, decided)
        key = _key(run)
        for asked in self._measurer.answers(key):
            if asked not in _open(written):
                self._measurer.recorded(key, asked)
        for action in decided.actions:
            match action:
                case Measure():
                    self._measurer.ask(key, action)
                case Cancel(asked):
                    self._measurer.cancel(key, asked)
                case Expire():
                    await self._expired(run)
        for told in decided.announcements:
            kind = "Warning" if told.warning else "Normal"
            about = reference("AnalysisRun", run.metadata)
            self._events.tell(about, kind, told.reason, told.message)
        return written

    async def _written(self, run: AnalysisRun, decided: AnalysisPlan) -> AnalysisRun:
        """The run as the server has it after the status patch, conditional on what was seen.

        AnalysisRuns have no status subresource: the original's definition has none either.
        """
        assert decided.status is not None
        metadata, change = run.metadata, struct_patch(run.status, decided.status)
        patch = {"metadata": {"resourceVersion": metadata.resource_version}, "status": change}
        made = await self._client.patch(
            kinds.ANALYSIS_RUNS, metadata.name, patch, metadata.namespace
        )
        self._runs.expect(made)
        _log.info(
            "reconciled",
            extra={
                "key": f"{metadata.namespace}/{metadata.name}",
                "phase": decided.status.phase,
                "actions": [type(action).__name__ for action in decided.actions],
                "wake_at": decided.wake_at.isoformat() if decided.wake_at else None,
            },
        )
        return decode(AnalysisRun, made)

    async def _expired(self, run: AnalysisRun) -> None:
        metadata = run.metadata
        try:
            await self._client.delete(
                kinds.ANALYSIS_RUNS, metadata.name, metadata.namespace, uid=metadata.uid
            )
        except NotFound:
            _log.debug("%s/%s was gone already", metadata.namespace, metadata.name)


def _key(run: AnalysisRun) -> RunKey:
    return RunKey(run.metadata.namespace, run.metadata.name, run.metadata.uid)


def _open(run: AnalysisRun) -> set[Any]:
    """The measurements that the status says are under way."""
    results = run.status.metric_results
    return {asked_now(result) for result in results if in_flight(result) is not None}

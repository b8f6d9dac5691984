"""Follows one Rollout and its family through the API, as any client would."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from serinus.api.analysis import AnalysisRun
from serinus.api.argo import Rollout
from serinus.api.kubernetes import Pod, ReplicaSet
from serinus.base.clock import Clock
from serinus.control.kinds import ANALYSIS_RUNS, ROLLOUTS
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import PODS, REPLICASETS
from serinus.present.family import Family, gather


class Follower:
    """Keeps the family of `namespace/name`; `changed` is set at each change of it."""

    def __init__(self, client: Client, clock: Clock, namespace: str, name: str) -> None:
        self._namespace, self._name, self._clock = namespace, name, clock
        self.changed = asyncio.Event()
        self.deaths: list[datetime] = []
        """Instants at which a container was seen to have died by itself."""
        make: Callable[..., Informer[Any]] = lambda resource, kind: Informer(  # noqa: E731
            client, resource, kind, clock, namespace=namespace, jitter=random.Random()
        )
        self._rollouts: Informer[Rollout] = make(ROLLOUTS, Rollout)
        self._sets: Informer[ReplicaSet] = make(REPLICASETS, ReplicaSet)
        self._pods: Informer[Pod] = make(PODS, Pod)
        self._runs: Informer[AnalysisRun] = make(ANALYSIS_RUNS, AnalysisRun)
        self._informers: tuple[Informer[Any], ...] = (
            *(self._rollouts, self._sets, self._pods, self._runs),
        )
        for informer in self._informers:
            informer.on_change(lambda old, new: self.changed.set())
        self._pods.on_change(self._count_deaths)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follows while the block runs."""
        tasks = [asyncio.create_task(informer.run()) for informer in self._informers]
        try:
            await asyncio.gather(*(informer.synced() for informer in self._informers))
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def family(self) -> Family | None:
        """As it is now; None while the Rollout does not exist."""
        rollout = self._rollouts.store.get(self._namespace, self._name)
        if rollout is None:
            return None
        return gather(
            rollout, self._sets.store.all(), self._pods.store.all(), self._runs.store.all()
        )

    async def until(self, holds: Callable[[Family], bool]) -> Family:
        """Waits until `holds` is true of the family."""
        while True:
            self.changed.clear()
            family = self.family()
            if family is not None and holds(family):
                return family
            await self.changed.wait()

    def _count_deaths(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and new is not None and _restarts(new) > _restarts(old):
            self.deaths.append(self._clock.now())


def _restarts(pod: Pod) -> int:
    return sum(status.restart_count for status in pod.status.container_statuses)

"""Follows one Rollout (or Experiment) and its family through the API, as any client would.

Imported only by commands that stay: the asynchronous client costs more to import than a short
command takes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

from serinus.api.analysis import AnalysisRun
from serinus.api.argo import Rollout
from serinus.api.experiment import Experiment
from serinus.api.kubernetes import Pod, ReplicaSet
from serinus.base.clock import Clock
from serinus.cli.cluster import Cluster
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS, ROLLOUTS
from serinus.kube.auth import make_transport
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import PODS, REPLICASETS, Resource
from serinus.present.family import Family, Relatives, Trial, family_of, trial_of

T = TypeVar("T")


class Follower:
    """Keeps the family of `namespace/name`; with `alone` only the Rollout itself."""

    def __init__(
        self, client: Client, clock: Clock, namespace: str, name: str, *, alone: bool = False
    ) -> None:
        self._client, self._clock = client, clock
        self._namespace, self._name = namespace, name
        self._changed = asyncio.Event()
        self.deaths: list[datetime] = []
        """Instants at which a container was seen to have died by itself."""
        self._rollouts = self._informer(ROLLOUTS, Rollout)
        self._sets = self._informer(REPLICASETS, ReplicaSet)
        self._pods = self._informer(PODS, Pod)
        self._runs = self._informer(ANALYSIS_RUNS, AnalysisRun)
        self._experiments = self._informer(EXPERIMENTS, Experiment)
        self._pods.on_change(self._count_deaths)
        relatives: tuple[Informer[Any], ...] = (
            *(self._sets, self._pods, self._runs, self._experiments),
        )
        self._informers = (self._rollouts, *(() if alone else relatives))

    def _informer(self, resource: Resource, kind: type[T]) -> Informer[T]:
        informer = Informer(
            *(self._client, resource, kind, self._clock),
            namespace=self._namespace,
            jitter=random.Random(),
        )
        informer.on_change(lambda old, new: self._changed.set())
        return informer

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
        return family_of(rollout, self._relatives())

    def trial(self) -> Trial | None:
        """The same of the Experiment of that name."""
        experiment = self._experiments.store.get(self._namespace, self._name)
        return None if experiment is None else trial_of(experiment, self._relatives())

    def _relatives(self) -> Relatives:
        return Relatives(
            self._sets.store.all(),
            self._pods.store.all(),
            self._runs.store.all(),
            self._experiments.store.all(),
        )

    async def changes(self, look: Callable[[], T]) -> AsyncGenerator[T, None]:
        """What `look` (`family` or `trial`) sees now and after each change (several are one)."""
        while True:
            self._changed.clear()
            yield look()
            await self._changed.wait()

    async def until(self, holds: Callable[[Family], bool]) -> Family:
        """Waits until `holds` is true of the family."""
        async for family in self.changes(self.family):
            if family is not None and holds(family):
                return family
        raise AssertionError("changes never end")

    def _count_deaths(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and new is not None and _restarts(new) > _restarts(old):
            self.deaths.append(self._clock.now())


def clock_of(cluster: Cluster) -> Clock:
    """A clock that shows the server's time and runs as fast as the server's."""
    speed = cluster.connection.extension.get("speed", 1.0)
    return Clock(float(speed), cluster.now())


@asynccontextmanager
async def followed(
    cluster: Cluster, name: str, look: Callable[[Follower], T], *, alone: bool = False
) -> AsyncIterator[AsyncGenerator[T, None]]:
    """`Follower.changes` of what `look` sees, for a command, with a client of its own."""
    clock = clock_of(cluster)
    client = Client(make_transport(cluster.connection), clock, user_agent="serinus-cli")
    follower = Follower(client, clock, cluster.namespace, name, alone=alone)
    try:
        async with follower.following():
            yield follower.changes(lambda: look(follower))
    finally:
        await client.close()


def _restarts(pod: Pod) -> int:
    return sum(status.restart_count for status in pod.status.container_statuses)

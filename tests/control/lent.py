"""A Deployment that works behind Services, and a Rollout that takes its pods over: to tell
stories with.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from control import scenes
from control.scenes import until, until_phase
from serinus.api import names
from serinus.control.kinds import ROLLOUTS
from serinus.kube.resource import DEPLOYMENTS, PODS, Resource
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

Json = dict[str, Any]
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:v1", ports: [{containerPort: 8080}]}
"""
ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web, scaleDown: MODE}
  strategy:
    canary:
      canaryService: web-canary
      stableService: web-stable
      trafficRouting: {nginx: {stableIngress: web}}
      scaleDownDelaySeconds: 5
      steps: [{setWeight: 50}, {pause: {}}]
"""
AROUND = "---".join((scenes.STABLE_SERVICE, scenes.CANARY_SERVICE, scenes.INGRESS))


@asynccontextmanager
async def moved(mode: str = "never", around: str = AROUND) -> AsyncIterator[PaperCluster]:
    """A Deployment at work behind the Services, and a Rollout that begins to take it over."""
    async with paper_cluster(deployments=True) as cluster, controlled(cluster):
        await cluster.apply("---".join((DEPLOYMENT, around)))
        await until(cluster, lambda: has_ready(cluster, 3))
        await cluster.apply(ROLLOUT.replace("MODE", mode))
        yield cluster


async def deployment(cluster: PaperCluster) -> Json:
    return await cluster.admin.get(DEPLOYMENTS, "web", NAMESPACE)


async def has_ready(cluster: PaperCluster, count: int) -> bool:
    """Whether the Deployment has so many ready pods."""
    return (await deployment(cluster)).get("status", {}).get("readyReplicas", 0) == count


async def pods(cluster: PaperCluster) -> tuple[int, int]:
    """Ready pods of the Deployment, and of the Rollout."""
    theirs = ours = 0
    for pod in (await cluster.admin.list(PODS, NAMESPACE)).items:
        ready = any(c["status"] == "True" for c in pod.get("status", {}).get("conditions", ()))
        if ready and "deletionTimestamp" not in pod["metadata"]:
            ours += names.POD_HASH in pod["metadata"]["labels"]
            theirs += names.POD_HASH not in pod["metadata"]["labels"]
    return theirs, ours


async def line(cluster: PaperCluster, seconds: int) -> list[tuple[int, int, int]]:
    """Replicas wanted of the Deployment, ready pods of it and of ours; each change once."""
    seen: list[tuple[int, int, int]] = []
    for _ in range(seconds * 2):
        shown = ((await deployment(cluster))["spec"]["replicas"], *await pods(cluster))
        if not seen or seen[-1] != shown:
            seen.append(shown)
        await cluster.clock.sleep(0.5)
    return seen


async def healthy(cluster: PaperCluster) -> None:
    """At rest, the Deployment's pods gone too as far as they should."""
    await until_phase(cluster, "Healthy")
    await cluster.clock.sleep(20)


def told(
    story: Callable[[PaperCluster], Awaitable[Any]], mode: str = "never", around: str = AROUND
) -> Any:
    async def run() -> Any:
        async with moved(mode, around) as cluster:
            return await story(cluster)

    return run_virtual(run())


async def edit(cluster: PaperCluster, patch: Json, of: Resource = ROLLOUTS) -> None:
    await cluster.admin.patch(of, "web", patch, NAMESPACE)


async def set_image(cluster: PaperCluster, image: str) -> None:
    containers = [{"name": "web", "image": image, "ports": [{"containerPort": 8080}]}]
    await edit(cluster, {"spec": {"template": {"spec": {"containers": containers}}}}, DEPLOYMENTS)


async def names_of_ours(cluster: PaperCluster) -> list[str]:
    """The pods of the Rollout."""
    found = (await cluster.admin.list(PODS, NAMESPACE)).items
    labelled = (p["metadata"] for p in found if names.POD_HASH in p["metadata"]["labels"])
    return sorted(metadata["name"] for metadata in labelled)


async def has_pods_of_ours(cluster: PaperCluster, count: int) -> bool:
    return len(await names_of_ours(cluster)) == count

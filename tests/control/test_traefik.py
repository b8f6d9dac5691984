"""Releases through a weighted TraefikService, in virtual time."""

from __future__ import annotations

from typing import Any

from control import scenes
from control.scenes import command, condition, release, status, until_phase
from serinus.control.kinds import ROLLOUTS, TRAEFIK_SERVICES
from serinus.core.rollout.commands import abort
from serinus.kube.resource import CRDS
from serinus.local.crds.traefik import TRAEFIK_SERVICE
from serinus.local.crds.words import definition
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

SPLIT = """
apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {name: web, namespace: shop}
spec:
  weighted:
    services:
    - {name: web-stable, port: 80, weight: 100}
    - {name: web-canary, port: 80, weight: 0}
"""
ROLLOUT = scenes.SMALL.partition("      steps:")[0].replace(
    "nginx: {stableIngress: web}", "traefik: {weightedTraefikServiceName: web}"
)
SHOP = "---".join(
    (
        ROLLOUT + "      steps: [{setWeight: 50}, {pause: {}}]\n",
        scenes.STABLE_SERVICE,
        scenes.CANARY_SERVICE,
    )
)


async def weights(cluster: PaperCluster) -> tuple[int, ...]:
    found = await cluster.admin.get(TRAEFIK_SERVICES, "web", NAMESPACE)
    return tuple(one["weight"] for one in found["spec"]["weighted"]["services"])


def test_it_waits_for_the_kind_and_the_object_then_shifts_and_an_abort_goes_back() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply(SHOP)
            await cluster.clock.sleep(30)
            told = condition(await status(cluster), "InvalidSpec")["message"]
            await cluster.admin.create(CRDS, definition(TRAEFIK_SERVICE))
            await cluster.apply(SPLIT)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            half = await weights(cluster)
            await command(cluster, abort)
            await until_phase(cluster, "Degraded")
            await cluster.clock.sleep(30)
            back = await weights(cluster)
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
            await cluster.clock.sleep(10)
            left = await cluster.admin.get(TRAEFIK_SERVICES, "web", NAMESPACE)
            return told, half, back, left["metadata"].get("annotations")

    told, half, back, notes = run_virtual(story())
    assert "spec.strategy.canary.trafficRouting.traefik.weightedTraefikServiceName" in told
    assert (half, back) == ((50, 50), (100, 0))
    assert not notes, "nothing of ours stays on it"

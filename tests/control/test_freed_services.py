"""What becomes of the Services of a Rollout that is deleted."""

from __future__ import annotations

from typing import Any

from control.shop import SHOP
from serinus.control.kinds import ROLLOUTS
from serinus.kube.resource import SERVICES
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

OTHER = SHOP.split("---")[0].replace("{name: web, namespace", "{name: other, namespace")
MANAGED = "argo-rollouts.argoproj.io/managed-by-rollouts"
HASH = "rollouts-pod-template-hash"


async def services(cluster: PaperCluster) -> list[dict[str, Any]]:
    names = ("web-stable", "web-canary")
    return [await cluster.admin.get(SERVICES, name, NAMESPACE) for name in names]


async def deleted(cluster: PaperCluster) -> None:
    for service in await services(cluster):
        assert HASH in service["spec"]["selector"]
        assert service["metadata"]["annotations"][MANAGED] == "web"
    await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)


async def are_free(cluster: PaperCluster) -> None:
    for service in await services(cluster):
        assert service["spec"]["selector"] == {"app": "web"}
        assert not service["metadata"].get("annotations")


def test_they_select_all_pods_again_and_another_rollout_may_have_them() -> None:
    async def story() -> None:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply(SHOP)
            await cluster.clock.sleep(30)
            await deleted(cluster)
            await cluster.clock.sleep(5)
            await are_free(cluster)
            await cluster.apply(OTHER)
            await cluster.clock.sleep(30)
            other = await cluster.admin.get(ROLLOUTS, "other", NAMESPACE)
            assert other["status"]["phase"] == "Healthy"

    run_virtual(story())


def test_so_do_those_of_a_rollout_that_went_while_nobody_looked() -> None:
    async def story() -> None:
        async with paper_cluster() as cluster:
            async with controlled(cluster):
                await cluster.apply(SHOP)
                await cluster.clock.sleep(30)
            await deleted(cluster)
            await cluster.clock.sleep(30)
            async with controlled(cluster):
                await cluster.clock.sleep(5)
                await are_free(cluster)

    run_virtual(story())

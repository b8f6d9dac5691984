"""A Rollout that takes over Services which other pods serve already, as after a Deployment."""

from __future__ import annotations

from control.shop import SHOP
from serinus.kube.resource import SERVICES
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

OLD = """
apiVersion: v1
kind: Pod
metadata: {name: old, namespace: shop, labels: {app: web}}
spec:
  containers:
  - {name: web, image: "acme/web:v0", ports: [{containerPort: 8080}]}
"""


async def selected(cluster: PaperCluster) -> str:
    service = await cluster.admin.get(SERVICES, "web-stable", NAMESPACE)
    return str(service["spec"]["selector"].get("rollouts-pod-template-hash", ""))


def test_a_service_is_not_taken_from_the_pods_of_others_before_ours_are_ready() -> None:
    async def story() -> list[bool]:
        async with paper_cluster() as cluster, controlled(cluster):
            services, rest = SHOP.split("---", 1)[1], SHOP.split("---", 1)[0]
            await cluster.apply(OLD)
            await cluster.apply(services)
            await cluster.clock.sleep(10)
            cluster.start_seconds = 20
            await cluster.apply(rest)
            taken = []
            for _ in range(8):
                await cluster.clock.sleep(5)
                taken.append(bool(await selected(cluster)))
            return taken

    taken = run_virtual(story())
    assert taken[:3] == [False, False, False]
    assert taken[-1]

"""A healthy release, end to end through API objects, in virtual time."""

from __future__ import annotations

from typing import Any

from control.shop import SHOP
from serinus.control.kinds import ROLLOUTS
from serinus.kube.resource import INGRESSES
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"


async def status(cluster: PaperCluster) -> dict[str, Any]:
    return (await cluster.admin.get(ROLLOUTS, "web", NAMESPACE)).get("status", {})


async def weight(cluster: PaperCluster) -> str:
    ingress = await cluster.admin.get(INGRESSES, "web-web-canary", NAMESPACE)
    return str(ingress["metadata"]["annotations"][WEIGHT])


async def release(cluster: PaperCluster, image: str) -> None:
    containers = [{"name": "web", "image": image, "ports": [{"containerPort": 8080}]}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    await cluster.admin.patch(ROLLOUTS, "web", patch, NAMESPACE)


def test_a_good_release_goes_through_its_steps_to_promotion() -> None:
    async def story() -> list[tuple[str, int, str]]:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply(SHOP)
            await cluster.clock.sleep(30)
            assert (await status(cluster))["phase"] == "Healthy"
            await release(cluster, "acme/web:v2")
            seen: list[tuple[str, int, str]] = []
            for _ in range(300):
                await cluster.clock.sleep(1)
                now = await status(cluster)
                shown = (now["phase"], now.get("currentStepIndex"), await weight(cluster))
                if not seen or shown != seen[-1]:
                    seen.append(shown)
            assert now["stableRS"] == now["currentPodHash"]
            return seen

    assert run_virtual(story()) == [
        ("Progressing", 0, "0"),
        ("Progressing", 0, "25"),
        ("Paused", 1, "25"),
        ("Progressing", 2, "25"),
        ("Paused", 3, "50"),
        ("Progressing", 4, "50"),
        ("Progressing", 4, "100"),
        ("Healthy", 4, "100"),
        ("Healthy", 4, "0"),
    ]

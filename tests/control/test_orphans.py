"""ReplicaSets that nobody owns: those of a Rollout that was deleted without them, or restored."""

from __future__ import annotations

from typing import Any

from control.lent import AROUND
from control.scenes import SMALL, release, status, until_phase
from serinus.api import names
from serinus.control.kinds import ROLLOUTS
from serinus.kube.resource import PODS, REPLICASETS
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

SHOP = SMALL.partition("      steps:")[0] + "      steps: [{setWeight: 50}, {pause: {}}]\n"
STRANGER = """
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: stranger, namespace: shop, labels: {app: other, LABEL: abc}}
spec:
  replicas: 1
  selector: {matchLabels: {app: other, LABEL: abc}}
  template:
    metadata: {labels: {app: other, LABEL: abc}}
    spec: {containers: [{name: web, image: "other:v1"}]}
""".replace("LABEL", names.POD_HASH)


async def pods(cluster: PaperCluster) -> set[str]:
    return {one["metadata"]["name"] for one in (await cluster.admin.list(PODS, NAMESPACE)).items}


async def owners(cluster: PaperCluster) -> dict[str, list[str]]:
    """The uids of the owners of each ReplicaSet, by its name."""
    found = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
    return {
        one["metadata"]["name"]: [o["uid"] for o in one["metadata"].get("ownerReferences", ())]
        for one in found
    }


def test_a_rollout_that_comes_back_takes_its_pods_in_and_starts_none() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply("---".join((SHOP, AROUND, STRANGER)))
            await until_phase(cluster, "Healthy")
            before = await pods(cluster), set(await owners(cluster)), await status(cluster)
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE, propagation="Orphan")
            await cluster.clock.sleep(30)
            alone = await owners(cluster)
            await cluster.apply(SHOP)
            await until_phase(cluster, "Healthy")
            uid = (await cluster.admin.get(ROLLOUTS, "web", NAMESPACE))["metadata"]["uid"]
            after = await pods(cluster), set(await owners(cluster)), await status(cluster)
            owned = await owners(cluster)
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            return before, alone, after, owned, uid, (await status(cluster))["stableRS"]

    before, alone, after, owned, uid, stable = run_virtual(story())
    assert [one for one in alone.values() if one] == []
    assert after[0] == before[0]
    assert after[1] == before[1]
    assert after[2]["stableRS"] == before[2]["stableRS"] == stable
    assert owned.pop("stranger") == []
    assert list(owned.values()) == [[uid]]

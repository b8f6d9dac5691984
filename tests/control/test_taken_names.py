"""Names that we derive and somebody else has already."""

from __future__ import annotations

from typing import Any

from control.basic_world import told
from control.scenes import release, status, until_phase
from serinus.kube.resource import REPLICASETS, SERVICES
from support.cluster import NAMESPACE, PaperCluster


def test_a_revision_whose_name_somebody_else_has_gets_another_one() -> None:
    """As after a deletion with --cascade=orphan, when a Deployment has taken the ReplicaSet in."""

    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
        wanted = (await status(cluster))["currentPodHash"]
        mine = next(one for one in sets if one["metadata"]["name"] == f"web-{wanted}")
        stable = (await status(cluster))["stableRS"]
        keeper = (await cluster.admin.get(SERVICES, "web", NAMESPACE))["metadata"]["uid"]
        await release(cluster, "web:v1")  # back to stable, so that v2 is nobody's business
        await cluster.clock.sleep(30)
        await cluster.admin.delete(REPLICASETS, f"web-{wanted}", NAMESPACE)
        await cluster.clock.sleep(5)
        owner = {"apiVersion": "v1", "kind": "Service", "name": "web", "uid": keeper}
        plain = {key: mine["metadata"][key] for key in ("name", "labels")}
        foreign = {**plain, "ownerReferences": [{**owner, "controller": True}]}
        spec = {**mine["spec"], "replicas": 0}
        body = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": foreign, "spec": spec}
        await cluster.admin.create(REPLICASETS, body, NAMESPACE)
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        now = await status(cluster)
        return wanted != now["currentPodHash"], now["collisionCount"], now["stableRS"] == stable

    assert told(story) == (True, 1, True)

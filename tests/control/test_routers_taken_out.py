"""A router that is taken out of the spec in mid-release still has what it was told."""

from __future__ import annotations

from typing import Any

import pytest

from control.lent import AROUND, edit
from control.scenes import SMALL, command, condition, release, rollout, status, until_phase, weight
from serinus.core.rollout.commands import abort
from serinus.kube.resource import REPLICASETS
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

STEPS = [{"setWeight": 50}, {"pause": {}}]
SHOP = SMALL.partition("      steps:")[0] + "      steps: [{setWeight: 50}, {pause: {}}]\n"
EDITS = {
    "trafficRouting taken out": {"canary": {"trafficRouting": None, "scaleDownDelaySeconds": None}},
    "another strategy": {
        "canary": None,
        "blueGreen": {"activeService": "web-stable", "previewService": "web-canary"},
    },
}


async def replicas(cluster: PaperCluster) -> list[int]:
    sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
    return sorted(one["spec"]["replicas"] for one in sets)


@pytest.mark.parametrize("name", list(EDITS))
def test_the_edit_holds_the_release_until_the_router_is_back(name: str) -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply("---".join((SHOP, AROUND)))
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            before = (await rollout(cluster))["spec"]["strategy"]
            await edit(cluster, {"spec": {"strategy": EDITS[name]}})
            await until_phase(cluster, "Degraded")
            await cluster.clock.sleep(120)
            told = condition(await status(cluster), "InvalidSpec")["message"]
            held = await weight(cluster), await replicas(cluster)
            await edit(cluster, {"spec": {"strategy": {"blueGreen": None, **before}}})
            await until_phase(cluster, "Paused", 1)
            await edit(cluster, {"spec": {"template": {"spec": {"containers": V1}}}})
            await until_phase(cluster, "Healthy")
            await edit(cluster, {"spec": {"strategy": EDITS[name]}})
            await cluster.clock.sleep(120)
            return told, held, await weight(cluster), (await status(cluster))["phase"]

    told, held, after, phase = run_virtual(story())
    assert told.endswith(
        "spec.strategy.canary.trafficRouting: was taken out while its router gives the canary 50; "
        "put it back; then abort or let the release end, and take it out after that"
    )
    assert held == (50, [1, 2]), "what could be reached keeps its pods"
    assert (after, phase) == (0, "Healthy")


V1 = [{"name": "web", "image": "web:v1", "ports": [{"containerPort": 8080}]}]


def test_in_mid_release_it_is_held_at_weight_0_too_and_let_go_after_an_abort() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply("---".join((SHOP.replace("setWeight: 50", "setWeight: 0"), AROUND)))
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            before = (await rollout(cluster))["spec"]["strategy"]
            await edit(cluster, {"spec": {"strategy": EDITS["trafficRouting taken out"]}})
            await until_phase(cluster, "Degraded")
            told = condition(await status(cluster), "InvalidSpec")["message"]
            await edit(cluster, {"spec": {"strategy": before}})
            await until_phase(cluster, "Paused", 1)
            await command(cluster, abort)
            await until_phase(cluster, "Degraded")
            await cluster.clock.sleep(60)
            await edit(cluster, {"spec": {"strategy": EDITS["trafficRouting taken out"]}})
            await cluster.clock.sleep(60)
            return told, condition(await status(cluster), "InvalidSpec")

    told, after = run_virtual(story())
    assert "its router may still have routes to the canary" in told
    assert after == {}

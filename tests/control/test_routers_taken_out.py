"""A router that is taken out of the spec still has what it was told: it is led back to stable."""

from __future__ import annotations

from typing import Any

import pytest

from control import mesh
from control.lent import AROUND, edit
from control.scenes import (
    SMALL,
    command,
    condition,
    release,
    rollout,
    status,
    until,
    until_phase,
    weight,
)
from serinus.api.names import MANAGED_BY, POD_HASH, ROUTED_FOR
from serinus.control.kinds import ROLLOUTS, VIRTUAL_SERVICES
from serinus.core.rollout.commands import abort
from serinus.kube.resource import INGRESSES, PODS, REPLICASETS, SERVICES
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

SHOP = SMALL.partition("      steps:")[0] + "      steps: [{setWeight: 50}, {pause: {}}]\n"
EDITS = {
    "trafficRouting taken out": {"canary": {"trafficRouting": None, "scaleDownDelaySeconds": None}},
    "another strategy": {
        "canary": None,
        "blueGreen": {
            "activeService": "web-stable",
            "previewService": "web-canary",
            "autoPromotionEnabled": False,
        },
    },
}
ELSEWHERE = {"canary": None, "blueGreen": {"activeService": "main", "previewService": "next"}}


async def replicas(cluster: PaperCluster) -> list[int]:
    sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
    return sorted(one["spec"]["replicas"] for one in sets)


async def in_mid_release(cluster: PaperCluster) -> None:
    await cluster.apply("---".join((SHOP, AROUND)))
    await until_phase(cluster, "Healthy")
    await release(cluster, "web:v2")
    await until_phase(cluster, "Paused", 1)


async def note(cluster: PaperCluster) -> str | None:
    made = await cluster.admin.get(INGRESSES, "web-web-canary", NAMESPACE)
    return (made["metadata"]["annotations"] or {}).get(ROUTED_FOR)


@pytest.mark.parametrize("name", list(EDITS))
@pytest.mark.parametrize("looking", [True, False], ids=["seen at once", "seen at the next start"])
def test_in_mid_release_it_gives_stable_everything_and_the_release_goes_on_without_it(
    name: str, looking: bool
) -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster:
            async with controlled(cluster):
                await in_mid_release(cluster)
                assert await note(cluster), "what it is for stands on it"
                if looking:
                    await edit(cluster, {"spec": {"strategy": EDITS[name]}})
                    await cluster.clock.sleep(60)
            if not looking:
                await edit(cluster, {"spec": {"strategy": EDITS[name]}})
            async with controlled(cluster):
                await cluster.clock.sleep(60)
            found = await status(cluster)
            return await weight(cluster), await note(cluster), found

    after, noted, found = run_virtual(story())
    assert after == 0
    assert noted is None, "it is not ours any more"
    assert condition(found, "InvalidSpec") == {}
    assert found["phase"] == "Paused", "the new revision is on trial in the new way"
    assert found["stableRS"] != found["currentPodHash"]


def test_while_stable_cannot_carry_everything_it_waits_and_says_so() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await in_mid_release(cluster)
            stable = (await status(cluster))["stableRS"]
            pods = (await cluster.admin.list(PODS, NAMESPACE, labels=f"{POD_HASH}={stable}")).items
            await cluster.set_ready(pods[0]["metadata"]["name"], False)
            await edit(cluster, {"spec": {"strategy": EDITS["another strategy"]}})
            await cluster.clock.sleep(60)
            found = await status(cluster)
            held = await weight(cluster), await replicas(cluster)
            await cluster.set_ready(pods[0]["metadata"]["name"], True)
            await cluster.clock.sleep(60)
            return held, found, await weight(cluster), await status(cluster)

    held, before, weight_then, after = run_virtual(story())
    assert held == (50, [1, 2])
    assert "does not name Ingress web-web-canary any more" in str(condition(before, "InvalidSpec"))
    assert "stable 1/2 ready for weight 0" in str(condition(before, "Waiting"))
    assert (weight_then, after["phase"]) == (0, "Paused")


def test_put_back_in_time_the_release_goes_on_where_it_was() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await in_mid_release(cluster)
            before = (await rollout(cluster))["spec"]["strategy"]
            await edit(cluster, {"spec": {"strategy": EDITS["another strategy"]}})
            await until(cluster, lambda: has_weight(cluster, 0))
            await edit(cluster, {"spec": {"strategy": {"blueGreen": None, **before}}})
            await cluster.clock.sleep(60)
            found = await status(cluster)
            return await weight(cluster), found["phase"], found["currentStepIndex"]

    assert run_virtual(story()) == (50, "Paused", 1)


def test_a_mistake_in_the_router_holds_the_release_and_an_abort_leads_back_all_the_same() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await in_mid_release(cluster)
            wrong = {"canary": {"trafficRouting": {"nginx": {"stableIngress": "wbe"}}}}
            await edit(cluster, {"spec": {"strategy": wrong}})
            await cluster.clock.sleep(60)
            told = condition(await status(cluster), "InvalidSpec")["message"]
            held = await weight(cluster)
            await command(cluster, abort)
            await cluster.clock.sleep(60)
            return told, held, await weight(cluster)

    told, held, after = run_virtual(story())
    assert "waiting for Ingress wbe" in told
    assert (held, after) == (50, 0)


async def has_weight(cluster: PaperCluster, wanted: int) -> bool:
    return await weight(cluster) == wanted


@pytest.mark.parametrize("name", list(EDITS))
def test_without_the_note_the_edit_holds_the_release_until_the_router_is_back(name: str) -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await in_mid_release(cluster)
            unmarked = {"metadata": {"annotations": {ROUTED_FOR: None}}}
            await cluster.admin.patch(INGRESSES, "web-web-canary", unmarked, NAMESPACE)
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


def test_services_that_nobody_names_any_more_select_all_pods_again() -> None:
    """Otherwise the next release takes the pods of whoever still comes that way."""

    async def story() -> Any:
        others = AROUND.split("---")[:2]
        more = [one.replace("web-stable", "main").replace("web-canary", "next") for one in others]
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply("---".join((SHOP, AROUND, *more)))
            await until_phase(cluster, "Healthy")
            assert await note(cluster)
            await edit(cluster, {"spec": {"strategy": ELSEWHERE}})
            await cluster.clock.sleep(60)
            found = {}
            for name in ("web-stable", "web-canary", "main"):
                service = await cluster.admin.get(SERVICES, name, NAMESPACE)
                notes = service["metadata"].get("annotations") or {}
                found[name] = (POD_HASH in service["spec"]["selector"], notes.get(MANAGED_BY))
            return found, await note(cluster), (await status(cluster))["phase"]

    assert run_virtual(story()) == (
        {"web-stable": (False, None), "web-canary": (False, None), "main": (True, "web")},
        None,
        "Healthy",
    )


@pytest.mark.parametrize("way", list(mesh.WAYS))
@pytest.mark.parametrize("looking", [True, False], ids=["seen at once", "seen at the next start"])
def test_a_rollout_that_is_deleted_leaves_a_mesh_as_it_was(way: str, looking: bool) -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster:
            await mesh.serve(cluster)
            async with controlled(cluster):
                await cluster.apply(mesh.WAYS[way])
                await until_phase(cluster, "Healthy")
                await release(cluster, "web:v2")
                await until_phase(cluster, "Paused", 1)
                assert await mesh.weights(cluster) == (50, 50)
                if looking:
                    await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
                    await cluster.clock.sleep(30)
            if not looking:
                await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
                await cluster.clock.sleep(30)
            async with controlled(cluster):
                await cluster.clock.sleep(30)
            made = await cluster.admin.get(VIRTUAL_SERVICES, "web", NAMESPACE)
            subsets = {} if way == "hosts" else await mesh.subsets(cluster)
            return await mesh.weights(cluster), made["metadata"].get("annotations"), subsets

    weights, notes, subsets = run_virtual(story())
    assert weights == (100, 0)
    assert not notes
    assert set(subsets.values()) <= {""}, "each subset selects all pods again"

"""Releases through a TrafficSplit of our own, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from control import scenes
from control.scenes import command, condition, reasons, release, status, until_phase
from control.test_experiment_traffic import STEP
from serinus.control.kinds import ROLLOUTS, TRAFFIC_SPLITS
from serinus.core.rollout.commands import abort
from serinus.kube.errors import NotFound
from serinus.kube.resource import CRDS
from serinus.local.crds.meshes import SMI
from serinus.local.crds.words import definition
from support import shop
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

ROLLOUT = (
    scenes.SMALL.partition("      steps:")[0].replace(
        "nginx: {stableIngress: web}", "smi: {rootService: web}"
    )
    + "      steps: [{setWeight: 50}, {pause: {}}]\n"
)
SERVICES = (scenes.STABLE_SERVICE, scenes.CANARY_SERVICE)
ROOT = shop.service("web")
SHOP = "---".join((ROLLOUT, *SERVICES))


async def split(cluster: PaperCluster) -> dict[str, Any]:
    found = await cluster.admin.get(TRAFFIC_SPLITS, "web", NAMESPACE)
    rows = found["spec"]["backends"]
    return {one["service"].rpartition("-")[2]: one["weight"] for one in rows}


@pytest.mark.parametrize(
    ("version", "half", "back"),
    [
        ("v1alpha1", {"canary": "50", "stable": "50"}, {"canary": "0", "stable": "100"}),
        ("v1alpha3", {"canary": 50, "stable": 50}, {"canary": 0, "stable": 100}),
    ],
)
def test_it_waits_for_kind_and_root_then_shifts_and_an_abort_goes_back_and_all_goes_with_it(
    version: str, half: dict[str, Any], back: dict[str, Any]
) -> None:
    async def story() -> Any:
        versions = {"split.smi-spec.io": version}
        async with paper_cluster() as cluster, controlled(cluster, api_versions=versions):
            await cluster.apply(SHOP)
            await cluster.clock.sleep(30)
            told = condition(await status(cluster), "InvalidSpec")["message"]
            await cluster.admin.create(CRDS, definition(SMI))
            await cluster.apply(ROOT)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            seen = [await split(cluster)]
            await command(cluster, abort)
            await until_phase(cluster, "Degraded")
            await cluster.clock.sleep(30)
            seen.append(await split(cluster))
            events = await reasons(cluster)
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
            await cluster.clock.sleep(60)
            with pytest.raises(NotFound):
                await cluster.admin.get(TRAFFIC_SPLITS, "web", NAMESPACE)
            return told, seen, events

    told, seen, events = run_virtual(story())
    assert "spec.strategy.canary.trafficRouting.smi: TrafficSplit web" in told
    assert "trafficRouting.smi.rootService: waiting for Service web" in told
    assert seen == [half, back]
    assert events.count("TrafficSplitCreated") == 1


def test_one_that_is_deleted_in_mid_release_is_made_again_and_gets_its_weight() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.admin.create(CRDS, definition(SMI))
            await cluster.apply("---".join((SHOP, ROOT)))
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            await cluster.admin.delete(TRAFFIC_SPLITS, "web", NAMESPACE)
            await cluster.clock.sleep(30)
            return await split(cluster), (await status(cluster))["phase"]

    assert run_virtual(story()) == ({"canary": "50", "stable": "50"}, "Paused")


def test_an_experiment_gets_its_part_and_gives_it_back() -> None:
    documents = list(yaml.safe_load_all("---".join((SHOP, ROOT))))
    canary = documents[0]["spec"]["strategy"]["canary"]
    canary["steps"] = [{"experiment": STEP}, *canary["steps"]]

    async def story() -> list[dict[str, Any]]:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.admin.create(CRDS, definition(SMI))
            await cluster.apply(yaml.safe_dump_all(documents))
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            lines: list[dict[str, Any]] = []
            for _ in range(400):
                if (line := await split(cluster)) not in lines[-1:]:
                    lines.append(line)
                await cluster.clock.sleep(0.25)
            return lines

    nothing = {"canary": "0", "stable": "100"}
    given = {"canary": "0", "old": "10", "new": "10", "stable": "80"}
    half = {"canary": "50", "stable": "50"}
    assert run_virtual(story()) == [nothing, given, nothing, half]


def test_what_a_rollout_left_that_was_deleted_without_it_is_taken_in_by_its_namesake() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.admin.create(CRDS, definition(SMI))
            await cluster.apply("---".join((SHOP, ROOT)))
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE, propagation="Orphan")
            await cluster.clock.sleep(20)
            left = await split(cluster)
            await cluster.apply(ROLLOUT.replace("web:v1", "web:v2"))
            await until_phase(cluster, "Healthy")
            await cluster.clock.sleep(120)
            made = await cluster.admin.get(TRAFFIC_SPLITS, "web", NAMESPACE)
            rollout = await cluster.admin.get(ROLLOUTS, "web", NAMESPACE)
            (owner,) = made["metadata"]["ownerReferences"]
            return left, owner["uid"] == rollout["metadata"]["uid"]

    assert run_virtual(story()) == ({"canary": "0", "stable": "100"}, True)

"""Releases through Mappings of Ambassador, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from control import scenes
from control.scenes import command, condition, release, status, until_phase
from serinus.control.kinds import MAPPINGS, ROLLOUTS
from serinus.core.rollout.commands import abort, promote
from serinus.kube.errors import NotFound
from serinus.kube.resource import CRDS
from serinus.local.crds.meshes import AMBASSADOR
from serinus.local.crds.words import definition
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

MAPPING = """
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: web, namespace: shop}
spec: {hostname: shop.example.com, prefix: /, service: "web-stable:80"}
"""
ROLLOUT = scenes.SMALL.partition("      steps:")[0].replace(
    "nginx: {stableIngress: web}", "ambassador: {mappings: [web]}"
)
SHOP = "---".join(
    (
        ROLLOUT + "      steps: [{setWeight: 50}, {pause: {}}]\n",
        scenes.STABLE_SERVICE,
        scenes.CANARY_SERVICE,
    )
)


async def canary(cluster: PaperCluster) -> Any:
    """The spec of the canary Mapping; None if there is none."""
    try:
        found = await cluster.admin.get(MAPPINGS, "web-canary", NAMESPACE)
    except NotFound:
        return None
    return found["spec"]


def half() -> dict[str, Any]:
    return {
        "hostname": "shop.example.com",
        "prefix": "/",
        "service": "web-canary:80",
        "weight": 50,
    }


@pytest.mark.parametrize("version", ["v2", "v3alpha1"])
def test_it_waits_for_the_mapping_then_shifts_and_an_abort_goes_back_and_leaves_nothing(
    version: str,
) -> None:
    async def story() -> Any:
        versions = {"getambassador.io": version}
        async with paper_cluster() as cluster, controlled(cluster, api_versions=versions):
            await cluster.apply(SHOP)
            await cluster.clock.sleep(30)
            told = condition(await status(cluster), "InvalidSpec")["message"]
            await cluster.admin.create(CRDS, definition(AMBASSADOR))
            await cluster.apply(MAPPING)
            await until_phase(cluster, "Healthy")
            seen = [await canary(cluster)]
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            seen.append(await canary(cluster))
            await command(cluster, abort)
            await until_phase(cluster, "Degraded")
            await cluster.clock.sleep(10)
            seen.append((await canary(cluster))["weight"])
            await cluster.clock.sleep(120)
            seen.append(await canary(cluster))
            return told, seen

    told, seen = run_virtual(story())
    assert "spec.strategy.canary.trafficRouting.ambassador.mappings[0]: Mapping web" in told
    assert seen == [None, half(), 0, None]


def test_a_release_to_the_end_takes_its_mapping_away_and_the_next_one_makes_it_again() -> None:
    async def story() -> list[Any]:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.admin.create(CRDS, definition(AMBASSADOR))
            await cluster.apply("---".join((SHOP, MAPPING)))
            await until_phase(cluster, "Healthy")
            seen: list[Any] = []
            for number in (2, 3):
                await release(cluster, f"web:v{number}")
                await until_phase(cluster, "Paused", 1)
                seen.append((await canary(cluster))["weight"])
                await command(cluster, promote)
                await until_phase(cluster, "Healthy")
                await cluster.clock.sleep(120)
                seen.append(await canary(cluster))
            return seen

    assert run_virtual(story()) == [50, None, 50, None]


def test_with_its_rollout_the_mapping_of_a_canary_goes_too() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.admin.create(CRDS, definition(AMBASSADOR))
            await cluster.apply("---".join((SHOP, MAPPING)))
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            before = await canary(cluster)
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
            await cluster.clock.sleep(60)
            return (
                before,
                await canary(cluster),
                await cluster.admin.get(MAPPINGS, "web", NAMESPACE),
            )

    before, left, base = run_virtual(story())
    assert (before, left) == (half(), None)
    assert "weight" not in base["spec"]


WRONG = {
    "service: audit": "Mapping web leads to audit, not to web-stable",
    "service: web-stable, weight: 0": "Mapping web has a weight of its own; remove it there",
}


@pytest.mark.parametrize("spec", WRONG)
def test_a_mapping_that_cannot_be_split_is_told_before_anything_moves(spec: str) -> None:
    async def story() -> str:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.admin.create(CRDS, definition(AMBASSADOR))
            await cluster.apply(
                "---".join((SHOP, MAPPING.replace('service: "web-stable:80"', spec)))
            )
            await cluster.clock.sleep(30)
            return str(condition(await status(cluster), "InvalidSpec")["message"])

    assert WRONG[spec] in run_virtual(story())


def test_deleted_without_its_things_a_rollout_leaves_no_canary_mapping() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.admin.create(CRDS, definition(AMBASSADOR))
            await cluster.apply("---".join((SHOP, MAPPING)))
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE, propagation="Orphan")
            await cluster.clock.sleep(20)
            return await canary(cluster)

    assert run_virtual(story()) is None

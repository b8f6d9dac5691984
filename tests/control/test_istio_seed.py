"""The Istio manifest that the project was created from, as printed: split by subset alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from control import mesh
from control.scenes import status
from serinus.api.argo import Rollout
from serinus.api.wire import decode
from serinus.control.kinds import DESTINATION_RULES, ROLLOUTS, VIRTUAL_SERVICES
from serinus.core.rollout import commands
from serinus.kube.client import PatchKind
from serinus.kube.resource import REPLICASETS
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

ROOT = Path(__file__).parents[2]
SEEDS = Path(os.environ.get("SERINUS_REFERENCE", ROOT.parent / "shared")) / "seeds"
NAME = "my-service"


async def until(cluster: PaperCluster, phase: str, step: int | None = None) -> None:
    for _ in range(900):
        now = await status(cluster, NAME)
        if now.get("phase") == phase and step in (None, now.get("currentStepIndex")):
            return
        await cluster.clock.sleep(1)
    raise AssertionError(f"never {phase}: {await status(cluster, NAME)}")


async def promote(cluster: PaperCluster) -> None:
    found = decode(Rollout, await cluster.admin.get(ROLLOUTS, NAME, NAMESPACE))
    for edit in commands.promote(found):
        kind = PatchKind.MERGE if edit.kind == "merge" else PatchKind.JSON
        part = edit.subresource or None
        await cluster.admin.patch(
            ROLLOUTS, NAME, edit.patch, NAMESPACE, kind=kind, subresource=part
        )


async def shown(cluster: PaperCluster) -> tuple[list[Any], dict[str, str]]:
    """Each route's name and weights, and the version that each subset selects."""
    spec = (await cluster.admin.get(VIRTUAL_SERVICES, "my-service-vsvc", NAMESPACE))["spec"]
    rule = (await cluster.admin.get(DESTINATION_RULES, "my-service-dr", NAMESPACE))["spec"]
    routes = [(one["name"], [row["weight"] for row in one["route"]]) for one in spec["http"]]
    images = await mesh.images_by_hash(cluster)
    chosen = {
        one["name"]: images[one["labels"]["rollouts-pod-template-hash"]].rpartition(":")[2]
        for one in rule["subsets"]
    }
    return routes, chosen


async def replicas(cluster: PaperCluster) -> list[int]:
    items = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
    return sorted(one["spec"]["replicas"] for one in items)


@pytest.mark.skipif(not SEEDS.is_dir(), reason="SERINUS_REFERENCE has no seeds")
def test_the_seed_goes_by_testers_and_a_tenth_to_everybody() -> None:
    printed = (SEEDS / "000-canary-istio.yaml").read_text()

    async def story() -> Any:
        seen = []
        async with paper_cluster() as cluster, controlled(cluster):
            await mesh.serve(cluster)
            await cluster.apply(printed.replace("namespace: my-app", f"namespace: {NAMESPACE}"))
            await until(cluster, "Healthy")
            image = {"name": NAME, "image": "ghcr.io/myorg/my-service:v1.2.4"}
            containers = [{**image, "ports": [{"containerPort": 8080}]}]
            patch = {"spec": {"template": {"spec": {"containers": containers}}}}
            await cluster.admin.patch(ROLLOUTS, NAME, patch, NAMESPACE)
            await until(cluster, "Paused", 2)
            seen.append((*await shown(cluster), await replicas(cluster)))
            await promote(cluster)
            await until(cluster, "Paused", 4)
            seen.append((*await shown(cluster), await replicas(cluster)))
            await until(cluster, "Healthy")
            await cluster.clock.sleep(60)
            seen.append((*await shown(cluster), await replicas(cluster)))
        return seen

    trial = {"stable": "v1.2.3", "canary": "v1.2.4"}
    assert run_virtual(story()) == [
        ([("header-route", [100]), ("primary", [100, 0])], trial, [1, 4]),
        ([("header-route", [100]), ("primary", [90, 10])], trial, [1, 4]),
        ([("primary", [100, 0])], {"stable": "v1.2.4", "canary": "v1.2.4"}, [0, 4]),
    ]

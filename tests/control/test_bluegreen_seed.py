"""The blue-green manifest that the project was created from, as printed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from control import scenes
from control.scenes import rollout, status
from serinus.api.argo import Rollout
from serinus.api.wire import decode
from serinus.control.kinds import ROLLOUTS
from serinus.core.rollout import commands
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

ROOT = Path(__file__).parents[2]
SEEDS = Path(os.environ.get("SERINUS_REFERENCE", ROOT.parent / "shared")) / "seeds"
NAME = "my-service"


def printed(name: str) -> str:
    """A seed, in the namespace of the stories."""
    return (SEEDS / name).read_text().replace("namespace: my-app", f"namespace: {NAMESPACE}")


async def _until(cluster: PaperCluster, phase: str) -> None:
    async def so() -> bool:
        return bool((await status(cluster, NAME)).get("phase") == phase)

    for _ in range(900):
        if await so():
            return
        await cluster.clock.sleep(1)
    raise AssertionError(f"never {phase}: {await status(cluster, NAME)}")


@pytest.mark.skipif(not SEEDS.is_dir(), reason="SERINUS_REFERENCE has no seeds")
def test_the_seed_waits_for_its_template_and_then_goes_all_the_way() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster)
            network.answer = lambda request, number: scenes.vector(
                0.1 if "quantile" in str(request) else 0.999
            )
            async with controlled(cluster, asker=network):
                await cluster.apply(printed("000-blue-green.yaml"))
                await _until(cluster, "Degraded")
                held = (await status(cluster, NAME))["message"]
                documents = yaml.safe_load_all(printed("000-canary-nginx.yaml"))
                template = next(one for one in documents if one["kind"] == "AnalysisTemplate")
                await cluster.apply(yaml.safe_dump(template))
                await _until(cluster, "Healthy")
                image = {"name": NAME, "image": "ghcr.io/myorg/my-service:v1.3.0"}
                containers = [{**image, "ports": [{"containerPort": 8080}]}]
                patch = {"spec": {"template": {"spec": {"containers": containers}}}}
                await cluster.admin.patch(ROLLOUTS, NAME, patch, NAMESPACE)
                await _until(cluster, "Paused")
                (edit,) = commands.promote(decode(Rollout, await rollout(cluster, NAME)))
                await cluster.admin.patch(
                    ROLLOUTS, NAME, edit.patch, NAMESPACE, subresource="status"
                )
                await _until(cluster, "Healthy")
                return held, await status(cluster, NAME), await scenes.runs(cluster)

    held, now, runs = run_virtual(story())
    assert "waiting for AnalysisTemplate success-rate" in held
    assert now["stableRS"] == now["blueGreen"]["activeSelector"] == now["currentPodHash"]
    assert sorted(runs.values()) == ["Successful", "Successful"]
    assert sorted(name[-4:] for name in runs) == ["-pre", "post"]

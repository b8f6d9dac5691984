"""Releases end to end, in virtual time: good, bad, doubtful, replaced and taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from control import scenes
from control.analysis_world import Network
from control.scenes import command, end_state, release, status, timeline, until_phase
from serinus.control.kinds import ANALYSIS_TEMPLATES
from serinus.core.rollout import commands
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual


@asynccontextmanager
async def shop(answer: bytes = scenes.GOOD) -> AsyncIterator[tuple[PaperCluster, Network]]:
    """The small shop, deployed and at rest."""
    async with paper_cluster() as cluster:
        network = scenes.network(cluster, answer)
        async with controlled(cluster, asker=network):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            yield cluster, network


def told(story: Callable[[PaperCluster, Network], Awaitable[Any]], answer: bytes) -> Any:
    async def run() -> Any:
        async with shop(answer) as (cluster, network):
            return await story(cluster, network)

    return run_virtual(run())


def healthy(image: str, **fields: Any) -> dict[str, Any]:
    return {
        "phase": "Healthy",
        "step": 3,
        "stable": image,
        "current": image,
        "abort": False,
        "weight": 0,
        "services": {"web-stable": image, "web-canary": image},
        "pods": [image, image],
        "revisions": ["web:v1", "web:v2"],
        "runs": ["Successful"],
        **fields,
    }


def test_a_good_release_is_measured_and_promoted() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        return await timeline(cluster, 120), await end_state(cluster), len(network.sent)

    seen, end, asked = told(story, scenes.GOOD)
    assert seen == [
        ("Progressing", 0, 0),
        ("Progressing", 0, 50),
        ("Progressing", 1, 50),
        ("Paused", 2, 50),
        ("Progressing", 3, 50),
        ("Progressing", 3, 100),
        ("Healthy", 3, 100),
        ("Healthy", 3, 0),
    ]
    assert end == healthy("web:v2")
    assert asked == 3


def test_a_template_that_goes_in_mid_run_changes_nothing_for_that_run() -> None:
    """The run has its own copy; the rollout is held by what its spec names, until it is back."""

    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Progressing", 1)
        await cluster.clock.sleep(4)
        await cluster.admin.delete(ANALYSIS_TEMPLATES, "errors", NAMESPACE)
        await cluster.clock.sleep(60)
        held, weight = await status(cluster), await scenes.weight(cluster)
        await cluster.apply(scenes.TEMPLATE)
        await cluster.clock.sleep(90)
        return held, weight, await end_state(cluster)

    held, weight, end = told(story, scenes.GOOD)
    assert held["phase"] == "Degraded"
    assert "waiting for AnalysisTemplate errors" in held["message"]
    assert (held["currentStepIndex"], weight) == (1, 50)
    assert end == healthy("web:v2")


def test_abort_then_retry_measures_again() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 2)
        await command(cluster, commands.abort())
        await until_phase(cluster, "Degraded")
        await cluster.clock.sleep(60)
        aborted = await end_state(cluster)
        await command(cluster, commands.retry)
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(30)
        return aborted, await end_state(cluster), len(network.sent)

    aborted, end, asked = told(story, scenes.GOOD)
    assert aborted == healthy("web:v1", phase="Degraded", step=0, current="web:v2", abort=True)
    assert end == healthy("web:v2", runs=["Successful", "Successful"])
    assert asked == 6

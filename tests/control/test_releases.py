"""Releases end to end, in virtual time: good, bad, doubtful, replaced and taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from control import scenes
from control.analysis_world import Network
from control.scenes import command, condition, end_state, release, status, timeline, until_phase
from serinus.api.kubernetes import ReplicaSet
from serinus.control.kinds import ANALYSIS_TEMPLATES
from serinus.core.rollout import commands
from serinus.kube.resource import REPLICASETS
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


def test_a_failed_analysis_takes_the_release_back_by_itself() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        seen = await timeline(cluster, 120)
        return seen, await end_state(cluster), await status(cluster), await scenes.reasons(cluster)

    seen, end, now, reasons = told(story, scenes.BAD)
    assert max(weight for _, _, weight in seen) == 50
    assert seen[-1] == ("Degraded", 0, 0)
    assert end == healthy(
        "web:v1",
        phase="Degraded",
        step=0,
        current="web:v2",
        abort=True,
        runs=["Failed"],
    )
    assert "failed (1) > failureLimit (0)" in now["message"]
    assert condition(now, "Progressing")["reason"] == "RolloutAborted"
    assert {"AnalysisRunFailed", "RolloutAborted"} <= set(reasons)


def test_an_analysis_without_data_pauses_the_rollout_and_a_person_decides() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        paused = await status(cluster)
        await command(cluster, commands.promote)
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(60)
        return paused, await end_state(cluster)

    paused, end = told(story, scenes.NOTHING)
    assert paused["message"] == "InconclusiveAnalysisRun"
    assert end == healthy("web:v2", runs=["Inconclusive"])


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


def test_a_third_revision_in_mid_rollout_begins_anew_from_stable() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 2)
        await release(cluster, "web:v3")
        return await timeline(cluster, 150), await end_state(cluster)

    seen, end = told(story, scenes.GOOD)
    assert seen[0][:2] == ("Progressing", 0)
    lowest = min(weight for _, _, weight in seen[:-2])
    assert lowest == 0, "the weight of v2 is not handed to v3"
    assert end == healthy(
        "web:v3", revisions=["web:v1", "web:v2", "web:v3"], runs=["Successful", "Successful"]
    )


def test_undo_goes_back_to_stable_without_steps() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 2)
        sets = (await cluster.admin.list(REPLICASETS, NAMESPACE, type=ReplicaSet)).items
        await command(cluster, lambda rollout: commands.undo(rollout, sets))
        await cluster.clock.sleep(20)
        weight = await scenes.weight(cluster)
        await cluster.clock.sleep(60)
        return weight, await end_state(cluster)

    weight, end = told(story, scenes.GOOD)
    assert weight == 0
    assert end == healthy("web:v1")


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


def test_promote_ends_a_pause_and_full_promotion_skips_everything() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        patch = [{"setWeight": 50}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]
        spec = {"spec": {"strategy": {"canary": {"steps": patch}}}}
        await cluster.admin.patch(scenes.ROLLOUTS, "web", spec, NAMESPACE)
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        await command(cluster, commands.promote)
        await until_phase(cluster, "Paused", 3)
        await command(cluster, commands.promote_fully)
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(60)
        return await end_state(cluster)

    assert told(story, scenes.GOOD) == healthy("web:v2", step=4, runs=[])


def test_a_paused_rollout_stands_still_until_it_is_let_go() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Progressing", 1)
        await command(cluster, commands.pause())
        await cluster.clock.sleep(60)
        frozen = await status(cluster), await scenes.weight(cluster)
        await command(cluster, commands.promote)
        await cluster.clock.sleep(120)
        return frozen, await end_state(cluster)

    (frozen, weight), end = told(story, scenes.GOOD)
    assert (frozen["phase"], frozen["currentStepIndex"], weight) == ("Paused", 1, 50)
    assert end == healthy("web:v2")

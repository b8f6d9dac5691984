"""Releases behind Istio, end to end in virtual time: by host, by subset, and by both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from control import mesh
from control.scenes import command, release, status, until_phase
from serinus.core.rollout import commands
from support.cluster import PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

Story = Callable[[PaperCluster], Awaitable[Any]]


@asynccontextmanager
async def shop(manifests: str) -> AsyncIterator[PaperCluster]:
    async with paper_cluster() as cluster, controlled(cluster):
        await mesh.serve(cluster)
        await cluster.apply(manifests)
        await until_phase(cluster, "Healthy")
        yield cluster


def told(story: Story, way: str) -> Any:
    async def run() -> Any:
        async with shop(mesh.WAYS[way]) as cluster:
            return await story(cluster)

    return run_virtual(run())


async def changes(cluster: PaperCluster, way: str, seconds: int) -> list[tuple[Any, ...]]:
    """Weights and, with subsets, whom they select: each change once."""
    found: list[tuple[Any, ...]] = []
    for _ in range(seconds * 4):
        await cluster.clock.sleep(0.25)
        now: tuple[Any, ...] = (await mesh.weights(cluster),)
        if way != "hosts":
            chosen = await mesh.subsets(cluster)
            now += ((chosen["stable"], chosen["canary"]),)
        if not found or found[-1] != now:
            found.append(now)
    return found


@pytest.mark.parametrize("way", mesh.WAYS)
def test_a_release_goes_through_its_steps_to_the_end(way: str) -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        first = await changes(cluster, way, 40)
        paused = (await status(cluster))["phase"]
        await command(cluster, commands.promote)
        return first, paused, await changes(cluster, way, 60), await status(cluster)

    first, paused, second, end = told(story, way)
    assert paused == "Paused"
    assert (end["phase"], end["stableRS"]) == ("Healthy", end["currentPodHash"])
    if way == "hosts":
        assert first == [((100, 0),), ((50, 50),)]
        assert second == [((50, 50),), ((0, 100),), ((100, 0),)]
        return
    old, trial, new = ("web:v1", "web:v1"), ("web:v1", "web:v2"), ("web:v2", "web:v2")
    assert first == [((100, 0), old), ((100, 0), trial), ((50, 50), trial)]
    assert second == [((50, 50), trial), ((0, 100), trial), ((0, 100), new), ((100, 0), new)]


@pytest.mark.parametrize("way", mesh.WAYS)
def test_after_an_abort_nothing_points_at_the_canary_any_more(way: str) -> None:
    """Argo Rollouts leaves the DestinationRule on the hash of the canary (its issue 1838)."""

    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused")
        await command(cluster, commands.abort)
        seen = await changes(cluster, way, 60)
        return seen, (await status(cluster))["phase"]

    seen, phase = told(story, way)
    assert phase == "Degraded"
    if way == "hosts":
        assert seen == [((100, 0),)]
        return
    old, trial = ("web:v1", "web:v1"), ("web:v1", "web:v2")
    assert seen[-1] == ((100, 0), old)
    assert seen == [((100, 0), trial), ((100, 0), old)]

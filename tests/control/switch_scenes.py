"""What stories about a blue-green shop are told with: its objects, its end states, its timeline."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from control import scenes
from control.analysis_world import Network
from control.scenes import Json, status, until_phase
from serinus.api import names
from serinus.kube.resource import REPLICASETS, SERVICES
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.shop import rollout, service
from support.virtual import run_virtual

SWITCH = """
activeService: web-active
previewService: web-preview
scaleDownDelaySeconds: 10
abortScaleDownDelaySeconds: 10
"""
ACTIVE, PREVIEW = service("web-active"), service("web-preview")
BOTH = """prePromotionAnalysis: {templates: [{templateName: errors}]}
postPromotionAnalysis: {templates: [{templateName: errors}]}
"""
MANUAL = "autoPromotionEnabled: false\n"


def objects(more: str = "") -> str:
    """The shop; `more` are lines of its strategy."""
    return "---".join((rollout("blueGreen", SWITCH + more), scenes.TEMPLATE, ACTIVE, PREVIEW))


@asynccontextmanager
async def shop(
    more: str = "", answer: bytes = scenes.GOOD
) -> AsyncIterator[tuple[PaperCluster, Network]]:
    """The shop, deployed and at rest."""
    async with paper_cluster() as cluster:
        network = scenes.network(cluster, answer)
        async with controlled(cluster, asker=network):
            await cluster.apply(objects(more))
            await until_phase(cluster, "Healthy")
            yield cluster, network


Story = Callable[[PaperCluster, Network], Awaitable[Any]]


def told(story: Story, more: str = "", answer: bytes = scenes.GOOD) -> Any:
    async def run() -> Any:
        async with shop(more, answer) as (cluster, network):
            return await story(cluster, network)

    return run_virtual(run())


async def where(cluster: PaperCluster) -> Json:
    """Who is active, preview and stable, by image; pods wanted by image; the phase."""
    now = await status(cluster)
    sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
    image = {
        one["metadata"]["labels"][names.POD_HASH]: one["spec"]["template"]["spec"]["containers"][0][
            "image"
        ].removeprefix("web:")
        for one in sets
    }
    services = {
        one["metadata"]["name"]: image.get(one["spec"]["selector"].get(names.POD_HASH), "all")
        for one in (await cluster.admin.list(SERVICES, NAMESPACE)).items
    }
    return {
        "phase": now.get("phase", ""),
        "active": services["web-active"],
        "preview": services["web-preview"],
        "stable": image.get(now.get("stableRS", ""), "none"),
        "pods": {
            image[one["metadata"]["labels"][names.POD_HASH]]: one["spec"]["replicas"]
            for one in sorted(sets, key=lambda one: str(one["metadata"]["creationTimestamp"]))
        },
    }


def line(now: Json) -> str:
    pods = " ".join(f"{version}:{count}" for version, count in sorted(now["pods"].items()))
    roles = f"active={now['active']} preview={now['preview']} stable={now['stable']}"
    return f"{roles} {pods} {now['phase']}"


async def lines(cluster: PaperCluster, seconds: int) -> list[str]:
    """Where everything stands, once a second, each change once."""
    seen: list[str] = []
    for _ in range(seconds):
        await cluster.clock.sleep(1)
        now = line(await where(cluster))
        if not seen or now != seen[-1]:
            seen.append(now)
    return seen


async def until_active(cluster: PaperCluster, version: str) -> None:
    """Waits until the active Service selects a version."""

    async def so() -> bool:
        return bool((await where(cluster))["active"] == version)

    await scenes.until(cluster, so)

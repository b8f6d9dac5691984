"""A controller that dies at any write of a release behind Istio: no request ever goes where nobody
answers, and the end is always the same.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from control import mesh
from control.scenes import release, status, until, until_phase
from control.test_crashes import Cut
from serinus.api.names import POD_HASH
from serinus.control.kinds import DESTINATION_RULES
from serinus.kube.resource import PODS, SERVICES
from serinus.kube.transport.wire import Transport
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

MOST_WRITES = 45
"""More than a controller needs for the release (asserted below)."""
CUTS = range(1, MOST_WRITES + 1)
SOME = {number for number in CUTS if number % 24 == 14}
"""The cuts of the quick suite; all of them are in the long one."""


async def ready_by_hash(cluster: PaperCluster) -> dict[str, int]:
    found: dict[str, int] = {}
    for pod in (await cluster.admin.list(PODS, NAMESPACE)).items:
        conditions = pod.get("status", {}).get("conditions", ())
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        if ready and "deletionTimestamp" not in pod["metadata"]:
            one = pod["metadata"]["labels"][POD_HASH]
            found[one] = found.get(one, 0) + 1
    return found


async def targets(cluster: PaperCluster, way: str) -> tuple[str, str]:
    """The hash that requests to stable and to the canary get."""
    if way == "hosts":
        names = ("web-stable", "web-canary")
        found = [await cluster.admin.get(SERVICES, name, NAMESPACE) for name in names]
        stable, canary = (one["spec"]["selector"].get(POD_HASH, "") for one in found)
    else:
        rule = await cluster.admin.get(DESTINATION_RULES, "web", NAMESPACE)
        labels = [one["labels"] for one in rule["spec"]["subsets"]]
        stable, canary = (one.get(POD_HASH, "") for one in labels[:2])
    return stable, canary


async def watch_users(cluster: PaperCluster, way: str, lost: list[str]) -> None:
    """Notes whenever a part of the requests would meet no pod."""
    while True:
        await cluster.clock.sleep(0.1)
        ready = await ready_by_hash(cluster)
        chosen = zip(await mesh.weights(cluster), await targets(cluster, way), strict=True)
        for weight, target in chosen:
            if weight and target and not ready.get(target):
                lost.append(f"{weight} to {target}: {ready}")


async def rested(cluster: PaperCluster) -> None:
    async def so() -> bool:
        now = await status(cluster)
        over = now.get("phase") == "Healthy" and now.get("currentStepIndex") == 2
        return over and await mesh.weights(cluster) == (100, 0) and len(await pods(cluster)) == 2

    await until(cluster, so)
    await cluster.clock.sleep(30)


async def pods(cluster: PaperCluster) -> list[str]:
    found = (await cluster.admin.list(PODS, NAMESPACE)).items
    return sorted(pod["spec"]["containers"][0]["image"] for pod in found)


async def end(cluster: PaperCluster, way: str) -> dict[str, Any]:
    images = await mesh.images_by_hash(cluster)
    stable, canary = await targets(cluster, way)
    return {
        "weights": await mesh.weights(cluster),
        "targets": (images[stable], images[canary]),
        "pods": await pods(cluster),
    }


def released(way: str, cut: int, *, done: bool) -> tuple[dict[str, Any], list[str], bool]:
    """The end of a release whose controller died at the cut, what was lost, whether it died."""
    made: list[Cut] = []
    lost: list[str] = []

    def wrap(inner: Transport) -> Cut:
        made.append(Cut(inner, cut, done=done))
        return made[-1]

    async def story() -> tuple[dict[str, Any], list[str], bool]:
        async with paper_cluster() as cluster:
            async with controlled(cluster):
                await mesh.serve(cluster)
                await cluster.apply(mesh.WAYS[way].replace("pause: {}", "pause: {duration: 5s}"))
                await until_phase(cluster, "Healthy")
                await cluster.clock.sleep(10)
            watching = asyncio.create_task(watch_users(cluster, way, lost))
            async with controlled(cluster, wrap):
                await release(cluster, "web:v2")
                resting = asyncio.create_task(rested(cluster))
                breaking = asyncio.create_task(made[0].broken.wait())
                await asyncio.wait({resting, breaking}, return_when=asyncio.FIRST_COMPLETED)
                breaking.cancel()
                died = not resting.done()
                resting.cancel()
            if died:
                await cluster.clock.sleep(5)
                async with controlled(cluster):
                    await rested(cluster)
            watching.cancel()
            return await end(cluster, way), lost, died

    return run_virtual(story())


END = {
    "weights": (100, 0),
    "targets": ("web:v2", "web:v2"),
    "pods": ["web:v2", "web:v2"],
}


@pytest.mark.parametrize("way", mesh.WAYS)
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "cut",
    [pytest.param(n, marks=() if n in SOME else pytest.mark.long) for n in CUTS],
)
def test_a_controller_that_dies_loses_nothing(way: str, done: bool, cut: int) -> None:
    found, lost, _ = released(way, cut, done=done)
    assert (found, lost) == (END, [])


@pytest.mark.parametrize("way", mesh.WAYS)
def test_the_cuts_go_beyond_the_last_write(way: str) -> None:
    found, lost, died = released(way, MOST_WRITES, done=False)
    assert (found, lost, died) == (END, [], False)

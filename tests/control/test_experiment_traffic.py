"""An experiment whose templates get a part of the traffic, behind a router that can divide it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from control import mesh
from control.scenes import command, release, status, until_phase
from serinus.control.kinds import EXPERIMENTS
from serinus.core.rollout.commands import abort
from serinus.kube.resource import PODS
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

STEP = {
    "duration": "60s",
    "scaleDownDelaySeconds": 0,
    "templates": [
        {
            "name": name,
            "specRef": which,
            "weight": 10,
            "metadata": {"labels": {"role": name}},
        }
        for name, which in (("old", "stable"), ("new", "canary"))
    ],
}
Line = tuple[dict[str, int], int]


def manifests(way: str) -> str:
    documents = list(yaml.safe_load_all(mesh.WAYS[way]))
    canary = documents[0]["spec"]["strategy"]["canary"]
    canary["steps"] = [{"experiment": STEP}, *canary["steps"]]
    return yaml.safe_dump_all(documents)


async def split(cluster: PaperCluster) -> dict[str, int]:
    """Who gets which weight: hosts, or their subsets, by what is left of their names."""
    spec = await mesh.virtual_service(cluster)
    (route,) = (one for one in spec["http"] if one.get("name") == "primary")
    found = {}
    for row in route["route"]:
        at = row["destination"]
        name = at.get("subset") or at["host"].rpartition("-")[2]
        found[name] = row.get("weight", 0)
    return found


async def timeline(cluster: PaperCluster, seconds: int) -> list[Line]:
    """The weights, and how many pods the experiment has; each change once."""
    lines: list[Line] = []
    for _ in range(seconds * 4):
        pods = (await cluster.admin.list(PODS, NAMESPACE)).items
        tried = sum("role" in pod["metadata"]["labels"] for pod in pods)
        line = (await split(cluster), tried)
        if not lines or lines[-1] != line:
            lines.append(line)
        await cluster.clock.sleep(0.25)
    return lines


def told(story: Any, way: str) -> Any:
    async def run() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await mesh.serve(cluster)
            await cluster.apply(manifests(way))
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            return await story(cluster)

    return run_virtual(run())


WITH = {"stable": 80, "canary": 0, "old": 10, "new": 10}
WITHOUT = {"stable": 100, "canary": 0}


@pytest.mark.parametrize("way", mesh.WAYS)
def test_weights_come_with_all_pods_and_go_before_the_first_of_them(way: str) -> None:
    async def story(cluster: PaperCluster) -> Any:
        lines = await timeline(cluster, 100)
        return lines, await status(cluster)

    lines, end = told(story, way)
    assert lines[0] == (WITHOUT, 0)
    assert (WITH, 2) in lines
    assert {pods for weights, pods in lines if weights == WITH} == {2}
    after = lines[lines.index((WITH, 2)) + 1 :]
    assert after[0] == (WITHOUT, 2), "no pod goes with the traffic"
    assert (WITHOUT, 0) in after
    assert after[-1] == ({"stable": 50, "canary": 50}, 0)
    assert (end["phase"], end["currentStepIndex"]) == ("Paused", 2)


def test_the_status_tells_who_gets_what() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await timeline(cluster, 20)
        trial = (await cluster.admin.list(EXPERIMENTS, NAMESPACE)).items[0]
        return await status(cluster), trial

    found, trial = told(story, "hosts")
    weights, name = found["canary"]["weights"], trial["metadata"]["name"]
    assert (weights["canary"]["weight"], weights["stable"]["weight"]) == (0, 80)
    hashes = [one["podTemplateHash"] for one in trial["status"]["templateStatuses"]]
    assert weights["additional"] == [
        {"weight": 10, "serviceName": f"{name}-old", "podTemplateHash": hashes[0]},
        {"weight": 10, "serviceName": f"{name}-new", "podTemplateHash": hashes[1]},
    ]


def test_an_abort_takes_the_weights_back_before_the_pods() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await timeline(cluster, 20)
        await command(cluster, abort)
        return await timeline(cluster, 20), await status(cluster)

    lines, end = told(story, "hosts")
    assert [line for line in lines if line[0] in (WITH, WITHOUT)] == lines
    assert [pods for weights, pods in lines if weights == WITH] == [2]
    assert lines[-1] == (WITHOUT, 0)
    assert end["phase"] == "Degraded"


def test_while_a_pod_is_away_the_experiment_gets_nothing_and_then_all_again() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await timeline(cluster, 10)
        seen = []
        for ready in (False, True):
            for pod in (await cluster.admin.list(PODS, NAMESPACE)).items:
                if pod["metadata"]["labels"].get("role") == "new":
                    await cluster.set_ready(pod["metadata"]["name"], ready)
            await cluster.clock.sleep(10)
            seen.append(await split(cluster))
        return seen

    assert told(story, "hosts") == [WITHOUT, WITH]

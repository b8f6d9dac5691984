"""Taking over a running installation of Argo Rollouts: nothing restarts, all goes on.

The objects are those of `original.py`; each position is one in which the other may have stopped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from control import positions, scenes
from control import positions_routed as routed
from control.analysis_world import Network
from control.original import HASH, V1, V2, Json, leave, when
from control.positions import POSITIONS
from control.positions_routed import Position
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS, ROLLOUTS
from serinus.core.rollout import commands
from serinus.kube.resource import DEPLOYMENTS, PODS, REPLICASETS, SERVICES
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

START_SECONDS = 15.0
"""What the other's pods take to be there."""
STATUS = "currentPodHash stableRS currentStepIndex currentStepHash pauseConditions abort abortedAt"


class Facts(NamedTuple):
    """What must not change by the mere change of the controller."""

    pods: frozenset[str]
    templates: dict[str, Any]
    selectors: dict[str, str]
    runs: dict[str, str]
    experiments: list[str]
    weight: int
    status: Json


async def facts(cluster: PaperCluster) -> Facts:
    pods = (await cluster.admin.list(PODS, NAMESPACE)).items
    sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
    services = (await cluster.admin.list(SERVICES, NAMESPACE)).items
    runs = (await cluster.admin.list(ANALYSIS_RUNS, NAMESPACE)).items
    experiments = (await cluster.admin.list(EXPERIMENTS, NAMESPACE)).items
    status = await scenes.status(cluster)
    return Facts(
        pods=frozenset(
            pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]
        ),
        templates={one["metadata"]["name"]: one["spec"] for one in sets},
        selectors={s["metadata"]["name"]: s["spec"]["selector"].get(HASH, "") for s in services},
        runs={run["metadata"]["name"]: run["metadata"]["uid"] for run in runs},
        experiments=[one["metadata"]["uid"] for one in experiments],
        weight=await scenes.weight(cluster),
        status={key: status.get(key) for key in STATUS.split()},
    )


@asynccontextmanager
async def left_by_the_other(position: Position) -> AsyncIterator[tuple[PaperCluster, Network]]:
    """All that it leaves, with nobody at work; `now` of the position is the end of its work."""
    async with paper_cluster(deployments=position is positions.with_workload) as cluster:
        seconds = START_SECONDS + (5.0 if position is routed.in_experiment else 0.0)
        stopped = cluster.clock.now() + timedelta(seconds=seconds)
        await leave(cluster, position(stopped))
        yield cluster, scenes.network(cluster)


@asynccontextmanager
async def taken_over(position: Position) -> AsyncIterator[tuple[PaperCluster, Network]]:
    """The same, with our controller at work."""
    async with (
        left_by_the_other(position) as (cluster, network),
        controlled(cluster, asker=network),
    ):
        yield cluster, network


async def to_the_end(cluster: PaperCluster, seconds: int = 900) -> Json:
    """Until nothing is left to do; a person retries what was aborted and promotes what waits."""
    for _ in range(seconds // 5):
        status = await scenes.status(cluster)
        if status["phase"] == "Healthy":
            return status
        if status.get("abort"):
            await scenes.command(cluster, commands.retry)
        elif status["phase"] == "Paused":
            await scenes.command(cluster, commands.promote)
        await cluster.clock.sleep(5)
    raise AssertionError(f"not at rest: {await scenes.status(cluster)}")


async def image_of_all_pods(cluster: PaperCluster) -> set[str]:
    pods = (await cluster.admin.list(PODS, NAMESPACE)).items
    return {pod["spec"]["containers"][0]["image"] for pod in pods}


async def release(cluster: PaperCluster, image: str) -> None:
    """Into the Rollout, or into the Deployment whose pods it has."""
    rollout = await scenes.rollout(cluster)
    lent = "workloadRef" in rollout["spec"]
    containers = [{"name": "web", "image": image, "ports": [{"containerPort": 8080}]}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    await cluster.admin.patch(DEPLOYMENTS if lent else ROLLOUTS, "web", patch, NAMESPACE)


@pytest.mark.parametrize("name", POSITIONS)
def test_nothing_restarts_and_the_update_goes_on_to_its_end(name: str) -> None:
    async def story() -> None:
        async with left_by_the_other(POSITIONS[name]) as (cluster, network):
            before = await facts(cluster)
            async with controlled(cluster, asker=network):
                await cluster.clock.sleep(3)
                after = await facts(cluster)
                if name == "first":  # its pods are ready: it is stable now
                    after.status.update(stableRS="", currentStepIndex=0)
                assert after._asdict() == before._asdict()
                status = await to_the_end(cluster)
                assert status["stableRS"] == status["currentPodHash"]
                assert status["currentPodHash"] == before.status["currentPodHash"]
                await release(cluster, "web:v3")
                await cluster.clock.sleep(5)
                status = await to_the_end(cluster)
                assert status["stableRS"] not in ("", V1, V2)
                await cluster.clock.sleep(60)
                assert await image_of_all_pods(cluster) == {"web:v3"}

    run_virtual(story())


# --- In detail -----------------------------------------------------------------------------------


def test_a_pause_is_over_when_the_other_would_have_ended_it() -> None:
    async def story() -> tuple[datetime, datetime]:
        async with left_by_the_other(routed.paused_for_a_while) as (cluster, network):
            began = (await scenes.status(cluster))["pauseConditions"][0]["startTime"]
            async with controlled(cluster, asker=network):

                async def over() -> bool:
                    return bool((await scenes.status(cluster))["currentStepIndex"] == 2)

                await scenes.until(cluster, over)
                return datetime.fromisoformat(began), cluster.clock.now()

    began, ended = run_virtual(story())
    assert timedelta(seconds=60) <= ended - began <= timedelta(seconds=62)


def test_a_run_of_the_other_goes_on_with_its_next_measurement_and_is_this_attempts() -> None:
    async def story() -> tuple[int, Json]:
        async with taken_over(routed.in_analysis) as (cluster, network):
            await cluster.clock.sleep(20)
            (run,) = (await cluster.admin.list(ANALYSIS_RUNS, NAMESPACE)).items
            assert (await scenes.status(cluster))["currentStepIndex"] == 4
            return len(network.sent), run

    asked, run = run_virtual(story())
    assert asked == 2
    assert run["status"]["phase"] == "Successful"
    assert len(run["status"]["metricResults"][0]["measurements"]) == 3


def test_a_verdict_against_the_canary_of_a_run_of_the_other_aborts() -> None:
    async def story() -> Json:
        async with left_by_the_other(routed.in_analysis) as (cluster, network):
            network.answer = lambda request, number: scenes.BAD
            async with controlled(cluster, asker=network):
                await cluster.clock.sleep(20)
                assert await scenes.weight(cluster) == 0
                return await scenes.status(cluster)

    status = run_virtual(story())
    assert status["abort"]
    assert status["message"].startswith("RolloutAborted: Rollout aborted update to revision 2")


@pytest.mark.parametrize("name", ["in_delay", "switch_in_delay", "aborted"])
def test_old_pods_go_at_the_deadline_that_the_other_set(name: str) -> None:
    """Not sooner, and not a whole delay later; the note of it is taken over as it is."""

    async def story() -> tuple[list[int], str, str]:
        async with left_by_the_other(POSITIONS[name]) as (cluster, network):
            going = f"web-{V2 if name == 'aborted' else V1}"
            deadline = when(cluster.clock.now() + timedelta(seconds=20))
            counts = []
            async with controlled(cluster, asker=network):
                for _ in range(2):
                    one = await cluster.admin.get(REPLICASETS, going, NAMESPACE)
                    counts.append(one["spec"]["replicas"])
                    await cluster.clock.sleep(18 if len(counts) == 1 else 5)
                noted = one["metadata"]["annotations"]["scale-down-deadline"]
                one = await cluster.admin.get(REPLICASETS, going, NAMESPACE)
                return [*counts, one["spec"]["replicas"]], noted, deadline

    counts, noted, deadline = run_virtual(story())
    assert counts[0] == counts[1] > 0
    assert counts[2] == 0
    assert noted == deadline


def test_a_deadline_that_is_long_past_is_not_acted_on_at_once() -> None:
    def position(now: datetime) -> Any:
        left = routed.in_delay(now)
        left.notes = {"v1": {"scale-down-deadline": when(now - timedelta(days=30))}}
        return left

    async def story() -> list[int]:
        async with left_by_the_other(position) as (cluster, network):
            counts = []
            async with controlled(cluster, asker=network):
                for _ in range(2):
                    await cluster.clock.sleep(25)
                    one = await cluster.admin.get(REPLICASETS, f"web-{V1}", NAMESPACE)
                    counts.append(one["spec"]["replicas"])
            return counts

    assert run_virtual(story()) == [5, 0]


def test_a_resting_rollout_costs_one_note_and_no_more() -> None:
    async def story() -> tuple[Json, Json, Json, Json]:
        async with left_by_the_other(routed.resting) as (cluster, network):
            async with controlled(cluster, asker=network):
                await cluster.clock.sleep(10)
                first = await cluster.admin.get(REPLICASETS, f"web-{V1}", NAMESPACE)
                told = await scenes.rollout(cluster)
            async with controlled(cluster, asker=network):
                await cluster.clock.sleep(30)
                again = await cluster.admin.get(REPLICASETS, f"web-{V1}", NAMESPACE)
                return first, again, told, await scenes.rollout(cluster)

    first, again, told, rollout = run_virtual(story())
    assert first["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"]
    assert told["metadata"]["resourceVersion"] == rollout["metadata"]["resourceVersion"]


def test_defaults_that_we_do_not_know_restart_nothing_also_after_later_edits() -> None:
    async def story() -> Json:
        async with taken_over(routed.with_new_defaults) as (cluster, _):
            await cluster.clock.sleep(5)
            await cluster.admin.patch(ROLLOUTS, "web", {"spec": {"replicas": 6}}, NAMESPACE)
            await cluster.clock.sleep(20)
            sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
            return {one["metadata"]["name"]: one["spec"]["replicas"] for one in sets}

    assert run_virtual(story())[f"web-{V1}"] == 6


def test_an_edit_that_nobody_saw_is_a_new_revision_and_not_the_old_one() -> None:
    def position(now: datetime) -> Any:
        left = routed.resting(now)
        left.status["observedGeneration"] = "1"
        return left

    async def story() -> Json:
        async with left_by_the_other(position) as (cluster, network):
            await release(cluster, "web:v2")
            async with controlled(cluster, asker=network):
                await cluster.clock.sleep(20)
                return await scenes.status(cluster)

    status = run_virtual(story())
    assert status["currentPodHash"] != V1
    assert (status["stableRS"], status["currentStepIndex"]) == (V1, 1)

"""Jobs in virtual time: pods end, are counted once, tried again, given up."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from local.controllers.nodes import PaperNode, paper_node
from local.controllers.world import World, world
from serinus.kube.errors import Invalid, NotFound
from serinus.kube.resource import EVENTS, JOBS, PODS
from serinus.local.controllers.jobs.indexes import read_indexes, write_indexes
from support.virtual import run_virtual

Json = dict[str, Any]
FINALIZER = "batch.kubernetes.io/job-tracking"


async def create(here: World, *, restart: str = "Never", **spec: Any) -> Json:
    pod = {"restartPolicy": restart, "containers": [{"name": "c", "image": "acme/task:v1"}]}
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "task"},
        "spec": {"template": {"spec": pod}} | spec,
    }
    return await here.client.create(JOBS, body, "default")


async def status(here: World) -> Json:
    return dict((await here.client.get(JOBS, "task", "default")).get("status", {}))


async def conditions(here: World) -> dict[str, str]:
    found = (await status(here)).get("conditions", [])
    return {one["type"]: one["reason"] for one in found if one["status"] == "True"}


async def reasons(here: World) -> list[str]:
    await here.settle()
    return [e["reason"] for e in (await here.client.list(EVENTS, "default")).items]


def succeeding(node: PaperNode) -> None:
    node.exit_code = lambda pod: 0


def failing(node: PaperNode) -> None:
    node.exit_code = lambda pod: 1


async def never_more_than(here: World, seconds: int) -> int:
    """The most pods that ran at once."""
    most = 0
    for _ in range(seconds):
        active = [p for p in await here.pods() if p.get("status", {}).get("phase") == "Running"]
        most = max(most, len(active))
        await here.clock.sleep(1)
    return most


def test_a_job_runs_its_completions_side_by_side_and_is_complete() -> None:
    async def story() -> tuple[Json, int, list[str], list[Json]]:
        async with world() as here, paper_node(here) as node:
            succeeding(node)
            await create(here, completions=5, parallelism=2)
            most = await never_more_than(here, 60)
            return await status(here), most, await reasons(here), await here.pods()

    found, most, told, pods = run_virtual(story())
    said = [(c["type"], c["reason"]) for c in found.pop("conditions")]
    assert said == [
        ("SuccessCriteriaMet", "CompletionsReached"),
        ("Complete", "CompletionsReached"),
    ]
    assert found.pop("startTime") < found.pop("completionTime")
    assert found == {
        "ready": 0,
        "terminating": 0,
        "succeeded": 5,
        "uncountedTerminatedPods": {},
    }
    assert most == 2
    assert (told.count("SuccessfulCreate"), told.count("Completed")) == (5, 1)
    assert all("finalizers" not in pod["metadata"] for pod in pods)
    assert {pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] for pod in pods} == {"task"}


def test_failures_are_tried_again_ever_later_until_the_limit() -> None:
    async def story() -> tuple[Json, dict[str, str], list[str], list[str]]:
        async with world() as here, paper_node(here) as node:
            failing(node)
            await create(here, backoffLimit=3)
            await here.clock.sleep(300)
            starts = sorted(p["metadata"]["creationTimestamp"] for p in await here.pods())
            return await status(here), await conditions(here), await reasons(here), starts

    found, said, told, starts = run_virtual(story())
    assert said == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}
    assert (found["failed"], found.get("succeeded"), "completionTime" in found) == (4, None, False)
    assert told.count("BackoffLimitExceeded") == 1
    seconds = [int(s[14:16]) * 60 + int(s[17:19]) for s in starts]
    gaps = [later - earlier - 8 for earlier, later in pairwise(seconds)]
    assert [round(gap / 10) for gap in gaps] == [1, 2, 4]


def test_a_success_after_failures_completes() -> None:
    async def story() -> tuple[Json, dict[str, str]]:
        async with world() as here, paper_node(here) as node:
            codes = [1, 1, 0]
            node.exit_code = lambda pod: codes.pop(0)
            await create(here)
            await here.clock.sleep(300)
            return await status(here), await conditions(here)

    found, said = run_virtual(story())
    assert (found["failed"], found["succeeded"]) == (2, 1)
    assert "Complete" in said


def test_a_job_that_runs_too_long_loses_its_pods_and_fails() -> None:
    async def story() -> tuple[Json, dict[str, str], int]:
        async with world() as here, paper_node(here):
            await create(here, activeDeadlineSeconds=30, parallelism=2, completions=2)
            await here.clock.sleep(20)
            early = await conditions(here)
            assert early == {}
            await here.clock.sleep(30)
            return await status(here), await conditions(here), len(await here.pods())

    found, said, left = run_virtual(story())
    assert said == {"FailureTarget": "DeadlineExceeded", "Failed": "DeadlineExceeded"}
    assert (found["failed"], left) == (2, 0)


def test_a_suspended_job_has_no_pods_and_counts_none_of_them_as_failed() -> None:
    async def story() -> tuple[Json, int, Json, dict[str, str]]:
        async with world() as here, paper_node(here) as node:
            await create(here, parallelism=2, completions=2, backoffLimit=0)
            await here.clock.sleep(10)
            await here.client.patch(JOBS, "task", {"spec": {"suspend": True}}, "default")
            await here.clock.sleep(60)
            rests, left = await status(here), len(await here.pods())
            succeeding(node)
            await here.client.patch(JOBS, "task", {"spec": {"suspend": False}}, "default")
            await here.clock.sleep(60)
            return rests, left, await status(here), await conditions(here)

    rests, left, found, said = run_virtual(story())
    assert (rests["conditions"][0]["reason"], left, rests.get("failed")) == (
        "JobSuspended",
        0,
        None,
    )
    assert rests["startTime"] < found["startTime"]
    assert found["succeeded"] == 2
    assert "Complete" in said
    assert "Suspended" not in said


def test_indexes_are_each_run_once_and_told_to_their_pods() -> None:
    async def story() -> tuple[Json, list[Json]]:
        async with world() as here, paper_node(here) as node:
            seen: set[str] = set()

            def code(pod: Json) -> int:
                index = pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"]
                fails_first = index == "1" and index not in seen
                seen.add(index)
                return int(fails_first)

            node.exit_code = code
            await create(here, completions=4, parallelism=3, completionMode="Indexed")
            await here.clock.sleep(200)
            return await status(here), await here.pods()

    found, pods = run_virtual(story())
    assert (found["completedIndexes"], found["succeeded"], found["failed"]) == ("0-3", 4, 1)
    hosts = sorted(pod["spec"]["hostname"] for pod in pods)
    assert hosts == ["task-0", "task-1", "task-1", "task-2", "task-3"]
    (variable,) = pods[0]["spec"]["containers"][0]["env"]
    assert variable["name"] == "JOB_COMPLETION_INDEX"


def test_a_pod_that_is_deleted_counts_as_failed_and_one_that_succeeded_stays_counted() -> None:
    async def story() -> tuple[Json, Json]:
        async with world() as here, paper_node(here) as node:
            codes = [None, 0, 0]
            node.exit_code = lambda pod: codes.pop(0)
            await create(here, completions=2)
            await here.clock.sleep(10)
            (first,) = await here.pods()
            await here.client.delete(PODS, first["metadata"]["name"], "default")
            await here.clock.sleep(30)
            between = await status(here)
            for pod in await here.pods():
                await here.client.delete(PODS, pod["metadata"]["name"], "default")
            await here.clock.sleep(60)
            return between, await status(here)

    between, found = run_virtual(story())
    assert between["failed"] == 1
    assert found["succeeded"] == 2


def test_a_finished_job_goes_after_its_time_with_all_its_pods() -> None:
    async def story() -> tuple[int, int]:
        async with world() as here, paper_node(here) as node:
            succeeding(node)
            await create(here, ttlSecondsAfterFinished=60)
            await here.clock.sleep(50)
            there = len(await here.pods())
            await here.clock.sleep(60)
            with pytest.raises(NotFound):
                await status(here)
            return there, len(await here.pods())

    assert run_virtual(story()) == (1, 0)


def test_the_pods_of_a_deleted_job_are_held_by_nothing() -> None:
    async def story() -> int:
        async with world() as here, paper_node(here):
            await create(here, parallelism=2)
            await here.clock.sleep(10)
            await here.client.delete(JOBS, "task", "default")
            await here.clock.sleep(30)
            return len(await here.pods())

    assert run_virtual(story()) == 0


def test_a_queue_of_work_ends_when_one_has_found_it_empty_and_all_have_ended() -> None:
    async def story() -> tuple[Json, int]:
        async with world() as here, paper_node(here) as node:
            succeeding(node)
            await create(here, parallelism=3)
            await here.clock.sleep(60)
            return await status(here), len(await here.pods())

    found, made = run_virtual(story())
    assert (found["succeeded"], made) == (3, 3)


def test_nothing_is_written_at_rest() -> None:
    async def story() -> tuple[str, str]:
        async with world() as here, paper_node(here) as node:
            node.exit_code = lambda pod: 0
            await create(here, completions=2, parallelism=2)
            await here.clock.sleep(100)
            before = (await here.client.list(JOBS, "default")).resource_version
            await here.clock.sleep(7200)
            return before, (await here.client.list(JOBS, "default")).resource_version

    before, after = run_virtual(story())
    assert before == after


@pytest.mark.parametrize(
    ("restart", "spec", "field"),
    [
        ("Always", {}, "spec.template.spec.restartPolicy"),
        ("Never", {"parallelism": -1}, "spec.parallelism"),
        ("Never", {"completionMode": "Indexed", "parallelism": 2}, "spec.completions"),
        ("Never", {"podFailurePolicy": {"rules": []}}, "spec.podFailurePolicy"),
        ("Never", {"backoffLimitPerIndex": 1}, "spec.backoffLimitPerIndex"),
        ("Never", {"successPolicy": {"rules": []}}, "spec.successPolicy"),
    ],
)
def test_what_is_not_possible_or_not_served_is_refused_by_name(
    restart: str, spec: Json, field: str
) -> None:
    async def story() -> str:
        async with world() as here:
            with pytest.raises(Invalid) as refused:
                await create(here, restart=restart, **spec)
            return str(refused.value)

    assert field in run_virtual(story())


@pytest.mark.parametrize("text", ["", "0", "0,1", "0-2,5", "1,3-7,9,10"])
def test_indexes_as_text_and_back(text: str) -> None:
    assert write_indexes(read_indexes(text)) == text

"""Jobs at work: how they end, wait, count and go."""

from __future__ import annotations

from collections.abc import Callable

from conformance.case import case
from conformance.cases.workloads import changed, condition, items
from conformance.handle import JOBS, PODS, Conformance, Json
from conformance.objects import STAYS, ends, job, running

JOB = f"{JOBS}/task"


def is_over(kind: str) -> Callable[[Json], bool]:
    """Whether a Job has ended so: Complete or Failed."""
    return lambda value: condition(value, kind).get("status") == "True"


def task(code: int = 0, **spec: object) -> Json:
    """A Job whose pods end with an exit code."""
    return running(job("task", **spec), ends(code), restartPolicy="Never")


@case(controllers=True)
async def a_job_whose_pod_succeeds_is_complete(k: Conformance) -> None:
    await k.made(JOBS, task())
    done = await k.until(JOB, is_over("Complete"))
    assert done["status"]["succeeded"] == 1
    assert {"startTime", "completionTime"} <= done["status"].keys()
    assert condition(done, "SuccessCriteriaMet")["reason"] == "CompletionsReached"


@case(controllers=True)
async def the_pods_of_a_job_are_tied_to_it(k: Conformance) -> None:
    made = await k.made(JOBS, task())
    await k.until(JOB, is_over("Complete"))
    (one,) = await items(k, PODS, "batch.kubernetes.io/job-name=task")
    uid = made["metadata"]["uid"]
    assert one["metadata"]["labels"]["batch.kubernetes.io/controller-uid"] == uid
    assert made["spec"]["selector"]["matchLabels"] == {"batch.kubernetes.io/controller-uid": uid}
    (owner,) = one["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Job", "task", True)


@case(controllers=True)
async def a_job_gives_up_at_its_limit(k: Conformance) -> None:
    await k.made(JOBS, task(1, backoffLimit=0))
    done = await k.until(JOB, is_over("Failed"))
    failed = condition(done, "Failed")
    assert failed["reason"] == "BackoffLimitExceeded"
    assert failed["message"] == "Job has reached the specified backoff limit"
    assert done["status"]["failed"] == 1
    assert "completionTime" not in done["status"]


@case(controllers=True)
async def a_job_runs_to_its_completions(k: Conformance) -> None:
    await k.made(JOBS, task(completions=3, parallelism=2))
    done = await k.until(JOB, is_over("Complete"))
    assert done["status"]["succeeded"] == 3


@case(controllers=True)
async def an_indexed_job_names_its_completed_indexes(k: Conformance) -> None:
    await k.made(JOBS, task(completions=3, parallelism=3, completionMode="Indexed"))
    done = await k.until(JOB, is_over("Complete"))
    assert done["status"]["completedIndexes"] == "0-2"
    name = "batch.kubernetes.io/job-completion-index"
    pods = await items(k, PODS, "batch.kubernetes.io/job-name=task")
    assert sorted(each["metadata"]["annotations"][name] for each in pods) == ["0", "1", "2"]


@case(controllers=True)
async def a_suspended_job_waits(k: Conformance) -> None:
    await k.made(JOBS, task(suspend=True))
    held = await k.until(JOB, is_over("Suspended"))
    assert condition(held, "Suspended")["reason"] == "JobSuspended"
    assert "startTime" not in held["status"]
    assert await items(k, PODS, "batch.kubernetes.io/job-name=task") == []
    await changed(k, JOB, suspend=False)
    done = await k.until(JOB, is_over("Complete"))
    resumed = condition(done, "Suspended")
    assert (resumed["status"], resumed["reason"]) == ("False", "JobResumed")


@case(controllers=True)
async def a_job_over_its_deadline_fails(k: Conformance) -> None:
    body = running(job("task", activeDeadlineSeconds=2), STAYS, restartPolicy="Never")
    await k.made(JOBS, body)
    done = await k.until(JOB, is_over("Failed"))
    failed = condition(done, "Failed")
    assert failed["reason"] == "DeadlineExceeded"
    assert failed["message"] == "Job was active longer than specified deadline"


@case(controllers=True)
async def a_finished_job_goes_when_its_time_is_over(k: Conformance) -> None:
    await k.made(JOBS, task(ttlSecondsAfterFinished=1))
    await k.gone(JOB)

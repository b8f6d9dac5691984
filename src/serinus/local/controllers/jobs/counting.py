"""Counts the pods of a Job that have ended, each once, whatever is lost on the way. Pure.

The way is the API's: a pod carries a finalizer until it is counted. Its uid goes into the status as
"uncounted"; then the finalizer goes; then the uid becomes a count. A crash between any two of these
counts nothing twice and forgets nothing. Succeeded pods with an index are counted by that index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from serinus.api.batch import Job, JobStatus, UncountedPods
from serinus.local.controllers.jobs.indexes import index_of, read_indexes, write_indexes
from serinus.local.node.podspec import NodePod

FINALIZER = "batch.kubernetes.io/job-tracking"


@dataclass(frozen=True, slots=True)
class Counted:
    """The status with counts, the pods whose finalizer may go, and how many have ended in all."""

    status: JobStatus
    freed: tuple[NodePod, ...]
    succeeded: int
    failed: int


def is_indexed(job: Job) -> bool:
    """Whether the pods are told apart by a number."""
    return job.spec.completion_mode == "Indexed"


def is_tracked(pod: NodePod) -> bool:
    """Whether a pod has yet to be counted."""
    return FINALIZER in pod.metadata.finalizers


def has_failed(job: Job, pod: NodePod) -> bool:
    """Whether a pod counts as a failure; one that is on its way out does, unless the Job waits
    for the end of each."""
    leaves = pod.metadata.deletion_timestamp is not None and pod.status.phase != "Succeeded"
    waits = job.spec.pod_replacement_policy == "Failed"
    return pod.status.phase == "Failed" or (leaves and not waits)


def count(job: Job, pods: Sequence[NodePod]) -> Counted:
    """Take pods that have ended into the status, and those that were taken in into the counts."""
    known = job.status.uncounted_terminated_pods or UncountedPods()
    tracked = {pod.metadata.uid: pod for pod in pods if is_tracked(pod)}
    held = {*known.succeeded, *known.failed}
    fresh = [pod for uid, pod in tracked.items() if uid not in held]
    failed = tuple(pod.metadata.uid for pod in fresh if has_failed(job, pod))
    done = [pod for pod in fresh if pod.status.phase == "Succeeded"]
    status = job.status
    freed = [pod for uid, pod in tracked.items() if uid in held]
    if is_indexed(job):
        before = read_indexes(status.completed_indexes)
        after = before | {i for pod in done if (i := index_of(pod)) is not None and _counts(job, i)}
        status = replace(status, completed_indexes=write_indexes(after), succeeded=len(after))
        freed += [pod for pod in done if (i := index_of(pod)) in before or not _counts(job, i)]
        done = []
    succeeded = (*known.succeeded, *(pod.metadata.uid for pod in done))
    waiting = UncountedPods(
        succeeded=tuple(uid for uid in succeeded if uid in tracked),
        failed=tuple(uid for uid in (*known.failed, *failed) if uid in tracked),
    )
    total = (status.succeeded + len(succeeded), status.failed + len(known.failed) + len(failed))
    status = replace(
        status,
        succeeded=total[0] - len(waiting.succeeded),
        failed=total[1] - len(waiting.failed),
        uncounted_terminated_pods=waiting,
    )
    return Counted(status, tuple(freed), *total)


def _counts(job: Job, index: int | None) -> bool:
    return index is not None and index < (job.spec.completions or 0)

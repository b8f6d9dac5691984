"""Jobs of Kubernetes' batch/v1, as far as they are read. For reading only."""

from __future__ import annotations

from datetime import datetime

from msgspec import Raw

from serinus.api.kubernetes import Condition, LabelSelector, ObjectMeta
from serinus.api.wire import Wire


class JobSpec(Wire, frozen=True, kw_only=True):
    """Without `completions` a Job is over as soon as one pod has succeeded and none runs."""

    parallelism: int | None = None
    completions: int | None = None
    completion_mode: str = "NonIndexed"
    backoff_limit: int = 6
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    suspend: bool = False
    pod_replacement_policy: str = "TerminatingOrFailed"
    managed_by: str | None = None
    selector: LabelSelector = LabelSelector()
    template: Raw = Raw(b"{}")


class UncountedPods(Wire, frozen=True, kw_only=True):
    """Uids of pods that have ended and are not yet in the counts."""

    succeeded: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class JobStatus(Wire, frozen=True, kw_only=True):
    """`completed_indexes` as text: `0-2,5`."""

    conditions: tuple[Condition, ...] = ()
    start_time: datetime | None = None
    completion_time: datetime | None = None
    active: int = 0
    ready: int | None = None
    terminating: int | None = None
    succeeded: int = 0
    failed: int = 0
    completed_indexes: str = ""
    uncounted_terminated_pods: UncountedPods | None = None

    def is_true(self, type_: str) -> bool:
        """Whether a condition is there and true."""
        return any(c.type == type_ and c.status == "True" for c in self.conditions)


class Job(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()

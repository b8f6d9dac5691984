"""All that a decision about one Rollout may look at, frozen, with the time of observation in it.

Filled by `control/looking/observer.py`; read by `plan`. Holds no client, no live object, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from serinus.api import names
from serinus.api.analysis import AnalysisRun
from serinus.api.argo import Rollout
from serinus.api.experiment import Experiment
from serinus.api.template import Template
from serinus.base.errors import FieldProblem
from serinus.core.rollout.calls import Answered, StepAsked
from serinus.core.routing import RouterSeen, Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSeen:
    """One pod of a revision."""

    name: str
    ready: bool
    deleting: bool = False
    born: datetime | None = None
    """When it was created."""
    resource_version: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One version of the pod template and the ReplicaSet that owns its pods."""

    name: str
    hash: str
    """Value of the label rollouts-pod-template-hash, or "" on one that we have not adopted yet."""
    number: int
    """The revision annotation; bumped when an old revision becomes the current one again."""
    resource_version: str
    template: Template
    replicas: int
    """Wanted by its spec."""
    seen: int
    """Pods that exist, by its status."""
    ready: int
    available: int
    """Ready for minReadySeconds."""
    observed: bool
    """Its controller has seen the spec that `replicas` was read from."""
    failure: str = ""
    """Why its controller cannot make its pods (a quota, a webhook), as it says; "" if it can."""
    min_ready_seconds: int = 0
    scale_down_deadline: datetime | None = None
    deadline_set_for: str = ""
    """What the deadline was set under (see safety rule S2); "" if unknown."""
    injected: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Ephemeral labels and annotations that we put on its template, as its annotation remembers."""
    apart_from: str = ""
    """The revision whose nodes its template's pods avoid, as we put it there; "" for none."""
    pods: tuple[PodSeen, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def was_whole(self) -> bool:
        """At its last scaling it got all replicas that were wanted then."""
        return self.annotations.get(names.DESIRED_REPLICAS) == str(self.replicas)

    @property
    def was_stable(self) -> bool:
        """It was promoted to its end once, as its mark says."""
        return bool(self.hash) and self.annotations.get(names.WAS_STABLE) == self.hash


@dataclass(frozen=True, slots=True)
class Orphan:
    """A ReplicaSet that nobody owns and that the selector of the Rollout takes in."""

    name: str
    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSeen:
    """A Service that the strategy names, and what its EndpointSlices show.

    Or what stands in its place: a subset by which a router chooses pods of another Service.
    """

    name: str
    resource_version: str
    selector_hash: str
    """The hash in its selector; "" if it selects every revision."""
    written_at: datetime | None
    """Instant of our last write of the selector, as noted on the Service by that same write."""
    endpoints: Mapping[str, int] | Unknown
    """Ready endpoints in its slices, by the pod hash of the pod behind each."""
    seen_since: datetime | None = None
    """Since when the observer has seen this selector and whom the slices show beside it."""
    agreed: bool = True
    """False: several objects choose for this side, a Service and a subset, and they differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSeen:
    """The workload that lends its pods: `spec.workloadRef`."""

    kind: str
    name: str
    resource_version: str
    generation: int
    replicas: int | None = None
    """Wanted by its spec; None for a kind that has no pods of its own."""
    scaled_by: str = ""
    """The Rollout that scaled it down, as noted on it; "" if none did."""
    noted: int | None = None
    """The replicas that it goes back to, as noted beside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the composition decides, in the time of the snapshot's clock."""

    settle: timedelta = timedelta(seconds=2)
    """How long a routing write takes to reach every data plane that cannot be asked."""
    verify_retry: timedelta = timedelta(seconds=1)
    """When to look again at what was not verified or not settled."""
    disabled_plugins: frozenset[str] = frozenset()
    """Step plugins that are passed over: their steps count as done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One Rollout and its world at `now`."""

    now: datetime
    rollout: Rollout
    template: Template
    template_hash: str
    """Our hash of `template`; a revision that carries it, or equals it, is the current one."""
    step_hash: str
    revisions: tuple[Revision, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    services: Mapping[str, ServiceSeen] = field(default_factory=dict)
    """By name; one that does not exist is absent (and named in `problems`)."""
    routers: tuple[RouterSeen, ...] = ()
    leaving: bool = False
    """`rollout` is not as its spec is: objects that it was routed by are not named any more, and it
    has the routing that they were written for. They are led back to stable first."""
    runs: tuple[AnalysisRun, ...] = ()
    workload: WorkloadSeen | None = None
    """None without a workloadRef, and while there is no such object."""
    experiments: tuple[Experiment, ...] = ()
    step_answers: Mapping[StepAsked, Answered] = field(default_factory=dict)
    """What step plugins have answered and the status does not remember yet."""
    problems: tuple[FieldProblem, ...] = ()
    """All that is wrong with the spec and with what it refers to."""
    refusals: tuple[str, ...] = ()
    """What the server (or a router) refused of the last plan, in its words; it may do so again."""
    taken: frozenset[str] = frozenset()
    """Names of ReplicaSets that the last plan could not create: somebody else has them."""
    settings: Settings = Settings()

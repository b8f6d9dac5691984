"""The closed set of things that a plan may ask of the world, and the plan itself.

Every write carries what it was decided on, so that a stale decision fails instead of harming.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from serinus.api.argo import RolloutAnalysis, RolloutExperimentStep, RolloutStatus
from serinus.api.template import Template
from serinus.core.rollout.calls import StepCall
from serinus.core.rollout.reasons import Reason
from serinus.core.routing import Routing


@dataclass(frozen=True, slots=True)
class CreateRevision:
    """Create the ReplicaSet `name` with 0 replicas; finding its own is success."""

    name: str
    hash: str
    number: int
    template: Template
    apart_from: str = ""
    """The revision whose nodes its pods are to avoid; "" for none."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """Become the owner of a ReplicaSet that nobody owns, only at this resourceVersion."""

    revision: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Set a ReplicaSet's replicas (and minReadySeconds), only at this resourceVersion."""

    revision: str
    resource_version: str
    replicas: int


@dataclass(frozen=True, slots=True)
class SetRouting:
    """Write a router's whole routing and, in the same patch, the instant of the write."""

    router: str
    routing: Routing
    at: datetime


@dataclass(frozen=True, slots=True)
class PointService:
    """Make a Service select the revision `hash` and note the instant, in the same patch."""

    service: str
    resource_version: str
    hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StartRun:
    """Create the AnalysisRun `name` of a gate; a repeated create finds its own."""

    name: str
    analysis: RolloutAnalysis
    step_index: int | None
    revision_hash: str
    stable_hash: str
    kind: str = "Step"
    """Step, Background, PrePromotion or PostPromotion, as the original labels runs."""
    number: int = 0
    """Of the revision: the original's commands show a run beside the revision of that number."""


@dataclass(frozen=True, slots=True)
class StopRun:
    """Set spec.terminate on an AnalysisRun that is not needed any more."""

    name: str


@dataclass(frozen=True, slots=True)
class StartExperiment:
    """Create the Experiment `name` of a step; a repeated create finds its own."""

    name: str
    step: RolloutExperimentStep
    step_index: int
    revision_hash: str
    stable_hash: str


@dataclass(frozen=True, slots=True)
class StopExperiment:
    """Set spec.terminate on an Experiment that is not needed any more."""

    name: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class MarkExperiment:
    """Note on an Experiment that a router may send requests to its pods, or that none does."""

    name: str
    resource_version: str
    in_traffic: bool


@dataclass(frozen=True, slots=True)
class LabelPods:
    """Put ephemeral metadata on a revision's template and pods; drop what was put before."""

    revision: str
    resource_version: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class KeepApart:
    """Make a revision's new pods avoid the nodes of another one ("": of none any more)."""

    revision: str
    resource_version: str
    template: Template
    apart_from: str


@dataclass(frozen=True, slots=True)
class Annotate:
    """Set (text) or clear (None) annotations of a ReplicaSet, only at this resourceVersion."""

    revision: str
    resource_version: str
    annotations: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class EditRollout:
    """Write the object's own annotations or spec.replicas; such a plan carries no status."""

    annotations: Mapping[str, str]
    replicas: int | None = None


@dataclass(frozen=True, slots=True)
class ScaleWorkload:
    """Set the replicas of the workload that lends its pods, only at this resourceVersion.

    `noted` is written on it in the same patch, with the Rollout's name: the replicas that it goes
    back to. None takes the note away: it is on its own again.
    """

    kind: str
    name: str
    resource_version: str
    replicas: int
    noted: int | None


@dataclass(frozen=True, slots=True)
class LetGo:
    """Take the note of this Rollout off the objects that it was routed by and names no more."""


@dataclass(frozen=True, slots=True)
class Evict:
    """Ask for a pod to go, as far as disruption budgets allow it; its ReplicaSet replaces it."""

    pod: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Retire:
    """Delete a ReplicaSet without pods, an AnalysisRun or an Experiment past the limits."""

    kind: str
    name: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class CallStep:
    """Call a step plugin, unless it is being called; the status knows of the call already.

    Writes nothing: the answer comes as one more event.
    """

    call: StepCall


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell people: an event of the Rollout. Never decides; may be lost."""

    reason: str
    message: str
    warning: bool = False


Action = (
    CreateRevision
    | Adopt
    | Scale
    | SetRouting
    | PointService
    | StartRun
    | StopRun
    | StartExperiment
    | StopExperiment
    | MarkExperiment
    | LabelPods
    | KeepApart
    | Annotate
    | EditRollout
    | ScaleWorkload
    | LetGo
    | Evict
    | Retire
    | CallStep
    | Announce
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do now (in this order, status last), what to tell, and when to look again."""

    actions: tuple[Action, ...] = ()
    status: RolloutStatus | None = None
    """The whole new status; None: do not write it in this plan."""
    reasons: tuple[Reason, ...] = ()
    wake_at: datetime | None = None

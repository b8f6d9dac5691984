"""What a plan for one Experiment may ask of the world, and the plan itself.

Writes to what exists carry the resourceVersion that they were decided on; names of what is created
are derived, so that a repeated create finds its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from serinus.api.analysis import AnalysisRunSpec
from serinus.api.experiment import ExperimentStatus, ExperimentTemplate


@dataclass(frozen=True, slots=True)
class CreateSet:
    """Create the ReplicaSet `name` of a template, with 0 replicas."""

    name: str
    hash: str
    template: ExperimentTemplate


@dataclass(frozen=True, slots=True)
class ScaleSet:
    """Set a ReplicaSet's replicas and minReadySeconds and take away its scale-down deadline."""

    name: str
    resource_version: str
    replicas: int
    min_ready_seconds: int
    template: str = ""
    """Whose it is."""


@dataclass(frozen=True, slots=True)
class DelaySet:
    """Note on a ReplicaSet when it is to go to 0."""

    name: str
    resource_version: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class CreateService:
    """Create a Service that selects the pods of a template, with the ports of its containers."""

    name: str
    hash: str
    template: ExperimentTemplate


@dataclass(frozen=True, slots=True)
class DeleteService:
    """Delete a Service of ours whose pods are gone."""

    name: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class StartRun:
    """Create an AnalysisRun; the status holds its name already."""

    name: str
    spec: AnalysisRunSpec


@dataclass(frozen=True, slots=True)
class StopRun:
    """Set spec.terminate on an AnalysisRun that is not needed any more."""

    name: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell people: an event of the Experiment, and of its Rollout if `upward`. May be lost."""

    reason: str
    message: str
    warning: bool = False
    upward: bool = False


Action = CreateSet | ScaleSet | DelaySet | CreateService | DeleteService | StartRun | StopRun


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentPlan:
    """What to do now (in this order, status last), what to tell, and when to look again."""

    actions: tuple[Action, ...] = ()
    status: ExperimentStatus | None = None
    """The whole new status; None: it is as it was."""
    announcements: tuple[Announce, ...] = ()
    wake_at: datetime | None = None

"""All that a decision about one Experiment may look at, with the time of observation in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from serinus.api.analysis import AnalysisRun
from serinus.api.experiment import Experiment
from serinus.base.errors import FieldProblem
from serinus.core.analysis.subject import Templates


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSeen:
    """The ReplicaSet of one template."""

    name: str
    template: str
    """The template that it was made of, as its annotation remembers."""
    hash: str
    """Value of its label rollouts-pod-template-hash."""
    resource_version: str
    replicas: int
    """Wanted by its spec."""
    seen: int
    """Pods that exist, by its status."""
    ready: int
    available: int
    """Ready for minReadySeconds."""
    min_ready_seconds: int = 0
    scale_down_deadline: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSeen:
    """A Service that the Experiment owns."""

    name: str
    template: str
    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSnapshot:
    """One Experiment and its world at `now`."""

    now: datetime
    experiment: Experiment
    sets: tuple[SetSeen, ...] = ()
    """Those that the Experiment owns."""
    services: tuple[ServiceSeen, ...] = ()
    """Those that the Experiment owns."""
    strange_services: frozenset[str] = frozenset()
    """Names that its templates ask for and that belong to somebody else."""
    taken: frozenset[str] = frozenset()
    """Names of ReplicaSets that could not be created: somebody else has one of that name."""
    runs: tuple[AnalysisRun, ...] = ()
    """Those that the Experiment owns."""
    templates: Templates = field(default_factory=dict)
    """The AnalysisTemplates that its analyses need."""
    problems: tuple[FieldProblem, ...] = ()
    """All that is wrong with the spec and with what it refers to."""
    refusals: Mapping[str, str] = field(default_factory=dict)
    """What the server refused of the last plan, in its words, by name of the template."""

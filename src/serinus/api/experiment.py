"""Experiment of argoproj.io/v1alpha1: every field of its spec and status.

Knows no rollout; the step that starts one is in `argo.py`.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Raw

from serinus.api.analysis import AnalysisRunMetadata, Argument, DryRun, MeasurementRetention
from serinus.api.argo import TemplateService
from serinus.api.kubernetes import Condition, LabelSelector, ObjectMeta
from serinus.api.wire import ABSENT, Wire, always


class ExperimentTemplate(Wire, frozen=True, kw_only=True):
    """`template` is JSON that nobody has read, or ABSENT; `replicas` None means 1."""

    name: str = ""
    replicas: int | None = None
    min_ready_seconds: int = 0
    selector: LabelSelector | None = None
    template: Raw = ABSENT
    service: TemplateService | None = None


class ExperimentAnalysis(Wire, frozen=True, kw_only=True):
    name: str = ""
    template_name: str = ""
    cluster_scope: bool = False
    args: tuple[Argument, ...] = ()
    required_for_completion: bool = False


class ExperimentSpec(Wire, frozen=True, kw_only=True):
    """`duration` is a Go duration; empty means until the analyses end or someone terminates."""

    templates: tuple[ExperimentTemplate, ...] = ()
    duration: str = ""
    progress_deadline_seconds: int | None = None
    terminate: bool = False
    analyses: tuple[ExperimentAnalysis, ...] = ()
    scale_down_delay_seconds: int | None = None
    dry_run: tuple[DryRun, ...] = ()
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    analysis_run_metadata: AnalysisRunMetadata = AnalysisRunMetadata()


class TemplateStatus(Wire, frozen=True, kw_only=True):
    name: str = always(str)
    replicas: int = always(int)
    updated_replicas: int = always(int)
    ready_replicas: int = always(int)
    available_replicas: int = always(int)
    collision_count: int | None = None
    status: str = ""
    message: str = ""
    last_transition_time: datetime | None = None
    service_name: str = ""
    pod_template_hash: str = ""


class ExperimentAnalysisRunStatus(Wire, frozen=True, kw_only=True):
    name: str = always(str)
    analysis_run: str = always(str)
    phase: str = always(str)
    message: str = ""


class ExperimentStatus(Wire, frozen=True, kw_only=True):
    phase: str = ""
    message: str = ""
    available_at: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    template_statuses: tuple[TemplateStatus, ...] = ()
    analysis_runs: tuple[ExperimentAnalysisRunStatus, ...] = ()


class Experiment(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: ExperimentSpec = ExperimentSpec()
    status: ExperimentStatus = ExperimentStatus()

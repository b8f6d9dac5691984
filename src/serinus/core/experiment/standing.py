"""Where an Experiment stands by what its status remembers: who is over, what has to end.

Reads; decides nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from serinus.api.experiment import (
    Experiment,
    ExperimentAnalysisRunStatus,
    ExperimentStatus,
    TemplateStatus,
)
from serinus.api.names import IN_TRAFFIC
from serinus.base.durations import parse_duration
from serinus.core.analysis.assess import BAD, COMPLETED, PENDING
from serinus.core.analysis.judge import ERROR, FAILED, INCONCLUSIVE, SUCCESSFUL
from serinus.core.analysis.record import RUNNING

PROGRESSING = "Progressing"
OVER = frozenset({SUCCESSFUL, FAILED, ERROR})
"""Where a template's status stays."""
DEFAULT_DEADLINE_SECONDS = 600
DEFAULT_DELAY_SECONDS = 30
_WORSE = (SUCCESSFUL, RUNNING, PENDING, INCONCLUSIVE, ERROR, FAILED)


def template_status(status: ExperimentStatus, name: str) -> TemplateStatus:
    """What is remembered of a template."""
    found = (one for one in status.template_statuses if one.name == name)
    return next(found, TemplateStatus(name=name))


def analysis_status(status: ExperimentStatus, name: str) -> ExperimentAnalysisRunStatus:
    """What is remembered of an analysis."""
    found = (one for one in status.analysis_runs if one.name == name)
    return next(found, ExperimentAnalysisRunStatus(name=name))


def is_over(status: ExperimentStatus) -> bool:
    """The experiment has its verdict."""
    return status.phase in COMPLETED


def is_ending(experiment: Experiment, status: ExperimentStatus) -> bool:
    """Nothing more is to be learned: pods go, runs are stopped."""
    return (
        experiment.spec.terminate
        or is_over(status)
        or any(one.status in (FAILED, ERROR) for one in status.template_statuses)
        or any(one.phase in BAD for one in status.analysis_runs)
        or required_passed(experiment, status)
    )


def is_in_traffic(experiment: Experiment) -> bool:
    """A router may send users to its pods, as its Rollout noted: they stay until it does not."""
    return IN_TRAFFIC in experiment.metadata.annotations


def has_required(experiment: Experiment) -> bool:
    """Whether an analysis has to end before the experiment does."""
    return any(analysis.required_for_completion for analysis in experiment.spec.analyses)


def required_passed(experiment: Experiment, status: ExperimentStatus) -> bool:
    """All the analyses that are required (and there are some) were successful."""
    required = [a.name for a in experiment.spec.analyses if a.required_for_completion]
    phases = {analysis_status(status, name).phase for name in required}
    return phases == {SUCCESSFUL}


def ends_at(experiment: Experiment, status: ExperimentStatus) -> datetime | None:
    """When its duration is over; None before all was available, and without a duration."""
    if status.available_at is None or not experiment.spec.duration:
        return None
    return status.available_at + parse_duration(experiment.spec.duration)


def deadline_seconds(experiment: Experiment) -> int:
    """How long a template may make no progress."""
    seconds = experiment.spec.progress_deadline_seconds
    return DEFAULT_DEADLINE_SECONDS if seconds is None else seconds


def delay(experiment: Experiment) -> timedelta:
    """How long pods stay once nobody needs them."""
    seconds = experiment.spec.scale_down_delay_seconds
    return timedelta(seconds=DEFAULT_DELAY_SECONDS if seconds is None else seconds)


def worse(one: str, other: str) -> str:
    """The worse of two phases, in the original's order."""
    return max(one, other, key=_WORSE.index)

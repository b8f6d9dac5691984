"""The phase of an Experiment, from its templates and its analyses."""

from __future__ import annotations

from serinus.api.experiment import Experiment, ExperimentStatus
from serinus.core.analysis.assess import BAD, COMPLETED, PENDING
from serinus.core.analysis.judge import ERROR, FAILED, SUCCESSFUL
from serinus.core.analysis.record import RUNNING
from serinus.core.experiment.standing import (
    PROGRESSING,
    analysis_status,
    has_required,
    is_over,
    required_passed,
    template_status,
    worse,
)


def verdict(experiment: Experiment, status: ExperimentStatus) -> tuple[str, str]:
    """Phase and message; `status` is new but for these two. A verdict stays."""
    if is_over(status):
        return status.phase, status.message
    if not status.phase:
        return PENDING, ""
    pods, why = _templates(experiment, status)
    if pods in (FAILED, ERROR):
        return pods, why
    analyses, why = _analyses(experiment, status)
    if analyses in BAD:
        return analyses, why
    if required_passed(experiment, status) or _all_measured(experiment, status):
        return SUCCESSFUL, ""
    if pods == SUCCESSFUL:
        waits = has_required(experiment) and analyses not in COMPLETED
        return (RUNNING if waits else SUCCESSFUL), ""
    return pods, why or _progress(status)


def _all_measured(experiment: Experiment, status: ExperimentStatus) -> bool:
    """Without a duration the experiment ends with its analyses."""
    analyses, spec = experiment.spec.analyses, experiment.spec
    return (
        bool(analyses)
        and not spec.duration
        and not has_required(experiment)
        and all(analysis_status(status, a.name).phase in COMPLETED for a in analyses)
    )


def _templates(experiment: Experiment, status: ExperimentStatus) -> tuple[str, str]:
    worst, why = SUCCESSFUL, ""
    for template in experiment.spec.templates:
        one = template_status(status, template.name)
        phase = PENDING if one.status in ("", PROGRESSING) else one.status
        if worse(worst, phase) != worst:
            worst, why = phase, one.message
    return worst, why


def _analyses(experiment: Experiment, status: ExperimentStatus) -> tuple[str, str]:
    worst, why = SUCCESSFUL, ""
    for analysis in experiment.spec.analyses:
        one = analysis_status(status, analysis.name)
        phase = one.phase or PENDING
        if worse(worst, phase) != worst:
            worst, why = phase, one.message
    return worst, why


def _progress(status: ExperimentStatus) -> str:
    """What keeps a template from its pods, if the server said it."""
    return next((one.message for one in status.template_statuses if one.message), "")

"""What an Experiment should do next, as a pure function: pods, analyses, verdict, end.

Knows no clock, no client and no Rollout. Any subset of a plan's writes may be lost: names are
derived, the status is last, and everything is decided anew from what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from msgspec.structs import replace

from serinus.api.experiment import ExperimentStatus, TemplateStatus
from serinus.core.analysis.assess import BAD
from serinus.core.analysis.judge import SUCCESSFUL
from serinus.core.analysis.record import RUNNING
from serinus.core.experiment import analyses, pods
from serinus.core.experiment.actions import Action, Announce, ExperimentPlan
from serinus.core.experiment.conditions import conditions_of, invalid
from serinus.core.experiment.snapshot import ExperimentSnapshot
from serinus.core.experiment.standing import (
    analysis_status,
    ends_at,
    is_ending,
    template_status,
)
from serinus.core.experiment.verdict import verdict


def plan(snapshot: ExperimentSnapshot) -> ExperimentPlan:
    """The writes that are due now, the new status, events, and when to look again."""
    spec, old = snapshot.experiment.spec, snapshot.experiment.status
    if snapshot.problems and not _has_begun(snapshot):
        return _held(snapshot)
    actions: list[Action] = []
    told: list[Announce] = []
    due = [one for template in spec.templates for one in pods.writes(snapshot, template)]
    for one in (*due, *analyses.writes(snapshot)):
        if isinstance(one, Announce):
            told.append(one)
        else:
            actions.append(one)
    status = _status(snapshot)
    told += _news(snapshot, status)
    return ExperimentPlan(
        actions=tuple(actions),
        status=None if status == old else status,
        announcements=tuple(told),
        wake_at=_wake_at(snapshot, status),
    )


def _has_begun(snapshot: ExperimentSnapshot) -> bool:
    return bool(snapshot.sets) or is_ending(snapshot.experiment, snapshot.experiment.status)


def _held(snapshot: ExperimentSnapshot) -> ExperimentPlan:
    """Nothing is created before all is mended; what mends it wakes the key."""
    old = snapshot.experiment.status
    status = replace(old, phase="Pending", message=f"InvalidSpec: {invalid(snapshot)}")
    status = replace(status, conditions=conditions_of(snapshot, status))
    return ExperimentPlan(status=None if status == old else status)


def _status(snapshot: ExperimentSnapshot) -> ExperimentStatus:
    experiment, old = snapshot.experiment, snapshot.experiment.status
    templates = tuple(pods.told(snapshot, template) for template in experiment.spec.templates)
    measured = [analyses.told(snapshot, analysis) for analysis in experiment.spec.analyses]
    if _time_is_over(snapshot, templates):
        measured = [analyses.cut(snapshot, one) for one in measured]
    running = bool(templates) and all(one.status == RUNNING for one in templates)
    now = snapshot.now.replace(microsecond=0)
    status = replace(
        old,
        template_statuses=templates,
        analysis_runs=tuple(one for one in measured if one.phase),
        available_at=old.available_at or (now if running else None),
    )
    phase, message = verdict(experiment, status)
    status = replace(status, phase=phase, message=message)
    return replace(status, conditions=conditions_of(snapshot, status))


def _time_is_over(snapshot: ExperimentSnapshot, templates: Sequence[TemplateStatus]) -> bool:
    """The experiment ends now, because its duration does, and for no other reason."""
    ended = bool(templates) and all(one.status == SUCCESSFUL for one in templates)
    return ended and not is_ending(snapshot.experiment, snapshot.experiment.status)


def _wake_at(snapshot: ExperimentSnapshot, status: ExperimentStatus) -> datetime | None:
    """The next instant at which time alone changes something."""
    instants: list[datetime | None] = [ends_at(snapshot.experiment, status)]
    instants += [pods.late_at(snapshot, one) for one in status.template_statuses]
    instants += [one.scale_down_deadline for one in snapshot.sets if one.replicas]
    return min((at for at in instants if at is not None and at > snapshot.now), default=None)


# --- Events ---------------------------------------------------------------------------------------


def _news(snapshot: ExperimentSnapshot, status: ExperimentStatus) -> Iterator[Announce]:
    """How phases changed; the experiment's own is told of its Rollout too."""
    old = snapshot.experiment.status
    for template in status.template_statuses:
        before = template_status(old, template.name).status
        yield from _changed("Template", template.name, before, template.status)
    for run in status.analysis_runs:
        before = analysis_status(old, run.name).phase
        yield from _changed("AnalysisRun", run.name, before, run.phase)
    if status.phase != old.phase:
        text = f"Experiment transitioned from {old.phase} -> {status.phase}"
        yield Announce(f"Experiment{status.phase}", text, _is_bad(status.phase), upward=True)


def _changed(kind: str, name: str, before: str, after: str) -> Iterable[Announce]:
    if before == after or not after:
        return ()
    text = f"{kind} '{name}' transitioned from {before} -> {after}"
    return (Announce(f"{kind}{after}", text, _is_bad(after)),)


def _is_bad(phase: str) -> bool:
    return phase in BAD

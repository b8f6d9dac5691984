"""The conditions of an Experiment's status, with the original's types, reasons and messages."""

from __future__ import annotations

from datetime import datetime

from serinus.api.experiment import Experiment, ExperimentStatus
from serinus.api.findings import describe
from serinus.api.kubernetes import Condition
from serinus.core.analysis.judge import ERROR, FAILED
from serinus.core.analysis.record import RUNNING
from serinus.core.experiment.snapshot import ExperimentSnapshot
from serinus.core.experiment.standing import is_over


def conditions_of(snapshot: ExperimentSnapshot, status: ExperimentStatus) -> tuple[Condition, ...]:
    """All conditions for the new `status` (final but for them)."""
    experiment, now = snapshot.experiment, snapshot.now.replace(microsecond=0)
    old = {condition.type: condition for condition in experiment.status.conditions}
    moved = _without_conditions(status) != _without_conditions(experiment.status)
    idle = snapshot.problems and not status.template_statuses and not is_over(status)
    said = [] if idle else [_progressing(experiment, status)]
    if snapshot.problems and not is_over(status):
        said.append(("InvalidSpec", "True", "InvalidSpec", invalid(snapshot)))
    ours = {"Progressing", "InvalidSpec"}
    kept = [c for c in experiment.status.conditions if c.type not in ours]
    merged = [_merged(one, old.get(one[0]), now, moved=moved) for one in said]
    return (*kept, *merged)


def invalid(snapshot: ExperimentSnapshot) -> str:
    """Everything that is wrong, in the original's frame."""
    name = snapshot.experiment.metadata.name
    return f'The Experiment "{name}" is invalid: {describe(snapshot.problems)}'


def _progressing(experiment: Experiment, status: ExperimentStatus) -> tuple[str, str, str, str]:
    name = experiment.metadata.name
    failed = any(one.status in (FAILED, ERROR) for one in status.template_statuses)
    if is_over(status) and failed:
        text = f'Experiment "{name}" has timed out progressing.'
        return "Progressing", "False", "ProgressDeadlineExceeded", text
    if is_over(status):
        text = f'Experiment "{name}" has successfully ran and completed.'
        return "Progressing", "False", "ExperimentCompleted", text
    if status.phase == RUNNING:
        text = f'Experiment "{name}" is running.'
        return "Progressing", "True", "NewReplicaSetAvailable", text
    if any(one.replicas for one in status.template_statuses):
        return "Progressing", "True", "ReplicaSetUpdated", f'Experiment "{name}" is progressing.'
    text = f'Experiment "{name}" is progressing.'
    return "Progressing", "True", "NewReplicaSetCreated", text


def _merged(
    said: tuple[str, str, str, str], old: Condition | None, now: datetime, *, moved: bool
) -> Condition:
    """Written anew if what it says changed; Progressing is refreshed when anything moved."""
    kind, status, reason, message = said
    if old is not None:
        same = (old.status, old.reason, old.message) == (status, reason, message)
        if same and not (moved and kind == "Progressing"):
            return old
    stays = old is not None and old.status == status
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=old.last_transition_time if stays and old else now,
        last_update_time=now,
    )


def _without_conditions(status: ExperimentStatus) -> tuple[object, ...]:
    return (
        status.phase,
        status.message,
        status.available_at,
        status.template_statuses,
        status.analysis_runs,
    )

"""The templates of an Experiment: their ReplicaSets, Services, and what the status says of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec.structs import replace

from serinus.api.experiment import ExperimentTemplate, TemplateStatus
from serinus.core.analysis.assess import PENDING
from serinus.core.analysis.judge import ERROR, FAILED, SUCCESSFUL
from serinus.core.analysis.record import RUNNING
from serinus.core.experiment.actions import (
    Action,
    Announce,
    CreateService,
    CreateSet,
    DelaySet,
    DeleteService,
    ScaleSet,
)
from serinus.core.experiment.names import set_hash, set_name
from serinus.core.experiment.snapshot import ExperimentSnapshot, SetSeen
from serinus.core.experiment.standing import (
    OVER,
    PROGRESSING,
    analysis_status,
    deadline_seconds,
    delay,
    ends_at,
    has_required,
    is_ending,
    is_in_traffic,
    template_status,
)


def replicas_of(template: ExperimentTemplate) -> int:
    """As many as the template asks for; 1 where it says nothing."""
    return 1 if template.replicas is None else template.replicas


def wanted(snapshot: ExperimentSnapshot, template: ExperimentTemplate) -> int:
    """How many pods the template should have now; none once its part is over."""
    status = snapshot.experiment.status
    over = template_status(status, template.name).status in OVER
    return 0 if over or is_ending(snapshot.experiment, status) else replicas_of(template)


def set_of(snapshot: ExperimentSnapshot, template: str) -> SetSeen | None:
    """The ReplicaSet of a template, if there is one."""
    return next((one for one in snapshot.sets if one.template == template), None)


def service_name(template: ExperimentTemplate, set_name: str) -> str:
    """Of a template's Service: as it says, else that of its ReplicaSet; "" if it wants none."""
    if template.service is None:
        return ""
    return template.service.name or set_name


# --- Status --------------------------------------------------------------------------------------


def told(snapshot: ExperimentSnapshot, template: ExperimentTemplate) -> TemplateStatus:
    """The template's new status; one that is over stays, but for its counts."""
    old = template_status(snapshot.experiment.status, template.name)
    made = set_of(snapshot, template.name)
    new = replace(old, collision_count=_collisions(snapshot, template, old))
    if made is not None:
        new = replace(
            new,
            replicas=made.seen,
            updated_replicas=made.seen,
            ready_replicas=made.ready,
            available_replicas=made.available,
            pod_template_hash=made.hash,
            service_name=_service_there(snapshot, template),
        )
    if old.status not in OVER:
        status, message = _judged(snapshot, template, old, made)
        new = replace(new, status=status, message=message)
    return _timed(snapshot, old, new)


def _collisions(
    snapshot: ExperimentSnapshot, template: ExperimentTemplate, old: TemplateStatus
) -> int | None:
    name = set_name(snapshot.experiment, template, old.collision_count)
    is_taken = set_of(snapshot, template.name) is None and name in snapshot.taken
    return (old.collision_count or 0) + 1 if is_taken else old.collision_count


def _service_there(snapshot: ExperimentSnapshot, template: ExperimentTemplate) -> str:
    return next((one.name for one in snapshot.services if one.template == template.name), "")


def _judged(
    snapshot: ExperimentSnapshot,
    template: ExperimentTemplate,
    old: TemplateStatus,
    made: SetSeen | None,
) -> tuple[str, str]:
    """Status and message of a template that is not over."""
    experiment = snapshot.experiment
    if is_ending(experiment, experiment.status):
        return SUCCESSFUL, ""
    asked = service_name(template, made.name) if made else ""
    if asked and asked in snapshot.strange_services:
        return ERROR, (
            f"Failed to create Service '{asked}' for template '{template.name}': it exists and "
            "belongs to somebody else; give another name in its service"
        )
    complete = made is not None and made.replicas == replicas_of(template) == made.available
    if complete and not _waits_for_service(snapshot, template):
        return (SUCCESSFUL if _has_had_its_time(snapshot) else RUNNING), ""
    late = late_at(snapshot, old)
    if late is not None and snapshot.now >= late:
        seconds = deadline_seconds(experiment)
        message = f"Template '{template.name}' exceeded its progressDeadlineSeconds ({seconds})"
        why = snapshot.refusals.get(template.name)
        return FAILED, f"{message}: {why}" if why else message
    return PROGRESSING, snapshot.refusals.get(template.name, "")


def _has_had_its_time(snapshot: ExperimentSnapshot) -> bool:
    """The duration is over, and no analysis still needs the pods.

    A required one keeps them to its end, as it would measure nothing else; of the others each must
    have begun, or an experiment that nobody measured would pass.
    """
    experiment = snapshot.experiment
    ends = ends_at(experiment, experiment.status)
    phases = {analysis_status(experiment.status, a.name).phase for a in experiment.spec.analyses}
    if ends is None or has_required(experiment) or phases & {"", PENDING}:
        return False
    return snapshot.now >= ends


def _waits_for_service(snapshot: ExperimentSnapshot, template: ExperimentTemplate) -> bool:
    return template.service is not None and not _service_there(snapshot, template)


def _timed(
    snapshot: ExperimentSnapshot, old: TemplateStatus, new: TemplateStatus
) -> TemplateStatus:
    """The instant of the last change: of the status, or of a count."""
    if replace(old, message="", service_name="") == replace(new, message="", service_name=""):
        return new
    return replace(new, last_transition_time=snapshot.now.replace(microsecond=0))


def late_at(snapshot: ExperimentSnapshot, old: TemplateStatus) -> datetime | None:
    """When a template that makes no progress has failed."""
    if old.status != PROGRESSING or old.last_transition_time is None:
        return None
    return old.last_transition_time + timedelta(seconds=deadline_seconds(snapshot.experiment))


# --- Writes ---------------------------------------------------------------------------------------


def writes(
    snapshot: ExperimentSnapshot, template: ExperimentTemplate
) -> Iterator[Action | Announce]:
    """The next writes to the ReplicaSet and the Service of a template, and their events."""
    made, count = set_of(snapshot, template.name), wanted(snapshot, template)
    if made is None:
        if count and not snapshot.problems:
            yield from _created(snapshot, template)
        return
    if count and not snapshot.problems:
        yield from _scaled_up(made, template, count)
    elif not count and made.replicas and not is_in_traffic(snapshot.experiment):
        yield from _scaled_down(snapshot, made)
    yield from _service(snapshot, template, made, count)


def _created(
    snapshot: ExperimentSnapshot, template: ExperimentTemplate
) -> Iterator[Action | Announce]:
    old = template_status(snapshot.experiment.status, template.name)
    name = set_name(snapshot.experiment, template, old.collision_count)
    if name in snapshot.taken:
        return  # the status counts it first; the next look has another name
    hash_ = set_hash(snapshot.experiment, template, old.collision_count)
    yield CreateSet(name, hash_, template)
    yield Announce("NewReplicaSetCreated", f"Created ReplicaSet {name}")


def _scaled_up(
    made: SetSeen, template: ExperimentTemplate, count: int
) -> Iterator[Action | Announce]:
    differs = made.min_ready_seconds != template.min_ready_seconds
    if made.replicas == count and not differs and made.scale_down_deadline is None:
        return
    yield ScaleSet(
        made.name, made.resource_version, count, template.min_ready_seconds, template.name
    )
    if made.replicas != count:
        yield _scaling(made, count)


def _scaled_down(snapshot: ExperimentSnapshot, made: SetSeen) -> Iterator[Action | Announce]:
    span, deadline = delay(snapshot.experiment), made.scale_down_deadline
    if deadline is None and span:
        at = snapshot.now.replace(microsecond=0) + span
        yield DelaySet(made.name, made.resource_version, at)
    elif deadline is None or snapshot.now >= deadline:
        yield ScaleSet(made.name, made.resource_version, 0, made.min_ready_seconds, made.template)
        yield _scaling(made, 0)


def _scaling(made: SetSeen, count: int) -> Announce:
    way = "up" if count > made.replicas else "down"
    text = f"Scaled {way} ReplicaSet {made.name} from {made.replicas} to {count}"
    return Announce("ScalingReplicaSet", text)


def _service(
    snapshot: ExperimentSnapshot, template: ExperimentTemplate, made: SetSeen, count: int
) -> Iterator[Action]:
    """There as long as pods may be asked; gone when the last one is. One renamed is left behind."""
    name = service_name(template, made.name)
    mine = [one for one in snapshot.services if one.template == template.name]
    empty = not (count or made.replicas or made.available)
    for one in mine:
        if empty or one.name != name:
            yield DeleteService(one.name, one.resource_version)
    there = any(one.name == name for one in mine) or name in snapshot.strange_services
    if name and count and not there and not snapshot.problems:
        yield CreateService(name, made.hash, template)

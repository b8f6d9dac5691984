"""Do: the smallest set of actions between what is seen and what may be.

Per revision at most one write a plan, as each carries the resourceVersion that it was decided on.
"""

from __future__ import annotations

from collections.abc import Mapping

from serinus.api import names
from serinus.api.kubernetes import PodTemplateMetadata
from serinus.core.rollout.actions import (
    Action,
    Annotate,
    Announce,
    CreateRevision,
    KeepApart,
    LabelPods,
    PointService,
    Retire,
    Scale,
    SetRouting,
)
from serinus.core.rollout.adoption import note_for
from serinus.core.rollout.course import Course
from serinus.core.rollout.desired import Proposal
from serinus.core.rollout.drain import is_measured
from serinus.core.rollout.edits import letting_go
from serinus.core.rollout.plugin_steps import plugin_calls
from serinus.core.rollout.restart import evictions
from serinus.core.rollout.runs import run_actions
from serinus.core.rollout.snapshot import Revision, ServiceSeen
from serinus.core.rollout.standing import Standing
from serinus.core.rollout.trial_traffic import traffic_notes
from serinus.core.rollout.trials import trial_actions
from serinus.core.rollout.workload import workload_actions

DEFAULT_HISTORY_LIMIT = 10


def actions_of(standing: Standing, course: Course, proposal: Proposal) -> tuple[Action, ...]:
    """All writes of this plan but the status, and the events that go with them."""
    found: list[Action] = [*_created(standing), *_production(standing, proposal)]
    for revision in standing.snapshot.revisions:
        found += _of_revision(standing, course, proposal, revision)
    found += run_actions(standing, course, proposal.may_step)
    found += trial_actions(standing, course, proposal.may_step)
    found += traffic_notes(standing, course)
    found += [*_retired(standing), *workload_actions(standing, course), *letting_go(standing)]
    # One thing at a time: what is restarted counts on the pods and the traffic that are seen.
    writes = found or evictions(standing, dict(proposal.counts))
    return (*writes, *plugin_calls(standing, course, proposal.may_step))


# --- New revisions -------------------------------------------------------------------------------


def _created(standing: Standing) -> list[Action]:
    if standing.current is not None or standing.invalid or standing.collided:
        return []
    name = f"{standing.snapshot.rollout.metadata.name}-{standing.current_hash}"
    number = _highest(standing) + 1
    template, apart = standing.snapshot.template, _apart(standing)
    created = CreateRevision(name, standing.current_hash, number, template, apart)
    told = Announce("NewReplicaSetCreated", f"Created ReplicaSet {name} (revision {number})")
    return [created, told]


def _highest(standing: Standing) -> int:
    return max((revision.number for revision in standing.snapshot.revisions), default=0)


# --- What production gets ------------------------------------------------------------------------


def _production(standing: Standing, proposal: Proposal) -> list[Action]:
    now, found = standing.snapshot.now, list[Action]()
    for router, routing in proposal.writes.items():
        found.append(SetRouting(router, routing, now))
    moves = (
        (standing.stable_service, proposal.stable_selector),
        (standing.canary_service, proposal.canary_selector),
        (standing.active_service, proposal.active_selector),
        (standing.preview_service, proposal.preview_selector),
    )
    for service, pod_hash in moves:
        if service is not None and pod_hash and service.selector_hash != pod_hash:
            found += _point(standing, service, pod_hash)
    return found


def _point(standing: Standing, service: ServiceSeen, pod_hash: str) -> list[Action]:
    write = PointService(service.name, service.resource_version, pod_hash, standing.snapshot.now)
    if "/" in service.name:  # a subset, in a Service's place: its router tells of it
        return [write]
    text = f"Switched selector for service '{service.name}' from '{service.selector_hash}'"
    return [write, Announce("SwitchService", f"{text} to '{pod_hash}'")]


# --- One write a revision ------------------------------------------------------------------------


def _of_revision(
    standing: Standing, course: Course, proposal: Proposal, revision: Revision
) -> list[Action]:
    """The first of: metadata before the first pods, replicas, metadata, marks."""
    label = _label(standing, course, revision)
    wanted = proposal.counts.get(revision.name, revision.replicas)
    own = revision is standing.current or revision is standing.stable
    delay_differs = own and revision.min_ready_seconds != standing.spec.min_ready_seconds
    scaled = wanted != revision.replicas or (delay_differs and not standing.invalid)
    apart = _kept_apart(standing, revision)
    if (label or apart) and not revision.replicas:
        return apart or label
    if scaled:
        return _scale(revision, wanted, _number(standing, revision))
    return label or apart or _annotate(standing, course, proposal, revision)


def _apart(standing: Standing) -> str:
    return standing.stable_hash if standing.anti_affinity else ""


def _kept_apart(standing: Standing, revision: Revision) -> list[Action]:
    """Of the wanted revision only: it may have been there before, beside another stable one."""
    wanted, found = _apart(standing), revision.apart_from
    if revision is not standing.current or standing.invalid or wanted == found:
        return []
    template = standing.snapshot.template
    return [KeepApart(revision.name, revision.resource_version, template, wanted)]


def _number(standing: Standing, revision: Revision) -> int:
    """A revision's number; one that is wanted again gets a new one, told at once."""
    highest = _highest(standing)
    renewed = revision is standing.current and revision.number < highest and not standing.invalid
    return highest + 1 if renewed else revision.number


def _scale(revision: Revision, wanted: int, number: int) -> list[Action]:
    write = Scale(revision.name, revision.resource_version, wanted)
    if wanted == revision.replicas:
        return [write]
    way = "up" if wanted > revision.replicas else "down"
    text = f"Scaled {way} ReplicaSet {revision.name} (revision {number})"
    told = Announce("ScalingReplicaSet", f"{text} from {revision.replicas} to {wanted}")
    return [write, told]


def _label(standing: Standing, course: Course, revision: Revision) -> list[Action]:
    """Ephemeral metadata: stable's on stable, the canary's on the one on trial, none on others."""
    wanted: PodTemplateMetadata | None = None
    if revision.hash == standing.stable_hash:
        wanted = standing.trusted_metadata
    elif revision is standing.current and not standing.first:
        wanted = standing.trial_metadata
    elif revision is standing.current:
        wanted = standing.trusted_metadata
    labels = dict(wanted.labels) if wanted else {}
    annotations = dict(wanted.annotations) if wanted else {}
    injected = revision.injected
    same = _same(injected, "labels", labels) and _same(injected, "annotations", annotations)
    if same and all(
        labels.items() <= pod.labels.items() and annotations.items() <= pod.annotations.items()
        for pod in revision.pods
        if not pod.deleting
    ):
        return []
    if standing.invalid or (
        not revision.pods and not revision.replicas and not labels | annotations
    ):
        return []
    return [LabelPods(revision.name, revision.resource_version, labels, annotations)]


def _same(injected: Mapping[str, Mapping[str, str]], kind: str, wanted: Mapping[str, str]) -> bool:
    return dict(injected.get(kind, {})) == dict(wanted)


def _annotate(
    standing: Standing, course: Course, proposal: Proposal, revision: Revision
) -> list[Action]:
    """Deadlines set and cleared; a higher number for a revision that is wanted again; what was
    stable once: noted when the status is seen to say so, so that the mark never says too much.
    """
    written: dict[str, str | None] = {}
    if revision.name in proposal.marks:
        deadline, token = proposal.marks[revision.name]
        written[names.SCALE_DOWN_DEADLINE] = deadline.strftime("%Y-%m-%dT%H:%M:%SZ")
        written[names.SCALE_DOWN_SET_FOR] = token
    elif revision.scale_down_deadline and _needs_no_deadline(standing, course, revision):
        written[names.SCALE_DOWN_DEADLINE] = written[names.SCALE_DOWN_SET_FOR] = None
    written |= _adopted(standing, revision)
    if revision is standing.stable and not revision.was_stable:
        written[names.WAS_STABLE] = revision.hash
    if revision is standing.current and _was_seen(standing) and not standing.invalid:
        highest = _highest(standing)
        if revision.number < highest:
            past = revision.annotations.get(names.REVISION_HISTORY, "")
            numbers = [*(past.split(",") if past else ()), str(revision.number)]
            written[names.REVISION_HISTORY] = ",".join(numbers)
            written[names.REVISION] = str(highest + 1)
    return [Annotate(revision.name, revision.resource_version, written)] if written else []


def _adopted(standing: Standing, revision: Revision) -> dict[str, str]:
    """The note of what template a revision of another controller is taken for."""
    current = revision is standing.current
    if standing.invalid or (current and (standing.collided or not _was_seen(standing))):
        return {}
    if not current and revision is not standing.stable:
        return {}
    note = note_for(standing.snapshot, revision, current=current)
    return {names.TEMPLATE: note} if note else {}


def _needs_no_deadline(standing: Standing, course: Course, revision: Revision) -> bool:
    """It has no pods left, or it is wanted again."""
    on_trial = revision is standing.current and not course.abort and _was_seen(standing)
    return not revision.replicas or revision is standing.stable or on_trial


def _was_seen(standing: Standing) -> bool:
    """The status knows the wanted revision: what is decided by its old number is decided."""
    return standing.status.current_pod_hash == standing.current_hash


# --- History -------------------------------------------------------------------------------------


def _retired(standing: Standing) -> list[Action]:
    """Revisions past the history limit that hold no pods and that nothing points at."""
    limit = standing.spec.revision_history_limit
    services = standing.snapshot.services.values()
    used = {service.selector_hash for service in services} | {standing.status.current_pod_hash}
    old = sorted(standing.others, key=lambda revision: (revision.number, revision.name))
    surplus = len(old) - (DEFAULT_HISTORY_LIMIT if limit is None else limit)
    return [
        Retire("ReplicaSet", revision.name, revision.resource_version)
        for revision in old[: max(0, surplus)]
        if not (revision.replicas or revision.seen or revision.pods)
        and revision.observed
        and revision.hash not in used
        and not is_measured(standing, revision)
    ]

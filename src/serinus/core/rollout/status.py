"""Tell: the status of a Rollout. It says what the snapshot shows, never what a plan will write.

Field names, phases and messages are the original's, so that teams and their tools can come and go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import structs
from msgspec.structs import replace

from serinus.api import names
from serinus.api.argo import (
    BlueGreenStatus,
    CanaryStatus,
    RolloutStatus,
    TrafficWeights,
    WeightDestination,
)
from serinus.api.kubernetes import Condition, LabelSelector
from serinus.core.rollout import restart
from serinus.core.rollout.actions import Announce
from serinus.core.rollout.conditions import conditions_of
from serinus.core.rollout.course import Course
from serinus.core.rollout.deadline import ABORTED, MANUALLY_PAUSED, TIMED_OUT
from serinus.core.rollout.drain import FINISHED
from serinus.core.rollout.edits import has_left, left_behind
from serinus.core.rollout.passed import mark
from serinus.core.rollout.plugins import transitions
from serinus.core.rollout.reasons import Hold, Reason
from serinus.core.rollout.snapshot import Revision
from serinus.core.rollout.standing import Standing
from serinus.core.rollout.timing import duration_of
from serinus.core.routing import Routing, Unknown


def tell(
    standing: Standing, course: Course, reasons: Sequence[Reason], *, acting: bool = False
) -> RolloutStatus:
    """The whole new status; equal to the one of the snapshot when nothing is new.

    `acting`: the plan writes something else too, so another look follows it at once.
    """
    old, revisions = standing.status, standing.snapshot.revisions
    current = standing.current
    counted, selector = _counted(standing)
    begun = not standing.invalid or bool(old.current_pod_hash)  # else nothing runs yet
    status = replace(
        old,
        abort=course.abort,
        aborted_at=course.aborted_at,
        pause_conditions=course.pauses,
        controller_pause=course.controller_pause,
        promote_full=course.promote_full,
        current_pod_hash=standing.current_hash if begun else "",
        current_step_hash=_step_hash(standing),
        current_step_index=_step_index(standing, course) if begun else None,
        passed_steps_hash=_passed(standing, course),
        stable_rs=course.stable_hash or old.stable_rs,
        replicas=sum(revision.seen for revision in revisions),
        updated_replicas=current.seen if current else 0,
        ready_replicas=sum(revision.ready for revision in revisions),
        available_replicas=sum(revision.available for revision in counted),
        hpa_replicas=sum(revision.seen for revision in counted),
        selector=selector or old.selector,
        collision_count=_collisions(standing),
        workload_observed_generation=_workload_generation(standing),
        observed_generation=str(standing.snapshot.rollout.metadata.generation),
        restarted_at=_restarted_at(standing, course),
        canary=_canary(standing, course),
        blue_green=_blue_green(standing, course),
        duration=duration_of(standing, course),
    )
    status = replace(
        status, conditions=conditions_of(standing, course, status, reasons, acting=acting)
    )
    phase, message = phase_of(standing, status)
    return replace(status, phase=phase, message=message)


def _workload_generation(standing: Standing) -> str:
    """Of the workload whose pods these are; the last known one while it is not there."""
    seen = standing.snapshot.workload
    if seen is not None:
        return str(seen.generation)
    lent = standing.spec.workload_ref is not None
    return standing.status.workload_observed_generation if lent else ""


def _step_index(standing: Standing, course: Course) -> int | None:
    """Where it stood before a spec without steps, if that one is invalid; an abort begins anew."""
    if standing.strategy.steps:
        return course.index
    stood = standing.status.current_step_index if standing.invalid else None
    return course.index if stood is not None and course.abort else stood


def _step_hash(standing: Standing) -> str:
    return standing.status.current_step_hash if standing.invalid else standing.snapshot.step_hash


def _passed(standing: Standing, course: Course) -> str:
    """The mark of the steps up to the one under way; "" without an update.

    Written anew only with what else changes then: a server that drops the field is not asked again.
    """
    old, steps = standing.status, standing.strategy.steps
    if standing.invalid:
        return old.passed_steps_hash
    if not steps or course.stable_hash == standing.current_hash:
        return ""
    was = (old.current_pod_hash, old.current_step_hash, old.current_step_index)
    same = was == (standing.current_hash, standing.snapshot.step_hash, course.index)
    return old.passed_steps_hash if same else mark(steps, course.index)


def _restarted_at(standing: Standing, course: Course) -> datetime | None:
    """The restart that is done. A new revision's pods are younger than one asked for before."""
    if course.renewed and not standing.invalid:
        return standing.spec.restart_at
    if restart.is_done(standing):
        return standing.spec.restart_at
    return standing.status.restarted_at


def _collisions(standing: Standing) -> int | None:
    count = standing.status.collision_count
    return (count or 0) + 1 if standing.collided else count


def _counted(standing: Standing) -> tuple[Sequence[Revision], str]:
    """What an autoscaler counts, and its selector: all pods; of blue-green the active ones."""
    revisions, selector = standing.snapshot.revisions, standing.spec.selector
    service = standing.active_service
    active = [r for r in revisions if service and r.hash and r.hash == service.selector_hash]
    if not active or selector is None:
        return revisions, selector_text(selector)
    labels = {**selector.match_labels, names.POD_HASH: active[0].hash}
    return active, selector_text(structs.replace(selector, match_labels=labels))


def _blue_green(standing: Standing, course: Course) -> BlueGreenStatus:
    if standing.blue_green is None:
        return BlueGreenStatus()
    active, preview = standing.active_service, standing.preview_service
    return BlueGreenStatus(
        active_selector=active.selector_hash if active else "",
        preview_selector=preview.selector_hash if preview else "",
        scale_up_preview_check_point=course.full_size,
        pre_promotion_analysis_run_status=course.pre,
        post_promotion_analysis_run_status=course.post,
    )


def _canary(standing: Standing, course: Course) -> CanaryStatus:
    """Nothing for blue-green: what was there was told of another strategy."""
    if left_behind(standing.snapshot.rollout):
        return standing.status.canary
    if standing.blue_green is not None:
        return CanaryStatus()
    return replace(
        standing.status.canary,
        current_step_analysis_run_status=course.run,
        current_background_analysis_run_status=course.background,
        current_experiment=course.trial,
        step_plugin_statuses=course.plugins,
        stable_ping_pong=course.stable_ping_pong,
        weights=_weights(standing),
    )


def _weights(standing: Standing) -> TrafficWeights | None:
    """What the first router shows; the last known value while it shows nothing."""
    if standing.by_pods or has_left(standing):
        return None
    seen = standing.routers[0] if standing.routers else None
    if seen is None or not isinstance(seen.routing, Routing):
        return standing.status.canary.weights
    canary, stable = standing.canary_service, standing.stable_service
    weight, before = seen.routing.weight, standing.status.canary.weights
    additional = _of_experiments(standing, seen.routing)
    shown = TrafficWeights(
        canary=WeightDestination(
            weight=weight,
            service_name=standing.strategy.canary_service if canary else "",
            pod_template_hash=canary.selector_hash if canary else "",
        ),
        stable=WeightDestination(
            weight=seen.routing.total - weight - sum(one.weight for one in additional),
            service_name=standing.strategy.stable_service if stable else "",
            pod_template_hash=stable.selector_hash if stable else "",
        ),
        additional=additional,
        verified=seen.verified,
    )
    # what was verified once stays so: a new process has not asked, and writes nothing at rest
    unasked = seen.verified is None and before == replace(shown, verified=True)
    return before if unasked else shown


def _of_experiments(standing: Standing, routing: Routing) -> tuple[WeightDestination, ...]:
    hashes = {
        template.service_name: template.pod_template_hash
        for trial in standing.snapshot.experiments
        for template in trial.status.template_statuses
    }
    return tuple(
        WeightDestination(
            weight=one.weight,
            service_name=one.service,
            pod_template_hash=hashes.get(one.service, ""),
        )
        for one in routing.additional
    )


def selector_text(selector: LabelSelector | None) -> str:
    """A label selector as `kubectl --selector` takes it."""
    if selector is None:
        return ""
    parts = [f"{key}={value}" for key, value in sorted(selector.match_labels.items())]
    for term in selector.match_expressions:
        match term.operator:
            case "Exists":
                parts.append(term.key)
            case "DoesNotExist":
                parts.append(f"!{term.key}")
            case operator:
                parts.append(f"{term.key} {operator.lower()} ({','.join(term.values)})")
    return ",".join(parts)


# --- Phase ---------------------------------------------------------------------------------------


def phase_of(standing: Standing, status: RolloutStatus) -> tuple[str, str]:
    """Phase and message; the first that matches."""
    wrong = _wrong(status.conditions)
    if wrong is not None:
        return "Degraded", f"{wrong.reason}: {wrong.message}"
    if standing.spec.paused:
        return "Paused", MANUALLY_PAUSED
    if status.pause_conditions:
        return "Paused", status.pause_conditions[0].reason
    asked = restart.is_asked(standing) and status.restarted_at != standing.spec.restart_at
    message = "rollout is restarting" if asked else _unfinished(standing, status)
    return ("Progressing", message) if message else ("Healthy", "")


def _wrong(conditions: Iterable[Condition]) -> Condition | None:
    by_type = {condition.type: condition for condition in conditions}
    invalid, progress = by_type.get("InvalidSpec"), by_type.get("Progressing")
    if invalid is not None:
        return invalid
    return progress if progress and progress.reason in (ABORTED, TIMED_OUT) else None


def _unfinished(standing: Standing, status: RolloutStatus) -> str:
    if status.updated_replicas < standing.replicas:
        return "more replicas need to be updated"
    current = standing.current
    if current is None or current.available < status.updated_replicas:
        return "updated replicas are still becoming available"
    if standing.blue_green is not None:
        return _unfinished_switch(standing, status)
    if standing.by_pods and status.replicas > status.updated_replicas:
        return "old replicas are pending termination"
    if status.stable_rs != status.current_pod_hash:
        return "waiting for all steps to complete"
    return ""


def _unfinished_switch(standing: Standing, status: RolloutStatus) -> str:
    if status.blue_green.active_selector != status.current_pod_hash:
        return "active service cutover pending"
    if status.stable_rs == status.current_pod_hash:
        return ""
    wanted = standing.blue_green.post_promotion_analysis if standing.blue_green else None
    run = status.blue_green.post_promotion_analysis_run_status
    if wanted is not None and (run is None or run.status not in FINISHED):
        return "waiting for analysis to complete"
    return "waiting for post-promotion verification to complete"


# --- News ----------------------------------------------------------------------------------------


def news(
    standing: Standing, course: Course, status: RolloutStatus, reasons: Sequence[Reason]
) -> list[Announce]:
    """Events that tell how the status changed; they may be lost."""
    told: list[Announce] = []
    old, metadata = standing.status, standing.snapshot.rollout.metadata
    if not old.observed_generation:
        text = f"Rollout resource added to informer: {metadata.namespace}/{metadata.name}"
        told.append(Announce("RolloutAddedToInformer", text))
    begun = not standing.invalid or standing.promoted
    if begun and old.current_pod_hash != status.current_pod_hash:
        number = _number(standing)
        told.append(Announce("RolloutUpdated", f"Rollout updated to revision {number}"))
        if not standing.promoted:
            text = f"Rollout not completed, started update to revision {number}"
            told.append(Announce("RolloutNotCompleted", f"{text} ({status.current_pod_hash})"))
    told += course.news
    before, after = old.canary.step_plugin_statuses, status.canary.step_plugin_statuses
    told += transitions(before, after)
    return [*told, *_resumed(standing, course), *_routed(standing, status, reasons)]


def _resumed(standing: Standing, course: Course) -> list[Announce]:
    """A pause is over, by its time or by somebody's word; an abort is no resumption."""
    let_go = any(said.reason == "RolloutResumed" for said in course.news)
    begun = bool(standing.status.pause_conditions) or _switch_let_go(standing)
    ended = begun and not course.pauses
    if let_go or not ended or course.abort:
        return []
    return [Announce("RolloutResumed", "Rollout is resumed")]


def _switch_let_go(standing: Standing) -> bool:
    """Blue-green: a person took the pause away, and the condition does not say so yet."""
    shown = any(c.type == "Paused" and c.status == "True" for c in standing.status.conditions)
    word = standing.status.controller_pause and not standing.spec.paused
    return standing.blue_green is not None and shown and word


def _routed(standing: Standing, status: RolloutStatus, reasons: Sequence[Reason]) -> list[Announce]:
    """The weight that is seen has changed; or a router became one that nobody can use."""
    told: list[Announce] = []
    before, after = standing.status.canary.weights, status.canary.weights
    was = before.canary.weight if before else 0
    moved = after is not None and was != after.canary.weight
    if after is not None and moved and not _swapped(before, after):
        message = f"Traffic weight updated from {was} to {after.canary.weight}"
        told.append(Announce("TrafficWeightUpdated", message))
    if not any(isinstance(s.routing, Unknown) and not s.weights for s in standing.routers):
        return told
    waiting = (c.message for c in standing.status.conditions if c.type == "Waiting")
    said = next(waiting, "")
    unread = [r.message for r in reasons if r.hold is Hold.UNKNOWN and r.message not in said]
    return told + [Announce("TrafficRoutingError", text, True) for text in unread[:1]]


def _swapped(before: TrafficWeights | None, after: TrafficWeights) -> bool:
    """pingPong: the roles of the Services are others, and each has what it had."""
    if before is None or before.canary.service_name != after.stable.service_name:
        return False
    return before.canary.weight == after.stable.weight


def _number(standing: Standing) -> int:
    """Of the wanted revision, also before it is created or counted anew."""
    highest = max((revision.number for revision in standing.snapshot.revisions), default=0)
    current = standing.current
    return highest if current and current.number == highest else highest + 1

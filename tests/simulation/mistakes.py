"""What was wrong once, as functions: around the real planner, in what it answers (as in
`mutants.py`), or in place of a function of its own. `defects.py` says where each is put back.

They may look into the planner; the oracle may not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from msgspec.structs import replace as with_fields

from serinus.api import names
from serinus.core.rollout import (
    bluegreen,
    conditions,
    course,
    desired,
    reach,
    workload,
)
from serinus.core.rollout.actions import Annotate, Plan, PointService, Scale, SetRouting
from serinus.core.rollout.course import Course
from serinus.core.rollout.deadline import progress_told
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.snapshot import Revision, Snapshot
from serinus.core.rollout.standing import Standing
from serinus.core.routing import Routing, Unknown

# --- Around the planner ---------------------------------------------------------------------------


def _revision(snapshot: Snapshot, pod_hash: str) -> Revision | None:
    return next((r for r in snapshot.revisions if r.hash == pod_hash and pod_hash), None)


def _stable(snapshot: Snapshot) -> Revision | None:
    return _revision(snapshot, snapshot.rollout.status.stable_rs)


def _scaled(made: Plan, revision: Revision, replicas: int) -> Plan:
    others = (a for a in made.actions if not (isinstance(a, Scale) and a.revision == revision.name))
    write = Scale(revision.name, revision.resource_version, replicas)
    return replace(made, actions=(*others, write))


def shrinks_stable_beside_the_weight(snapshot: Snapshot, made: Plan) -> Plan:
    """Stable's pods go in the pass that raises the weight, before any proxy has heard of it."""
    stable, wanted = _stable(snapshot), snapshot.rollout.spec.replicas or 0
    for write in made.actions:
        if isinstance(write, SetRouting) and write.routing.weight and stable:
            left = wanted - wanted * write.routing.weight // 100
            if left < stable.replicas:
                return _scaled(made, stable, left)
    return made


def promotes_fully_to_pods_that_are_not_ready(snapshot: Snapshot, made: Plan) -> Plan:
    """The whole weight at once, whatever is ready."""
    status = snapshot.rollout.status
    seen = snapshot.routers[0].routing if snapshot.routers else Unknown("")
    whole = isinstance(seen, Routing) and seen.weight == 100
    if not status.promote_full or status.abort or whole or not status.stable_rs:
        return made
    others = tuple(a for a in made.actions if not isinstance(a, SetRouting | PointService | Scale))
    return replace(made, actions=(*others, SetRouting("nginx", Routing(100), snapshot.now)))


def gives_everything_back_to_a_small_stable(snapshot: Snapshot, made: Plan) -> Plan:
    """A second update: weight 0 at once, although stable was shrunk for the first."""
    status, seen = snapshot.rollout.status, snapshot.routers[0].routing
    carries = isinstance(seen, Routing) and seen.weight
    second = status.current_pod_hash not in ("", snapshot.template_hash, status.stable_rs)
    if not (carries and second):
        return made
    others = tuple(a for a in made.actions if not isinstance(a, SetRouting | PointService))
    return replace(made, actions=(*others, SetRouting("nginx", Routing(0), snapshot.now)))


def scales_stable_to_nothing_when_replicas_change(snapshot: Snapshot, made: Plan) -> Plan:
    """An autoscaler's edit is met by a stable revision of nothing."""
    stable, wanted = _stable(snapshot), snapshot.rollout.spec.replicas or 0
    on_trial = snapshot.template_hash != snapshot.rollout.status.stable_rs
    if stable is None or not on_trial or stable.replicas in (0, wanted):
        return made
    return _scaled(made, stable, 0)


def only_scales_in_a_pass_that_scales(snapshot: Snapshot, made: Plan) -> Plan:
    """Where replicas are not those of the spec, nobody looks after traffic."""
    stable, wanted = _stable(snapshot), snapshot.rollout.spec.replicas or 0
    if stable is None or stable.replicas == wanted:
        return made
    return replace(made, actions=tuple(a for a in made.actions if isinstance(a, Scale)))


def only_scales_while_a_note_is_stale(snapshot: Snapshot, made: Plan) -> Plan:
    """Where some revision was scaled last under other replicas, nobody looks after traffic."""
    wanted = str(snapshot.rollout.spec.replicas)
    notes = {r.annotations.get(names.DESIRED_REPLICAS) for r in snapshot.revisions if r.replicas}
    if not notes - {wanted}:
        return made
    return replace(made, actions=tuple(a for a in made.actions if isinstance(a, Scale)))


def waits_without_looking_at_an_abort(snapshot: Snapshot, made: Plan) -> Plan:
    """Waiting is an error that returns before anything else is looked at."""
    waits = (Hold.CAPACITY, Hold.ENDPOINTS, Hold.SETTLING, Hold.SERVICE)
    if any(reason.hold in waits for reason in made.reasons):
        return Plan(reasons=made.reasons, wake_at=made.wake_at)
    return made


def calls_a_first_revision_stable_at_once(snapshot: Snapshot, made: Plan) -> Plan:
    """Without a stable one the new one is stable, were it broken."""
    status = made.status
    if status is None or snapshot.rollout.status.stable_rs or not status.current_pod_hash:
        return made
    return replace(made, status=with_fields(status, stable_rs=status.current_pod_hash))


def drops_the_middle_one_of_three(snapshot: Snapshot, made: Plan) -> Plan:
    """The half-done revision is scaled to 0 as soon as a third one comes."""
    wanted = {snapshot.template_hash, snapshot.rollout.status.stable_rs}
    for revision in snapshot.revisions:
        if revision.hash not in wanted and revision.replicas:
            made = _scaled(made, revision, 0)
    return made


def writes_an_old_deadline_for_ever(snapshot: Snapshot, made: Plan) -> Plan:
    """An orphan keeps the mark of its end, which is written again in every pass."""
    if made.actions:
        return made
    for revision in snapshot.revisions:
        if revision.replicas or revision.hash in (
            snapshot.template_hash,
            snapshot.rollout.status.stable_rs,
        ):
            continue
        text = f"{snapshot.now:%Y-%m-%dT%H:%M:%SZ}"
        note: Mapping[str, str | None] = {names.SCALE_DOWN_DEADLINE: text}
        return replace(made, actions=(Annotate(revision.name, revision.resource_version, note),))
    return made


def does_nothing_while_the_spec_is_invalid(snapshot: Snapshot, made: Plan) -> Plan:
    """No abort, no repair, no way back before somebody mends the spec."""
    return Plan() if snapshot.problems else made


def waits_for_the_new_one_on_the_way_back(snapshot: Snapshot, made: Plan) -> Plan:
    """Behind a switch the way back too waits until the new revision is whole."""
    new = _revision(snapshot, snapshot.template_hash)
    if new is None or new.ready >= (snapshot.rollout.spec.replicas or 0):
        return made
    back = (isinstance(a, PointService) and a.hash != new.hash for a in made.actions)
    kept = tuple(a for a, away in zip(made.actions, back, strict=True) if not away)
    return replace(made, actions=kept)


# --- Functions that were wrong --------------------------------------------------------------------

_canary_count = desired.canary_count
_preview_count = bluegreen.preview_count
_wanted_of_lender = workload._wanted


def count_that_forgets_an_abort(standing: Standing, now: Any) -> int:
    """The last setCanaryScale counts on behind an abort."""
    if now.abort and any(step.set_canary_scale for step in standing.strategy.steps):
        return standing.current.replicas if standing.current else 0
    return _canary_count(standing, now)


def count_that_is_there(standing: Standing, now: Any) -> int:
    """What a revision of another kind of canary had; a new one has nothing."""
    fresh = standing.current is not None and not (standing.first or standing.current.replicas)
    return 0 if fresh else _canary_count(standing, now)


def preview_as_large_as_it_was(standing: Standing, now: Any, current: Revision) -> int:
    """A preview that has pods keeps them, however many are wanted by now."""
    wanted = _preview_count(standing, now, current)
    return current.replicas or wanted if wanted and not now.abort else wanted


def weight_without_a_full_promotion(standing: Standing, now: Course) -> int:
    """The step counts on, fully promoted or not."""
    return desired.wanted_weight(standing, replace(now, promote_full=False))


def verdict_of_a_cancelled_run(run: Any) -> str:
    """Cancelled reads Successful, and passes."""
    return "" if run is None else run.status.phase


def wanted_of_the_first_revision_only(standing: Standing, now: Any, seen: Any) -> Any:
    """The workload gives up its pods with the first revision, or never."""
    if standing.promoted and len(standing.snapshot.revisions) == 1:
        return seen.replicas, seen.noted
    return _wanted_of_lender(standing, now, seen)


def lasting_by_slices_alone(standing: Standing, service: Any, pod_hash: str) -> int | None:
    """Pods that are known to be dead count while slices are late to drop them."""
    count = reach.endpoints(service, pod_hash)
    revisions = standing.snapshot.revisions
    kept = next((r.replicas for r in revisions if r.hash == pod_hash), 0)
    return None if count is None else min(count, kept)


def may_move_to_any_ready_pod(standing: Standing, service: Any, pod_hash: str) -> bool:
    """Users go from all pods of the lender to the first one of ours."""
    revision = _revision(standing.snapshot, pod_hash)
    nobody = standing.first and reach.all_endpoints(service) == 0
    ready = revision is not None and any(pod.ready for pod in revision.pods)
    return ready or nobody or standing.replicas == 0


def left_to_a_lender(standing: Standing, now: Any, seen: Any) -> Any:
    """What the lender keeps is counted by its own pods, also where more are wanted now."""
    wanted, noted = _wanted_of_lender(standing, now, seen)
    here, covering = seen.replicas or 0, workload._covering(standing)
    full = here if seen.noted is None else seen.noted
    if standing.first and covering is not None and standing.spec.workload_ref:
        left = max(0, full - covering)
        return left, full if left < full else None
    return wanted, noted


def deadline_of_before(standing: Standing) -> Any:
    """Counted from the last word about progress, whosever it was."""
    old = progress_told(standing)
    if old is None or old.last_update_time is None:
        return None
    return old.last_update_time + timedelta(seconds=standing.spec.progress_deadline_seconds or 600)


def timed_out_by_what_was_told(standing: Standing, now: Any) -> bool:
    """What was late once is late, were it another revision."""
    at = deadline_of_before(standing)
    return at is not None and standing.snapshot.now >= at


_merged = conditions._merged


def merged_as_told_first(said: Any, old: Any, now: Any) -> Any:
    """Who counts from the last word keeps the one of the revision before."""
    made = _merged(said, old, now)
    return made if old is None else with_fields(made, last_update_time=old.last_update_time)


_restarted = course._restarted


def restarted_without_an_abort(standing: Standing, before: Any) -> Any:
    """A new revision clears every abort, acted on or not."""
    return replace(_restarted(standing, before), abort=False)


def wants_stable_service_as_it_is(standing: Standing, way: Course) -> desired.Proposal:
    """It may select every pod: after the first version nobody points it at stable's."""
    wanted = desired.propose(standing, way)
    return wanted if standing.first else replace(wanted, stable_selector="")


def wants_canary_service_as_it_is(standing: Standing, way: Course) -> desired.Proposal:
    """After an abort it stays where it was."""
    wanted = desired.propose(standing, way)
    return replace(wanted, canary_selector="") if way.abort else wanted

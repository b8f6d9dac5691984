"""What the invariants of all strategies look at, and the deletions that none of them may plan.

See `check.py`. Looks at the world and the writes; shares no judgement with the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from serinus.api.argo import RolloutAnalysisRunStatus, RolloutStatus
from serinus.core.rollout.actions import Plan, Scale
from serinus.core.rollout.snapshot import Revision, ServiceSeen, Snapshot
from serinus.core.routing import Routing, Unknown

FINISHED = ("Successful", "Failed", "Error", "Inconclusive")


def wanted_replicas(snapshot: Snapshot) -> int:
    """The replicas that the spec asks for; one if it asks for none in particular."""
    replicas = snapshot.rollout.spec.replicas
    return 1 if replicas is None else replicas


def revision_of(snapshot: Snapshot, pod_hash: str) -> Revision | None:
    """The revision with this hash; None for no hash."""
    return next((r for r in snapshot.revisions if r.hash == pod_hash and pod_hash), None)


def ready_pods(revision: Revision | None) -> int:
    """Pods that are ready and stay."""
    pods = revision.pods if revision else ()
    return sum(pod.ready and not pod.deleting for pod in pods)


def is_fresh(snapshot: Snapshot, service: ServiceSeen) -> bool:
    """We wrote its selector within the settle time."""
    written = service.written_at
    return written is not None and snapshot.now < written + snapshot.settings.settle


def ready_endpoints(service: ServiceSeen | None) -> int | None:
    """Ready endpoints behind a Service; None if there is none, or if they are not known."""
    if service is None or isinstance(service.endpoints, Unknown):
        return None
    return sum(service.endpoints.values())


def stable_is_dead(snapshot: Snapshot) -> bool:
    """Nobody answers behind the stable Service of a canary, and some weight is stable's still."""
    strategy, status = snapshot.rollout.spec.strategy.canary, snapshot.rollout.status
    known = revision_of(snapshot, status.stable_rs) is not None and not status.promote_full
    if strategy is None or not known or not wanted_replicas(snapshot):
        return False
    gives = any(
        isinstance(seen.routing, Routing) and seen.routing.weight < seen.routing.total
        for seen in snapshot.routers
    )
    return gives and ready_endpoints(snapshot.services.get(strategy.stable_entry)) == 0


def left_steps(snapshot: Snapshot, new: RolloutStatus) -> tuple[int, int] | None:
    """From which step to which a plan goes on in one and the same release; None if it does not."""
    old = snapshot.rollout.status
    was, now = old.current_step_index, new.current_step_index
    same = (old.current_pod_hash, old.current_step_hash) == (
        new.current_pod_hash,
        new.current_step_hash,
    )
    ended = new.stable_rs == new.current_pod_hash
    if was is None or now is None or not same or ended or now <= was:
        return None
    return was, now


def taken_up(
    snapshot: Snapshot,
    new: RolloutStatus,
    notes: Iterable[tuple[RolloutAnalysisRunStatus | None, RolloutAnalysisRunStatus | None]],
) -> Iterator[str]:
    """Runs of an attempt before, of the notes of the runs as they were and as they shall be: a run
    that is noted anew does not exist yet, and a retry takes up none of before.
    """
    retried = snapshot.rollout.status.aborted_at is not None and new.aborted_at is None
    for before, noted in notes:
        if noted is None:
            continue
        if before is None or before.name != noted.name:
            if any(run.metadata.name == noted.name for run in snapshot.runs):
                yield f"run {noted.name} is taken up although it was there before this attempt"
        elif retried:
            yield f"run {noted.name} of the attempt before is taken up again"


def replicas_after(plan: Plan, revision: Revision) -> int:
    """The replicas of a revision once the plan is carried out."""
    scales = (a for a in plan.actions if isinstance(a, Scale) and a.revision == revision.name)
    return next((action.replicas for action in scales), revision.replicas)


def emptied_revisions(snapshot: Snapshot, plan: Plan) -> Iterator[Revision]:
    """Those that have pods, go to zero, and would not if the user had not asked for no pods."""
    for revision in snapshot.revisions:
        if revision.replicas and not replicas_after(plan, revision) and wanted_replicas(snapshot):
            yield revision


def emptied_stable(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """Rule S9: the stable one goes to zero while the new one is not stable yet."""
    status = snapshot.rollout.status
    current = plan.status.current_pod_hash if plan.status else status.current_pod_hash
    for revision in emptied_revisions(snapshot, plan):
        if revision.hash == status.stable_rs != current:
            yield f"{revision.name} goes to zero while it is the stable one"


def emptied_while_measured(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """Rule S9: a revision goes to zero while a run that is not over measures it, were it that its
    user wants no pods at all: a run that nobody stopped would tell of nothing.
    """
    for revision in snapshot.revisions:
        if not revision.replicas or replicas_after(plan, revision):
            continue
        for run in snapshot.runs:
            of = run.metadata.labels.get("rollouts-pod-template-hash")
            if of == revision.hash and run.status.phase not in FINISHED and not run.spec.terminate:
                yield f"{revision.name} goes to zero while {run.metadata.name} measures it"

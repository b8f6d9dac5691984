"""spec.restartAt: pods that are older than it are evicted, a few at a time, and come back young.

Both strategies. Evictions respect disruption budgets; what is refused is tried again. A revision
with a single pod gets a second one first, where there is room for it, so that somebody answers.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from serinus.core.rollout import reach
from serinus.core.rollout.actions import Evict
from serinus.core.rollout.proportions import Bounds, bounds_of
from serinus.core.rollout.snapshot import PodSeen, Revision, ServiceSeen
from serinus.core.rollout.standing import Standing, ready_pods

RETRY = timedelta(seconds=30)
"""When to ask again for what a disruption budget refused."""


def is_asked(standing: Standing) -> bool:
    """A restart is wanted, its time has come, and it is not done."""
    at = standing.spec.restart_at
    wanted = at is not None and at != standing.status.restarted_at
    return wanted and at is not None and standing.snapshot.now >= at and not standing.invalid


def is_done(standing: Standing) -> bool:
    """Every pod is younger than the restart that was asked for."""
    return is_asked(standing) and not any(
        _old(standing, revision) for revision in standing.snapshot.revisions
    )


def wake(standing: Standing) -> datetime | None:
    """When time alone has to be looked at: the restart begins, or a refusal may be over."""
    at = standing.spec.restart_at
    if at is None or at == standing.status.restarted_at:
        return None
    now = standing.snapshot.now
    return at if at > now else now + RETRY


def spared(standing: Standing, revision: Revision | None, count: int) -> int:
    """A second pod for a revision that has to give away its only one that answers."""
    if count != 1 or revision is None or not is_asked(standing):
        return count
    return 2 if any(pod.ready for pod in _old(standing, revision)) else count


def evictions(standing: Standing, counts: dict[str, int]) -> list[Evict]:
    """The pods that may go now; `counts` are the replicas that this plan wants."""
    if not is_asked(standing):
        return []
    found: list[Evict] = []
    budget = _budget(standing)
    for revision in _in_order(standing):
        for pod in _may_go(standing, revision, counts.get(revision.name, revision.replicas)):
            if pod.ready and budget <= 0:
                continue
            budget -= pod.ready
            found.append(Evict(pod.name, pod.resource_version))
    return found


# --- Parts ---------------------------------------------------------------------------------------


def _bounds(standing: Standing) -> Bounds:
    strategy, blue_green = standing.strategy, standing.blue_green
    gone = blue_green.max_unavailable if blue_green else strategy.max_unavailable
    return bounds_of(standing.replicas, strategy.max_surge, gone)


def _old(standing: Standing, revision: Revision) -> list[PodSeen]:
    at = standing.spec.restart_at
    return [
        pod
        for pod in sorted(revision.pods, key=lambda pod: (pod.ready, pod.name))
        if at is not None and pod.born is not None and pod.born < at and not pod.deleting
    ]


def _in_order(standing: Standing) -> list[Revision]:
    """Stable, the one on trial, others from the oldest on."""
    old = sorted(standing.others, key=lambda revision: (revision.number, revision.name))
    first = [standing.stable] if standing.promoted else [standing.stable, standing.current]
    return [revision for revision in (*first, *old) if revision is not None and revision.replicas]


def _budget(standing: Standing) -> int:
    """How many available pods may be missing beyond those that are, of all revisions together.

    Pods that are on their way out are missing already, before their ReplicaSets say so.
    """
    revisions = standing.snapshot.revisions
    wanted = max(standing.replicas, sum(revision.replicas for revision in revisions))
    available = sum(min(revision.available, ready_pods(revision)) for revision in revisions)
    return available - (wanted - max(1, _bounds(standing).unavailable))


def _may_go(standing: Standing, revision: Revision, wanted: int) -> list[PodSeen]:
    """Of one revision no more than its part at a time, and not its last pod that answers."""
    old = _old(standing, revision)
    answering = sum(pod.ready and not pod.deleting for pod in revision.pods)
    idle = [pod for pod in old if not pod.ready]
    if revision.replicas == 1:
        return old if wanted <= 1 and _may_be_missed(standing, revision) else idle
    total = sum(one.replicas for one in standing.snapshot.revisions)
    part = max(1, _bounds(standing).unavailable * revision.replicas // total)
    missing = max(revision.replicas - answering, 0)
    room = max(min(part - missing, answering - 1), 0)
    return idle + [pod for pod in old if pod.ready][:room]


def _may_be_missed(standing: Standing, revision: Revision) -> bool:
    """A single pod may go before there is another one: nobody asks it, or there is no room for two.

    Without a router that room is what may surge; where it is used up by a release, a pod that a
    Service selects waits for the end of that.
    """
    if standing.frozen and not standing.promoted:
        return False
    if standing.blue_green is not None:
        active = standing.active_service
        return active is not None and not _may_reach(standing, active, revision)
    if not standing.by_pods:
        return reach.greatest_share(standing, revision.hash) == reach.NOTHING
    services = (standing.stable_service, standing.canary_service)
    asked = any(s is not None and _may_reach(standing, s, revision) for s in services)
    return not (asked and _bounds(standing).surge)


def _may_reach(standing: Standing, service: ServiceSeen, revision: Revision) -> bool:
    on = service.selector_hash in (revision.hash, "")
    return on or not reach.service_settled(standing, service)

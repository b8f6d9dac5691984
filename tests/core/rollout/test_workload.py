"""How many pods a workload may give up to a Rollout, as a table; taking more is noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serinus.api.argo import (
    CanaryStrategy,
    Rollout,
    RolloutSpec,
    RolloutStatus,
    Strategy,
    WorkloadRef,
)
from serinus.api.hashes import pod_hash
from serinus.api.kubernetes import Condition, ObjectMeta
from serinus.api.template import read_template
from serinus.core.rollout.actions import Plan, ScaleWorkload
from serinus.core.rollout.course import set_course
from serinus.core.rollout.invariants.workload import broken_workload
from serinus.core.rollout.rules import ALL
from serinus.core.rollout.snapshot import (
    PodSeen,
    Revision,
    ServiceSeen,
    Snapshot,
    WorkloadSeen,
)
from serinus.core.rollout.standing import stand
from serinus.core.rollout.workload import workload_actions
from serinus.core.routing import Unknown
from support.virtual import EPOCH

TEMPLATE = read_template({"spec": {"containers": [{"name": "c", "image": "i"}]}})
HASH = pod_hash(TEMPLATE)
LATE = Condition(type="Progressing", status="False", reason="ProgressDeadlineExceeded")


def world(
    mode: str,
    *,
    has: int = 3,
    noted: int | None = None,
    ready: int = 0,
    wanted: int = 3,
    stable: bool = False,
    **more: object,
) -> Snapshot:
    """A Rollout of which so many pods are ready, beside a workload that has so many."""
    rollout = Rollout(
        metadata=ObjectMeta(name="web", namespace="shop"),
        spec=RolloutSpec(
            replicas=wanted,
            paused=bool(more.get("paused")),
            workload_ref=WorkloadRef(kind="Deployment", name="old", scale_down=mode),
            strategy=Strategy(canary=CanaryStrategy(stable_service="web")),
        ),
        status=RolloutStatus(
            stable_rs=HASH if stable else "",
            current_pod_hash="given-up" if more.get("aborted") else HASH,
            abort=bool(more.get("aborted")),
            conditions=(LATE,) if more.get("late") else (),
        ),
    )
    seen = WorkloadSeen(
        kind="Deployment",
        name="old",
        resource_version="7",
        generation=1,
        replicas=has,
        scaled_by=str(more.get("by", "web" if noted is not None else "")),
        noted=noted,
    )
    return Snapshot(
        now=EPOCH,
        rollout=rollout,
        template=TEMPLATE,
        template_hash=HASH,
        step_hash="",
        revisions=(revision(wanted, ready),),
        services={"web": service(more.get("behind", ready))},
        workload=seen,
    )


def revision(wanted: int, ready: int) -> Revision:
    return Revision(
        name="web-1",
        hash=HASH,
        number=1,
        resource_version="1",
        template=TEMPLATE,
        replicas=max(wanted, ready),
        seen=wanted,
        ready=ready,
        available=ready,
        observed=True,
        pods=tuple(PodSeen(name=f"p{i}", ready=True) for i in range(ready)),
    )


def service(behind: object) -> ServiceSeen:
    """With so many ready endpoints; None: they are not known."""
    return ServiceSeen(
        name="web",
        resource_version="1",
        selector_hash="",
        written_at=None,
        endpoints=Unknown("unread") if behind is None else {HASH: behind},  # type: ignore[dict-item]
    )


def asked(snapshot: Snapshot) -> tuple[int, int | None] | None:
    """The replicas and the note that are written; None if nothing is."""
    standing = stand(snapshot, ALL)
    actions = workload_actions(standing, set_course(standing))
    writes = [action for action in actions if isinstance(action, ScaleWorkload)]
    assert all(write.resource_version == "7" for write in writes)
    return (writes[0].replicas, writes[0].noted) if writes else None


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        # never, and what is not ours
        (world("", ready=3, stable=True), None),
        (world("never", ready=3, stable=True), None),
        (world("never", has=0, noted=3, ready=3, stable=True), (3, None)),
        (world("onsuccess", ready=3, stable=True, by="other"), None),
        # onsuccess
        (world("onsuccess", ready=3), None),
        (world("onsuccess", ready=2, stable=True), None),
        (world("onsuccess", ready=3, stable=True), (0, 3)),
        (world("onsuccess", ready=3, stable=True, wanted=5), None),
        (world("onsuccess", has=0, noted=3, ready=3, stable=True), None),
        (world("onsuccess", has=0, noted=3, ready=5, wanted=5, stable=True), (0, 5)),
        (world("onsuccess", has=0, noted=3, ready=1, stable=True), None),
        (world("onsuccess", has=2, noted=3, ready=3, stable=True), (0, 3)),
        # progressively
        (world("progressively"), None),
        (world("progressively", ready=1), (2, 3)),
        (world("progressively", has=2, noted=3, ready=2), (1, 3)),
        (world("progressively", has=2, noted=3, ready=0), (3, None)),
        (world("progressively", has=10, ready=3), (7, 10)),
        (world("progressively", has=7, noted=10, ready=3, stable=True), (0, 3)),
        (world("progressively", has=1, noted=3, ready=2, late=True), (3, None)),
        (world("progressively", ready=2, late=True), None),
        # what is not known, not asked for, or frozen
        (world("progressively", ready=3, behind=1), (2, 3)),
        (world("progressively", ready=3, behind=None), None),
        (world("onsuccess", ready=3, stable=True, behind=None), None),
        (world("onsuccess", ready=0, wanted=0, stable=True), None),
        (world("onsuccess", ready=3, stable=True, paused=True), None),
    ],
)
def test_what_it_keeps(snapshot: Snapshot, expected: tuple[int, int | None] | None) -> None:
    assert asked(snapshot) == expected
    standing = stand(snapshot, ALL)
    plan = Plan(actions=tuple(workload_actions(standing, set_course(standing))))
    assert list(broken_workload(snapshot, plan)) == []


@pytest.mark.parametrize(
    ("snapshot", "replicas"),
    [
        (world("progressively", ready=1), 1),
        (world("onsuccess", ready=2, stable=True), 0),
        (world("onsuccess", ready=3, behind=2, stable=True), 0),
        (world("onsuccess", ready=3, behind=None, stable=True), 0),
        (world("onsuccess", ready=0, wanted=0, stable=True), 2),
    ],
)
def test_a_plan_that_takes_more_is_a_broken_one(snapshot: Snapshot, replicas: int) -> None:
    plan = Plan(actions=(ScaleWorkload("Deployment", "old", "7", replicas, 3),))
    assert len(list(broken_workload(snapshot, plan))) == 1


def test_a_plan_that_brings_back_what_was_given_up_is_a_broken_one() -> None:
    """Its template is the aborted one; beside a living stable nobody needs its pods."""
    plan = Plan(actions=(ScaleWorkload("Deployment", "old", "7", 1, 3),))
    aborted = world("onsuccess", has=0, noted=3, ready=2, stable=True, aborted=True)
    assert len(list(broken_workload(aborted, plan))) == 1
    dead = world("onsuccess", has=0, noted=3, ready=0, stable=True, aborted=True)
    assert list(broken_workload(dead, plan)) == []


def test_a_workload_that_was_not_seen_is_not_scaled() -> None:
    plan = Plan(actions=(ScaleWorkload("Deployment", "old", "7", 3, None),))
    unseen = world("never")
    assert workload_actions(stand(unseen, ALL), set_course(stand(unseen, ALL))) == []
    podless = WorkloadSeen(kind="PodTemplate", name="old", resource_version="1", generation=1)
    for workload in (None, podless):
        gone = replace(unseen, workload=workload)
        assert asked(gone) is None
        assert len(list(broken_workload(gone, plan))) == 1

"""What the status says of ReplicaSets and pods that nobody can make."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from msgspec.structs import replace

from core.rollout.world import World, first_deploy
from serinus.core.rollout.plan import plan

STEPS = [{"setWeight": 50}, {"pause": {}}]
NO = "replicasets.apps is forbidden: exceeded quota"


def refused(world: World, *words: str) -> None:
    """Looks after the creation was refused with these words; nothing but the status is written."""
    made = plan(dataclasses.replace(world.snapshot(), refusals=words))
    assert made.status is not None
    world.rollout = replace(world.rollout, status=made.status)


def said(world: World, type_: str) -> tuple[str, str, str] | None:
    found = (c for c in world.status.conditions if c.type == type_)
    return next(((c.status, c.reason, c.message) for c in found), None)


def test_a_replica_set_that_is_refused_is_told_as_the_original_does() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    name = f"app-{world.snapshot().template_hash}"
    refused(world)
    refused(world, NO)
    message = f'Failed to create new replica set "{name}": {NO}'
    assert said(world, "Progressing") == ("False", "ReplicaSetCreateError", message)
    before = world.status
    refused(world, NO)
    assert world.status == before
    refused(world)  # a new process has not been refused yet
    assert said(world, "Progressing") == ("False", "ReplicaSetCreateError", message)
    world.run()
    assert said(world, "Progressing") == ("Unknown", "RolloutPaused", "Rollout is paused")
    assert world.router.routing.weight == 50


def test_a_deadline_passes_over_a_refusal_too() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    refused(world, NO)
    world.now += timedelta(seconds=601)
    refused(world, NO)
    assert world.status.phase == "Degraded"
    progressing = said(world, "Progressing")
    assert progressing is not None
    assert progressing[1] == "ProgressDeadlineExceeded"


def test_pods_that_cannot_be_made_are_told_until_they_can() -> None:
    world = first_deploy(STEPS)
    assert said(world, "ReplicaFailure") is None
    snapshot = world.snapshot()
    failing = [dataclasses.replace(one, failure=NO) for one in snapshot.revisions]
    status = plan(dataclasses.replace(snapshot, revisions=tuple(failing))).status
    assert status is not None
    world.rollout = replace(world.rollout, status=status)
    assert said(world, "ReplicaFailure") == ("True", "FailedCreate", NO)
    world.reconcile()
    assert said(world, "ReplicaFailure") is None

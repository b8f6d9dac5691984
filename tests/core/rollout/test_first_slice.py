"""The shortest journeys: a first deploy, and a healthy canary on its way to promotion."""

from __future__ import annotations

from core.rollout.world import World, first_deploy

STEPS = [{"setWeight": 25}, {"pause": {"duration": "60s"}}, {"setWeight": 50}, {"pause": {}}]


def test_the_first_revision_gets_all_pods_at_once_and_becomes_stable_when_they_are_ready() -> None:
    world = World(STEPS)
    world.run()
    assert world.timeline == [
        "0s w=0 step=0 v1:0 Progressing",
        "0s w=0 step=0 v1:4 Progressing",
        "5s w=0 step=4 v1:4 Healthy",
    ]
    assert world.shares() == {world.set_of("v1").hash: 1.0}


def test_a_healthy_canary_goes_through_its_steps_to_promotion() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run()
    assert world.status.phase == "Paused"
    world.command(pause_conditions=())
    world.run()
    assert world.timeline == [
        "5s w=0 step=0 v1:4 v2:0 Progressing",
        "5s w=0 step=0 v1:4 v2:1 Progressing",
        "12s w=25 step=0 v1:4 v2:1 Progressing",
        "12s w=25 step=1 v1:4 v2:1 Progressing",
        "12s w=25 step=1 v1:4 v2:1 Paused",
        "72s w=25 step=2 v1:4 v2:1 Progressing",
        "72s w=25 step=2 v1:4 v2:2 Progressing",
        "77s w=50 step=2 v1:4 v2:2 Progressing",
        "77s w=50 step=3 v1:4 v2:2 Progressing",
        "77s w=50 step=3 v1:4 v2:2 Paused",
        "77s w=50 step=4 v1:4 v2:2 Progressing",
        "77s w=50 step=4 v1:4 v2:4 Progressing",
        "82s w=100 step=4 v1:4 v2:4 Progressing",
        "84s w=100 step=4 v1:4 v2:4 Healthy",
        "86s w=0 step=4 v1:4 v2:4 Healthy",
        "116s w=0 step=4 v1:0 v2:4 Healthy",
    ]
    assert world.shares() == {world.set_of("v2").hash: 1.0}


def test_a_rollout_at_rest_is_silent() -> None:
    world = first_deploy(STEPS)
    for _ in range(3):
        assert not world.reconcile()
    assert world.last.wake_at is None

"""A canary without a router over time: pods are the weight. Timelines of the pure world."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from core.rollout.world import World, first_deploy, hash_of
from serinus.api.argo import Pause, Step

STEPS = [{"setWeight": 20}, {"pause": {"duration": "60s"}}, {"setWeight": 60}, {"pause": {}}]
ALONE: dict[str, Any] = {"trafficRouting": None, "canaryService": "", "stableService": ""}
"""Neither a router nor Services: whatever selects the pods divides the traffic."""


def deployed(steps: list[Any] = STEPS, replicas: int = 10, **canary: Any) -> World:
    return first_deploy(steps, replicas=replicas, **{**ALONE, **canary})


def at_pause(index: int, **options: Any) -> World:
    """v2 waits in the pause of that step."""
    world = deployed(**options)
    world.release("v2")
    world.run(until=lambda w: w.status.phase == "Paused" and w.status.current_step_index == index)
    world.timeline.clear()
    return world


def test_a_release_moves_pods_step_by_step_and_never_below_what_may_be_missing() -> None:
    world = deployed()
    world.release("v2")
    world.run()
    assert world.timeline == [
        "5s step=0 v1:10 v2:0 Progressing",
        "5s step=0 v1:8 v2:2 Progressing",
        "10s step=1 v1:8 v2:2 Progressing",
        "10s step=1 v1:8 v2:2 Paused",
        "70s step=2 v1:8 v2:2 Progressing",
        "70s step=2 v1:6 v2:5 Progressing",
        "70s step=2 v1:6 v2:6 Progressing",
        "75s step=2 v1:4 v2:6 Progressing",
        "75s step=3 v1:4 v2:6 Progressing",
        "75s step=3 v1:4 v2:6 Paused",
    ]
    assert world.status.canary.weights is None


def test_the_end_is_a_promotion_with_all_pods_and_nothing_of_the_old_ones() -> None:
    world = at_pause(3)
    world.command(pause_conditions=())
    world.run()
    assert world.timeline[-1].endswith("step=4 v1:0 v2:10 Healthy")
    assert world.status.stable_rs == hash_of("v2")


def test_without_steps_it_is_a_rolling_update() -> None:
    world = deployed([], replicas=4)
    world.release("v2")
    world.run()
    assert world.timeline == [
        "5s step=None v1:4 v2:0 Progressing",
        "5s step=None v1:3 v2:1 Progressing",
        "5s step=None v1:3 v2:2 Progressing",
        "10s step=None v1:1 v2:2 Progressing",
        "10s step=None v1:1 v2:4 Progressing",
        "15s step=None v1:0 v2:4 Progressing",
        "15s step=None v1:0 v2:4 Healthy",
    ]


def test_a_broken_version_stops_where_the_bounds_are_and_times_out() -> None:
    world = deployed([], replicas=4)
    world.broken.add(hash_of("v2"))
    world.release("v2")
    world.run()
    assert "v1:3 v2:2" in world.timeline[-1]
    assert world.status.phase == "Degraded"
    assert "has timed out progressing" in world.status.message


def test_an_abort_scales_back_at_once_whatever_its_delay_says() -> None:
    world = at_pause(3, abortScaleDownDelaySeconds=300)
    world.command(abort=True)
    world.run()
    assert world.timeline[-1] == "80s step=0 v1:10 v2:0 Degraded"
    assert world.status.message == "RolloutAborted: Rollout aborted update to revision 2"


def test_a_broken_version_is_fixed_forward_by_a_full_promotion_although_stable_died() -> None:
    world = at_pause(1)
    world.broken.add(hash_of("v1"))
    world.kill("v1", revive=False)
    world.release("v3")
    world.command(promote_full=True)
    world.run(120)
    world.command(promote_full=True)
    world.run()
    assert world.timeline[-1].endswith("v1:0 v2:0 v3:10 Healthy")


def test_a_third_revision_drains_the_second_before_stable_shrinks_any_further() -> None:
    world = at_pause(3)
    world.release("v3")
    world.run(until=lambda w: w.status.phase == "Paused")
    assert world.timeline == [
        "75s step=0 v1:7 v2:4 v3:0 Progressing",
        "75s step=0 v1:8 v2:4 v3:1 Progressing",
        "80s step=0 v1:8 v2:0 v3:1 Progressing",
        "80s step=0 v1:8 v2:0 v3:2 Progressing",
        "85s step=1 v1:8 v2:0 v3:2 Progressing",
        "85s step=1 v1:8 v2:0 v3:2 Paused",
    ]


def test_a_return_to_stable_needs_no_steps() -> None:
    world = at_pause(3)
    world.release("v1")
    world.run()
    assert world.timeline[-1] == "85s step=4 v1:10 v2:0 Healthy"
    assert world.status.duration is not None
    assert world.status.duration.completion_status == "FastRolledBack"


def test_replicas_changed_in_mid_rollout_are_divided_anew() -> None:
    world = at_pause(3)
    world.edit(replicas=20)
    world.run()
    assert world.timeline[-1] == "75s step=3 v1:8 v2:12 Paused"
    world.edit(replicas=5)
    world.run()
    assert world.timeline[-1] == "80s step=3 v1:2 v2:3 Paused"
    world.edit(replicas=0)
    world.run()
    assert world.timeline[-1].endswith("v1:0 v2:0 Healthy"), "nothing is left to be watched"


def test_a_pod_counts_when_it_was_ready_for_the_time_that_is_asked() -> None:
    world = deployed([], replicas=4)
    world.edit(min_ready_seconds=30)
    world.run()
    world.timeline.clear()
    world.release("v2")
    world.run()
    changes = [line.split(" ")[0] for line in world.timeline]
    assert (changes[0], changes[-1]) == ("35s", "105s"), "twice 5 s to start and 30 s to be sure"


def test_paused_by_its_user_nothing_of_the_canary_rises_and_replicas_go_to_stable() -> None:
    world = at_pause(1)
    world.edit(paused=True)
    world.edit(replicas=20)
    world.run()
    assert world.timeline[-1] == "10s step=1 v1:18 v2:2 Paused"
    world.edit(paused=False)
    world.run(until=lambda w: w.status.current_step_index == 3)
    assert "v1:8 v2:12" in world.timeline[-1]


def test_a_new_revision_under_a_pause_has_to_wait() -> None:
    world = deployed()
    world.edit(paused=True)
    world.release("v2")
    world.run()
    assert world.timeline[-1] == "5s step=0 v1:10 v2:0 Paused"


def test_an_abort_under_a_pause_goes_on() -> None:
    world = at_pause(3)
    world.edit(paused=True)
    world.command(abort=True)
    world.run()
    assert world.timeline[-1] == "80s step=0 v1:10 v2:0 Degraded"


def test_one_replica_and_one_to_surge_stand_side_by_side() -> None:
    world = at_pause(1, replicas=1)
    assert world.line() == "step=1 v1:1 v2:1 Paused"


def test_one_replica_without_surge_is_divided_by_time() -> None:
    world = deployed(replicas=1, maxSurge=0, maxUnavailable=1)
    world.release("v2")
    world.run()
    assert [line for line in world.timeline if "Paused" in line] == [
        "5s step=1 v1:1 v2:0 Paused",
        "70s step=3 v1:0 v2:1 Paused",
    ], "20 % of one is none, 60 % is all"


def test_a_timed_pause_does_not_end_while_the_canary_is_dead() -> None:
    world = at_pause(1)
    world.kill("v2", revive=False)
    world.run(300)
    assert world.status.current_step_index == 1
    assert "it ends when the canary has a ready pod again" in world.last.reasons[-1].message
    world.revive("v2")
    world.run(10)
    assert world.status.current_step_index == 3


def test_a_dead_canary_at_a_timed_pause_meets_its_deadline() -> None:
    world = at_pause(1)
    world.edit(progress_deadline_seconds=100, progress_deadline_abort=True)
    world.kill("v2", revive=False)
    world.run()
    assert world.timeline[-1].endswith("step=0 v1:10 v2:0 Degraded")
    seconds = float(world.timeline[-1].split("s ")[0])
    assert 110 <= seconds < 130, "from where it lost its pods, in the pause"


def test_a_dead_canary_at_an_endless_pause_meets_its_deadline_too() -> None:
    world = at_pause(3)
    world.edit(progress_deadline_seconds=100)
    world.now += timedelta(hours=1)
    world.reconcile()
    assert world.status.phase == "Paused", "a pause by itself has none"
    world.kill("v2", revive=False)
    died = world.now
    world.run(until=lambda w: w.status.phase == "Degraded")
    assert 100 <= (world.now - died).total_seconds() < 130, "from where it lost its pods"


def test_a_threshold_says_how_many_are_enough() -> None:
    world = deployed(replicaProgressThreshold={"type": "Percent", "value": 50})
    world.release("v2")
    world.settle()
    pods = world.set_of("v2").pods
    pods[0].ready_at = world.now + timedelta(days=1)
    world.run(30)
    assert world.line() == "step=1 v1:8 v2:2 Paused"


def test_services_follow_their_revisions_and_are_never_without_a_pod() -> None:
    world = first_deploy(STEPS, replicas=10, trafficRouting=None)
    world.release("v2")
    world.run(until=lambda w: w.status.current_step_index == 3)
    assert world.services["canary"].selector == hash_of("v2")
    assert world.services["stable"].selector == hash_of("v1")
    world.command(pause_conditions=())
    world.run(until=lambda w: w.status.stable_rs == hash_of("v2"))
    assert world.endpoints(world.services["stable"].selector), "a pod of v1 stays for its Service"
    world.run()
    assert {s.selector for s in world.services.values()} == {hash_of("v2")}
    assert world.timeline[-1].endswith("v1:0 v2:10 Healthy")


def test_without_surge_the_stable_service_goes_ahead_so_that_it_keeps_a_pod() -> None:
    world = first_deploy(STEPS[:1], replicas=3, trafficRouting=None, maxSurge=0, maxUnavailable=1)
    world.release("v2")
    while world.status.stable_rs != hash_of("v2") or world.status.phase != "Healthy":
        world.reconcile()
        assert world.endpoints(world.services["stable"].selector)
        world.now += timedelta(seconds=0.5)
    assert world.timeline[-1].endswith("v1:0 v2:3 Healthy")


def test_an_abort_gives_the_canary_service_back_before_its_last_pod_goes() -> None:
    world = first_deploy(STEPS, replicas=4, trafficRouting=None)
    world.release("v2")
    world.run(until=lambda w: w.status.phase == "Paused")
    world.command(abort=True)
    while "v2:0" not in world.line():
        world.reconcile()
        assert world.endpoints(world.services["canary"].selector)
        world.now += timedelta(seconds=1)
    assert world.services["canary"].selector == hash_of("v1")


def test_a_step_of_weight_nothing_takes_the_canary_back() -> None:
    steps = [{"setWeight": 50}, {"pause": {"duration": "10s"}}, {"setWeight": 0}, {"pause": {}}]
    world = first_deploy(steps, replicas=4, trafficRouting=None)
    world.release("v2")
    world.run()
    assert world.line() == "step=3 v1:4 v2:0 Paused"


def test_changed_steps_start_again_from_the_first() -> None:
    world = at_pause(3)
    canary = world.rollout.spec.strategy.canary
    assert canary is not None
    world.edit_canary(steps=(Step(set_weight=10), Step(pause=Pause())))
    world.run()
    assert world.timeline[-1].endswith("step=1 v1:9 v2:1 Paused")


def test_the_phase_tells_that_old_pods_are_on_their_way() -> None:
    world = first_deploy([], replicas=4, trafficRouting=None)
    world.release("v2")
    messages = set()
    for _ in range(100):
        world.reconcile()
        messages.add(world.status.message)
        world.now += timedelta(seconds=0.5)
    assert {"more replicas need to be updated", "old replicas are pending termination"} <= messages

"""Replicas over a rollout's life: dynamic scaling, setCanaryScale, delays, readiness, history."""

from __future__ import annotations

from datetime import timedelta

from core.rollout.world import World, first_deploy, hash_of
from serinus.api import names
from serinus.core.rollout.reasons import Hold

STEPS = [{"setWeight": 25}, {"pause": {"duration": "60s"}}, {"setWeight": 75}, {"pause": {}}]


def released(**options: object) -> World:
    """v2 waits at 75 in an indefinite pause."""
    world = first_deploy(STEPS, **options)
    world.release("v2")
    world.run()
    world.timeline.clear()
    return world


def test_under_dynamic_stable_scale_stable_shrinks_after_its_traffic_has_settled() -> None:
    world = first_deploy(STEPS, dynamicStableScale=True)
    world.release("v2")
    world.run()
    assert world.timeline == [
        "5s w=0 step=0 v1:4 v2:0 Progressing",
        "5s w=0 step=0 v1:4 v2:1 Progressing",
        "12s w=25 step=0 v1:4 v2:1 Progressing",
        "12s w=25 step=1 v1:4 v2:1 Progressing",
        "12s w=25 step=1 v1:4 v2:1 Paused",
        "14s w=25 step=1 v1:3 v2:1 Paused",
        "72s w=25 step=2 v1:3 v2:1 Progressing",
        "72s w=25 step=2 v1:3 v2:3 Progressing",
        "77s w=75 step=2 v1:3 v2:3 Progressing",
        "77s w=75 step=3 v1:3 v2:3 Progressing",
        "77s w=75 step=3 v1:3 v2:3 Paused",
        "79s w=75 step=3 v1:1 v2:3 Paused",
    ]


def test_under_dynamic_stable_scale_an_abort_moves_traffic_only_onto_pods_that_are_there() -> None:
    world = released(dynamicStableScale=True)
    world.command(abort=True)
    world.run()
    assert world.timeline == [
        "79s w=75 step=0 v1:4 v2:3 Degraded",
        "84s w=0 step=0 v1:4 v2:3 Degraded",
        "88s w=0 step=0 v1:4 v2:0 Degraded",
    ]


def test_an_abort_goes_back_stage_by_stage_as_stable_gets_room() -> None:
    world = released(dynamicStableScale=True)
    world.command(abort=True)
    world.settle()
    starting = [pod for pod in world.set_of("v1").pods if not world.ready(pod)]
    for place, pod in enumerate(starting):
        pod.ready_at = world.now + timedelta(seconds=10 * (place + 1))
    world.run()
    assert [line.split(" v2")[0] for line in world.timeline] == [
        "79s w=75 step=0 v1:4",
        "89s w=50 step=0 v1:4",
        "91s w=50 step=0 v1:4",
        "99s w=25 step=0 v1:4",
        "101s w=25 step=0 v1:4",
        "109s w=0 step=0 v1:4",
        "113s w=0 step=0 v1:4",
    ]


def test_under_dynamic_stable_scale_stable_keeps_a_pod_until_the_new_one_is_stable() -> None:
    steps = [{"setWeight": 100}, {"pause": {}}]
    world = first_deploy(steps, dynamicStableScale=True)
    world.release("v2")
    world.run()
    assert world.line() == "w=100 step=1 v1:1 v2:4 Paused"
    world.command(pause_conditions=())
    world.run()
    assert world.line() == "w=0 step=2 v1:0 v2:4 Healthy"


def test_set_canary_scale_goes_before_the_weight_and_ends_by_matching_it() -> None:
    scale = [{"setCanaryScale": {"replicas": 3}}, {"setWeight": 25}, {"pause": {}}]
    match = [{"setCanaryScale": {"matchTrafficWeight": True}}, {"pause": {}}]
    world = first_deploy([*scale, *match])
    world.release("v2")
    world.run()
    assert world.line() == "w=25 step=2 v1:4 v2:3 Paused"
    world.command(pause_conditions=())
    world.run()
    assert world.line() == "w=25 step=4 v1:4 v2:1 Paused"


def test_a_canary_scale_below_the_weight_is_the_users_will_if_all_of_it_is_ready() -> None:
    world = first_deploy([{"setCanaryScale": {"replicas": 1}}, {"setWeight": 50}, {"pause": {}}])
    world.release("v2")
    world.run()
    assert world.line() == "w=50 step=2 v1:4 v2:1 Paused"


def test_a_canary_scale_of_zero_gets_no_traffic() -> None:
    world = first_deploy([{"setCanaryScale": {"replicas": 0}}, {"setWeight": 50}])
    world.release("v2")
    world.run(seconds=120)
    assert world.line() == "w=0 step=1 v1:4 v2:0 Progressing"


def test_the_old_revision_keeps_its_pods_for_the_users_delay_after_promotion() -> None:
    world = released(scaleDownDelaySeconds=120)
    world.timeline.clear()
    world.command(promote_full=True)
    world.run()
    last = [line.split(" ")[0] for line in world.timeline[-2:]]
    assert world.timeline[-1].endswith("v1:0 v2:4 Healthy")
    assert float(last[1][:-1]) - float(last[0][:-1]) == 120


def test_the_mark_of_a_delay_names_the_write_that_it_runs_from() -> None:
    world = released()
    world.command(promote_full=True)
    world.run(until=lambda w: names.SCALE_DOWN_DEADLINE in w.set_of("v1").annotations)
    marked = world.set_of("v1").annotations
    written = world.services["stable"].written_at
    assert written is not None
    assert marked[names.SCALE_DOWN_SET_FOR] == written.isoformat()
    world.run()
    assert names.SCALE_DOWN_DEADLINE not in world.set_of("v1").annotations


def test_min_ready_seconds_hold_traffic_until_the_pods_have_been_ready_that_long() -> None:
    world = first_deploy(STEPS)
    world.edit(min_ready_seconds=20)
    world.run()
    world.timeline.clear()
    world.release("v2")
    start = (world.now - world.now.replace(hour=12, minute=0, second=0)).total_seconds()
    world.run(seconds=60)
    raised = next(line for line in world.timeline if " w=25 " in line)
    assert float(raised.split("s ")[0]) - start == 25


def test_min_pods_per_replica_set_raises_small_counts() -> None:
    world = first_deploy([{"setWeight": 5}, {"pause": {}}], minPodsPerReplicaSet=2)
    world.release("v2")
    world.run()
    assert world.line() == "w=5 step=1 v1:4 v2:2 Paused"


def test_a_progress_threshold_lets_a_step_pass_with_some_pods_missing() -> None:
    threshold = {"type": "Percent", "value": 50}
    world = first_deploy(STEPS, replicaProgressThreshold=threshold)
    world.release("v2")
    world.run()
    world.command(promote_full=True)
    world.settle()
    world.set_of("v2").pods[-1].ready_at = None
    world.run()
    assert world.status.stable_rs == hash_of("v2")


def test_old_revisions_are_deleted_past_the_history_limit() -> None:
    world = first_deploy([])
    world.edit(revision_history_limit=2)
    for number in range(2, 7):
        world.release(f"v{number}")
        world.run()
    assert sorted(item.hash for item in world.sets.values()) == sorted(
        hash_of(f"v{number}") for number in (4, 5, 6)
    )


def test_ephemeral_metadata_follows_the_roles_and_is_there_before_the_first_pod() -> None:
    world = World(
        STEPS,
        canaryMetadata={"labels": {"role": "canary"}},
        stableMetadata={"labels": {"role": "stable"}},
    )
    world.run()
    assert {pod.labels["role"] for pod in world.set_of("v1").pods} == {"stable"}
    world.release("v2")
    world.run()
    assert {pod.labels["role"] for pod in world.set_of("v2").pods} == {"canary"}
    world.command(promote_full=True)
    world.run()
    assert {pod.labels["role"] for pod in world.set_of("v2").pods} == {"stable"}


def test_no_progress_within_the_deadline_is_told_and_aborts_only_if_wanted() -> None:
    world = first_deploy(STEPS)
    world.broken.add(hash_of("v2"))
    world.release("v2")
    world.run()
    name = f"app-{hash_of('v2')}"
    text = f'ReplicaSet "{name}" has timed out progressing.'
    assert world.timeline[-1] == "605s w=0 step=0 v1:4 v2:1 Degraded"
    assert world.status.message == f"ProgressDeadlineExceeded: {text}"
    world.edit(progress_deadline_abort=True)
    world.run()
    assert world.status.message == (f"RolloutAborted: Rollout aborted update to revision 2: {text}")
    assert world.line() == "w=0 step=0 v1:4 v2:0 Degraded"


def test_a_mended_revision_is_not_judged_by_the_deadline_of_the_one_before() -> None:
    world = first_deploy(STEPS)
    world.edit(progress_deadline_abort=True)
    world.broken.add(hash_of("v2"))
    world.release("v2")
    world.run()
    assert world.status.abort
    world.release("v3")
    world.run()
    assert world.line() == "w=75 step=3 v1:4 v2:0 v3:3 Paused"


def test_a_scale_step_takes_no_pods_from_what_the_stable_service_still_selects() -> None:
    """v2 became stable while no replicas were wanted, the Service is on v1, v1 is wanted again."""
    steps = [{"setCanaryScale": {"replicas": 1}}, {"pause": {}}, {"setWeight": 50}]
    world = first_deploy(steps, replicas=3)
    world.release("v2")
    world.run()
    world.edit(replicas=0)
    while world.status.stable_rs != hash_of("v2"):
        world.reconcile(keep=lambda action: False)  # each time only the status gets through
    world.kill("v2", revive=False)
    world.edit(replicas=3, paused=True)
    world.release("v1")
    for _ in range(10):
        world.reconcile()
        world.now += timedelta(seconds=1)
        assert Hold.INVARIANT not in {reason.hold for reason in world.last.reasons}
    assert world.services["stable"].selector == hash_of("v1")
    assert world.shares()[hash_of("v1")] == 1
    assert world.set_of("v1").replicas == 3


def test_with_a_surge_limit_the_canarys_pods_start_by_and_by() -> None:
    steps = [{"setWeight": 50}, {"pause": {}}]
    world = first_deploy(steps, replicas=10, surgeLimit=2)
    world.release("v2")
    world.run()
    assert world.timeline == [
        "5s w=0 step=0 v1:10 v2:0 Progressing",
        "5s w=0 step=0 v1:10 v2:2 Progressing",
        "10s w=0 step=0 v1:10 v2:4 Progressing",
        "15s w=0 step=0 v1:10 v2:5 Progressing",
        "20s w=50 step=0 v1:10 v2:5 Progressing",
        "20s w=50 step=1 v1:10 v2:5 Progressing",
        "20s w=50 step=1 v1:10 v2:5 Paused",
    ]


def test_a_surge_limit_is_a_share_of_all_replicas_and_at_least_one_pod() -> None:
    steps = [{"setWeight": 50}, {"pause": {}}]
    world = first_deploy(steps, replicas=10, surgeLimit="1%")
    world.release("v2")
    world.run(until=lambda w: "v2:1" in w.line())
    world.run(2)
    assert "v2:1" in world.line()


def test_a_surge_limit_does_not_slow_the_way_back_to_stable() -> None:
    world = released(dynamicStableScale=True, surgeLimit=1)
    world.command(abort=True)
    world.settle()
    assert world.set_of("v1").replicas == 4

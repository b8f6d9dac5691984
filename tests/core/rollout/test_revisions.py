"""Which ReplicaSet a template belongs to: by label, by equality to adopt, when hashes collide."""

from __future__ import annotations

import dataclasses

from core.rollout.world import START, Set_, World, first_deploy, hash_of, template_of
from serinus.api.argo import RolloutStatus
from serinus.core.rollout.actions import CreateRevision
from serinus.core.rollout.plan import plan

STEPS = [{"setWeight": 50}, {"pause": {}}]


def test_a_revision_of_another_controller_is_adopted_by_its_template() -> None:
    world = World(STEPS, replicas=2)
    foreign = Set_("app-foreign", "foreign", 7, template_of("v1"), replicas=2)
    world.sets["app-foreign"] = foreign
    world._scale(foreign, "1", 2)
    world.command(stable_rs="foreign", current_pod_hash="foreign", current_step_index=2)
    world.run()
    assert list(world.sets) == ["app-foreign"]
    assert world.status.current_pod_hash == "foreign"
    assert world.status.phase == "Healthy"


def test_the_label_decides_before_equality_does() -> None:
    world = first_deploy(STEPS)
    changed = world.sets[f"app-{hash_of('v1')}"]
    changed.template = template_of("changed-by-a-webhook")
    for _ in range(3):
        assert not world.reconcile()
    assert len(world.sets) == 1


def test_a_template_that_collides_with_another_hash_raises_the_collision_count() -> None:
    world = first_deploy(STEPS)
    seen = dataclasses.replace(world.snapshot(), template=template_of("v2"))
    made = plan(seen)
    assert made.status is not None
    assert made.status.collision_count == 1
    assert not [action for action in made.actions if isinstance(action, CreateRevision)]


def test_a_stable_revision_that_is_gone_makes_the_next_one_a_first_deploy() -> None:
    world = first_deploy(STEPS)
    world.sets.clear()
    world.release("v2")
    world.run()
    assert world.line() == "w=0 step=2 v2:4 Healthy"
    assert world.services["stable"].selector == hash_of("v2")


def test_a_deleted_replica_set_of_the_stable_revision_is_made_again() -> None:
    world = first_deploy(STEPS)
    world.sets.clear()
    world.run()
    assert world.line() == "w=0 step=2 v1:4 Healthy"


def test_a_service_with_other_pods_behind_it_waits_until_the_first_revision_can_carry_all() -> None:
    world = World(STEPS, replicas=4)
    old = Set_("old", "", 0, template_of("old"))
    world.sets["old"] = old
    world._scale(old, "1", 3)
    world.now = START.replace(minute=1)
    world.start_seconds = 5
    world.settle()
    assert world.services["stable"].selector == ""
    world.run(until=lambda w: w.services["stable"].selector != "")
    assert world.endpoints(hash_of("v1")) == {hash_of("v1"): 4}


def test_more_old_revisions_in_their_delay_than_the_limit_go_at_once() -> None:
    world = first_deploy([], scaleDownDelaySeconds=3600, scaleDownDelayRevisionLimit=1)
    for version in ("v2", "v3", "v4"):
        world.release(version)
        world.run(seconds=100)
    alive = {version for version in ("v1", "v2", "v3") if world.set_of(version).replicas}
    assert alive == {"v3"}


def test_a_new_revision_does_not_clear_an_abort_that_was_not_acted_on() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run()
    world.command(abort=True)
    world.release("v3")
    world.run()
    assert world.status.abort
    assert world.line() == "w=0 step=0 v1:4 v2:0 v3:0 Degraded"


def test_an_abort_names_the_revision_that_it_ends_also_one_that_is_not_made_yet() -> None:
    world = first_deploy([{"setWeight": 50}, {"pause": {}}])
    world.release("v2")
    world.run()
    world.command(abort=True)
    world.release("v3")
    world.run()
    assert world.status.message == "RolloutAborted: Rollout aborted update to revision 3"


def test_a_new_revision_clears_an_abort_that_was_acted_on() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run()
    world.command(abort=True)
    world.run()
    world.release("v3")
    world.run()
    assert not world.status.abort
    assert world.line() == "w=50 step=1 v1:4 v2:0 v3:2 Paused"


def test_a_status_from_the_original_controller_goes_on_where_it_was() -> None:
    world = first_deploy(STEPS)
    world.release("v2")
    world.run()
    kept = world.status
    world.rollout = type(world.rollout)(
        metadata=world.rollout.metadata,
        spec=world.rollout.spec,
        status=RolloutStatus(
            stable_rs=kept.stable_rs,
            current_pod_hash=kept.current_pod_hash,
            current_step_hash=kept.current_step_hash,
            current_step_index=kept.current_step_index,
            pause_conditions=kept.pause_conditions,
            controller_pause=True,
        ),
    )
    world.run()
    assert world.line() == "w=50 step=1 v1:4 v2:2 Paused"

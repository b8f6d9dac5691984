"""Revisions that another controller made: which one a template belongs to, and that it stays so."""

from __future__ import annotations

from dataclasses import replace

from core.rollout.world import Set_, World, first_deploy, hash_of, template_of
from serinus.api import names
from serinus.api.hashes import CANON_VERSION, template_note
from serinus.core.rollout.actions import Adopt, CreateRevision
from serinus.core.rollout.adoption import made_of
from serinus.core.rollout.plan import plan
from serinus.core.rollout.snapshot import Orphan, Revision

STEPS = [{"setWeight": 50}, {"pause": {}}]


def adopted(*hashes: str, current: str, stable: str) -> World:
    """Revisions of one template under foreign hashes, oldest first, as a status knows them."""
    world = World(STEPS, replicas=2)
    for number, hash_ in enumerate(hashes, 1):
        item = Set_(f"app-{hash_}", hash_, number, template_of("v1"))
        world.sets[item.name] = item
        world._scale(item, "1", 2 if hash_ in (current, stable) else 0)
    world.command(stable_rs=stable, current_pod_hash=current, current_step_index=2)
    return world


def test_of_twins_the_one_that_the_status_calls_current_goes_on() -> None:
    for current in ("one", "two", "three"):
        world = adopted("one", "two", "three", current=current, stable=current)
        world.run()
        assert world.status.current_pod_hash == world.status.stable_rs == current
        assert world.sets[f"app-{current}"].replicas == 2
        assert sum(item.replicas for item in world.sets.values()) == 2


def test_an_update_between_twins_goes_on_where_it_was() -> None:
    world = adopted("one", "two", current="two", stable="one")
    world.services["stable"].selector, world.services["canary"].selector = "one", "two"
    world.command(current_step_index=1, current_step_hash=world.snapshot().step_hash)
    world.run()
    assert (world.status.current_pod_hash, world.status.stable_rs) == ("two", "one")
    assert (world.status.current_step_index, world.status.phase) == (1, "Paused")


def test_a_way_back_to_a_template_with_twins_is_one_to_the_stable_twin() -> None:
    world = adopted("one", "two", current="one", stable="one")
    world.run()
    world.release("v2")
    world.run()
    assert world.status.current_pod_hash == hash_of("v2")
    world.release("v1")
    world.run()
    assert (world.status.current_pod_hash, world.status.phase) == ("one", "Healthy")


def test_an_adopted_revision_gets_a_note_once_and_one_of_ours_none() -> None:
    world = adopted("foreign", current="foreign", stable="foreign")
    world.run()
    noted = world.sets["app-foreign"].annotations[names.TEMPLATE]
    assert noted == template_note(template_of("v1"))
    assert not world.reconcile()
    ours = first_deploy(STEPS)
    assert names.TEMPLATE not in ours.sets[f"app-{hash_of('v1')}"].annotations


def test_an_adopted_replica_set_that_somebody_changed_is_still_the_one_of_its_template() -> None:
    world = adopted("foreign", current="foreign", stable="foreign")
    world.run()
    world.sets["app-foreign"].template = template_of("changed")
    world.run()
    assert list(world.sets) == ["app-foreign"]


def test_and_the_template_that_it_was_changed_to_gets_pods_of_its_own() -> None:
    world = adopted("foreign", current="foreign", stable="foreign")
    world.run()
    world.sets["app-foreign"].template = template_of("v2")
    world.release("v2")
    world.run()
    assert world.status.current_pod_hash == hash_of("v2")
    assert world.sets[f"app-{hash_of('v2')}"].replicas


def test_so_does_one_that_was_made_by_us() -> None:
    world = first_deploy(STEPS)
    mine = world.sets[f"app-{hash_of('v1')}"]
    mine.annotations[names.TEMPLATE] = template_note(mine.template)  # as it is created
    mine.template = template_of("v2")
    world.release("v2")
    world.run()
    assert world.status.current_pod_hash == hash_of("v2")


def seen(world: World, name: str, **change: object) -> Revision:
    one = next(r for r in world.snapshot().revisions if r.name == name)
    return replace(one, **change)


def test_a_note_of_another_form_of_templates_says_nothing() -> None:
    world = adopted("foreign", current="foreign", stable="foreign")
    old = {names.TEMPLATE: f"{CANON_VERSION}0/bcdf"}
    for note, found in ((old, True), ({names.TEMPLATE: f"{CANON_VERSION}/bcdf"}, False)):
        one = seen(world, "app-foreign", annotations=note)
        assert (made_of(world.snapshot(), (one,)) is one) is found


def test_a_note_that_fits_a_template_with_the_same_hash_is_no_proof(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("serinus.api.hashes._short_hash", lambda data, count: "same")
    world = adopted("foreign", current="foreign", stable="foreign")
    note = {names.TEMPLATE: template_note(template_of("v1"))}
    other = seen(world, "app-foreign", annotations=note, template=template_of("v2"))
    assert made_of(world.snapshot(), (other,)) is None


def test_orphans_are_taken_in_before_anything_else_and_left_alone_when_that_is_refused() -> None:
    world = World(STEPS, replicas=2)
    orphan = Orphan("app-old", "7")
    seen = replace(world.snapshot(), orphans=(orphan,))
    assert plan(seen).actions == (Adopt("app-old", "7"),)
    refused = plan(replace(seen, refusals=("replicasets.apps is forbidden",)))
    went_on = {type(action) for action in refused.actions}
    assert CreateRevision in went_on
    assert Adopt not in went_on

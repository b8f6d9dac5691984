"""Short ways back lead only to what was stable once; its mark, and what is known without one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.rollout.switched import ANALYSIS, Switched, deployed
from core.rollout.world import World, first_deploy, hash_of
from serinus.api import names
from serinus.api.argo import RollbackWindow, RolloutDuration
from serinus.core.rollout.actions import Annotate
from serinus.core.rollout.rules import ALL, Rule

STEPS = [{"setWeight": 25}, {"pause": {}}]
LONG_DELAY = {"scaleDownDelaySeconds": 3600, "abortScaleDownDelaySeconds": 3600}


def waiting(**options: object) -> Switched:
    """v2 stands in its pause behind the preview Service."""
    world = deployed(autoPromotionEnabled=False, **LONG_DELAY, **options)
    world.release("v2")
    world.run(60)
    assert (world.active, world.preview, world.status.phase) == ("v1", "v2", "Paused")
    return world


def promoted_over(world: Switched) -> None:
    """v3 is promoted by a person, fully, while v2 still has its pods."""
    world.release("v3")
    world.run(60)
    world.command(promote_full=True)
    world.run(60)
    assert (world.active, world.stable, world.pods("v2")) == ("v3", "v3", 4)
    world.events.clear()


def skipped(world: World) -> bool:
    return "SkipSteps" in [reason for reason, _ in world.events]


# --- Blue-green -----------------------------------------------------------------------------------


def pushed_aside() -> Switched:
    world = waiting()
    promoted_over(world)
    return world


def aborted_by_a_person() -> Switched:
    world = waiting()
    world.command(abort=True)
    world.run(60)
    promoted_over(world)
    return world


def aborted_by_the_deadline() -> Switched:
    world = waiting(spec={"progressDeadlineSeconds": 60, "progressDeadlineAbort": True})
    world.kill("v2", revive=False)
    world.run(120)
    assert world.status.abort
    world.revive("v2")
    promoted_over(world)
    return world


GIVEN_UP = [pushed_aside, aborted_by_a_person, aborted_by_the_deadline]


@pytest.mark.parametrize("given_up", GIVEN_UP, ids=lambda given: given.__name__)
def test_a_revision_that_nobody_let_through_has_no_short_way_inside_its_delay(
    given_up: Callable[[], Switched],
) -> None:
    world = given_up()
    world.release("v2")
    world.run(60)
    assert (world.active, world.stable, world.preview) == ("v3", "v3", "v2")
    assert (world.status.phase, world.status.message) == ("Paused", "BlueGreenPause")
    assert not skipped(world)
    assert world.status.duration
    assert world.status.duration.completion_status == "RolledBack"
    world.command(pause_conditions=())
    world.run(60)
    assert (world.active, world.stable) == ("v2", "v2")


def test_what_was_undone_in_its_pause_waits_again_when_it_is_released_again() -> None:
    """Stable is renumbered by the undo: what nobody let through is the older one from then on."""
    world = waiting()
    world.release("v1")
    world.run(10)
    assert (world.active, world.pods("v2")) == ("v1", 4)
    world.events.clear()
    world.release("v2")
    world.run(60)
    assert (world.active, world.status.phase) == ("v1", "Paused")
    assert not skipped(world)


def test_without_the_rule_it_gets_production_and_nobody_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The harm that the rule is for; the invariants see it too."""
    world = pushed_aside()
    world.rules = ALL - {Rule.PROVEN}
    world.release("v2")
    world.run(60)
    assert any("never stable before" in reason.message for reason in world.last.reasons)
    monkeypatch.setattr("serinus.core.rollout.plan.broken", lambda snapshot, made: ())
    world.run(60)
    assert world.active == "v2"


def test_it_is_measured_before_the_switch_too() -> None:
    world = deployed(prePromotionAnalysis=ANALYSIS, **LONG_DELAY)
    world.release("v2")
    world.run(until=lambda w: bool(w.runs))
    world.release("v3")
    world.run(30)
    world.finish("Successful")
    world.run(30)
    assert (world.stable, world.pods("v2")) == ("v3", 4)
    runs = len(world.runs)
    world.release("v2")
    world.run(30)
    assert world.active == "v3"
    assert len(world.runs) == runs + 1


def test_a_revision_that_was_stable_once_has_it_also_after_a_detour() -> None:
    """v1 was stable, v2 never; from v3 only v1 is a short way."""
    world = pushed_aside()
    world.release("v1")
    world.run(60)
    assert skipped(world)
    assert (world.active, world.stable) == ("v1", "v1")


def test_who_aborts_too_late_is_told_of_what_was_stable_not_of_what_has_pods() -> None:
    world = pushed_aside()
    world.command(abort=True)
    world.settle()
    told = next(text for reason, text in world.events if reason == "RolloutNotAborted")
    assert told.endswith("serinus undo app --to-revision 1")


# --- Canary: the rollback window ------------------------------------------------------------------


def windowed(**options: object) -> World:
    """v2 was aborted in its pause, v3 is stable; both, and v1, are inside the window."""
    world = first_deploy(STEPS, **options)
    world.edit(rollback_window=RollbackWindow(revisions=5))
    world.release("v2")
    world.run(until=lambda w: w.status.phase == "Paused")
    world.command(abort=True)
    world.run()
    world.release("v3")
    world.run()
    world.command(promote_full=True)
    world.run()
    assert world.status.stable_rs == hash_of("v3")
    world.events.clear()
    return world


@pytest.mark.parametrize("options", [{}, {"trafficRouting": None}], ids=["routed", "by pods"])
def test_a_revision_that_was_aborted_goes_through_the_steps_also_inside_the_window(
    options: dict[str, object],
) -> None:
    world = windowed(**options)
    world.release("v2")
    world.run()
    assert world.status.phase == "Paused"
    assert (world.status.current_step_index, world.status.stable_rs) == (1, hash_of("v3"))
    assert not skipped(world)


def test_one_that_was_stable_needs_none_inside_the_window() -> None:
    world = windowed()
    world.release("v1")
    world.run()
    assert skipped(world)
    assert world.status.stable_rs == hash_of("v1")


# --- The mark -------------------------------------------------------------------------------------


def marked(world: World) -> set[str]:
    return {
        f"v{n}"
        for n in range(1, 10)
        for one in world.sets.values()
        if one.hash == hash_of(f"v{n}") and names.WAS_STABLE in one.annotations
    }


def test_the_mark_comes_with_the_first_look_at_a_status_that_says_stable() -> None:
    world = deployed()
    assert marked(world) == {"v1"}
    world.release("v2")
    world.run(until=lambda w: w.stable == "v2")
    assert marked(world) == {"v1", "v2"}
    assert world.set_of("v2").annotations[names.WAS_STABLE] == hash_of("v2")


def test_no_plan_marks_what_its_own_status_only_makes_stable() -> None:
    """The status may be lost, and an abort come: a mark beside it would say too much."""
    world = deployed()
    world.release("v2")
    early = []
    while world.stable != "v2":
        stable = world.stable
        if not world.reconcile():
            world.run(1)
        marks = [a for a in world.last.actions if isinstance(a, Annotate)]
        early += [a for a in marks if a.annotations.get(names.WAS_STABLE) and stable == "v1"]
    assert [a.revision for a in early if a.revision != world.set_of("v1").name] == []


def test_a_mark_that_was_lost_with_a_crash_is_written_by_the_next_look() -> None:
    world = deployed()
    world.release("v2")
    world.run(until=lambda w: w.status.phase == "Healthy")
    del world.set_of("v2").annotations[names.WAS_STABLE]
    world.release("v3")  # while the controller was away
    world.reconcile()
    assert marked(world) == {"v1", "v2"}


def test_a_mark_that_was_copied_from_another_revision_says_nothing() -> None:
    world = pushed_aside()
    copied = world.set_of("v1").annotations[names.WAS_STABLE]
    world.set_of("v2").annotations[names.WAS_STABLE] = copied
    world.release("v2")
    world.run(60)
    assert (world.active, world.status.phase) == ("v3", "Paused")


# --- What Argo Rollouts left ----------------------------------------------------------------------


def adopted() -> Switched:
    """v2 is stable, v1 in its delay was; nothing has a mark yet."""
    world = deployed(autoPromotionEnabled=False, **LONG_DELAY)
    world.release("v2")
    world.run(60)
    world.command(promote_full=True)
    world.run(60)
    for one in world.sets.values():
        del one.annotations[names.WAS_STABLE]
    world.events.clear()
    return world


def test_of_what_argo_rollouts_left_only_the_stable_one_is_known_as_such() -> None:
    world = adopted()
    world.run(60)
    assert marked(world) == {"v2"}
    world.release("v1")
    world.run(60)
    assert (world.active, world.status.phase) == ("v2", "Paused")
    world.release("v2")
    world.run(60)
    assert (world.active, world.stable, world.status.phase) == ("v2", "v2", "Healthy")


def test_a_fast_way_back_that_argo_rollouts_began_is_gone_on_with_only_to_stable() -> None:
    """Its word that this is one is not known to be about what was stable."""
    world = adopted()
    world.release("v1")
    world.run(60)
    attempt = RolloutDuration(rollout_started_at=world.now, completion_status="FastRolledBack")
    world.command(duration=attempt)
    world.run(60)
    assert (world.active, world.status.phase) == ("v2", "Paused")

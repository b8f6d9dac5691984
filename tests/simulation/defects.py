"""Mistakes that were made before, by the original or by us, put back one by one.

Some are made around the real planner, some put the function that was wrong back in its place, by
`patch`. Each is named after what it does to people; the number is that of the complaint or section
in the spec of the original, "walk" if one of our own walks found it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from control import test_istio, test_pingpong
from core.rollout import (
    test_capacity_stories,
    test_commands,
    test_pauses,
    test_refused,
    test_revisions,
    test_step_plugins_undone,
)
from serinus.core.rollout import (
    advance,
    basic,
    bluegreen,
    conditions,
    course,
    deadline,
    desired,
    pauses,
    plan,
    plugins,
    reach,
    restart,
    rollback,
    runs,
    workload,
)
from serinus.core.rollout.rules import Rule
from simulation import mistakes as wrong
from simulation import mutants
from simulation.bluegreen import explore
from simulation.events import Planner
from simulation.mutants import mistaken, without
from simulation.starts import (
    ANALYSIS,
    BASIC,
    BASIC_LENT,
    DYNAMIC,
    DYNAMIC_SINGLE,
    LENT_ONCE,
    PLAIN,
    SCALE,
    SURGE,
    WINDOW,
    sound,
)

Patch = tuple[object, str, Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Defect:
    """One mistake, where it is looked for, and what has to be said of it."""

    name: str
    of: str
    where: Any
    """A shape, of either kind of world."""
    harm: str
    """What the finding begins with."""
    planner: Planner = sound
    patch: tuple[Patch, ...] = ()

    def __str__(self) -> str:
        return f"{self.of}: {self.name}"


@dataclass(frozen=True, slots=True)
class Story:
    """A mistake that the small worlds cannot meet, and the story that tells of it."""

    name: str
    of: str
    tells: Callable[[], None]
    patch: tuple[Patch, ...]

    def __str__(self) -> str:
        return f"{self.of}: {self.name}"


def _answers(answer: mutants.Answer) -> Planner:
    return mistaken(answer=answer)


DEFECTS: tuple[Defect, ...] = (
    Defect(
        "a canary that failed is promoted as an autoscaler takes all replicas",
        *("walk", ANALYSIS, "S"),
        patch=((advance, "_condemned", lambda standing, course: course),),
    ),
    Defect(
        "stable's pods go in the pass that raises the weight",
        *("complaint 1", DYNAMIC, "S"),
        _answers(wrong.shrinks_stable_beside_the_weight),
    ),
    Defect(
        "the canary gets more although stable is dead",
        *("walk", PLAIN, "S3"),
        patch=((reach, "stable_is_missed", lambda standing: False),),
    ),
    Defect(
        "users are switched to a revision that has no pods",
        *("complaint 2", explore.AUTO, "S"),
        without(Rule.S1, Rule.S3),
    ),
    Defect(
        "the canary Service goes back to stable beside the weight of an abort",
        *("complaint 4", PLAIN, ""),
        mistaken(Rule.S0, answer=mutants.service_beside_weight),
    ),
    Defect(
        "a full promotion sends users to pods that are not ready",
        *("complaint 6", PLAIN, "S"),
        _answers(wrong.promotes_fully_to_pods_that_are_not_ready),
    ),
    Defect(
        "a second update gives everything back to a stable revision that was shrunk",
        *("complaint 6", DYNAMIC, "S"),
        _answers(wrong.gives_everything_back_to_a_small_stable),
    ),
    Defect(
        "an autoscaler's edit scales stable to nothing",
        *("complaint 6", PLAIN, "S"),
        _answers(wrong.scales_stable_to_nothing_when_replicas_change),
    ),
    Defect(
        "a wait hides an abort",
        *("complaint 7", PLAIN, ""),
        _answers(wrong.waits_without_looking_at_an_abort),
    ),
    Defect(
        "a wait hides an abort behind a switch",
        *("complaint 7", explore.MEASURED, ""),
        _answers(wrong.waits_without_looking_at_an_abort),
    ),
    Defect(
        "an old deadline is written for ever",
        *("complaint 9", PLAIN, "never rests"),
        _answers(wrong.writes_an_old_deadline_for_ever),
    ),
    Defect(
        "a retry after a failed analysis aborts again",
        *("complaint 9", ANALYSIS, "S10"),
        without(Rule.S10),
    ),
    Defect(
        "an abort after a full promotion is ignored",
        *("complaint 10", PLAIN, "S6"),
        mistaken(see=mutants.promotion_before_abort),
    ),
    Defect(
        "pods of the canary stay behind an abort with several scale steps",
        *("complaint 11", SCALE, "rest"),
        patch=((desired, "canary_count", wrong.count_that_forgets_an_abort),),
    ),
    Defect(
        "all pods of a canary start at once",
        *("complaint 15", SURGE, "S8"),
        patch=((desired, "by_and_by", lambda standing, count: count),),
    ),
    Defect(
        "a pass that scales looks after nothing else",
        *("complaint 17", DYNAMIC, ""),
        _answers(wrong.only_scales_in_a_pass_that_scales),
    ),
    Defect(
        "a broken first revision becomes stable",
        *("section 4.11", PLAIN, "S7"),
        _answers(wrong.calls_a_first_revision_stable_at_once),
    ),
    Defect(
        "the middle one of three revisions goes while users may still get it",
        *("section 4.7", PLAIN, "S"),
        _answers(wrong.drops_the_middle_one_of_three),
    ),
    Defect(
        "what nobody let through needs no steps inside the rollback window",
        *("section 4.6", WINDOW, "S5"),
        without(Rule.PROVEN),
    ),
    Defect(
        "what nobody let through is switched to at once inside its delay",
        *("section 5", explore.MANUAL, "S5"),
        without(Rule.PROVEN),
    ),
    Defect(
        "the way back behind a switch waits for the new pods",
        *("section 5", explore.MEASURED, "S3"),
        _answers(wrong.waits_for_the_new_one_on_the_way_back),
    ),
    Defect(
        "an invalid spec stops repairs and aborts too",
        *("section 2", PLAIN, "S3"),
        _answers(wrong.does_nothing_while_the_spec_is_invalid),
    ),
    Defect(
        "a preview does not follow an autoscaler's edit",
        *("complaint 9", explore.MANUAL, "rest"),
        patch=((bluegreen, "preview_count", wrong.preview_as_large_as_it_was),),
    ),
    Defect(
        "a new revision stays without pods",
        *("complaint 11", PLAIN, "rest"),
        patch=((desired, "canary_count", wrong.count_that_is_there),),
    ),
    Defect(
        "a full promotion goes on dividing the pods as its step did",
        *("complaint 17", BASIC, "rest"),
        patch=((basic, "wanted_weight", wrong.weight_without_a_full_promotion),),
    ),
    Defect(
        "what a Service selects is taken for what its slices show",
        *("section 4.3", PLAIN, "S"),
        mistaken(see=mutants.slices_not_read),
    ),
    Defect(
        "a cancelled analysis passes",
        *("section 6", ANALYSIS, "S10"),
        patch=((runs, "verdict_of", wrong.verdict_of_a_cancelled_run),),
    ),
    Defect(
        "a workload is left with its pods when the first revision was not the one that came whole",
        *("section 4.9", LENT_ONCE, "rest: the lender"),
        patch=((workload, "_wanted", wrong.wanted_of_the_first_revision_only),),
    ),
    Defect(
        "dead pods count as room while slices are late",
        *("walk", PLAIN, "S"),
        patch=((reach, "lasting", wrong.lasting_by_slices_alone),),
    ),
    Defect(
        "a restart takes the only pod that users may still get",
        *("walk", DYNAMIC_SINGLE, "S3"),
        patch=((restart, "_may_be_missed", lambda standing, revision: True),),
    ),
    Defect(
        "a restart takes the only pod behind a switch",
        *("walk", explore.SINGLE, "S3"),
        patch=(
            (restart, "_may_be_missed", lambda standing, revision: True),
            (bluegreen, "spared", lambda standing, revision, count: count),
        ),
    ),
    Defect(
        "users go from all pods of a workload to the first one of ours",
        *("walk", BASIC_LENT, "lender"),
        patch=((basic, "_may_move", wrong.may_move_to_any_ready_pod),),
    ),
    Defect(
        "a workload gives up pods although more are wanted now",
        *("walk", BASIC_LENT, "lender"),
        patch=((workload, "_wanted", wrong.left_to_a_lender),),
    ),
)


STORIES: tuple[Story, ...] = (
    Story(
        "the stable Service of a first ping-pong release selects the canary's pods too",
        "complaint 3",
        test_pingpong.test_the_first_release_gives_nothing_to_the_canary_by_ping,
        (
            (plan, "CANARY", plan.CANARY._replace(want=wrong.wants_stable_service_as_it_is)),
            (reach, "service_settled", lambda standing, service: True),
        ),
    ),
    Story(
        "after an abort a subset still selects the canary",
        "complaint 5",
        partial(test_istio.test_after_an_abort_nothing_points_at_the_canary_any_more, "subsets"),
        ((plan, "CANARY", plan.CANARY._replace(want=wrong.wants_canary_service_as_it_is)),),
    ),
    Story(
        "a plugin is told to stop and to undo at the same time",
        "walk",
        test_step_plugins_undone.test_a_plugin_that_is_told_to_stop_is_not_told_to_undo_at_the_same_time,
        ((plugins, "_stopped", lambda entries, index: None),),
    ),
    Story(
        "a wait hides the deadline",
        "complaint 7",
        test_capacity_stories.test_no_progress_within_the_deadline_is_told_and_aborts_only_if_wanted,
        ((conditions, "timed_out", lambda standing, course: False),),
    ),
    Story(
        "a mended revision is aborted by the deadline of the one before",
        "complaint 11",
        test_capacity_stories.test_a_mended_revision_is_not_judged_by_the_deadline_of_the_one_before,
        (
            (conditions, "timed_out", wrong.timed_out_by_what_was_told),
            (conditions, "_merged", wrong.merged_as_told_first),
        ),
    ),
    Story(
        "a broken canary on a pause step never times out",
        "section 4.11",
        test_pauses.test_a_canary_that_lost_its_pods_has_a_deadline_from_there_in_the_pause_too,
        (
            (conditions, "lacks_pods", lambda standing, course: False),
            (deadline, "lacks_pods", lambda standing, course: False),
        ),
    ),
    Story(
        "what holds a pause that is over never times out",
        "section 4.11",
        test_pauses.test_whatever_holds_a_pause_that_is_over_has_a_deadline_from_its_end,
        ((pauses, "is_late", lambda standing, course: False),),
    ),
    Story(
        "a mended spec is aborted at once, as the old deadline is counted",
        "complaint 11",
        test_pauses.test_a_spec_that_was_invalid_in_a_step_gets_a_whole_deadline_when_it_is_mended,
        ((conditions, "thawed", lambda standing: False),),
    ),
    Story(
        "an abort is dropped by a new revision that races with it",
        "section 4.5",
        test_revisions.test_a_new_revision_does_not_clear_an_abort_that_was_not_acted_on,
        ((course, "_restarted", wrong.restarted_without_an_abort),),
    ),
    Story(
        "two revisions of one second have no order in the rollback window",
        "section 4.6",
        test_commands.test_a_rollback_inside_the_window_skips_the_steps,
        ((rollback, "_inside", lambda standing, revisions: False),),
    ),
    Story(
        "a wait hides a refusal's deadline",
        "complaint 7",
        test_refused.test_a_deadline_passes_over_a_refusal_too,
        ((conditions, "timed_out", lambda standing, course: False),),
    ),
)

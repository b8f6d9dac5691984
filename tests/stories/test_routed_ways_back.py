"""A canary behind an Ingress: aborts at every kind of step, retries, undo, third revisions."""

from __future__ import annotations

from stories.conftest import Tell
from stories.shops import ANALYSIS, STEPS, routed

FIRST_PAUSE = """
        release v2
        until Paused 1
        wait 5s
        ---
"""


def test_an_abort_in_a_pause_takes_the_weight_first_and_the_pods_after_their_delay(
    tell: Tell,
) -> None:
    tell(routed(), FIRST_PAUSE + "abort\nwait 60s")


def test_an_abort_while_the_first_pods_start_moves_nothing(tell: Tell) -> None:
    tell(
        routed(),
        """
        slow 30s
        release v2
        wait 10s
        abort
        wait 60s
        """,
    )


def test_an_abort_while_an_analysis_measures_ends_its_run(tell: Tell) -> None:
    tell(
        routed(ANALYSIS),
        """
        release v2
        until Progressing 1
        wait 7s
        ---
        abort
        wait 60s
        """,
    )


def test_an_abort_behind_the_last_step_still_goes_back(tell: Tell) -> None:
    tell(
        routed(),
        """
        release v2
        until Paused 3
        wait 5s
        ---
        slow 20s
        promote
        wait 10s
        abort
        wait 60s
        """,
    )


def test_an_abort_under_a_scale_of_its_own_ends_that_scale_too(tell: Tell) -> None:
    tell(
        routed("steps: [{setCanaryScale: {replicas: 3}}, {setWeight: 10}, {pause: {}}]"),
        """
        release v2
        until Paused 2
        wait 5s
        ---
        abort
        wait 60s
        """,
    )


def test_an_abort_with_a_dynamic_stable_scale_goes_back_as_stables_pods_come(tell: Tell) -> None:
    tell(
        routed(more="dynamicStableScale: true"),
        """
        release v2
        until Paused 3
        wait 10s
        ---
        abort
        wait 60s
        """,
    )


def test_an_abort_without_a_delay_keeps_the_pods_of_the_canary(tell: Tell) -> None:
    """0 means that they stay, as in Argo Rollouts; the Services do not flip to and fro."""
    tell(routed(more="abortScaleDownDelaySeconds: 0"), FIRST_PAUSE + "abort\nwait 10m")


def test_an_abort_wins_over_a_full_promotion_that_waits_for_pods(tell: Tell) -> None:
    tell(
        routed(),
        """
        bad v2
        release v2
        wait 10s
        promote full
        wait 20s
        abort
        wait 60s
        """,
    )


def test_an_abort_of_what_is_promoted_is_answered_with_what_to_do_instead(tell: Tell) -> None:
    tell(
        routed(),
        FIRST_PAUSE
        + """
        promote full
        until Healthy 4
        abort
        wait 50s
        """,
    )


def test_a_retry_after_an_abort_begins_at_the_first_step(tell: Tell) -> None:
    tell(routed(), FIRST_PAUSE.replace("---", "") + "abort\nwait 60s\n---\nretry\nwait 50s")


def test_a_retry_within_the_delay_takes_the_pods_that_are_still_there(tell: Tell) -> None:
    tell(routed(), FIRST_PAUSE + "abort\nwait 10s\nretry\nwait 60s")


def test_an_undo_in_mid_release_is_a_way_back_without_steps(tell: Tell) -> None:
    tell(routed(), FIRST_PAUSE + "undo\nwait 60s")


def test_an_undo_after_an_abort_is_healthy_again(tell: Tell) -> None:
    tell(routed(), FIRST_PAUSE + "abort\nwait 10s\nundo\nwait 60s")


def test_an_undo_after_the_promotion_is_a_release_like_any_other(tell: Tell) -> None:
    tell(
        routed("steps: [{setWeight: 50}, {pause: {duration: 20s}}]"),
        """
        release v2
        wait 90s
        ---
        undo
        wait 90s
        """,
    )


def test_inside_the_rollback_window_an_old_version_needs_no_steps(tell: Tell) -> None:
    tell(
        routed(
            "steps: [{setWeight: 50}, {pause: {duration: 5s}}]",
            more="scaleDownDelaySeconds: 300",
            spec="rollbackWindow: {revisions: 1}",
        ),
        """
        release v2
        wait 40s
        ---
        release v1
        wait 40s
        """,
    )


def test_a_version_that_was_undone_goes_through_its_steps_also_inside_the_window(
    tell: Tell,
) -> None:
    tell(
        routed(
            "steps: [{setWeight: 50}, {pause: {}}]",
            more="scaleDownDelaySeconds: 300",
            spec="rollbackWindow: {revisions: 3}",
        ),
        """
        release v2
        until Paused
        release v1
        until Healthy
        ---
        release v2
        wait 40s
        """,
    )


def test_a_third_revision_in_mid_release_begins_anew_from_stable(tell: Tell) -> None:
    tell(routed(), FIRST_PAUSE + "release v3\nwait 60s")


def test_a_third_revision_never_inherits_the_weight_of_the_second(tell: Tell) -> None:
    """The second has half of the traffic and the third has pods that never answer."""
    tell(
        routed(),
        """
        release v2
        until Paused 3
        wait 5s
        ---
        bad v3
        release v3
        wait 60s
        """,
    )


def test_the_image_set_twice_in_a_row_releases_the_last_one(tell: Tell) -> None:
    tell(
        routed(),
        """
        release v2
        wait 1s
        release v3
        wait 20s
        """,
    )


def test_the_same_revision_set_again_changes_nothing(tell: Tell) -> None:
    tell(routed(), FIRST_PAUSE + "release v2\nwait 5s")


def test_a_new_revision_ends_an_abort(tell: Tell) -> None:
    tell(routed(), FIRST_PAUSE + "abort\nwait 10s\nrelease v3\nwait 20s")


def test_a_version_that_never_gets_ready_times_out_and_waits_for_a_person(tell: Tell) -> None:
    tell(
        routed(STEPS, spec="progressDeadlineSeconds: 60"),
        """
        bad v2
        release v2
        wait 3m
        mend v2
        wait 20s
        """,
    )


def test_a_version_that_never_gets_ready_is_aborted_at_its_deadline_if_asked(tell: Tell) -> None:
    tell(
        routed(STEPS, spec="progressDeadlineSeconds: 60\nprogressDeadlineAbort: true"),
        """
        bad v2
        release v2
        wait 3m
        """,
    )


def test_a_spec_that_is_mended_after_a_deadline_gets_a_whole_one_again(tell: Tell) -> None:
    tell(
        routed(STEPS, spec="progressDeadlineSeconds: 60\nprogressDeadlineAbort: true"),
        """
        bad v2
        release v2
        wait 2m
        ---
        slow 50s
        release v3
        wait 60s
        """,
    )

"""Blue-green: one switch, what is measured around it, and every way back."""

from __future__ import annotations

from stories.conftest import Tell
from stories.shops import switched

PRE = "prePromotionAnalysis: {templates: [{templateName: errors}]}\n"
POST = "postPromotionAnalysis: {templates: [{templateName: errors}]}\n"
MANUAL = "autoPromotionEnabled: false\n"
WAITING = """
        release v2
        until Paused
        wait 5s
        ---
"""
SWITCHED = """
        release v2
        wait 16s
        ---
"""
"""The release is measured behind the switch."""


def test_a_first_version_takes_both_services_when_it_answers(tell: Tell) -> None:
    tell(switched(), "wait 20s", at_rest=False)


def test_a_release_is_switched_when_it_is_whole_and_the_old_one_waits_its_delay(tell: Tell) -> None:
    tell(switched(), "release v2\nwait 50s")


def test_a_person_promotes_after_a_look_at_the_preview(tell: Tell) -> None:
    tell(switched(MANUAL), "release v2\nwait 20s\npromote\nwait 50s")


def test_after_its_seconds_a_release_is_switched_by_itself(tell: Tell) -> None:
    tell(switched("autoPromotionSeconds: 20"), "release v2\nwait 30s")


def test_a_promotion_before_its_seconds_are_over_switches_at_once(tell: Tell) -> None:
    tell(switched("autoPromotionSeconds: 200"), "release v2\nwait 10s\npromote\nwait 10s")


def test_a_release_is_measured_before_and_behind_the_switch(tell: Tell) -> None:
    tell(switched(PRE + POST), "release v2\nwait 70s")


def test_a_failure_before_the_switch_leaves_production_alone(tell: Tell) -> None:
    tell(switched(PRE), "metrics bad\nrelease v2\nwait 50s")


def test_no_data_before_the_switch_pauses_until_a_person_decides(tell: Tell) -> None:
    tell(switched(PRE), "metrics nothing\nrelease v2\nwait 40s\npromote\nwait 20s")


def test_a_failure_behind_the_switch_goes_back(tell: Tell) -> None:
    tell(switched(POST), "metrics bad\nrelease v2\nwait 50s")


def test_a_failure_behind_the_switch_goes_back_although_the_new_pods_are_gone(tell: Tell) -> None:
    """The worse the new version is, the more the way back is needed."""
    tell(switched(POST), "release v2\nwait 7s\nbreak v2\nmetrics bad\nwait 50s")


def test_new_pods_that_die_behind_the_switch_are_left_and_taken_again_when_they_are_whole(
    tell: Tell,
) -> None:
    tell(switched(POST), "release v2\nwait 7s\nkill v2\nwait 40s")


def test_an_abort_of_a_release_that_waits_takes_its_pods_after_the_delay(tell: Tell) -> None:
    tell(switched(MANUAL), WAITING + "abort\nwait 50s")


def test_an_abort_behind_the_switch_goes_back_at_once(tell: Tell) -> None:
    tell(switched(POST), "release v2\nwait 8s\nabort\nwait 50s")


def test_an_abort_after_the_promotion_is_answered_with_undo_and_that_is_at_once(tell: Tell) -> None:
    tell(switched(), "release v2\nwait 10s\nabort\nwait 5s\nundo\nwait 50s")


def test_an_undo_after_the_delay_is_a_release_like_any_other(tell: Tell) -> None:
    tell(switched(MANUAL), WAITING + "promote\nwait 60s\nundo\nwait 20s")


def test_a_retry_after_an_abort_begins_again(tell: Tell) -> None:
    tell(switched(MANUAL), WAITING + "abort\nwait 40s\nretry\nwait 20s")


def test_a_third_revision_before_the_switch_takes_the_place_of_the_second(tell: Tell) -> None:
    tell(switched(MANUAL), WAITING + "release v3\nwait 50s")


def test_a_third_revision_behind_the_switch_goes_back_to_stable_first(tell: Tell) -> None:
    tell(switched(POST), "release v2\nwait 8s\nrelease v3\nwait 60s")


def test_a_revision_that_nobody_let_through_waits_again_although_it_has_its_pods(
    tell: Tell,
) -> None:
    delays = "scaleDownDelaySeconds: 300\nabortScaleDownDelaySeconds: 300"
    tell(
        switched(MANUAL + delays),
        WAITING + "release v3\nwait 10s\npromote\nwait 10s\nrelease v2\nwait 20s",
    )


def test_what_was_undone_in_its_pause_waits_again_when_it_is_released_again(tell: Tell) -> None:
    tell(switched(MANUAL), WAITING + "release v1\nwait 5s\nrelease v2\nwait 20s")


def test_a_small_preview_grows_when_it_was_let_through(tell: Tell) -> None:
    tell(
        switched(MANUAL + PRE + "previewReplicaCount: 1", replicas=4),
        "release v2\nuntil Paused\nwait 5s\npromote\nwait 50s",
    )


def test_a_full_promotion_skips_pause_and_analyses(tell: Tell) -> None:
    tell(switched(MANUAL + PRE + POST), "release v2\nwait 5s\npromote full\nwait 20s")


def test_paused_by_its_user_nothing_is_switched(tell: Tell) -> None:
    tell(switched(), "slow 10s\nrelease v2\nwait 5s\npause\nwait 30s\nresume\nwait 20s")


def test_a_version_that_never_gets_ready_is_never_switched_to(tell: Tell) -> None:
    tell(
        switched(spec="progressDeadlineSeconds: 60\nprogressDeadlineAbort: true"),
        "bad v2\nrelease v2\nwait 2m",
    )


def test_replicas_that_change_in_mid_release_change_on_both_sides(tell: Tell) -> None:
    tell(switched(MANUAL), WAITING + "scale 4\nwait 10s\npromote\nwait 20s")


def test_old_revisions_beyond_the_limit_of_delays_go_at_once(tell: Tell) -> None:
    tell(
        switched("scaleDownDelayRevisionLimit: 1\nscaleDownDelaySeconds: 300"),
        "release v2\nwait 10s\n---\nrelease v3\nwait 20s",
    )


def test_a_rollout_that_is_deleted_frees_both_services(tell: Tell) -> None:
    tell(switched(MANUAL), WAITING + "delete rollout web\nwait 10s")

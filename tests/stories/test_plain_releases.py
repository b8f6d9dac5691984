"""A canary without a router: pods are the weight, within the bounds of surge and unavailability."""

from __future__ import annotations

from stories.conftest import Tell
from stories.shops import ANALYSIS, plain

STEPS = """
steps:
- setWeight: 20
- pause: {duration: 30s}
- setWeight: 60
- pause: {}
"""
IN_PAUSE = """
        release v2
        wait 10s
        ---
"""


def test_a_release_moves_its_pods_step_by_step(tell: Tell) -> None:
    tell(plain(STEPS, replicas=10), "release v2\nuntil Paused 3\nwait 10s\npromote\nwait 30s")


def test_an_odd_number_of_pods_is_divided_as_near_as_may_be(tell: Tell) -> None:
    """With one to surge: 20 % are two of eight, 60 % are five of eight."""
    tell(plain(STEPS, replicas=7), "release v2\nuntil Paused 3\nwait 10s")


def test_without_surge_pods_go_before_others_come(tell: Tell) -> None:
    tell(
        plain(STEPS, more="maxSurge: 0\nmaxUnavailable: 1", replicas=5),
        "release v2\nwait 30s",
    )


def test_without_unavailability_others_come_before_pods_go(tell: Tell) -> None:
    tell(
        plain("steps: []", more="maxSurge: 1\nmaxUnavailable: 0", replicas=3),
        "release v2\nwait 30s",
    )


def test_without_steps_a_release_is_a_rolling_update(tell: Tell) -> None:
    tell(plain("steps: []", replicas=8), "release v2\nwait 40s")


def test_one_replica_is_replaced_without_a_moment_without_pods(tell: Tell) -> None:
    tell(plain("steps: []", replicas=1), "release v2\nwait 20s")


def test_an_abort_goes_back_at_once_within_the_bounds(tell: Tell) -> None:
    tell(plain(STEPS, replicas=10), IN_PAUSE + "abort\nwait 20s\nretry\nwait 20s")


def test_a_third_revision_takes_the_place_of_the_second(tell: Tell) -> None:
    tell(plain(STEPS, replicas=5), IN_PAUSE + "release v3\nwait 30s")


def test_a_return_to_stable_needs_no_steps(tell: Tell) -> None:
    tell(plain(STEPS, replicas=5), IN_PAUSE + "undo\nwait 20s")


def test_a_failed_analysis_takes_the_pods_back(tell: Tell) -> None:
    tell(plain(ANALYSIS), "metrics bad\nrelease v2\nwait 30s")


def test_replicas_that_change_in_mid_release_are_divided_at_once(tell: Tell) -> None:
    tell(plain(STEPS, replicas=5), IN_PAUSE + "scale 10\nwait 20s")


def test_a_version_that_never_gets_ready_leaves_those_that_must_answer(tell: Tell) -> None:
    tell(
        plain("steps: []", spec="progressDeadlineSeconds: 60", replicas=8),
        "bad v2\nrelease v2\nwait 90s\nundo\nwait 20s",
    )


def test_a_full_promotion_skips_what_is_left_of_the_steps(tell: Tell) -> None:
    tell(plain(STEPS, replicas=5), IN_PAUSE + "promote full\nwait 30s")

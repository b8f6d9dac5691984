"""Canaries that run an Experiment as one of their steps."""

from __future__ import annotations

from stories.conftest import Tell
from stories.shops import routed

STEPS = """
steps:
- experiment:
    duration: 20s
    templates: [{name: baseline, specRef: stable}, {name: candidate, specRef: canary}]
    analyses: [{name: errors, templateName: errors}]
- setWeight: 50
- pause: {}
"""


def test_a_good_experiment_is_passed_and_its_pods_go(tell: Tell) -> None:
    tell(routed(STEPS, replicas=2), "release v2\nwait 90s")


def test_a_bad_experiment_aborts_before_any_traffic_moved(tell: Tell) -> None:
    tell(routed(STEPS, replicas=2), "metrics bad\nrelease v2\nwait 60s")


def test_an_analysis_without_data_that_is_cut_by_the_end_of_its_experiment_is_no_pass(
    tell: Tell,
) -> None:
    tell(routed(STEPS, replicas=2), "metrics nothing\nrelease v2\nwait 60s\npromote\nwait 20s")


def test_who_ends_an_experiment_by_hand_has_not_passed_it(tell: Tell) -> None:
    tell(routed(STEPS, replicas=2), "release v2\nwait 10s\nterminate experiment\nwait 30s")


def test_an_abort_ends_the_experiment_and_its_pods(tell: Tell) -> None:
    tell(routed(STEPS, replicas=2), "release v2\nwait 10s\nabort\nwait 60s")


def test_a_new_revision_in_mid_experiment_has_one_of_its_own(tell: Tell) -> None:
    tell(routed(STEPS, replicas=2), "release v2\nwait 10s\nrelease v3\nwait 60s")

"""Analysis steps of a canary: every verdict, and what people do about it."""

from __future__ import annotations

import yaml

from control import scenes
from stories.conftest import Tell
from stories.shops import ANALYSIS, routed

TWO_SIDED = scenes.TEMPLATE.replace(
    "successCondition: result[0] < 0.1",
    "successCondition: result[0] < 0.1\n    failureCondition: result[0] > 0.5",
)
MEASURING = """
        release v2
        until Progressing 1
        ---
"""
AT_WEIGHT = """
        release v2
        wait 4s
        ---
"""


def shop(template: str = "") -> str:
    return routed(ANALYSIS).replace(scenes.TEMPLATE, template or scenes.TEMPLATE)


def test_a_good_analysis_is_passed(tell: Tell) -> None:
    tell(shop(), MEASURING + "wait 60s")


def test_a_failed_analysis_takes_the_release_back_by_itself(tell: Tell) -> None:
    tell(shop(), "metrics bad\n" + AT_WEIGHT + "wait 60s")


def test_an_analysis_that_turns_bad_takes_it_back_at_that_measurement(tell: Tell) -> None:
    tell(shop(), MEASURING + "wait 6s\nmetrics bad\nwait 20s")


def test_answers_that_nobody_can_read_are_errors_and_enough_of_them_an_abort(tell: Tell) -> None:
    tell(shop(), "metrics broken\n" + MEASURING + "wait 2m")


def test_an_inconclusive_analysis_pauses_and_a_promotion_leaves_the_step(tell: Tell) -> None:
    tell(shop(TWO_SIDED), "metrics 0.3\n" + AT_WEIGHT + "wait 30s\npromote\nwait 20s")


def test_no_data_is_no_pass_and_a_person_decides(tell: Tell) -> None:
    tell(shop(), "metrics nothing\n" + MEASURING + "wait 60s\nabort\nwait 10s")


def test_data_that_comes_late_is_measured(tell: Tell) -> None:
    tell(shop(), "metrics nothing\n" + MEASURING + "wait 12s\nmetrics good\nwait 30s")


def test_a_retry_after_a_failed_analysis_measures_again(tell: Tell) -> None:
    tell(
        shop(),
        """
        metrics bad
        release v2
        until Degraded
        wait 5s
        ---
        metrics good
        retry
        wait 60s
        """,
    )


def test_a_run_that_a_person_ended_is_no_pass(tell: Tell) -> None:
    tell(shop(), MEASURING + "wait 2s\nterminate run\nwait 30s")


def test_a_promotion_in_the_middle_of_an_analysis_skips_it(tell: Tell) -> None:
    tell(shop(), MEASURING + "wait 2s\npromote\nwait 30s")


def test_a_full_promotion_in_the_middle_of_an_analysis_ends_it(tell: Tell) -> None:
    tell(shop(), MEASURING + "wait 2s\npromote full\nwait 60s")


def test_a_pause_by_its_user_keeps_the_analysis_going_but_not_the_release(tell: Tell) -> None:
    tell(shop(), MEASURING + "wait 2s\npause\nwait 30s\nresume\nwait 20s")


def test_arguments_of_the_step_reach_the_query_and_a_missing_one_holds_the_release(
    tell: Tell,
) -> None:
    template = scenes.TEMPLATE.replace("metrics:", "args: [{name: host}]\n  metrics:", 1).replace(
        "query: errors", 'query: "errors{{args.host}}"'
    )
    step = "{analysis: {templates: [{templateName: errors}], args: [{name: host, value: shop}]}}"
    tell(
        routed("steps: [{setWeight: 50}]").replace(scenes.TEMPLATE, template),
        f"""
        strategy canary: {{steps: [{{analysis: {{templates: [{{templateName: errors}}]}}}}]}}
        release v2
        wait 10s
        strategy canary: {{steps: [{step}]}}
        wait 30s
        look queries
        """,
    )


def test_a_verdict_is_acted_on_under_an_invalid_spec_that_has_lost_the_step(tell: Tell) -> None:
    tell(
        shop(),
        MEASURING
        + f"""
        wait 6s
        strategy canary: {{maxSurge: -1, steps: [{{setWeight: 25}}]}}
        wait 1s
        metrics bad
        wait 30s
        strategy canary: {{maxSurge: 1, steps: {yaml.safe_load(ANALYSIS)["steps"]}}}
        wait 20s
        """,
    )

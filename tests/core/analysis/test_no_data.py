"""Measurements without data: when they count, how many are tolerated, what may be chosen."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from msgspec.structs import replace

from core.analysis.story import (
    GOOD,
    NONE,
    START,
    WRONG,
    Story,
    metric,
    run_of,
    script,
    steady,
    vector,
)
from serinus.api.analysis import AnalysisRunStatus
from serinus.core.analysis.answers import NoData, Outcome, Value

NAN = vector(math.nan)
MIXED = vector(0.5, math.nan)
EMPTY_TEXT = NoData("", "", "the body is empty")
NIL = Value(None, "")


@pytest.mark.parametrize(
    ("condition", "outcome", "phase"),
    [
        ({"successCondition": "result[0] < 1"}, NONE, "no data"),
        ({"successCondition": "result[0] < 1"}, NAN, "no data"),
        ({"successCondition": "result[0] < 1"}, MIXED, "Successful"),
        ({"successCondition": "result[1] < 1"}, MIXED, "no data"),
        ({"successCondition": "result[-1] < 1"}, MIXED, "no data"),
        ({"successCondition": "all(result, # < 1)"}, MIXED, "no data"),
        ({"successCondition": "not (result[0] > 1)"}, NAN, "no data"),
        ({"failureCondition": "result[0] > 1"}, NAN, "no data"),
        ({"failureCondition": "result[0] > 1"}, NONE, "no data"),
        ({"successCondition": "result < 1"}, Value(math.nan, "NaN"), "no data"),
        ({"successCondition": "result < 1"}, NIL, "no data"),
        ({"successCondition": "result == 'ok'"}, EMPTY_TEXT, "no data"),
        ({"successCondition": "result.ok"}, Value({}, "{}"), "no data"),
        ({"successCondition": ""}, NONE, "no data"),
        ({"successCondition": ""}, NAN, "no data"),
        ({"successCondition": ""}, MIXED, "no data"),
        ({"successCondition": "len(result) == 0 || result[0] < 1"}, NONE, "Successful"),
        ({"successCondition": "len(result) > 0 && result[0] < 1"}, NONE, "Failed"),
        ({"successCondition": "isNaN(result[0]) || result[0] < 1"}, NAN, "Successful"),
        ({"failureCondition": "isNaN(result[0])"}, NAN, "Failed"),
        ({"successCondition": "default(result, 0) < 1"}, NIL, "Successful"),
        ({"successCondition": "(result ?? 5) < 1"}, NIL, "Failed"),
        ({"successCondition": "isNil(result)"}, NIL, "Successful"),
        ({"successCondition": "result == 5"}, Value(5, "5"), "Successful"),
        ({"successCondition": "result"}, Value(True, "true"), "Successful"),
        ({"successCondition": "result[-1] < 1"}, NAN, "no data"),
        ({"successCondition": "result[0] < 1", "failureCondition": "isNaN(result[0])"}, NAN,
         "Failed"),
        ({"successCondition": "len(result) == 0", "failureCondition": "result[0] > 1"}, NONE,
         "no data"),
        ({"successCondition": "result[0] < 1", "failureCondition": "len(result) > 5"}, NONE,
         "no data"),
    ],
)  # fmt: skip
def test_no_data_is_no_verdict_unless_the_condition_gives_one(
    condition: dict[str, str], outcome: Outcome, phase: str
) -> None:
    fields = {"successCondition": ""} | condition
    story = Story(run_of([metric(interval="1m", count=1, **fields)]), steady(outcome))
    story.until(0)
    measured = story.result().measurements[0]
    if phase == "no data":
        assert measured.phase == "Inconclusive"
        assert measured.message.startswith("no data: ")
        assert (story.result().count, story.result().inconclusive) == (0, 0)
        assert story.result().consecutive_no_data == 1
        assert story.status.phase == "Running"
    else:
        assert (measured.phase, measured.message) == (phase, "")
        assert story.result().consecutive_no_data == 0
        assert story.result().count == 1


def test_four_measurements_in_a_row_may_have_no_data() -> None:
    answers = script(NONE, NAN, NONE, NONE, GOOD, NONE, GOOD)
    story = Story(run_of([metric(interval="1m", count=2)]), answers).until(3600)
    assert story.status.phase == "Successful"
    assert story.result().count == 2
    assert story.result().metadata == {"noDataMeasurements": "5"}
    assert story.timeline[-1] == "360s ask m#7"


def test_a_fifth_one_in_a_row_makes_the_run_inconclusive() -> None:
    story = Story(run_of([metric(interval="1m", count=9)]), script(GOOD, NONE)).until(3600)
    assert story.status.phase == "Inconclusive"
    assert story.status.message == (
        'Metric "m" assessed Inconclusive due to consecutiveNoData (5) > noDataLimit (4): '
        '"Error Message: no data: the query returned no series"'
    )
    assert story.result().inconclusive == 0
    assert story.second == 3600
    assert story.status.completed_at == START + timedelta(seconds=300)


def test_a_cluster_that_prunes_our_count_changes_no_verdict() -> None:
    """The original's definition knows no consecutiveNoData."""

    def pruned(status: AnalysisRunStatus) -> AnalysisRunStatus:
        results = [replace(result, consecutive_no_data=0) for result in status.metric_results]
        return replace(status, metric_results=tuple(results))

    run = run_of([metric(interval="1m", count=9)])
    story = Story(run, script(GOOD, NONE, NONE, WRONG, NONE), kept=pruned).until(3600)
    assert story.status.phase == "Inconclusive"
    assert "consecutiveNoData (5) > noDataLimit (4)" in story.status.message
    assert story.status.completed_at == START + timedelta(seconds=310)  # one error, retried at once
    good = Story(run, script(GOOD, *[NONE] * 4, GOOD, *[NONE] * 4, GOOD), kept=pruned).until(600)
    assert good.status.phase == "Running"


@pytest.mark.parametrize(
    ("choice", "phase", "seconds"),
    [
        ({"onNoData": "fail"}, "Failed", 0),
        ({"onNoData": "error"}, "Error", 40),
        ({"onNoData": "error", "consecutiveErrorLimit": 0}, "Error", 0),
        ({"noDataLimit": 0}, "Inconclusive", 0),
        ({"noDataLimit": "2"}, "Inconclusive", 120),
    ],
)
def test_what_no_data_means_can_be_chosen(
    choice: dict[str, object], phase: str, seconds: int
) -> None:
    story = Story(run_of([metric(interval="1m", count=9, **choice)]), steady(NONE)).until(3600)
    assert story.status.phase == phase
    assert story.status.completed_at == START + timedelta(seconds=seconds)
    assert "no data: the query returned no series" in story.status.message


def test_skipped_no_data_never_ends_a_run() -> None:
    story = Story(run_of([metric(interval="1m", count=1, onNoData="skip")]), steady(NONE))
    assert story.until(3600).status.phase == "Running"
    assert story.result().count == 0


def test_errors_between_do_not_hide_missing_data() -> None:
    answers = script(*[NONE, WRONG] * 20)
    story = Story(run_of([metric(interval="1m", count=9)]), answers).until(3600)
    assert story.status.phase == "Inconclusive"
    assert story.result().error == 4


def test_a_single_measurement_without_data_is_repeated_as_an_error_is() -> None:
    story = Story(run_of([metric()]), script(NONE, GOOD)).until(60)
    assert story.timeline == ["0s ask m#1", "10s ask m#2"]
    assert story.status.phase == "Successful"

"""One AnalysisRun from its first look to its verdict: schedules, limits, messages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.analysis.story import (
    BAD,
    GOOD,
    START,
    WRONG,
    Story,
    metric,
    run_of,
    script,
    steady,
)
from serinus.core.analysis.answers import Asked, Outcome, Value


def test_a_metric_without_interval_is_measured_once() -> None:
    story = Story(run_of([metric()]), steady(GOOD)).until(3600)
    assert story.timeline == ["0s ask m#1"]
    assert story.status.phase == "Successful"
    assert story.status.message == ""
    assert story.status.run_summary.successful == story.status.run_summary.count == 1
    assert (story.result().count, story.result().successful) == (1, 1)
    assert story.result().measurements[0].value == "[0.5]"
    assert story.status.completed_at == story.status.started_at == START


def test_the_next_measurement_starts_an_interval_after_the_last_one_finished() -> None:
    story = Story(run_of([metric(interval="30s", count=3)]), steady(GOOD), latency_seconds=5)
    story.until(600)
    assert story.timeline == ["0s ask m#1", "35s ask m#2", "70s ask m#3"]
    assert story.status.phase == "Successful"
    assert story.status.completed_at == START + timedelta(seconds=75)


def test_an_initial_delay_is_waited_for() -> None:
    story = Story(run_of([metric(initialDelay="1m"), metric("n")]), steady(GOOD)).until(600)
    assert story.timeline == ["0s ask n#1", "60s ask m#1"]
    assert story.status.phase == "Successful"


def test_an_error_is_retried_after_ten_seconds_whatever_the_interval() -> None:
    story = Story(run_of([metric(interval="5m", count=2)]), script(WRONG, GOOD, GOOD)).until(900)
    assert story.timeline == ["0s ask m#1", "10s ask m#2", "310s ask m#3"]
    assert story.status.phase == "Successful"
    assert (story.result().error, story.result().consecutive_error) == (1, 0)
    assert story.result().measurements[0].message == "connection refused"


def test_a_count_of_zero_with_an_interval_goes_on_without_end() -> None:
    story = Story(run_of([metric(interval="1m", count=0)]), steady(GOOD)).until(3599)
    assert len(story.timeline) == 60
    assert story.status.phase == "Running"
    assert len(story.result().measurements) == 10
    assert story.result().count == 60


@pytest.mark.parametrize(
    ("fields", "answers", "phase", "message"),
    [
        ({}, [BAD], "Failed", "failed (1) > failureLimit (0)"),
        ({"failureLimit": 1, "interval": "1m", "count": 5}, [BAD, GOOD, BAD], "Failed",
         "failed (2) > failureLimit (1)"),
        ({"failureLimit": "1", "interval": "1m", "count": "3"}, [BAD, GOOD, GOOD], "Successful",
         None),
        ({"failureLimit": -1, "consecutiveSuccessLimit": 2, "interval": "1m", "count": 4},
         [BAD, GOOD, BAD, GOOD], "Failed",
         "consecutiveSuccesses (1) < consecutiveSuccessLimit (2) after count (4)"),
        ({"failureLimit": -1, "consecutiveSuccessLimit": 2, "interval": "1m"},
         [BAD, BAD, BAD, GOOD, GOOD], "Successful", None),
        ({"failureLimit": 2, "consecutiveSuccessLimit": 2, "interval": "1m", "count": 4},
         [BAD, GOOD, BAD, GOOD], "Inconclusive",
         "consecutiveSuccesses (1) < consecutiveSuccessLimit (2) after count (4)"),
        ({"failureCondition": "result[0] > 3", "successCondition": "result[0] < 1"}, [BAD],
         "Inconclusive", "inconclusive (1) > inconclusiveLimit (0)"),
        ({"failureCondition": "result[0] > 3", "successCondition": "result[0] < 1", "count": 2,
          "interval": "1m", "inconclusiveLimit": 2, "consecutiveSuccessLimit": 1}, [BAD, BAD],
         "Inconclusive",
         "consecutiveSuccesses (0) < consecutiveSuccessLimit (1) after count (2)"),
        ({"failureCondition": "result[0] > 1"}, [BAD], "Failed", "failed (1) > failureLimit (0)"),
        ({"failureCondition": "result[0] > 1"}, [GOOD], "Successful", None),
        ({"failureCondition": "result[0] > 1", "successCondition": "result[0] > 1"}, [BAD],
         "Failed", "failed (1) > failureLimit (0)"),
        ({"successCondition": ""}, [BAD], "Successful", None),
        ({"interval": "1m"}, [WRONG], "Error",
         'consecutiveErrors (5) > consecutiveErrorLimit (4): "Error Message: connection refused"'),
        ({"consecutiveErrorLimit": 0}, [WRONG], "Error",
         'consecutiveErrors (1) > consecutiveErrorLimit (0): "Error Message: connection refused"'),
        ({"consecutiveErrorLimit": 0, "successCondition": "result < 1"}, [GOOD], "Error",
         'consecutiveErrors (1) > consecutiveErrorLimit (0): "Error Message: invalid operation: < '
         "(mismatched types array and int); read one element of the array, such as result[0] "
         '(1:8)"'),
        ({"consecutiveErrorLimit": 0, "successCondition": "result[0]"}, [GOOD], "Error",
         'consecutiveErrors (1) > consecutiveErrorLimit (0): "Error Message: expected bool, but '
         'the condition gives float"'),
        ({"consecutiveErrorLimit": 0, "successCondition": "result[1] < 1"}, [GOOD], "Error",
         'consecutiveErrors (1) > consecutiveErrorLimit (0): "Error Message: index out of range: 1 '
         '(array length is 1) (1:7)"'),
    ],
)  # fmt: skip
def test_a_run_ends_by_the_first_limit_that_is_passed(
    fields: dict[str, object], answers: list[Outcome], phase: str, message: str | None
) -> None:
    story = Story(run_of([metric(**fields)]), script(*answers)).until(3600)
    assert story.status.phase == story.result().phase == phase
    expected = f'Metric "m" assessed {phase} due to {message}' if message else ""
    assert story.status.message == expected
    reasons = [announced.reason for announced in story.told]
    assert reasons == [f"Metric{phase}", f"AnalysisRun{phase}"]


def test_a_bad_metric_ends_the_others() -> None:
    def answers(asked: Asked, second: int) -> Outcome | None:
        if asked.metric == "bad":
            return BAD if second else GOOD
        return GOOD if asked.metric == "good" else None

    run = run_of(
        [
            metric("good", interval="10s", count=100),
            metric("bad", interval="60s", count=5),
            metric("slow"),
            metric("later", initialDelay="1h"),
        ]
    )
    story = Story(run, answers).until(3600)
    assert story.status.phase == "Failed"
    assert (
        story.status.message == 'Metric "bad" assessed Failed due to failed (1) > failureLimit (0)'
    )
    assert [r.phase for r in story.status.metric_results] == ["Successful", "Failed", "Successful"]
    assert story.result("slow").measurements[-1].message == "metric terminated"
    assert story.result("slow").measurements[-1].finished_at is not None
    assert story.timeline[-1] == "60s cancel slow#1"
    assert (story.status.run_summary.count, story.status.run_summary.failed) == (4, 1)


def test_the_worst_metric_names_the_run() -> None:
    def answers(asked: Asked, second: int) -> Outcome:
        return {"error": WRONG, "failed": BAD, "fine": GOOD}[asked.metric]

    metrics = [metric("error", consecutiveErrorLimit=0), metric("failed"), metric("fine")]
    story = Story(run_of(metrics), answers).until(60)
    assert story.status.phase == "Failed"
    assert story.status.message.startswith('Metric "failed" assessed Failed')
    summary = story.status.run_summary
    assert (summary.error, summary.failed, summary.successful) == (1, 1, 1)


def test_of_equally_bad_metrics_the_first_is_named() -> None:
    story = Story(run_of([metric("a"), metric("b")]), steady(BAD)).until(60)
    assert story.status.message.startswith('Metric "a" assessed Failed')


def test_enough_successes_in_a_row_end_a_metric_without_count() -> None:
    fields = {"failureLimit": -1, "consecutiveSuccessLimit": 2, "interval": "1m"}
    story = Story(run_of([metric(**fields)]), script(GOOD, BAD, GOOD)).until(3600)
    assert story.timeline[-1] == "180s ask m#4"
    assert story.status.phase == "Successful"


def test_an_answer_of_nothing_says_so() -> None:
    story = Story(run_of([metric(successCondition="result < 1")]), steady(Value(None, ""))).until(0)
    assert story.result().measurements[0].message == "no data: the answer is empty"


def test_a_dry_run_metric_never_decides() -> None:
    def answers(asked: Asked, second: int) -> Outcome:
        return BAD if asked.metric == "trial" else GOOD

    metrics = [metric("trial"), metric("real", interval="1m", count=3)]
    story = Story(run_of(metrics, dryRun=[{"metricName": "tr.*"}]), answers).until(600)
    assert story.status.phase == "Successful"
    assert story.result("real").count == 3
    assert story.result("trial").dry_run
    assert story.result("trial").message == (
        "Metric assessed Failed due to failed (1) > failureLimit (0)"
    )
    assert story.status.dry_run_summary is not None
    assert story.status.dry_run_summary.failed == 1
    assert (story.status.run_summary.count, story.status.run_summary.failed) == (1, 0)


def test_a_run_of_only_dry_run_metrics_is_successful() -> None:
    story = Story(run_of([metric()], dryRun=[{"metricName": ".*"}]), steady(BAD)).until(60)
    assert story.status.phase == "Successful"

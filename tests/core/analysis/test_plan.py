"""One AnalysisRun from its first look to its end: schedules, limits, verdicts, messages."""

from __future__ import annotations

import math
from datetime import timedelta

import msgspec
import pytest

from core.analysis.story import (
    BAD,
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
from serinus.core.analysis.answers import Asked, NoData, Outcome, Value


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
    story = Story(run_of([metric(successCondition="result < 1")]), steady(NIL)).until(0)
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


def test_retention_keeps_as_many_measurements_as_asked_for() -> None:
    rules = [{"metricName": "^many$", "limit": 15}]
    metrics = [metric("many", interval="1m", count=20), metric("few", interval="1m", count=20)]
    story = Story(run_of(metrics, measurementRetention=rules), steady(GOOD)).until(3600)
    assert len(story.result("many").measurements) == 15
    assert len(story.result("few").measurements) == 10
    assert story.timeline[-1].endswith("#20")


def test_a_cancelled_run_keeps_the_phase_and_message_of_the_original() -> None:
    story = Story(run_of([metric(interval="1m")]), steady(GOOD)).until(150)
    story.run = msgspec.structs.replace(
        story.run, spec=msgspec.structs.replace(story.run.spec, terminate=True)
    )
    story.until(600)
    assert (story.status.phase, story.status.message) == ("Successful", "Run Terminated")
    assert len(story.timeline) == 3


def test_a_run_cancelled_before_its_first_look_measures_nothing() -> None:
    story = Story(run_of([metric()], terminate=True), steady(GOOD)).until(60)
    assert (story.status.phase, story.status.message) == ("Successful", "Run Terminated")
    assert story.timeline == []


def test_a_cancelled_run_ends_although_its_measurement_never_does() -> None:
    story = Story(run_of([metric()]), lambda asked, second: None).until(60)
    assert story.status.phase == "Running"
    story.run = msgspec.structs.replace(
        story.run, spec=msgspec.structs.replace(story.run.spec, terminate=True)
    )
    story.until(61)
    assert (story.status.phase, story.status.message) == ("Successful", "Run Terminated")
    assert story.timeline == ["0s ask m#1", "60s cancel m#1"]


def test_a_failure_before_the_cancellation_stays_a_failure() -> None:
    story = Story(run_of([metric(failureLimit=1, interval="1m")]), steady(BAD)).until(30)
    story.run = msgspec.structs.replace(
        story.run, spec=msgspec.structs.replace(story.run.spec, terminate=True)
    )
    assert story.until(60).status.phase == "Successful"
    assert story.result().failed == 1


def test_a_measurement_is_in_the_status_before_it_is_asked() -> None:
    story = Story(run_of([metric()]), steady(GOOD))
    first = story.once()
    assert first.actions == ()
    assert story.result().measurements[0].started_at == START
    assert story.result().measurements[0].finished_at is None
    assert [str(action) for action in story.once().actions] != []


def test_after_a_crash_it_is_asked_again_under_the_same_number() -> None:
    story = Story(run_of([metric(interval="1m", count=3)]), steady(GOOD), latency_seconds=20)
    story.until(85)
    assert story.timeline == ["0s ask m#1", "80s ask m#2"]
    story.crash()
    story.until(600)
    assert story.timeline[2:] == ["85s ask m#2", "165s ask m#3"]
    assert story.status.phase == "Successful"
    assert story.result().count == 3


@pytest.mark.parametrize("second", range(0, 200, 7))
def test_a_crash_at_any_moment_changes_no_verdict(second: int) -> None:
    answers = script(GOOD, WRONG, NONE, BAD, GOOD, GOOD)
    run = run_of([metric(interval="30s", count=4, failureLimit=1)])
    story = Story(run, answers, latency_seconds=3).until(second)
    story.crash()
    story.until(3600)
    assert story.status.phase == "Successful"
    result = story.result()
    assert (result.count, result.failed, result.error, result.successful) == (4, 1, 1, 3)


def test_a_finished_run_is_silent() -> None:
    story = Story(run_of([metric(interval="30s", count=3)]), steady(GOOD)).until(600)
    writes = story.writes
    made = story.settle()
    assert (made.status, made.actions, made.wake_at) == (None, (), None)
    assert story.until(7200).writes == writes


@pytest.mark.parametrize(
    ("strategy", "answer", "expires"),
    [
        ({"secondsAfterCompletion": 60}, GOOD, 60),
        ({"secondsAfterCompletion": 60, "secondsAfterSuccess": 10}, GOOD, 10),
        ({"secondsAfterCompletion": 60, "secondsAfterFailure": 10}, GOOD, 60),
        ({"secondsAfterCompletion": 60, "secondsAfterFailure": 10}, BAD, 10),
        ({"secondsAfterFailure": 10}, WRONG, None),
        ({"secondsAfterCompletion": 30, "secondsAfterFailure": 10}, WRONG, 30),
        ({"secondsAfterFailure": 10}, GOOD, None),
    ],
)
def test_the_time_to_live_counts_from_completion(
    strategy: dict[str, int], answer: Outcome, expires: int | None
) -> None:
    run = run_of([metric(consecutiveErrorLimit=0)], ttlStrategy=strategy)
    story = Story(run, steady(answer)).until(0)
    if expires is None:
        assert story.settle().wake_at is None
        return
    assert story.settle().wake_at == START + timedelta(seconds=expires + 1)
    assert not story.until(expires).expired
    assert story.until(expires + 1).expired


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"metrics": []}, "Analysis spec invalid: metrics: no metrics specified"),
        (
            {"metrics": [metric(), metric()]},
            "Analysis spec invalid: metrics[1].name: 'm' is used twice",
        ),
        (
            {"metrics": [metric(count=2)]},
            "Analysis spec invalid: metrics[0].interval: is missing; 2 measurements need one",
        ),
        (
            {"metrics": [metric(count=1, failureLimit=2)]},
            "metrics[0].count: 1 is less than failureLimit + consecutiveSuccessLimit (2)",
        ),
        (
            {
                "metrics": [
                    metric(count=2, interval="1m", consecutiveSuccessLimit=3, failureLimit=-1)
                ]
            },
            "metrics[0].count: 2 is less than failureLimit + consecutiveSuccessLimit (3)",
        ),
        (
            {"metrics": [metric(count=1, inconclusiveLimit=2)]},
            "metrics[0].count: 1 is less than inconclusiveLimit",
        ),
        ({"metrics": [metric(failureLimit=-2)]}, "failureLimit: -2 must be -1 or more"),
        (
            {"metrics": [metric(failureLimit=-1)]},
            "-1 tolerates every failure; set consecutiveSuccessLimit too",
        ),
        ({"metrics": [metric(inconclusiveLimit=-1)]}, "inconclusiveLimit: -1 must be 0 or more"),
        (
            {"metrics": [metric(consecutiveErrorLimit=-1)]},
            "consecutiveErrorLimit: -1 must be 0 or more",
        ),
        (
            {"metrics": [metric(consecutiveSuccessLimit=-1)]},
            "consecutiveSuccessLimit: -1 must be 0 or more",
        ),
        ({"metrics": [metric(noDataLimit=-1)]}, "noDataLimit: -1 must be 0 or more"),
        ({"metrics": [metric(count="many")]}, "metrics[0].count: 'many' is no whole number"),
        (
            {"metrics": [metric(interval="5 minutes")]},
            "metrics[0].interval: '5 minutes' is not a duration; write for example 30s",
        ),
        ({"metrics": [metric(initialDelay="x")]}, "metrics[0].initialDelay: 'x' is not a duration"),
        ({"metrics": [metric(onNoData="ignore")]}, "'ignore' must be one of error, fail, skip"),
        (
            {"metrics": [metric(provider={})]},
            "metrics[0].provider: needs exactly one provider, has none",
        ),
        (
            {"metrics": [metric(provider={"web": {}, "job": {}})]},
            "needs exactly one provider, has web and job",
        ),
        (
            {"metrics": [metric(provider={"plugin": {"a": {}, "b": {}}})]},
            "needs exactly one provider",
        ),
        (
            {"metrics": [metric(successCondition="result[0 < 1")]},
            "metrics[0].successCondition: unexpected end of expression, expected ']' (1:13)",
        ),
        ({"metrics": [metric(successCondition="results > 1")]}, "unknown name results"),
        (
            {"metrics": [metric()], "dryRun": [{"metricName": "*"}]},
            "dryRun[0]: Rule didn't match any metric name(s): invalid regular expression '*'",
        ),
        (
            {"metrics": [metric()], "dryRun": [{"metricName": "x"}]},
            "Analysis spec invalid: dryRun[0]: Rule didn't match any metric name(s)",
        ),
        (
            {"metrics": [metric()], "measurementRetention": [{"metricName": "m", "limit": 1}] * 2},
            "measurementRetention[1]: a second rule for 'm'",
        ),
        (
            {"metrics": [metric()], "args": [{"name": "x"}]},
            "Unable to resolve metric arguments: args[0]: args.x was not resolved",
        ),
        (
            {"metrics": [metric(successCondition="result[0] < {{ args.max }}")]},
            "Unable to resolve metric arguments: metrics[0]: failed to resolve {{args.max}}",
        ),
        (
            {"metrics": [metric(successCondition="result[0] < {{max}}")]},
            "did you mean {{args.max}}?",
        ),
        (
            {
                "metrics": [metric(successCondition="result[0] < {{args.s}}")],
                "args": [{"name": "s", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}}],
            },
            "metrics[0].successCondition: {{args.s}} is a secret; pass it by value",
        ),
        (
            {
                "metrics": [metric()],
                "args": [{"name": "s", "value": "v", "valueFrom": {"secretKeyRef": {"name": "n"}}}],
            },
            "args.s has both value and valueFrom",
        ),
    ],
)
def test_a_run_that_cannot_be_measured_says_why_at_once(
    spec: dict[str, object], message: str
) -> None:
    run = run_of(**{"metrics": [], **spec})  # type: ignore[arg-type]
    story = Story(run, steady(GOOD)).until(60)
    assert story.status.phase == "Error"
    assert message in story.status.message
    assert story.timeline == []
    assert story.status.completed_at == START
    assert [announced.reason for announced in story.told] == ["AnalysisRunError"]


def test_all_faults_are_told_at_once() -> None:
    metrics = [metric(count="x", successCondition="1 +"), metric(provider={})]
    story = Story(run_of(metrics), steady(GOOD)).until(60)
    for part in (
        "metrics[0].count",
        "metrics[0].successCondition",
        "metrics[1].name: 'm' is used twice",
        "metrics[1].provider",
    ):
        assert part in story.status.message


def test_arguments_fill_the_whole_metric() -> None:
    args = [
        {"name": "service", "value": 'a"b\\c'},
        {"name": "n", "value": "2"},
        {"name": "max", "value": "1"},
        {"name": "token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    provider = {
        "prometheus": {
            "query": 'up{service="{{args.service}}"} {{ args.n }}',
            "headers": [{"key": "Authorization", "value": "Bearer {{args.token}}"}],
        }
    }
    run = run_of(
        [
            metric(
                count="{{args.n}}",
                interval="1m",
                successCondition="result[0] < {{args.max}}",
                provider=provider,
            )
        ],
        args=args,
    )
    story = Story(run, steady(GOOD))
    story.once()
    (action,) = story.once().actions
    prometheus = action.provider.prometheus  # type: ignore[union-attr]
    assert prometheus is not None
    assert prometheus.query == 'up{service="a"b\\c"} 2'
    assert prometheus.headers[0].value == "Bearer {{args.token}}"
    assert action.secrets["token"].name == "s"  # type: ignore[union-attr]
    assert story.until(600).status.phase == "Successful"
    assert story.result().count == 2

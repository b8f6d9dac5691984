"""How runs end and what stays of them: cancellation, crashes, retention, time to live."""

from __future__ import annotations

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
)
from serinus.core.analysis.answers import Outcome


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

"""A background analysis: what it may ask for, and what is said of its templates and its start."""

from __future__ import annotations

from typing import Any

import pytest

from api.worlds import World, put

A = "spec.strategy.canary.analysis"
REVISION = {"name": "revision", "valueFrom": {"podTemplateHashValue": "Latest"}}
ASKED = {"templates": [{"templateName": "errors"}], "args": [REVISION]}


def world(**analysis: Any) -> World:
    made = World()
    put(made.rollout, A, {**ASKED, **analysis})
    return made


def test_a_background_analysis_is_let_through_with_all_that_it_may_say() -> None:
    made = world(
        startingStep=2,
        dryRun=[{"metricName": "errors"}],
        measurementRetention=[{"metricName": "err.*", "limit": 20}],
        analysisRunMetadata={"labels": {"team": "blue"}, "annotations": {"note": "x"}},
    )
    assert made.told() == []


def test_only_here_a_metric_may_go_on_without_end() -> None:
    made = world()
    del made.of("AnalysisTemplate")["spec"]["metrics"][0]["count"]
    (told,) = made.told()
    assert told.startswith("spec.strategy.canary.steps[2].analysis.templates[0]")
    del made.rollout["spec"]["strategy"]["canary"]["steps"][2]
    assert made.told() == []


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"templates": [{"templateName": "gone"}]}, f"{A}.templates[0]: waiting for AnalysisTemplate"),
    ({"args": []}, f"{A}.args: "),
    ({"startingStep": -1}, f"{A}.startingStep: -1 must be 0 or more"),
    ({"templates": [], "startingStep": 1}, f"{A}.templates: "),
    ({"dryRun": [{"metricName": "none"}]}, f"{A}.dryRun[0]"),
]


@pytest.mark.parametrize(("change", "text"), BROKEN, ids=[text for _, text in BROKEN])
def test_what_is_wrong_is_told_with_its_field(change: dict[str, Any], text: str) -> None:
    told = world(**change).told()
    assert any(one.startswith(text) or text in one for one in told), told


def test_a_start_that_never_comes_is_a_warning_and_holds_nothing() -> None:
    found = world(startingStep=4).findings()
    assert found.problems() == ()
    assert [problem.path for problem in found.warnings] == [f"{A}.startingStep"]
    assert world(startingStep=3).told() == [], "after the last step there is still the promotion"


def test_without_steps_no_start_is_too_late() -> None:
    made = world(startingStep=4)
    made.rollout["spec"]["strategy"]["canary"]["steps"] = []
    assert made.told() == []

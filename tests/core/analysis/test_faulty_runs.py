"""Runs that cannot be measured say why, all at once; arguments fill the whole metric."""

from __future__ import annotations

import pytest

from core.analysis.story import (
    GOOD,
    START,
    Story,
    metric,
    run_of,
    steady,
)


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

"""The manifest of the AnalysisRun that a step starts."""

from __future__ import annotations

from typing import Any

import pytest

from serinus.api.analysis import AnalysisTemplateRef, AnalysisTemplateSpec
from serinus.api.argo import Rollout, RolloutAnalysis
from serinus.api.wire import decode
from serinus.base.errors import SerinusError
from serinus.control.writing.runs import analysis_run
from serinus.core.rollout.actions import StartRun
from serinus.core.rollout.gates import BACKGROUND

TEMPLATES = {
    AnalysisTemplateRef(template_name="errors"): decode(
        AnalysisTemplateSpec,
        {
            "args": [{"name": "revision"}],
            "metrics": [
                {
                    "name": "errors",
                    "successCondition": "result[0] < 1",
                    "provider": {"prometheus": {"address": "http://p", "query": "up"}},
                }
            ],
        },
    )
}


def run_of(**analysis: Any) -> dict[str, Any]:
    step = {
        "templates": [{"templateName": "errors"}],
        "args": [{"name": "revision", "valueFrom": {"podTemplateHashValue": "Latest"}}],
        **analysis,
    }
    rollout = decode(
        Rollout,
        {
            "metadata": {"name": "shop", "namespace": "web", "uid": "1"},
            "spec": {
                "selector": {"matchLabels": {"app": "shop", "tier": "front"}},
                "strategy": {"canary": {"steps": [{"analysis": step}]}},
            },
        },
    )
    canary = rollout.spec.strategy.canary
    assert canary is not None
    (asked,) = canary.steps
    assert asked.analysis is not None
    return analysis_run(
        rollout, StartRun("shop-abc-2-0", asked.analysis, 0, "abc", "xyz", number=2), TEMPLATES
    )


def test_a_run_says_whose_it_is_and_what_it_measures() -> None:
    run = run_of()
    assert run["metadata"]["labels"] == {
        "app": "shop",
        "tier": "front",
        "rollouts-pod-template-hash": "abc",
        "rollout-type": "Step",
        "step-index": "0",
    }
    (owner,) = run["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Rollout", "shop", "1")
    assert run["metadata"]["annotations"] == {"rollout.argoproj.io/revision": "2"}
    assert run["spec"]["args"] == [{"name": "revision", "value": "abc"}]


def test_metadata_of_the_user_is_added_but_does_not_hide_whose_it_is() -> None:
    labels = {"team": "blue", "tier": "back", "rollouts-pod-template-hash": "lie"}
    metadata = {"labels": labels, "annotations": {"note": "x"}}
    run = run_of(analysisRunMetadata=metadata)
    assert run["metadata"]["annotations"]["note"] == "x"
    assert run["metadata"]["labels"]["team"] == "blue"
    assert run["metadata"]["labels"]["tier"] == "back"
    assert run["metadata"]["labels"]["rollouts-pod-template-hash"] == "abc"


def test_a_template_that_went_since_the_validation_is_named() -> None:
    with pytest.raises(SerinusError, match="gone"):
        run_of(templates=[{"templateName": "gone"}])


def test_a_run_in_the_background_is_of_no_step_and_may_go_on_without_end() -> None:
    template = {
        "metrics": [
            {
                "name": "errors",
                "interval": "10s",
                "successCondition": "result[0] < 1",
                "provider": {"prometheus": {"address": "http://p", "query": "up"}},
            }
        ]
    }
    endless = {AnalysisTemplateRef(template_name="e"): decode(AnalysisTemplateSpec, template)}
    rollout = decode(
        Rollout,
        {
            "metadata": {"name": "shop", "namespace": "web", "uid": "1"},
            "spec": {"selector": {"matchLabels": {"app": "shop"}}},
        },
    )
    analysis = RolloutAnalysis(templates=tuple(endless))
    action = StartRun("shop-abc-2", analysis, None, "abc", "xyz", BACKGROUND)
    run = analysis_run(rollout, action, endless)
    assert run["metadata"]["labels"] == {
        "app": "shop",
        "rollouts-pod-template-hash": "abc",
        "rollout-type": "Background",
    }
    step = StartRun("shop-abc-2-0", analysis, 0, "abc", "xyz")
    with pytest.raises(SerinusError, match="repeats without end"):
        analysis_run(rollout, step, endless)

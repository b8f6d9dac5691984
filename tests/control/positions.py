"""Where Argo Rollouts may stand when its controller is stopped: one function a position."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from control.original import (
    HASH,
    V1,
    V2,
    Original,
    template,
    when,
)
from control.positions_routed import (
    MINUTE,
    Position,
    aborted,
    basic,
    blue_green,
    collided,
    first,
    in_analysis,
    in_delay,
    in_experiment,
    inconclusive,
    kept_apart,
    legacy,
    noted,
    paused,
    paused_for_a_while,
    paused_for_good,
    resting,
    run_of,
    twins,
    with_metadata,
    with_new_defaults,
)

# --- Without a router, blue-green, a workload ----------------------------------------------------


def by_pods(now: datetime) -> Original:
    """A canary without a router, at 40 of 100."""
    steps = [{"setWeight": 40}, {"pause": {"duration": "60s"}}]
    left = Original(basic(steps=steps), wanted="v2", sets={"v1": 3, "v2": 2})
    left.status = {"stableRS": V1, "currentPodHash": V2, "currentStepIndex": 1}
    left.status |= paused("CanaryPauseStep", now - MINUTE / 2)
    return left


def switch_at_rest(now: datetime) -> Original:
    selectors = {"web-active": "v1", "web-preview": "v1"}
    left = Original(blue_green(), sets={"v0": 0, "v1": 5}, selectors=selectors)
    left.status = {"blueGreen": {"activeSelector": V1, "previewSelector": V1}}
    left.status |= {"selector": f"app=web,{HASH}={V1}"}
    return left


def before_the_switch(now: datetime, **more: Any) -> Original:
    """The preview waits for a person."""
    strategy = blue_green(autoPromotionEnabled=False, **more)
    selectors = {"web-active": "v1", "web-preview": "v2"}
    left = Original(strategy, wanted="v2", sets={"v1": 5, "v2": 5}, selectors=selectors)
    left.status = {
        "stableRS": V1,
        "currentPodHash": V2,
        "blueGreen": {"activeSelector": V1, "previewSelector": V2},
        **paused("BlueGreenPause", now - 60 * MINUTE),
    }
    return left


def behind_the_switch(now: datetime) -> Original:
    """Switched; the post-promotion analysis runs."""
    post = {"postPromotionAnalysis": {"templates": [{"templateName": "errors"}]}}
    selectors = {"web-active": "v2", "web-preview": "v2"}
    left = Original(blue_green(**post), wanted="v2", sets={"v1": 5, "v2": 5}, selectors=selectors)
    run = run_of("post", now, kind="PostPromotion")
    left.runs = [run]
    left.status = {
        "stableRS": V1,
        "currentPodHash": V2,
        "phase": "Progressing",
        "blueGreen": {
            "activeSelector": V2,
            "previewSelector": V2,
            "postPromotionAnalysisRunStatus": noted(run),
        },
    }
    return left


def switch_in_delay(now: datetime) -> Original:
    """v2 is stable and active; the pods of v1 have 40 seconds left."""
    selectors = {"web-active": "v2", "web-preview": "v2"}
    left = Original(blue_green(), wanted="v2", sets={"v1": 5, "v2": 5}, selectors=selectors)
    left.notes = {"v1": {"scale-down-deadline": when(now + timedelta(seconds=20))}}
    left.status = {"blueGreen": {"activeSelector": V2, "previewSelector": V2}}
    return left


def with_workload(now: datetime) -> Original:
    """The pods are those of a Deployment, which the original scaled to nothing."""
    left = by_pods(now)
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    left.spec = {"workloadRef": {**reference, "scaleDown": "onsuccess"}}
    left.metadata = {
        "annotations": {
            "rollout.argoproj.io/revision": "2",
            "rollout.argoproj.io/workload-generation": "1",
            "team": "blue",
        }
    }
    left.status["workloadObservedGeneration"] = "1"
    left.others = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"app": "web"}},
                "template": template("v2"),
            },
        }
    ]
    return left


POSITIONS: dict[str, Position] = {
    one.__name__: one
    for one in (
        resting,
        paused_for_good,
        paused_for_a_while,
        in_analysis,
        inconclusive,
        aborted,
        in_delay,
        first,
        with_metadata,
        kept_apart,
        in_experiment,
        collided,
        legacy,
        with_new_defaults,
        twins,
        by_pods,
        with_workload,
        switch_at_rest,
        before_the_switch,
        behind_the_switch,
        switch_in_delay,
    )
}

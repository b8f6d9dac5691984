"""Where Argo Rollouts may stand in a canary with a router: one function a position."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from control.original import (
    HASH,
    HASHES,
    ROUTED,
    SWITCHED,
    V1,
    V2,
    Json,
    Original,
    condition,
    defaulted,
    ephemeral,
    weights,
    when,
)

Position = Callable[[datetime], Original]
MINUTE = timedelta(minutes=1)
BOTH = {"web-canary": "v2", "web-stable": "v1"}
REST = {"web-canary": "v1", "web-stable": "v1"}


def canary(**more: Any) -> Json:
    return {"canary": {**ROUTED, **more}}


def basic(**more: Any) -> Json:
    plain = {key: value for key, value in ROUTED.items() if key == "steps"}
    return {"canary": {**plain, **more}}


def blue_green(**more: Any) -> Json:
    return {"blueGreen": {**SWITCHED, **more}}


def paused(reason: str, since: datetime) -> Json:
    return {
        "controllerPause": True,
        "pauseConditions": [{"reason": reason, "startTime": when(since)}],
        "phase": "Paused",
        "message": reason,
    }


# --- A canary with a router ----------------------------------------------------------------------


def resting(now: datetime, **more: Any) -> Original:
    """Healthy; the revision before has no pods left."""
    left = Original(canary(), sets={"v0": 0, "v1": 5}, selectors=REST, weight=0, **more)
    left.status = {"canary": {"weights": weights(left, 0, "v1", "v1")}}
    return left


def in_update(now: datetime, index: int, weight: int, **more: Any) -> Original:
    """Somewhere in the steps towards v2."""
    pods = {"v1": 5, "v2": -(-5 * weight // 100)}
    fields = {"strategy": canary(), "sets": pods, "selectors": BOTH, "weight": weight, **more}
    left = Original(wanted="v2", **fields)
    left.status = {
        "stableRS": V1,
        "currentPodHash": V2,
        "currentStepIndex": index,
        "phase": "Progressing",
        "canary": {"weights": weights(left, weight, "v2", "v1")},
    }
    return left


def paused_for_good(now: datetime) -> Original:
    """Step 2 waits for a person, since an hour."""
    steps = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "10s"}}]
    left = in_update(now, 1, 20, strategy=canary(steps=steps))
    left.status |= paused("CanaryPauseStep", now - 60 * MINUTE)
    return left


def paused_for_a_while(now: datetime) -> Original:
    """Half of a pause of a minute is over."""
    left = in_update(now, 1, 20)
    left.status |= paused("CanaryPauseStep", now - MINUTE / 2)
    return left


def run_of(index: int | str, now: datetime, phase: str = "Running", *, kind: str = "Step") -> Json:
    """A run as the original makes it, with one measurement of three."""
    labels = {"app": "web", HASH: V2, "rollout-type": kind}
    if isinstance(index, int):
        labels["step-index"] = str(index)
    started = when(now - timedelta(seconds=2))
    measured = {"phase": "Successful", "startedAt": started, "finishedAt": started, "value": "[0]"}
    prometheus = {"address": "http://prometheus.monitoring:9090", "query": "errors"}
    metric = {
        "name": "errors",
        "interval": "5s",
        "count": 3,
        "successCondition": "result[0] < 0.1",
        "provider": {"prometheus": prometheus},
    }
    notes = {"rollout.argoproj.io/revision": "2"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": {
            "name": f"web-{V2}-2-{index}",
            "namespace": "shop",
            "labels": labels,
            "annotations": notes,
        },
        "spec": {"metrics": [metric]},
        "status": {
            "phase": phase,
            "startedAt": started,
            "dryRunSummary": {},
            "runSummary": {"count": 1, "successful": 0},
            "metricResults": [
                {
                    "name": "errors",
                    "phase": phase,
                    "count": 1,
                    "successful": 1,
                    "consecutiveSuccess": 1,
                    "measurements": [measured],
                    "metadata": {"ResolvedPrometheusQuery": "errors"},
                }
            ],
        },
    }


def noted(run: Json, message: str = "") -> Json:
    """What a status remembers of a run."""
    made = {"name": run["metadata"]["name"], "status": run["status"]["phase"]}
    return {**made, "message": message} if message else made


def in_analysis(now: datetime) -> Original:
    left = in_update(now, 3, 40)
    run = run_of(3, now)
    left.runs = [run]
    left.status["canary"]["currentStepAnalysisRunStatus"] = noted(run)
    return left


def inconclusive(now: datetime) -> Original:
    """Its analysis told nothing; it waits for a person."""
    left = in_analysis(now)
    (run,) = left.runs
    run["status"] |= {"phase": "Inconclusive", "message": "nothing known"}
    left.status["canary"]["currentStepAnalysisRunStatus"] = noted(run, "nothing known")
    left.status |= paused("InconclusiveAnalysisRun", now - MINUTE)
    return left


def aborted(now: datetime) -> Original:
    """By a person; the canary's pods have 20 seconds left."""
    left = in_update(now, 0, 0, selectors=REST)
    left.sets = {"v1": 5, "v2": 2}
    left.notes = {"v2": {"scale-down-deadline": when(now + timedelta(seconds=20))}}
    left.status["canary"] = {"weights": weights(left, 0, "v1", "v1")}
    message = "Rollout aborted update to revision 2"
    told = condition("Progressing", "False", "RolloutAborted", message, now)
    left.status |= {
        "abort": True,
        "abortedAt": when(now - MINUTE),
        "conditions": [told],
        "phase": "Degraded",
        "message": f"RolloutAborted: {message}",
    }
    return left


def in_delay(now: datetime) -> Original:
    """v2 is stable; the pods of v1 have 40 seconds left."""
    selectors = {"web-canary": "v2", "web-stable": "v2"}
    sets = {"v1": 5, "v2": 5}
    left = Original(canary(), wanted="v2", sets=sets, selectors=selectors, weight=0)
    left.notes = {"v1": {"scale-down-deadline": when(now + timedelta(seconds=20))}}
    left.status = {"canary": {"weights": weights(left, 0, "v2", "v2")}}
    return left


def first(now: datetime) -> Original:
    """The first version is being deployed."""
    left = Original(canary(), sets={"v1": 5}, selectors=REST, weight=0)
    left.status = {"stableRS": "", "currentStepIndex": 0, "phase": "Progressing"}
    return left


def with_metadata(now: datetime) -> Original:
    """Ephemeral labels on both revisions and their pods."""
    metadata = {
        "canaryMetadata": {"labels": {"role": "canary"}},
        "stableMetadata": {"labels": {"role": "stable"}},
    }
    left = paused_for_a_while(now)
    left.strategy = canary(**metadata)
    for version, role in (("v1", "stable"), ("v2", "canary")):
        made = defaulted(version, left.hash(version))
        made["metadata"]["labels"]["role"] = role
        left.templates[version] = made
        left.notes[version] = {"rollout.argoproj.io/ephemeral-metadata": ephemeral({"role": role})}
    return left


def kept_apart(now: datetime) -> Original:
    """The original's term against the nodes of stable."""
    left = paused_for_a_while(now)
    wanted = {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 10}}
    left.strategy = canary(antiAffinity=wanted)
    expression = {"key": HASH, "operator": "In", "values": [V1]}
    term = {
        "labelSelector": {"matchExpressions": [expression]},
        "namespaces": ["shop"],
        "topologyKey": "kubernetes.io/hostname",
    }
    made = defaulted("v2", V2)
    rules = [{"weight": 10, "podAffinityTerm": term}]
    made["spec"]["affinity"] = {
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": rules}
    }
    left.templates["v2"] = made
    return left


TRIAL_HASH = "74d6d6f5d6"


def in_experiment(now: datetime) -> Original:
    """The step's experiment runs, made by the original."""
    asked = {"name": "baseline", "specRef": "stable", "replicas": 1}
    steps = [{"setWeight": 20}, {"experiment": {"duration": "60s", "templates": [asked]}}]
    left = in_update(now, 1, 20, strategy=canary(steps=steps))
    name = f"web-{V2}-2-1"
    left.experiments = [_trial(name, now)]
    left.trial_sets = [_set_of_trial(name)]
    left.status["canary"]["currentExperiment"] = name
    return left


def _trial(name: str, now: datetime) -> Json:
    container = {"name": "web", "image": "web:v1", "ports": [{"containerPort": 8080}]}
    pods = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    template = {
        "name": "baseline",
        "replicas": 1,
        "minReadySeconds": 0,
        "selector": {"matchLabels": {"app": "web"}},
        "template": pods,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": {HASH: V2, "step-index": "1"},
            "annotations": {"rollout.argoproj.io/revision": "2"},
        },
        "spec": {
            "duration": "60s",
            "progressDeadlineSeconds": 600,
            "analysisRunMetadata": {},
            "templates": [template],
        },
        "status": _status_of_trial(now),
    }


def _status_of_trial(now: datetime) -> Json:
    template = {
        "name": "baseline",
        "status": "Running",
        "podTemplateHash": TRIAL_HASH,
        "replicas": 1,
        "updatedReplicas": 1,
        "readyReplicas": 1,
        "availableReplicas": 1,
        "lastTransitionTime": when(now),
    }
    return {
        "phase": "Running",
        "availableAt": when(now),
        "conditions": [],
        "templateStatuses": [template],
    }


def _set_of_trial(name: str) -> Json:
    labels = {"app": "web", HASH: TRIAL_HASH}
    notes = {
        "experiment.argoproj.io/name": name,
        "experiment.argoproj.io/template-name": "baseline",
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name}-baseline",
            "namespace": "shop",
            "labels": {HASH: TRIAL_HASH},
            "annotations": notes,
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": defaulted("v1", TRIAL_HASH),
        },
    }


def collided(now: datetime) -> Original:
    """A hash was taken once: the hashes since then count that in."""
    left = paused_for_a_while(now)
    left.status["collisionCount"] = 1
    return left


def legacy(now: datetime) -> Original:
    """Revisions with the upstream hash of long ago, as large numbers."""
    left = resting(now, hashes={**HASHES, "v1": "3419636892", "v0": "1234567890"})
    return left


def with_new_defaults(now: datetime) -> Original:
    """The API server fills in what it did not when the revision was made."""
    left = resting(now)
    made = defaulted("v1", V1)
    made["spec"] |= {"enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority"}
    made["spec"]["containers"][0]["resources"]["claims"] = [{"name": "of-2031"}]
    left.templates["v1"] = made
    return left


def twins(now: datetime) -> Original:
    """An upgrade of the original made every revision anew; half-way."""
    left = in_update(now, 1, 20)
    left.status |= paused("CanaryPauseStep", now - MINUTE / 2)
    left.templates["v1"] = defaulted("v2", V1)
    return left

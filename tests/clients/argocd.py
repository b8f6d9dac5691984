"""How Argo CD judges our objects: its rules for health, in our words.

Two generations of them are about: the newer trusts `status.phase`, the older (for controllers
before 1.0, and what scripts copied from it) reads conditions, pauses and counts. Objects are JSON.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"
_OF_PHASE = {
    "Pending": "Progressing",
    "Running": "Progressing",
    "Successful": "Healthy",
    "Failed": "Degraded",
    "Error": "Degraded",
    "Inconclusive": "Unknown",
}
_BROKEN = {("Progressing", "RolloutAborted"), ("Progressing", "ProgressDeadlineExceeded")}


def health_of_trial(item: Json) -> str:
    """Of an AnalysisRun or an Experiment."""
    status = item.get("status")
    return "Progressing" if status is None else _OF_PHASE[status["phase"]]


def health(rollout: Json) -> str:
    """Of a Rollout, by its phase."""
    if not (_is_observed(rollout) and _is_workload_observed(rollout)):
        return "Progressing"
    phase: str = rollout["status"]["phase"]
    return "Suspended" if phase == "Paused" else phase


def older_health(rollout: Json) -> str:
    """Of a Rollout, by everything but its phase."""
    if not _is_observed(rollout):
        return "Progressing"
    spec, status = rollout["spec"], rollout["status"]
    for condition in status["conditions"]:
        # whatever the condition's status says
        if condition["type"] == "InvalidSpec":
            return "Degraded"
        if (condition["type"], condition["reason"]) in _BROKEN:
            return "Degraded"
    if status.get("pauseConditions") or spec.get("paused"):
        return "Suspended"
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < spec.get("replicas", 1) or available < updated:
        return "Progressing"
    current, stable = status.get("currentPodHash"), status.get("stableRS")
    if "blueGreen" in spec["strategy"]:
        done = status.get("blueGreen", {}).get("activeSelector") == current == stable
    else:
        done = current == stable and status.get("replicas", 0) <= updated
    return "Healthy" if current and done else "Progressing"


def _is_observed(rollout: Json) -> bool:
    """A number that is greater than the generation is a hash of long ago."""
    if "status" not in rollout:
        return False
    told = rollout["status"].get("observedGeneration", "")
    generation = rollout["metadata"]["generation"]
    return not told.isdecimal() or int(told) > generation or int(told) == generation


def _is_workload_observed(rollout: Json) -> bool:
    if "workloadRef" not in rollout["spec"]:
        return True
    noted = (rollout["metadata"].get("annotations") or {}).get(WORKLOAD_GENERATION)
    told = rollout["status"].get("workloadObservedGeneration")
    return noted is None or told is None or int(noted) == int(told)

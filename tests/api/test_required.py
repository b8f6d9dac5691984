"""What a schema requires of a status is written even if it is empty: else the server refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import msgspec
import pytest
import yaml

from serinus.api.analysis import AnalysisRunStatus, Measurement, MetricResult
from serinus.api.argo import (
    PauseCondition,
    RolloutAnalysisRunStatus,
    StepPluginStatus,
    TrafficWeights,
    WeightDestination,
)
from serinus.api.kubernetes import Condition
from serinus.api.wire import builtins

SET_BY_THE_PLANNER = {"lastTransitionTime", "lastUpdateTime", "startTime"}
PLACES: list[tuple[str, str, type[msgspec.Struct]]] = [
    ("rollouts", "status.conditions[]", Condition),
    ("rollouts", "status.pauseConditions[]", PauseCondition),
    ("rollouts", "status.canary.weights", TrafficWeights),
    ("rollouts", "status.canary.weights.canary", WeightDestination),
    ("rollouts", "status.canary.currentStepAnalysisRunStatus", RolloutAnalysisRunStatus),
    ("rollouts", "status.canary.stepPluginStatuses[]", StepPluginStatus),
    ("analysisruns", "status", AnalysisRunStatus),
    ("analysisruns", "status.metricResults[]", MetricResult),
    ("analysisruns", "status.metricResults[].measurements[]", Measurement),
]


def required(node: dict[str, Any], path: str) -> Iterator[tuple[str, list[str]]]:
    if node.get("required"):
        yield path, node["required"]
    for name, below in node.get("properties", {}).items():
        yield from required(below, f"{path}.{name}" if path else name)
    if "items" in node:
        yield from required(node["items"], f"{path}[]")


@pytest.mark.parametrize(("crd", "path", "struct"), PLACES, ids=lambda value: str(value)[-40:])
def test_required_fields_are_always_written(
    crd: str, path: str, struct: type[msgspec.Struct]
) -> None:
    text = (files("serinus.api") / "crds" / f"{crd}.yaml").read_text()
    schema = yaml.safe_load(text)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    fields = dict(required(schema, ""))[path]
    assert set(fields) - SET_BY_THE_PLANNER <= set(builtins(struct()))

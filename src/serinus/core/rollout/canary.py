"""The steps of a canary as arithmetic: what a step index means. Knows no state but the steps."""

from __future__ import annotations

from collections.abc import Sequence

from serinus.api.argo import SetCanaryScale, Step

PAUSE_STEP = "CanaryPauseStep"
BLUE_GREEN_PAUSE = "BlueGreenPause"
INCONCLUSIVE = "InconclusiveAnalysisRun"
INCONCLUSIVE_TRIAL = "InconclusiveExperiment"


def weight_at(steps: Sequence[Step], index: int, total: int) -> int:
    """The last weight that was set at or before `index`; `total` after the last step."""
    if index >= len(steps):
        return total
    for step in reversed(steps[: index + 1]):
        if step.set_weight is not None:
            return min(step.set_weight, total)
    return 0


def scale_at(steps: Sequence[Step], index: int) -> SetCanaryScale | None:
    """The setCanaryScale that holds at `index`: from its step until one that matches the weight."""
    if index >= len(steps):
        return None
    for step in reversed(steps[: index + 1]):
        if step.set_canary_scale is not None:
            matches = step.set_canary_scale.match_traffic_weight
            return None if matches else step.set_canary_scale
    return None


def step_text(step: Step) -> str:
    """A step as events and reasons show it, such as `setWeight: 20` or `pause: 5m`."""
    if step.set_weight is not None:
        return f"setWeight: {step.set_weight}"
    if step.pause is not None:
        return "pause" if step.pause.duration is None else f"pause: {step.pause.duration}"
    if step.analysis is not None:
        return "analysis"
    if step.set_canary_scale is not None:
        return _scale_text(step.set_canary_scale)
    if step.set_header_route is not None:
        return f"setHeaderRoute: {step.set_header_route.name}"
    if step.set_mirror_route is not None:
        return f"setMirrorRoute: {step.set_mirror_route.name}"
    if step.plugin is not None:
        return f"plugin: {step.plugin.name}"
    return "/".join(step.kinds())


def _scale_text(scale: SetCanaryScale) -> str:
    if scale.match_traffic_weight:
        return "setCanaryScale{matchTrafficWeight: true}"
    if scale.replicas is not None:
        return f"setCanaryScale{{replicas: {scale.replicas}}}"
    return f"setCanaryScale{{weight: {scale.weight or 0}}}"

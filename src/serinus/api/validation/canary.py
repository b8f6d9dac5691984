"""Rules of `strategy.canary` by itself: its router, scale, metadata, steps."""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.argo import CanaryStrategy, Rollout, RolloutAnalysis, RolloutSpec
from serinus.api.validation.analysis import validate_rollout_analysis
from serinus.api.validation.numbers import count_or_share, is_nothing, not_negative, within
from serinus.api.validation.revisions import (
    validate_anti_affinity,
    validate_delays,
    validate_ephemeral,
)
from serinus.api.validation.routers import validate_routing
from serinus.api.validation.steps import validate_steps
from serinus.base.errors import FieldProblem


def validate_canary(canary: CanaryStrategy, spec: RolloutSpec, path: str) -> Iterator[FieldProblem]:
    """`path` is where the strategy stands; `spec` tells the pods' own labels."""
    yield from validate_routing(canary, path)
    yield from _scale(canary, path)
    yield from validate_ephemeral(canary.canary_metadata, spec, f"{path}.canaryMetadata")
    yield from validate_ephemeral(canary.stable_metadata, spec, f"{path}.stableMetadata")
    yield from validate_anti_affinity(canary.anti_affinity, f"{path}.antiAffinity")
    yield from validate_steps(canary, f"{path}.steps")
    background = canary.analysis
    if background is not None and (background.templates or _asks(background)):
        yield from validate_rollout_analysis(background, f"{path}.analysis")
        yield from not_negative(background.starting_step, f"{path}.analysis.startingStep")


def dormant_background(rollout: Rollout) -> Iterator[FieldProblem]:
    """A warning: a background analysis whose starting step never comes; the original is silent."""
    canary = rollout.spec.strategy.canary
    analysis = canary.analysis if canary else None
    if canary is None or analysis is None or not (canary.steps and analysis.templates):
        return
    starting = analysis.starting_step or 0
    if starting > len(canary.steps):
        yield FieldProblem(
            "spec.strategy.canary.analysis.startingStep",
            f"{starting} never comes: there are {len(canary.steps)} steps, the first is 0; nothing "
            "will be measured",
        )


def _asks(analysis: RolloutAnalysis) -> bool:
    return bool(analysis.args) or analysis.starting_step is not None


def _scale(canary: CanaryStrategy, path: str) -> Iterator[FieldProblem]:
    yield from validate_delays(canary, path)
    yield from not_negative(canary.min_pods_per_replica_set, f"{path}.minPodsPerReplicaSet")
    yield from count_or_share(canary.max_surge, f"{path}.maxSurge")
    yield from count_or_share(canary.max_unavailable, f"{path}.maxUnavailable")
    if is_nothing(canary.max_surge) and is_nothing(canary.max_unavailable):
        yield FieldProblem(f"{path}.maxSurge", "must not be 0 if maxUnavailable is 0")
    routed = canary.traffic_routing is not None
    yield from count_or_share(canary.surge_limit, f"{path}.surgeLimit")
    if is_nothing(canary.surge_limit):
        yield FieldProblem(f"{path}.surgeLimit", "must be 1 or more; leave it out for no limit")
    if canary.surge_limit is not None and not routed:
        message = "works only with trafficRouting; use maxSurge and maxUnavailable"
        yield FieldProblem(f"{path}.surgeLimit", message)
    delayed = canary.scale_down_delay_seconds is not None
    if delayed and not routed:
        yield FieldProblem(
            f"{path}.scaleDownDelaySeconds", "works only with trafficRouting; remove it"
        )
    if delayed and canary.dynamic_stable_scale:
        yield FieldProblem(
            f"{path}.scaleDownDelaySeconds", "cannot be combined with dynamicStableScale; keep one"
        )
    if canary.dynamic_stable_scale and not routed:
        yield FieldProblem(
            f"{path}.dynamicStableScale", "works only with trafficRouting; remove it"
        )
    threshold = canary.replica_progress_threshold
    if threshold is not None:
        here = f"{path}.replicaProgressThreshold"
        if threshold.type not in ("Percent", "Pods"):
            yield FieldProblem(f"{here}.type", f"{threshold.type!r} must be Percent or Pods")
        elif threshold.type == "Percent":
            yield from within(max(threshold.value, 0), 0, 100, f"{here}.value")

"""Rules of canary steps by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from serinus.api.argo import CanaryStrategy, Pause, SetCanaryScale, Step
from serinus.api.validation.analysis import validate_rollout_analysis
from serinus.api.validation.experiment_step import validate_experiment_step
from serinus.api.validation.numbers import not_negative, within
from serinus.api.validation.routes import validate_header_route, validate_mirror_route
from serinus.base.durations import parse_pause_duration
from serinus.base.errors import FieldProblem


def validate_steps(canary: CanaryStrategy, path: str) -> Iterator[FieldProblem]:
    """Every step of `canary`; `path` is that of the list."""
    routing = canary.traffic_routing
    total = (routing.max_traffic_weight if routing else None) or 100
    for index, step in enumerate(canary.steps):
        here = f"{path}[{index}]"
        kinds = step.kinds()
        if not kinds:
            yield FieldProblem(here, "does nothing; set one of setWeight, pause, analysis, ...")
        elif len(kinds) > 1:
            yield FieldProblem(here, f"does {' and '.join(kinds)}; write a step for each")
        yield from within(step.set_weight, 0, total, f"{here}.setWeight")
        yield from _step(step, total, here, routed=routing is not None)
        yield from _routed(step, canary, here)


def _step(step: Step, total: int, path: str, *, routed: bool) -> Iterator[FieldProblem]:
    if step.pause is not None:
        yield from _pause(step.pause, f"{path}.pause.duration")
    if step.set_canary_scale is not None:
        if not routed:
            yield FieldProblem(
                f"{path}.setCanaryScale", "works only with trafficRouting; remove it"
            )
        yield from _scale(step.set_canary_scale, total, f"{path}.setCanaryScale")
    if step.analysis is not None:
        yield from validate_rollout_analysis(step.analysis, f"{path}.analysis")
        if step.analysis.starting_step is not None:
            yield FieldProblem(
                f"{path}.analysis.startingStep", "is for the background analysis; remove it"
            )
    if step.plugin is not None and not step.plugin.name:
        yield FieldProblem(f"{path}.plugin.name", "is missing")


def _routed(step: Step, canary: CanaryStrategy, path: str) -> Iterator[FieldProblem]:
    """What a step may only ask of some routers."""
    if step.experiment is not None:
        yield from validate_experiment_step(step.experiment, canary, f"{path}.experiment")
    if step.set_header_route is not None:
        here = f"{path}.setHeaderRoute"
        yield from validate_header_route(step.set_header_route, canary, here)
    if step.set_mirror_route is not None:
        here = f"{path}.setMirrorRoute"
        yield from validate_mirror_route(step.set_mirror_route, canary, here)


def _pause(pause: Pause, path: str) -> Iterator[FieldProblem]:
    if pause.duration is None:
        return
    try:
        if parse_pause_duration(pause.duration) < timedelta(0):
            yield FieldProblem(path, f"{pause.duration} must not be negative")
    except ValueError as error:
        yield FieldProblem(path, f"{error}; a number alone is seconds")


def _scale(scale: SetCanaryScale, total: int, path: str) -> Iterator[FieldProblem]:
    yield from not_negative(scale.replicas, f"{path}.replicas")
    yield from within(scale.weight, 0, total, f"{path}.weight")
    given = scale.replicas is not None or scale.weight is not None
    if not given and not scale.match_traffic_weight:
        yield FieldProblem(path, "is empty; set replicas, weight or matchTrafficWeight")
    if given and scale.match_traffic_weight:
        yield FieldProblem(
            f"{path}.matchTrafficWeight", "ends a scale that was set; it cannot set one too"
        )

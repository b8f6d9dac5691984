"""Worlds whose canaries are watched by a run in the background, and what is told of them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from core.rollout.world import World, first_deploy, hash_of
from serinus.api.analysis import AnalysisRunSpec, AnalysisRunStatus
from serinus.api.argo import RolloutAnalysisRunStatus
from serinus.base.errors import FieldProblem

WATCHED = {"templates": [{"templateName": "success-rate"}]}
STEPS = [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "60s"}}]
RUN = f"app-{hash_of('v2')}-2"
WHY = 'Metric "m" assessed Failed due to failed (1) > failureLimit (0)'


def deployed(steps: list[Any] = STEPS, starting: int | None = None, **canary: Any) -> World:
    """v1 at rest under a strategy that watches its canaries."""
    analysis = {**WATCHED, "startingStep": starting}
    return first_deploy(steps, analysis=analysis, **canary)


def watched(steps: list[Any] = STEPS, **options: Any) -> World:
    """v2 on trial, at its first rest, under a run that goes on."""
    world = deployed(steps, **options)
    world.release("v2")
    world.run()
    assert list(world.runs) == [RUN]
    return world


def noted(world: World) -> RolloutAnalysisRunStatus:
    found = world.status.canary.current_background_analysis_run_status
    assert found is not None
    return found


def stopped(world: World, name: str) -> bool:
    return world.runs[name].spec.terminate


def just_at(world: World, index: int) -> None:
    """The moment in which the status says so, before the plan that follows."""
    world.reconcile()
    while world.status.current_step_index != index:
        if not world.reconcile():
            world.now = world.now + world.settings.settle


def doubtful(steps: list[Any] = STEPS) -> World:
    world = watched(steps)
    world.finish("Inconclusive")
    world.run()
    return world


def reasons(world: World) -> list[str]:
    return [pause.reason for pause in world.status.pause_conditions]


def freeze(world: World, how: str) -> None:
    world.problems = (FieldProblem("spec.x", "is wrong"),) if how == "invalid" else ()
    world.edit(paused=how == "paused")


def end(world: World, name: str, phase: str, *, terminate: bool = False) -> None:
    spec = AnalysisRunSpec(terminate=terminate)
    status = AnalysisRunStatus(phase=phase, message="")
    world.runs[name] = replace(world.runs[name], spec=spec, status=status)

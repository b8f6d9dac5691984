"""The analysis that runs beside all steps of a canary: its name, and what its verdict does.

Judged before anything is wanted, so that no plan raises a weight, leaves a step or promotes under a
verdict that it has seen. Its runs are started and ended in `runs.py`, as those of all gates.
"""

from __future__ import annotations

from dataclasses import replace

from serinus.api.argo import RolloutAnalysisRunStatus
from serinus.core.rollout import trials
from serinus.core.rollout.course import Course
from serinus.core.rollout.gates import Gate, background_gate
from serinus.core.rollout.runs import (
    announced,
    current_run,
    failed,
    find,
    inconclusive,
    is_numbered,
    is_resumed,
    new_name,
    replace_verdict,
    with_run,
)
from serinus.core.rollout.standing import Standing

INCONCLUSIVE = "Inconclusive"


def overseen(standing: Standing, course: Course) -> Course:
    """The course under the verdict of the run beside it, with a run's name where one is missing.

    A failed run aborts, frozen or not. A doubtful one pauses; whoever lets the rollout go on gets
    another run. One that goes on, or has passed, holds nothing.
    """
    gate = background_gate(standing, course)
    if gate is None or course.renewed:
        return course
    recorded = current_run(standing, course, gate)
    if not standing.frozen and is_resumed(course, recorded):
        course = replace(course, controller_pause=_lets_step_go(standing, course))
        recorded = None
    if recorded is None:
        return _named(standing, course, gate)
    run = find(standing, recorded.name)
    new = recorded if run is None else replace_verdict(recorded, run)
    if new.status == INCONCLUSIVE and (standing.frozen or _lets_step_go(standing, course)):
        return course  # a person's word that is under way belongs to what he has seen
    if run is not None:
        course = announced(course, gate, recorded, run)
    course = with_run(course, gate, new)
    match new.status:
        case "Failed" | "Error":
            return failed(standing, course, gate, new)
        case "Inconclusive":
            return inconclusive(standing, course)
    return course


def _named(standing: Standing, course: Course, gate: Gate) -> Course:
    """The run's name goes into the status before the run is made; none while frozen."""
    if standing.frozen or not is_numbered(standing):
        return with_run(course, gate, None)
    noted = RolloutAnalysisRunStatus(name=new_name(standing, gate), status="Pending")
    return with_run(course, gate, noted)


def _lets_step_go(standing: Standing, course: Course) -> bool:
    """A person let the rollout go on, and the step it stands at has not heard it yet."""
    if not course.controller_pause or course.pauses:
        return False
    step = next(iter(standing.strategy.steps[course.index : course.index + 1]), None)
    if step is None:
        return False
    measured = step.analysis is not None and course.run is not None
    if measured and course.run is not None and course.run.status == INCONCLUSIVE:
        return True
    tried = trials.find(standing, course.trial) if step.experiment is not None else None
    return step.pause is not None or trials.verdict_of(tried) == INCONCLUSIVE

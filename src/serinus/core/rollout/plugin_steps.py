"""The plugin of a step: its verdict, its calls, and what is told to it when the rollout is over.

As with runs and experiments: the status knows of a call before it is made, and only what was begun
in this attempt counts (rules S5, S10). A freeze starts no Run, but hears the answers to those that
are under way. Knows no plugin and no way to reach one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from serinus.api.argo import PluginStep, StepPluginStatus
from serinus.core.rollout.actions import CallStep
from serinus.core.rollout.calls import Operation, Phase, StepAsked, StepCall
from serinus.core.rollout.course import Course, abort
from serinus.core.rollout.desired import Proposal
from serinus.core.rollout.plugins import (
    awaited,
    begun,
    due_at,
    find,
    is_winding_up,
    passed_over,
    stopping,
    undoing,
)
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.standing import Standing


def judge_plugin(
    standing: Standing, course: Course, proposal: Proposal
) -> tuple[Course, Proposal, bool]:
    """The course under the verdict of the step's plugin, and whether the step is passed."""
    step = step_of(standing, course)
    if Rule.S5 not in standing.rules or step is None:
        return course, proposal, True
    if is_winding_up(course.plugins):
        text = "a step plugin still ends what it began in the attempt before"
        return course, proposal.because(Hold.PLUGIN, text), False
    if any(entry.operation != Operation.RUN for entry in course.plugins):
        course = replace(course, plugins=())  # of an attempt before, and over
    entry = find(course.plugins, course.index, Operation.RUN)
    if entry is None:
        course, entry = _entered(standing, course, step)
    if entry.phase == Phase.SUCCESSFUL:
        return course, proposal, True
    if entry.phase == Phase.FAILED:
        return _failed(standing, course, entry), proposal, False
    text = f"step plugin {entry.name} of step {course.index + 1} is {entry.phase}"
    text += f": {entry.message}" if entry.message else ""
    return course, proposal.because(Hold.PLUGIN, text), False


def step_of(standing: Standing, course: Course) -> PluginStep | None:
    """The plugin of the step that the course stands at, if it is such a step."""
    step = next(iter(standing.strategy.steps[course.index : course.index + 1]), None)
    return step.plugin if step is not None else None


def _entered(
    standing: Standing, course: Course, step: PluginStep
) -> tuple[Course, StepPluginStatus]:
    now = standing.snapshot.now
    entry = begun(course.index, step.name, now)
    if step.name in standing.snapshot.settings.disabled_plugins:
        entry = passed_over(entry, now)
    return replace(course, plugins=(*course.plugins, entry)), entry


def condemned_by_plugin(standing: Standing, course: Course) -> Course:
    """The course of a frozen rollout: a verdict against its canary counts all the same (S6)."""
    asked = step_of(standing, course) is not None or standing.invalid  # which may have lost it
    if not asked or standing.promoted or course.abort:
        return course
    if any(entry.operation != Operation.RUN for entry in course.plugins):
        return course
    entry = find(course.plugins, course.index, Operation.RUN)
    failed = entry is not None and entry.phase == Phase.FAILED
    return _failed(standing, course, entry) if entry is not None and failed else course


def _failed(standing: Standing, course: Course, entry: StepPluginStatus) -> Course:
    why = f"Step plugin {entry.name} of step {entry.index + 1} failed"
    return abort(standing, course, f"{why}: {entry.message}" if entry.message else why)


def wound_up(standing: Standing, course: Course) -> Course:
    """The course that tells plugins of an abort (the last first), or of a promotion."""
    now, entries = standing.snapshot.now, course.plugins
    if course.abort or any(entry.operation == Operation.ABORT for entry in entries):
        return replace(course, plugins=undoing(entries, now))
    if standing.promoted or course.promote_full:
        return replace(course, plugins=stopping(entries, now))
    return course


# --- Calls ---------------------------------------------------------------------------------------


def plugin_calls(standing: Standing, course: Course, may_start: bool) -> tuple[CallStep, ...]:
    """The calls that are due and that the status knew of when the snapshot was taken."""
    known = {asked for _, asked in awaited(standing.status.canary.step_plugin_statuses)}
    now = standing.snapshot.now
    return tuple(
        CallStep(_call(standing, asked, entry))
        for entry, asked in _wanted(standing, course)
        if asked in known
        and due_at(entry, now) <= now
        and (may_start or asked.operation != Operation.RUN)
    )


def next_call(standing: Standing, course: Course) -> datetime | None:
    """When a plugin is to be asked again."""
    now = standing.snapshot.now
    return min((due_at(entry, now) for entry, _ in _wanted(standing, course)), default=None)


def _wanted(standing: Standing, course: Course) -> Iterator[tuple[StepPluginStatus, StepAsked]]:
    """The Run of the step that the course stands at; Terminate and Abort of any."""
    at_step = not course.abort and not course.promote_full and not standing.promoted
    for entry, asked in awaited(course.plugins):
        if asked.operation != Operation.RUN or (at_step and asked.index == course.index):
            yield entry, asked


def _call(standing: Standing, asked: StepAsked, entry: StepPluginStatus) -> StepCall:
    metadata, steps = standing.snapshot.rollout.metadata, standing.strategy.steps
    step = steps[asked.index].plugin if asked.index < len(steps) else None
    same = step is not None and step.name == asked.plugin
    return StepCall(
        asked=asked,
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        canary_hash=standing.current_hash,
        stable_hash=standing.stable_hash,
        config=step.config if step is not None and same else None,
        state=entry.status,
    )

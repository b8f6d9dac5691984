"""The judge of step plugins: what they may be asked, what their word does, what they must hear.

It goes by what the plugins themselves know (`World.told`), not by what the status says of them, and
imports nothing of the planner's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serinus.api.argo import RolloutStatus
from serinus.core.rollout import actions as act
from serinus.core.rollout.calls import StepAsked
from simulation.doing import Write
from simulation.model import World
from simulation.parts import Told
from simulation.plugging import ABORT, RUN, TERMINATE, is_of, is_over
from simulation.shape import version_of


def calls_faulty(before: World, writes: Sequence[Write]) -> Iterator[str]:
    """What is asked of plugins, and when."""
    under_way = [call.asked for call in before.calls if not call.phase]
    for write in writes:
        if not isinstance(write, act.CallStep):
            continue
        asked = write.call.asked
        one = next((t for t in before.told if is_of(t, asked)), None)
        if one is None or not _is_remembered(before, asked):
            yield f"S10: {asked.operation} of step {asked.index} is called and not remembered"
            continue
        beside = [other for other in under_way if _disturbs(asked, other)]
        if beside:
            yield f"S5: {asked.operation} of step {asked.index} is called beside {beside}"
        under_way.append(asked)
        if asked.operation == RUN:
            yield from _run_faulty(before, one)
        if asked.operation == ABORT:
            yield from _abort_faulty(before, one)


def _disturbs(asked: StepAsked, other: StepAsked) -> bool:
    """A plugin has one call at a time; nothing is done while something is undone."""
    return asked.index == other.index or TERMINATE not in (asked.operation, other.operation)


def _is_remembered(before: World, asked: StepAsked) -> bool:
    return any(
        (entry.index, entry.operation, entry.executions + 1)
        == (asked.index, asked.operation, asked.number)
        for entry in before.status.canary.step_plugin_statuses
    )


def _run_faulty(before: World, one: Told) -> Iterator[str]:
    status, step = before.status, f"step {one.index}"
    if before.paused or before.invalid:
        yield f"S6: the plugin of {step} is run although the rollout is frozen"
    if status.abort or status.promote_full:
        yield f"S6: the plugin of {step} is run although the rollout goes elsewhere"
    if one.index != before.index or one.attempt != before.attempt:
        yield f"S5: the plugin of {step} is run at step {before.index}, or for another attempt"
    if before.version != before.recorded or one.version != before.version:
        yield f"S5: the plugin of {step} is run for {one.version}, wanted is {before.version}"
    if any(_has_begun(other) and not _is_undone(before, other) for other in _of_before(before)):
        yield f"S10: the plugin of {step} is run while one of an attempt before is not undone"


def _of_before(world: World) -> list[Told]:
    """The Runs of attempts that came to nothing."""
    gone = (world.attempt, *world.won)
    return [one for one in world.told if one.operation == RUN and one.attempt not in gone]


def _has_begun(one: Told) -> bool:
    """It may have done something, and has not undone it itself."""
    return one.calls > 0 and one.phase != "Failed"


def _heard(world: World, run: Told, operation: str) -> Told | None:
    place = (run.started, run.index, operation)
    found = (t for t in world.told if (t.started, t.index, t.operation) == place)
    return next(found, None)


def _is_undone(world: World, run: Told) -> bool:
    heard = _heard(world, run, ABORT)
    return heard is not None and is_over(heard)


def _abort_faulty(before: World, one: Told) -> Iterator[str]:
    """The last that was begun is undone first, and only what came to nothing."""
    later = [
        other
        for other in before.told
        if other.operation == RUN and other.attempt == one.attempt and other.index > one.index
    ]
    if any(_has_begun(other) and not _is_undone(before, other) for other in later):
        yield f"S10: step {one.index} is undone before a later one"
    status = before.status
    going = one.attempt == before.attempt and not (status.abort or status.aborted_at)
    if going and before.version == before.recorded:
        yield f"S10: step {one.index} is undone although its attempt goes on"


# --- The status ----------------------------------------------------------------------------------


def passed(before: World, index: int) -> bool:
    """The step's plugin was asked in this attempt, and its last word is that it is done."""
    runs = [t for t in before.told if t.operation == RUN and _is_here(before, t, index)]
    return bool(runs) and runs[-1].phase == "Successful"


def _is_here(world: World, one: Told, index: int) -> bool:
    return (one.attempt, one.index, one.version) == (world.attempt, index, world.version)


def failed(before: World) -> bool:
    """What the controller has heard: the plugin of the step that it stands at failed."""
    heard = {call.asked for call in before.calls if call.phase == "Failed"}
    return any(
        one.phase == "Failed"
        and one.operation == RUN
        and (one.attempt, one.index) == (before.attempt, before.index)
        and any(is_of(one, asked) for asked in heard)
        for one in before.told
    )


def unheeded(before: World, new: RolloutStatus) -> Iterator[str]:
    """A plugin that failed ends the attempt, in the first status that is written after it."""
    same = new.current_pod_hash == before.status.current_pod_hash
    status = before.status
    on_trial = version_of(new.current_pod_hash) != before.base != ""
    going = not (status.abort or status.aborted_at or status.promote_full)
    steps = new.current_step_hash == status.current_step_hash
    if same and on_trial and going and steps and failed(before) and not new.abort:
        yield f"S10: the plugin of step {before.index} failed, and the release goes on"


# --- Rest ----------------------------------------------------------------------------------------


def unended(world: World) -> Iterator[str]:
    """Whoever began something hears what became of it."""
    if world.invalid:
        return
    for run in world.told:
        if run.operation != RUN or not _has_begun(run):
            continue
        going = run.attempt == world.attempt and not world.status.abort
        won = run.attempt in world.won
        if won and run.phase not in ("Successful", "Failed"):
            heard = _heard(world, run, TERMINATE)
            if (heard is None or not is_over(heard)) and not _is_undone(world, run):
                yield f"rest: step {run.index} is promoted and its plugin was not told to stop"
        elif not won and not going and not _is_undone(world, run):
            yield f"rest: step {run.index} came to nothing and its plugin was not told to undo"

"""Step plugins in a small world: calls under way, answers, what each plugin itself knows.

As in `control/steps/calling.py` calls and answers are the controller's memory and die with it; what
a plugin was told does not. Carries no judgement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from serinus.api.argo import RolloutStatus, StepPluginStatus
from serinus.core.rollout.calls import FINAL, Answered, Phase, StepAnswer, StepAsked
from serinus.core.rollout.plugins import awaited
from simulation.model import World
from simulation.parts import Call, Told
from simulation.shape import instant

RUN, ABORT, TERMINATE = "Run", "Abort", "Terminate"
Named = tuple[str, World]


def is_known(world: World, asked: StepAsked) -> bool:
    """The controller made this call and waits for its answer, or has it."""
    return any(call.asked == asked for call in world.calls)


def called(world: World, asked: StepAsked) -> World:
    """A call leaves; its plugin hears it."""
    if is_known(world, asked):
        return world
    told = (replace(one, calls=one.calls + 1) if is_of(one, asked) else one for one in world.told)
    return replace(world, calls=(*world.calls, Call(asked)), told=tuple(told))


def is_of(one: Told, asked: StepAsked) -> bool:
    """What a plugin knows of a call's operation."""
    place = (one.started, one.index, one.operation)
    return place == (asked.attempt, asked.index, asked.operation)


def answered(world: World, asked: StepAsked, phase: str) -> World:
    """A plugin answers, and the controller hears it."""
    calls = (
        replace(call, phase=phase, at=world.now) if call.asked == asked else call
        for call in world.calls
    )
    told = (replace(one, phase=phase) if is_of(one, asked) else one for one in world.told)
    return replace(world, calls=tuple(calls), told=tuple(told))


def noted(before: World, after: World) -> World:
    """A status was written: what is new in it, what is not waited for any more, what has won."""
    entries = after.status.canary.step_plugin_statuses
    known = {_name(one) for one in before.status.canary.step_plugin_statuses}
    new = tuple(_told(after, one) for one in entries if _name(one) not in known)
    waited = {asked for _, asked in awaited(entries)}
    won = after.won
    if before.status.stable_rs != after.status.stable_rs:
        won = (*won, after.attempt)
    calls = tuple(call for call in after.calls if call.asked in waited)
    return replace(after, told=(*after.told, *new), calls=calls, won=won)


def _name(entry: StepPluginStatus) -> tuple[object, ...]:
    return (entry.index, entry.operation, entry.started_at)


def _told(world: World, entry: StepPluginStatus) -> Told:
    entries = world.status.canary.step_plugin_statuses
    runs = (e for e in entries if e.index == entry.index and e.operation == RUN)
    started = _text(next(runs, entry))
    of = next((t for t in world.told if (t.started, t.index) == (started, entry.index)), None)
    attempt = world.attempt if of is None else of.attempt
    version = world.recorded if of is None else of.version
    return Told(started, entry.index, entry.operation, attempt, version)


def _text(entry: StepPluginStatus) -> str:
    at = entry.started_at
    return "" if at is None else at.isoformat().replace("+00:00", "Z")


def answers(world: World, status: RolloutStatus) -> Mapping[StepAsked, Answered]:
    """What a look finds in the controller's memory, of what this status waits for."""
    if not world.calls:
        return {}
    waited = {asked for _, asked in awaited(status.canary.step_plugin_statuses)}
    found: dict[StepAsked, Answered] = {}
    for call in world.calls:
        at = instant(call.at)
        if call.phase and at is not None and call.asked in waited:
            found[call.asked] = Answered(StepAnswer(phase=Phase(call.phase)), at)
    return found


# --- What may happen -----------------------------------------------------------------------------


def done(world: World) -> Iterator[Named]:
    """Every call that is under way works."""
    for call in _under_way(world):
        yield f"{_words(call)} succeeds", answered(world, call.asked, "Successful")


def undone(world: World) -> Iterator[Named]:
    """One does not, or not yet; and the controller forgets what it has heard."""
    for call in _under_way(world):
        for phase in ("Failed", "Error", "Running"):
            yield f"{_words(call)} says {phase}", answered(world, call.asked, phase)
        lost = replace(world, calls=tuple(one for one in world.calls if one is not call))
        for phase in ("Successful", "Failed"):
            heard = answered(world, call.asked, phase)
            yield f"{_words(call)} says {phase}, unheard", replace(heard, calls=lost.calls)
    if world.calls:
        yield "another controller knows no calls", replace(world, calls=())


def _under_way(world: World) -> list[Call]:
    return [call for call in world.calls if not call.phase]


def _words(call: Call) -> str:
    return f"plugin of step {call.asked.index}: {call.asked.operation}"


def is_over(one: Told) -> bool:
    """Its plugin said its last word, or people have to look: it was asked ten times."""
    return one.phase in FINAL or (one.operation != RUN and one.calls >= 10)

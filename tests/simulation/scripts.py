"""Plays a trace, event by event, with the oracle looking on.

A line of a script is the name of an event, or one of these:
`plan` (carried out whole; nothing if there is nothing to write), `only X` (of a plan's writes,
those whose words begin with X arrive), `go on` (good events without mending the router, until
nothing more happens, or until something that is named), `go on without marks` (the marks on
ReplicaSets are lost), `an hour passes`, `rest` (all turns good: it has to come to a good rest).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from simulation.doing import carried_out
from simulation.events import Planner, bad, good, in_words, passed, turn_of, user
from simulation.model import World
from simulation.oracle import faults, omissions
from simulation.rest import LIMIT, restless
from simulation.shape import SECOND

Faults = tuple[str, ...]
NOT_BY_ITSELF = ("plan", "the router can be read")


def play(world: World, planner: Planner, script: Sequence[str]) -> tuple[World, Faults]:
    """The world after a script, or where the first fault shows."""
    for line in script:
        world, wrong = _line(world, planner, line)
        if wrong:
            return world, wrong
    return world, ()


def _line(world: World, planner: Planner, line: str) -> tuple[World, Faults]:
    match line:
        case "plan":
            return _plan(world, planner)
        case "rest":
            return world, restless(world, planner)
        case "an hour passes":
            return passed(world, world.now + 3600 * SECOND), ()
        case "go on without marks":
            return _go_on(world, planner, lambda _: False, lost="mark")
    if line.startswith("go on"):
        return _go_on(world, planner, UNTIL[line.removeprefix("go on")])
    if line.startswith("only "):
        only = line.removeprefix("only ")
        return _plan(world, planner, lambda words: words.startswith(only))
    turn = turn_of(world, planner)
    events = [*good(world, turn), *bad(world, turn), *user(world)]
    event = next((event for event in events if event.name == line), None)
    assert event is not None, f"{line!r} cannot happen; {sorted(e.name for e in events)} can"
    return event.after, ()


def _plan(
    world: World, planner: Planner, arrives: Callable[[str], bool] = lambda words: True
) -> tuple[World, Faults]:
    turn = turn_of(world, planner)
    missed = omissions(world, turn.writes)
    if missed:
        return world, missed
    kept = tuple(write for write in turn.writes if arrives(in_words(write)))
    after = carried_out(world, kept)
    return after, faults(world, kept, after)


UNTIL: Mapping[str, Callable[[World], bool]] = {
    "": lambda world: False,
    " until stable moves": lambda world: world.stable.shown != world.stable.selector,
    " until B is marked": lambda world: any(one.deadline for one in world.sets),
}


def _go_on(
    world: World, planner: Planner, until: Callable[[World], bool], lost: str = "-"
) -> tuple[World, Faults]:
    for _ in range(LIMIT):
        if until(world):
            return world, ()
        writes = turn_of(world, planner).writes
        if any(not in_words(write).startswith(lost) for write in writes):
            world, wrong = _plan(world, planner, lambda words: not words.startswith(lost))
            if wrong:
                return world, wrong
            continue
        events = [e for e in good(world, turn_of(world, planner)) if e.name not in NOT_BY_ITSELF]
        if not events:
            return world, ()
        world = events[0].after
    return world, ()

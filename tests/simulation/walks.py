"""Seeded random walks: mostly good events, a few misbehaviours and commands, late looks.

They meet what a search that is cut off does not: long ways, and snapshots in which one kind of
object is older than the others. The seed alone decides a walk.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from serinus.api.argo import RolloutStatus
from simulation.doing import Write, carried_out, writes_of
from simulation.events import Event, Planner, Turn, bad, good, turn_of, user
from simulation.model import World
from simulation.oracle import faults, omissions
from simulation.rest import restless
from simulation.seeing import KINDS, with_older

GOOD, TENSE = 0.8, 0.5
"""How likely something good is: always, and while what is soon over is under way."""
BUDGET = 5
STEPS = 90


@dataclass(slots=True)
class Walk:
    """One walk: what happened, in words, and what was wrong."""

    seed: int
    trace: list[str] = field(default_factory=list)
    faults: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{n + 1}. {name}" for n, name in enumerate(self.trace)]
        return "\n".join((f"seed {self.seed}:", *self.faults, *lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a walk misbehaves."""

    budget: int = BUDGET
    commands: int = 6
    stale: float = 0.1
    """How often a plan is made from a snapshot with one older kind."""
    own_writes: bool = True
    """Such a kind is never older than our own writes to it (the promise of the caches)."""
    kinds: tuple[str, ...] = KINDS
    versions: bool = True
    """Writes carry the resourceVersion that they were decided on."""


USUAL = Manners()


def walk(start: World, planner: Planner, seed: int, manners: Manners = USUAL) -> Walk:
    """Walks until something is wrong, or to the end and then to rest.

    What the planner raises on the way is raised, with the trace as a note.
    """
    result = Walk(seed)
    try:
        _walk(start, planner, result, manners)
    except Exception as error:
        error.add_note(str(result))
        raise
    return result


def _walk(start: World, planner: Planner, result: Walk, manners: Manners) -> None:
    rng = random.Random(result.seed)
    world, past = start, [start]
    left = {"bad": manners.budget, "user": manners.commands}
    for _ in range(STEPS):
        if rng.random() < manners.stale:
            event, wrong = _stale(world, past, planner, rng, manners)
        else:
            event, wrong = _fresh(world, planner, rng, left)
        if event is None:
            break
        result.trace.append(event.name)
        if wrong:
            result.faults = wrong
            return
        world = event.after
        past = _kept(past, event, world, manners)
    result.faults = restless(world, planner)


def _fresh(
    world: World, planner: Planner, rng: random.Random, left: dict[str, int]
) -> tuple[Event | None, tuple[str, ...]]:
    turn = turn_of(world, planner)
    missed = omissions(world, turn.writes)
    if missed:
        return Event("plan", "good", world), missed
    event = _chosen(world, turn, rng, left)
    if event is None:
        return None, ()
    return event, faults(world, event.writes, event.after) if event.writes else ()


def _chosen(world: World, turn: Turn, rng: random.Random, left: dict[str, int]) -> Event | None:
    likely = TENSE if _is_tense(world) else GOOD
    kind = "good" if rng.random() < likely else rng.choice(("bad", "user"))
    events = [*good(world, turn)]
    if kind != "good" and left[kind]:
        others = [*(bad(world, turn) if kind == "bad" else user(world))]
        if others:
            left[kind] -= 1
            return one_of(others, rng)
    if not events and left["user"]:
        left["user"] -= 1
        return one_of([*user(world)], rng)
    return rng.choice(events) if events else None


def _is_tense(world: World) -> bool:
    """A plugin is about to answer, or an experiment has a part of the traffic."""
    return bool(world.router.tried) or any(not call.phase for call in world.calls)


class Named(Protocol):
    """An event of any world."""

    @property
    def name(self) -> str: ...


E = TypeVar("E", bound=Named)


def one_of(events: Sequence[E], rng: random.Random) -> E:
    """First of what sort, then which: crashes are many, and a verdict is one of two."""
    sorts: dict[str, list[E]] = {}
    for event in events:
        sorts.setdefault(event.name.removeprefix("user: ").partition(" ")[0], []).append(event)
    verdicts = [sort for sort in sorts if sort in ("run", "trial", "plugin")]
    often = verdicts if verdicts and rng.random() < 0.5 else [*sorts]  # they are soon over
    return rng.choice(sorts[rng.choice(often)])


# --- Late looks ----------------------------------------------------------------------------------


def _kept(past: list[World], event: Event, world: World, manners: Manners) -> list[World]:
    """The worlds that a cache may still show. After a write of ours, none before it (unless the
    promise is taken away); after a change of pods, none before it either: no rule can know of a
    death, or of a return from death, that was not seen, so what is decided without it is nobody's
    fault.
    """
    ours = manners.own_writes and bool(event.writes)
    if ours or _alive(past[-1]) != _alive(world):
        return [world]
    return [*past[-7:], world]


def _alive(world: World) -> tuple[object, ...]:
    return tuple((one.version, one.ready, one.pending, one.shown) for one in world.sets)


def _written(world: World) -> tuple[object, ...]:
    """All that users and plans write on the object itself."""
    return (world.version, world.replicas, world.paused, world.invalid, world.status)


def _stale(
    world: World, past: list[World], planner: Planner, rng: random.Random, manners: Manners
) -> tuple[Event | None, tuple[str, ...]]:
    """A plan from a snapshot in which one kind is older; its status meets a conflict if that kind
    is the rollout itself and has changed since.
    """
    kind, older = rng.choice(manners.kinds), rng.choice(past)
    made = planner(with_older(world, older, kind))
    writes: tuple[Write, ...] = writes_of(made, world)
    changed = kind == "rollout" and _written(older) != _written(world)
    if changed:
        writes = tuple(w for w in writes if not isinstance(w, RolloutStatus))
    after = carried_out(world, writes, lenient=not manners.versions)
    name = f"plan from an older look at {kind}"
    judged = _told(world, older) if kind == "runs" else world
    wrong = faults(judged, writes, after) if not changed else ()
    return Event(name, "good", after, writes), wrong


def _told(world: World, older: World) -> World:
    """The world with its runs as an older look shows them: of a verdict that came since, or of a
    person's word that ended a run, no plan can know, and the next one heeds it.
    """
    runs = {run.name: run for run in older.runs}
    trials = {trial.name: trial for trial in older.trials}
    return replace(
        world,
        runs=tuple(runs.get(run.name, run) for run in world.runs),
        trials=tuple(trials.get(trial.name, trial) for trial in world.trials),
    )

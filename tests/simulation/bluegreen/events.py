"""What can happen next in a blue-green world: good things, misbehaviours, and users. All pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from msgspec.structs import replace as with_fields

from serinus.core.rollout import actions as act
from serinus.core.rollout.snapshot import Snapshot
from simulation.bluegreen import world as model
from simulation.bluegreen.doing import carried_out, seen
from simulation.bluegreen.world import SERVICES, World, passed, service_of, touched
from simulation.doing import Write
from simulation.events import FAR, Planner, in_words
from simulation.shape import SETTLE, micros

__all__ = ["Event", "Planner", "Snapshot", "Turn", "bad", "good", "healthy", "turn_of", "user"]


@dataclass(frozen=True, slots=True)
class Event:
    """`kind`: good, bad (a misbehaviour) or user."""

    name: str
    kind: str
    after: World
    writes: tuple[Write, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """A plan for a world, made once."""

    plan: act.Plan
    writes: tuple[Write, ...]


def turn_of(world: World, planner: Planner) -> Turn:
    return Turn(made := planner(seen(world)), writes_of(made, world))


def writes_of(plan: act.Plan, world: World) -> tuple[Write, ...]:
    """All writes of a plan, the status last and only if it says something new."""
    found: list[Write] = [a for a in plan.actions if not isinstance(a, act.Announce)]
    if plan.status is not None and plan.status != world.status:
        found.append(plan.status)
    return tuple(found)


# --- Good ----------------------------------------------------------------------------------------


def good(world: World, turn: Turn) -> Iterator[Event]:
    """Everything that a healthy cluster does by itself."""
    if turn.writes:
        yield Event("plan", "good", carried_out(world, turn.writes), turn.writes)
    yield from healthy(world)
    until = next_instant(world, turn)
    if until is not None:
        yield Event("time passes", "good", passed(world, until))


def healthy(world: World) -> Iterator[Event]:
    """What needs neither a plan nor time."""
    for one in world.sets:
        v = one.version
        if one.ready + one.pending != one.replicas:
            yield _good(f"the ReplicaSet controller acts on {v}", model.controlled(world, v))
        if one.shown:
            yield _good(f"slices drop the dead of {v}", model.noticed(world, v))
        if one.pending and v not in world.shape.broken:
            yield _good(f"all pods of {v} get ready", model.readied(world, v))
    if world.lender and world.lender.ready != world.lender.replicas:
        yield _good("the lender's controller acts", model.lent(world))
    for part in SERVICES:
        service = service_of(world, part)
        if service.shown != service.selector:
            yield _good(f"slices of {part} follow", model.sliced(world, part))
        elif service.lagging:
            yield _good(f"{part} is obeyed", model.obeyed(world, part))
    for run in world.runs:
        if run.phase == "Running" and not run.stopped:
            yield _good(f"run {run.kind} passes", verdict(world, run.name, "Successful"))
    if world.invalid:
        yield _good("the spec is mended", replace(world, invalid=False))


def _good(name: str, after: World) -> Event:
    return Event(name, "good", touched(after))


def verdict(world: World, name: str, phase: str) -> World:
    runs = tuple(replace(r, phase=phase) if r.name == name else r for r in world.runs)
    return replace(world, runs=runs)


def next_instant(world: World, turn: Turn) -> int | None:
    """The next instant at which time alone changes something."""
    wake_at = micros(turn.plan.wake_at) if turn.plan.wake_at else world.now
    instants = [wake_at] if wake_at < world.now + FAR else []  # the progress deadline is off
    for part in SERVICES:
        service = service_of(world, part)
        if service.lagging and service.shown == service.selector and service.written_at is not None:
            instants.append(service.written_at + SETTLE)
    return min((at for at in instants if at > world.now), default=None)


# --- Bad -----------------------------------------------------------------------------------------


def bad(world: World, turn: Turn) -> Iterator[Event]:
    """Crashes after any subset of a plan's writes, deaths, verdicts."""
    count = len(turn.writes)
    for size in range(1, count):
        for kept in combinations(range(count), size):
            writes = tuple(turn.writes[i] for i in kept)
            words = "; ".join(in_words(write) for write in writes)
            yield Event(f"plan, crash: only {words}", "bad", carried_out(world, writes), writes)
    for one in world.sets:
        v = one.version
        if one.ready:
            yield _bad(f"all pods of {v} die", model.died(world, v))
            late = model.died(world, v, shown=True)
            yield _bad(f"all pods of {v} die, slices are late", late)
        if one.ready > 1:
            yield _bad(f"one pod of {v} dies", model.died(world, v, 1))
        if one.pending > 1 and v not in world.shape.broken:
            yield _bad(f"only one pod of {v} gets ready", model.readied(world, v, 1))
    yield from nodes_lost(world)
    for run in world.runs:
        if run.phase == "Running" and not run.stopped:
            for phase in ("Failed", "Inconclusive"):
                yield _bad(f"run {run.kind} ends {phase}", verdict(world, run.name, phase))


def nodes_lost(world: World) -> Iterator[Event]:
    """What stood on one node goes at once: some pods of several revisions, or all of them."""
    alive = [one for one in world.sets if one.ready]
    if len(alive) < 2:
        return
    for words, part in (("a node is lost", 0), ("half the nodes are lost", 2), ("all nodes", 1)):
        after = world
        for one in alive:
            after = model.died(after, one.version, -(-one.ready // part) if part else 1)
        yield _bad(f"{words}, with pods of {' and '.join(one.version for one in alive)}", after)


def _bad(name: str, after: World) -> Event:
    return Event(name, "bad", touched(after))


# --- Users ---------------------------------------------------------------------------------------


def user(world: World) -> Iterator[Event]:
    """Commands as their patches change the object, and edits of the spec."""
    status = world.status
    on_trial = world.base and world.version != world.base
    if world.base and not status.abort:
        yield _user("abort", _told(world, abort=True))
    if status.abort:
        yield _user("retry", _told(world, abort=False))
    if status.pause_conditions:
        shown = any(p.reason == "BlueGreenPause" for p in status.pause_conditions)
        told = _told(world, pause_conditions=())
        yield _user("promote", replace(told, let_go=world.let_go or shown))
    if on_trial and not status.promote_full:
        yield _user("full promote", _told(world, promote_full=True))
    yield _user("resume" if world.paused else "pause", replace(world, paused=not world.paused))
    for version in ("A", "B", "C"):
        if version != world.version and world.base:
            yield _user(f"template {version}", replace(world, version=version))
    yield _user("restart", restarted(world))
    for one in world.runs:
        if one.phase == "Running" and not one.stopped:
            runs = (replace(r, stopped=r.stopped or r.name == one.name) for r in world.runs)
            yield _user(f"cancel run {one.kind}", replace(world, runs=tuple(runs)))
    for replicas in (0, 3) if world.lender else ():
        assert world.lender is not None
        grown = replace(world.lender, replicas=replicas, written=world.lender.written + 1)
        if replicas != world.lender.replicas:
            yield _user(f"lender {replicas}", replace(world, lender=grown))
    for replicas in (0, 1, 3):
        if replicas != world.replicas:
            yield _user(f"replicas {replicas}", replace(world, replicas=replicas))
    if not world.invalid:
        yield _user("an edit breaks the spec", replace(world, invalid=True))


def restarted(world: World) -> World:
    """All pods that are there are older than this."""
    sets = (replace(one, old=one.ready + one.pending) for one in world.sets)
    return replace(world, restart=world.now + 1, sets=tuple(sets), now=world.now + 1)


def _told(world: World, **changes: object) -> World:
    return replace(world, status=with_fields(world.status, **changes))


def _user(name: str, after: World) -> Event:
    return Event(f"user: {name}", "user", touched(after))

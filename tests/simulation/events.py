"""What can happen next in a world: good things, misbehaviours, and users. All pure.

Each event has a name in words, a price in the budget of misbehaviours or of commands, and the
worlds it leads to. Planning is handed in, so that a broken planner can be put to the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

from msgspec.structs import replace as with_fields

from serinus.core.rollout import actions as act
from serinus.core.rollout.snapshot import Snapshot
from simulation import model, plugging, trying
from simulation.doing import Write, carried_out, writes_of
from simulation.model import World
from simulation.reach import touched
from simulation.seeing import seen
from simulation.shape import SECOND, SETTLE, Shape, micros, version_of

FAR = 86_400 * SECOND
Planner = Callable[[Snapshot], act.Plan]


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
    made = planner(seen(world))
    return Turn(made, writes_of(made, world))


# --- Good ----------------------------------------------------------------------------------------


def good(world: World, turn: Turn) -> Iterator[Event]:
    """Everything that a healthy cluster does by itself."""
    if turn.writes:
        after = carried_out(world, turn.writes)
        yield Event("plan", "good", after, turn.writes)
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
    for part in ("stable", "canary"):
        service: model.Service = getattr(world, part)
        if service.shown != service.selector:
            yield _good(f"slices of {part} follow", model.sliced(world, part))
        elif service.lagging:
            yield _good(f"{part} is obeyed", model.obeyed(world, part))
    if world.router.lagging:
        yield _good("the router obeys", model.obeyed(world, "router"))
    if not world.router.readable:
        router = replace(world.router, readable=True)
        yield _good("the router can be read", replace(world, router=router))
    for run in world.runs:
        if run.phase == "Running" and not run.stopped:
            yield _good(f"run {run.step} passes", verdict(world, run.name, "Successful"))
    for trial in world.trials:
        if trial.phase == "Running" and not trial.stopped and trying.has_had_its_time(world, trial):
            yield _good(f"trial {trial.step} passes", verdict(world, trial.name, "Successful"))
    for name, after in (*trying.healthy(world), *plugging.done(world)):
        yield _good(name, after)
    if world.invalid:
        yield _good("the spec is mended", replace(world, invalid=False))


def _good(name: str, after: World) -> Event:
    return Event(name, "good", touched(after))


def verdict(world: World, name: str, phase: str) -> World:
    runs = tuple(replace(r, phase=phase) if r.name == name else r for r in world.runs)
    world = replace(world, runs=runs)
    is_trial = any(trial.name == name for trial in world.trials)
    return trying.become(world, name, phase=phase) if is_trial else world


def cancelled(world: World, name: str) -> World:
    """A person ends a measurement before it has a verdict."""
    runs = tuple(replace(r, stopped=True) if r.name == name else r for r in world.runs)
    world = replace(world, runs=runs)
    is_trial = any(trial.name == name for trial in world.trials)
    return trying.become(world, name, stopped=True) if is_trial else world


def next_instant(world: World, turn: Turn) -> int | None:
    """The next instant at which time alone changes something."""
    wake_at = micros(turn.plan.wake_at) if turn.plan.wake_at else world.now
    instants = [wake_at] if wake_at < world.now + FAR else []  # the progress deadline is off
    if world.router.lagging and not world.shape.verifying and world.router.written_at is not None:
        instants.append(world.router.written_at + SETTLE)
    for service in (world.stable, world.canary):
        follows = service.lagging and service.shown == service.selector
        if follows and service.written_at is not None:
            instants.append(service.written_at + SETTLE)
    return min((at for at in instants if at > world.now), default=None)


def passed(world: World, until: int) -> World:
    """Time passes; until then everything could still be reached as it was."""
    return touched(model.passed(touched(replace(world, now=until)), until))


# --- Bad -----------------------------------------------------------------------------------------


def bad(world: World, turn: Turn) -> Iterator[Event]:
    """Crashes after any subset of a plan's writes, deaths, a router that cannot be read."""
    yield from crashes(world, turn)
    for one in world.sets:
        v = one.version
        if one.ready:
            yield _bad(f"all pods of {v} die", model.died(world, v))
        if one.ready > 1:
            yield _bad(f"one pod of {v} dies", model.died(world, v, 1))
        if one.ready and world.shape.routed:
            late = model.died(world, v, shown=True)
            yield _bad(f"all pods of {v} die, slices are late", late)
        if one.pending > 1 and v not in world.shape.broken:
            yield _bad(f"only one pod of {v} gets ready", model.readied(world, v, 1))
    yield from nodes_lost(world)
    if world.router.readable and world.shape.routed:
        router = replace(world.router, readable=False)
        yield _bad("the router cannot be read", replace(world, router=router))
    for run in world.runs:
        if run.phase == "Running" and not run.stopped:
            for phase in ("Failed", "Inconclusive"):
                yield _bad(f"run {run.step} ends {phase}", verdict(world, run.name, phase))
    for trial in world.trials:
        if trial.phase == "Running" and not trial.stopped:
            for phase in trying.ENDS if trial.ready else ("Failed", "Inconclusive", "Error"):
                yield _bad(f"trial {trial.step} ends {phase}", verdict(world, trial.name, phase))
    for name, after in (*trying.deaths(world), *plugging.undone(world)):
        yield _bad(name, after)


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


def crashes(world: World, turn: Turn) -> Iterator[Event]:
    """Every proper, non-empty subset of the writes arrives."""
    count = len(turn.writes)
    for size in range(1, count):
        for kept in combinations(range(count), size):
            writes = tuple(turn.writes[i] for i in kept)
            words = "; ".join(in_words(write) for write in writes)
            yield Event(f"plan, crash: only {words}", "bad", carried_out(world, writes), writes)
    for write in turn.writes if world.shape.objects > 1 else ():
        if isinstance(write, act.SetRouting):
            after = halved(world, carried_out(world, (write,)))
            words = f"plan, crash: half of {in_words(write)}"
            yield Event(words, "bad", after, (write,))


def halved(before: World, after: World) -> World:
    """Of two routed objects only the first one was told."""
    other = before.router.apart or before.router.order
    router = after.router
    apart = other if other != router.order else None
    return replace(after, router=replace(router, apart=apart))


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
        yield _user("promote", replace(_told(world, pause_conditions=()), let_go=world.index))
    elif on_trial and not (status.abort or world.paused) and world.index < len(world.shape.steps):
        index = world.index + 1
        yield _user("skip the step", _told(world, current_step_index=index))
    if on_trial and not status.promote_full:
        yield _user("full promote", _told(world, promote_full=True))
    yield _user("resume" if world.paused else "pause", replace(world, paused=not world.paused))
    for version in ("A", "B", "C"):
        if version != world.version and world.base:
            yield _user(f"template {version}", replace(world, version=version))
    yield from resized(world)
    yield _user("restart", restarted(world))
    for one in (*world.runs, *world.trials):
        if one.phase == "Running" and not one.stopped:
            yield _user(f"cancel what step {one.step} measures", cancelled(world, one.name))
    if world.shape.longer:
        yield _user("later steps change", replace(world, shape=other_steps(world.shape)))
    if world.lender:
        for replicas in (0, 3):
            grown = replace(world.lender, replicas=replicas, written=world.lender.written + 1)
            if replicas != world.lender.replicas:
                yield _user(f"lender {replicas}", replace(world, lender=grown))
    if not world.invalid:
        yield _user("an edit breaks the spec", replace(world, invalid=True))


def resized(world: World) -> Iterator[Event]:
    """A person, or an autoscaler by the scale subresource: to nothing and back, up and down."""
    for replicas in (0, 1, 3):
        if replicas != world.replicas:
            yield _user(f"replicas {replicas}", replace(world, replicas=replicas))


def restarted(world: World) -> World:
    """All pods that are there are older than this."""
    sets = (replace(one, old=one.ready + one.pending) for one in world.sets)
    return replace(world, restart=world.now + 1, sets=tuple(sets), now=world.now + 1)


@lru_cache
def other_steps(shape: Shape) -> Shape:
    """The shape with the steps that an edit adds behind the others; and the way back."""
    longer, shorter = (*shape.steps, *shape.longer), shape.steps[: -len(shape.longer)]
    is_long = shape.steps[-len(shape.longer) :] == shape.longer
    return replace(shape, steps=shorter if is_long else longer)


def _told(world: World, **changes: object) -> World:
    return replace(world, status=with_fields(world.status, **changes))


def _user(name: str, after: World) -> Event:
    return Event(f"user: {name}", "user", touched(after))


def in_words(write: Write) -> str:
    """A write, short."""
    match write:
        case act.SetRouting(_, routing):
            more = " and testers" if routing.header_routes else ""
            more += " and copies" if routing.mirror_routes else ""
            more += " and trials" if routing.additional else ""
            return f"weight {routing.weight}{more}"
        case act.CallStep(call):
            return f"call of {call.asked.operation} {call.asked.index}"
        case act.MarkExperiment(_, _, on):
            return "note of a trial" if on else "end of a trial's note"
        case act.PointService(service, _, hash_):
            return f"{service} -> {version_of(hash_)}"
        case act.Scale(name, _, replicas):
            return f"{version_of(name.removeprefix('app-'))} = {replicas}"
        case act.Annotate(name):
            return f"mark of {version_of(name.removeprefix('app-'))}"
        case act.ScaleWorkload(_, _, _, replicas):
            return f"lender = {replicas}"
        case act.Evict(name):
            return f"evict {name.rpartition('-')[2]}"
    return type(write).__name__

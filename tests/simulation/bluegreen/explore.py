"""Search, walks and rests of blue-green worlds. As `simulation.search`, `walks` and `rest`."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from msgspec.structs import replace as with_fields

from serinus.core.rollout.actions import Plan
from serinus.core.rollout.plan import plan
from serinus.core.rollout.snapshot import Snapshot
from simulation.bluegreen.doing import carried_out
from simulation.bluegreen.events import (
    Event,
    Planner,
    bad,
    good,
    healthy,
    next_instant,
    turn_of,
    user,
)
from simulation.bluegreen.oracle import faults, omissions
from simulation.bluegreen.shape import Shape
from simulation.bluegreen.world import World, key, passed, touched
from simulation.events import in_words
from simulation.model import Lender
from simulation.oracle_more import unrested_beside
from simulation.search import Budget, Met
from simulation.walks import one_of

LIMIT = 400
Seen = set[tuple[object, ...]]


def sound(snapshot: Snapshot) -> Plan:
    """The planner with all its rules, its invariants off: the oracle alone judges."""
    return plan(snapshot, check=False)


# --- Rest ----------------------------------------------------------------------------------------


def restless(world: World, planner: Planner, known: Seen) -> tuple[str, ...]:
    """Why it does not come to a wanted rest if all turns good; `known` remembers good worlds."""
    path: dict[tuple[object, ...], int] = {}
    writes = 0
    for _ in range(LIMIT):
        world = calm(world)
        here = key(world)
        if here in known:
            break
        # It was here since the last write: it only looks again, from time to time.
        looks_again = path.get(here) == writes
        path[here] = writes
        turn = turn_of(world, planner)
        if turn.writes:
            after = carried_out(world, turn.writes)
            wrong = faults(world, turn.writes, after)
            if wrong:
                return wrong
            world, writes = after, writes + 1
            continue
        until = None if looks_again else next_instant(world, turn)
        if until is None:
            wrong = unwanted(world)
            if wrong:
                return wrong
            break
        world = passed(world, until)
    else:
        turn = turn_of(world, planner)
        wants = [in_words(write) for write in turn.writes]
        return (f"never rests; still wants {wants or turn.plan.reasons}",)
    known.update(path)
    return ()


def calm(world: World) -> World:
    """The world when everything that needs no plan and no time has happened."""
    while (event := next(healthy(world), None)) is not None:
        world = event.after
    return touched(world)


def settled(
    world: World, planner: Planner, until: Callable[[World], bool] = lambda world: False
) -> World:
    """The world at rest, or where `until` holds first, along the good path."""
    for _ in range(LIMIT):
        world = calm(world)
        if until(world):
            return world
        turn = turn_of(world, planner)
        instant = next_instant(world, turn)
        if turn.writes:
            world = carried_out(world, turn.writes)
        elif instant is None:
            return world
        else:
            world = passed(world, instant)
    raise AssertionError(f"never rests: {turn_of(world, planner).plan}")


def unwanted(world: World) -> tuple[str, ...]:
    """What is wrong with a world in which nothing moves any more."""
    if (world.paused and not world.base) or world.shape.broken:
        return ()
    if world.replicas and world.lost:
        return ("rest: requests find no pod",)
    if world.recorded != world.version:
        return (f"rest: {world.version} is wanted, the status knows {world.recorded}",)
    if world.lender and world.lender.replicas and not world.replicas:
        return ()  # its users stay with it until pods of ours are wanted
    beside = tuple(unrested_beside(world))
    if beside:
        return beside
    if world.base == world.version or world.status.abort:
        return tuple(_at_stable(world))
    if world.paused:
        return ()
    return tuple(_at_pause(world))


def _at_stable(world: World) -> Iterator[str]:
    if world.active.selector != world.base:
        yield f"rest: production is on {world.active.selector or 'all'}, stable is {world.base}"
    if world.preview.selector != world.version and not world.paused:
        yield f"rest: the preview Service is on {world.preview.selector or 'all'}"
    for one in world.sets:
        wanted = world.replicas if one.version == world.base else 0
        looked_at = world.paused and one.version == world.preview.selector
        if one.replicas != wanted and not looked_at:
            yield f"rest: {one.version} has {one.replicas} pods, not {wanted}"
    if world.status.abort and world.base == world.version:
        yield "rest: an abort of nothing stays"


def _at_pause(world: World) -> Iterator[str]:
    reasons = {pause.reason for pause in world.status.pause_conditions}
    if not reasons:
        yield "rest: nothing is to be waited for, and it is not promoted"
    if "BlueGreenPause" in reasons and world.active.selector != world.base:
        yield f"rest: paused before the switch, and production is on {world.active.selector}"
    if world.preview.selector != world.version:
        yield f"rest: the preview Service is on {world.preview.selector or 'all'}"
    pods = world.pods(world.version)
    if world.replicas and (pods is None or not pods.ready):
        yield "rest: nothing to look at behind the preview"


# --- Search --------------------------------------------------------------------------------------

Node = tuple[World, Budget]


@dataclass(slots=True)
class Search:
    """What was looked at; `faults` and `trace` of the first finding, the shortest one."""

    states: int = 0
    whole: bool = True
    faults: tuple[str, ...] = ()
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{n + 1}. {name}" for n, name in enumerate(self.trace)]
        return "\n".join((*self.faults, f"after {self.states} states:", *lines))


def search(start: World, planner: Planner, budget: Budget, limit: int) -> Search:
    """Every order of events up to a budget, breadth first, up to `limit` worlds."""
    found, calm_worlds, met = Search(), Seen(), Met()
    met.adds(key(start), budget)
    queue: deque[Node] = deque([(start, budget)])
    parents: dict[object, tuple[object, str]] = {_id((start, budget)): (None, "")}
    while queue:
        if found.states >= limit:
            found.whole = False
            break
        node = queue.popleft()
        found.states += 1
        wrong = restless(node[0], planner, calm_worlds)
        if wrong:
            found.faults, found.trace = (*wrong, "(if all turns good)"), _way(parents, node)
            break
        for event, left, wrong in successors(node, planner):
            if wrong:
                found.faults, found.trace = wrong, (*_way(parents, node), event.name)
                return found
            here = key(event.after)
            if met.adds(here, left):
                parents[(here, left.bad, left.user)] = (_id(node), event.name)
                queue.append((event.after, left))
    return found


def successors(node: Node, planner: Planner) -> Iterator[tuple[Event, Budget, tuple[str, ...]]]:
    """Every event that can be paid for, and what is wrong with it."""
    world, budget = node
    turn = turn_of(world, planner)
    missed = omissions(world, turn.writes)
    if missed:
        yield Event("plan", "good", world), budget, missed
    events = [*good(world, turn)]
    events += bad(world, turn) if budget.bad else ()
    events += user(world) if budget.user else ()
    for event in events:
        left = budget.pay(event.kind)
        assert left is not None
        wrong = faults(world, event.writes, event.after) if event.writes else ()
        yield event, left, wrong


def _id(node: Node) -> tuple[object, ...]:
    return (key(node[0]), node[1].bad, node[1].user)


def _way(parents: dict[object, tuple[object, str]], node: Node) -> tuple[str, ...]:
    names, at = list[str](), object()
    at = _id(node)
    while at is not None:
        at, name = parents[at]
        names.append(name)
    return tuple(name for name in reversed(names) if name)


# --- Walks ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Walk:
    """One walk: what happened, in words, and what was wrong."""

    seed: int
    trace: list[str] = field(default_factory=list)
    faults: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{n + 1}. {name}" for n, name in enumerate(self.trace)]
        return "\n".join((f"seed {self.seed}:", *self.faults, *lines))


def walk(start: World, planner: Planner, seed: int, *, steps: int = 90, bads: int = 4) -> Walk:
    """Mostly good events, a few misbehaviours and commands; then it must come to rest."""
    chance, walk, users = random.Random(seed), Walk(seed), 5
    world = start
    for _ in range(steps):
        turn = turn_of(world, planner)
        walk.faults = omissions(world, turn.writes)
        if walk.faults:
            return walk
        events = list(good(world, turn))
        if users and chance.random() < 0.1:
            events, users = [one_of([*user(world)], chance)], users - 1
        elif (bads and chance.random() < 0.15) or not events:
            worse = [*bad(world, turn)] if bads else []
            events, bads = ([one_of(worse, chance)], bads - 1) if worse else (events, bads)
        if not events:
            break
        event = chance.choice(events)
        walk.trace.append(event.name)
        walk.faults = faults(world, event.writes, event.after) if event.writes else ()
        if walk.faults:
            return walk
        world = event.after
    walk.faults = restless(world, planner, Seen())
    return walk


# --- Starts --------------------------------------------------------------------------------------

AUTO = Shape(name="automatic")
MANUAL = Shape(name="manual", manual=True)
TIMED = Shape(name="timed", seconds=10)
MEASURED = Shape(name="pre and post", pre=True, post=True)
WHOLE = Shape(
    name="manual, pre and post, small preview", manual=True, pre=True, post=True, preview=1
)
LIMITED = Shape(name="one old revision", post=True, limit=1)
SINGLE = Shape(name="single pod", replicas=1)
LENT = Shape(name="workloadRef", lends="progressively", replicas=3)
BROKEN = Shape(name="broken", post=True, broken=frozenset("B"))
OTHERS = (LENT, SINGLE)
"""What is walked, and not searched in the quick suite."""
SHAPES = (AUTO, MANUAL, TIMED, MEASURED, WHOLE, LIMITED, BROKEN)


def nothing(shape: Shape) -> World:
    """Before the first deploy."""
    lender = Lender(shape.replicas, shape.replicas) if shape.lends else None
    return World(shape=shape, replicas=shape.replicas, lender=lender)


@lru_cache
def deployed(shape: Shape) -> World:
    """A is stable and at rest."""
    return settled(nothing(shape), sound)


def released(shape: Shape) -> World:
    """B was just put into the spec."""
    return replace(deployed(shape), version="B")


@lru_cache
def switched(shape: Shape) -> World:
    """Production has just been pointed at B, on the good path; a person let the pause go."""
    world = settled(released(shape), sound, lambda w: bool(w.status.pause_conditions) or _on_b(w))
    if not _on_b(world):
        status = with_fields(world.status, pause_conditions=())
        world = settled(replace(world, status=status, let_go=True), sound, _on_b)
    return world


@lru_cache
def replaced(shape: Shape) -> World:
    """B stood in its pause when C came and was promoted fully; B still has its pods."""
    world = settled(released(shape), sound, lambda w: bool(w.status.pause_conditions))
    world = settled(replace(world, version="C"), sound, lambda w: w.recorded == "C")
    status = with_fields(world.status, promote_full=True)
    return settled(replace(world, status=status), sound, lambda w: w.base == "C")


def _on_b(world: World) -> bool:
    return world.active.selector == "B"

"""A small exhaustive search: every order of events, up to a budget of misbehaviours and commands.

Breadth first, so that the trace of a finding is a shortest one. Two worlds are one if their
canonical keys are. A world that was met before with no less budget left is not looked at again:
all that could follow from it follows from there, by no longer a way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from simulation.events import Event, Planner, bad, good, turn_of, user
from simulation.keys import key
from simulation.model import World
from simulation.oracle import faults, omissions
from simulation.rest import restless

FAR = 20_000
"""Worlds of a search in `make test-long`: some 25 s on a quiet core."""


@dataclass(frozen=True, slots=True)
class Budget:
    bad: int = 1
    user: int = 1

    def __str__(self) -> str:
        return f"{self.bad} bad {self.user} user"

    def pay(self, kind: str) -> Budget | None:
        """What is left after an event of a kind; None if it cannot be paid."""
        match kind:
            case "bad":
                return replace(self, bad=self.bad - 1) if self.bad else None
            case "user":
                return replace(self, user=self.user - 1) if self.user else None
        return self


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation and the shortest way to it."""

    faults: tuple[str, ...]
    trace: tuple[str, ...]
    states: int
    world: World

    def __str__(self) -> str:
        lines = [f"{n + 1}. {name}" for n, name in enumerate(self.trace)]
        return "\n".join((*self.faults, f"after {self.states} states:", *lines))


@dataclass(slots=True)
class Search:
    """What was looked at; `finding` is None if nothing was found, `whole` if nothing was left."""

    states: int = 0
    whole: bool = True
    finding: Finding | None = None
    parents: dict[tuple[object, ...], tuple[tuple[object, ...] | None, str]] = field(
        default_factory=dict
    )


class Met:
    """The worlds that were met (their keys), and the largest budgets that were left there."""

    def __init__(self) -> None:
        self._left: dict[tuple[object, ...], tuple[Budget, ...]] = {}

    def adds(self, here: tuple[object, ...], left: Budget) -> bool:
        """Whether more can follow from here than from where it was met before."""
        known = self._left.get(here, ())
        if any(one.bad >= left.bad and one.user >= left.user for one in known):
            return False
        self._left[here] = (*known, left)
        return True


Node = tuple[World, Budget]


def search(start: World, planner: Planner, *, budget: Budget, limit: int = 20_000) -> Search:
    """Looks at up to `limit` worlds; stops at the first finding."""
    found, met = Search(), Met()
    met.adds(key(start), budget)
    calm_worlds: set[tuple[object, ...]] = set()
    queue: deque[Node] = deque([(start, budget)])
    found.parents[_id((start, budget))] = (None, "")
    while queue:
        if found.states >= limit:
            found.whole = False
            return found
        node = queue.popleft()
        found.states += 1
        wrong = restless(node[0], planner, calm_worlds)
        if wrong:
            found.finding = _finding(found, node, (), (*wrong, "(if all turns good)"))
            return found
        for event, left, wrong in successors(node, planner):
            if wrong:
                found.finding = _finding(found, node, (event.name,), wrong)
                return found
            here = key(event.after)
            if met.adds(here, left):
                found.parents[(here, left.bad, left.user)] = (_id(node), event.name)
                queue.append((event.after, left))
    return found


def successors(node: Node, planner: Planner) -> Iterator[tuple[Event, Budget, tuple[str, ...]]]:
    """Every event that can be paid for, and what is wrong with it."""
    world, budget = node
    turn = turn_of(world, planner)
    events = [*good(world, turn)]
    missed = omissions(world, turn.writes)
    if missed:
        yield Event("plan", "good", world), budget, missed
    if budget.bad:
        events += bad(world, turn)
    if budget.user:
        events += user(world)
    for event in events:
        left = budget.pay(event.kind)
        assert left is not None
        wrong = faults(world, event.writes, event.after) if event.writes else ()
        yield event, left, wrong


def _id(node: Node) -> tuple[object, ...]:
    return (key(node[0]), node[1].bad, node[1].user)


def _finding(found: Search, node: Node, last: tuple[str, ...], wrong: tuple[str, ...]) -> Finding:
    names: list[str] = []
    at: tuple[object, ...] | None = _id(node)
    while at is not None:
        at, name = found.parents[at]
        names.append(name)
    trace = (*(name for name in reversed(names) if name), *last)
    return Finding(wrong, trace, found.states, node[0])

"""One way to hunt in any small world: some walks by seeds, small searches, and more walks.

Stops at the first finding. Knows neither rules nor mistakes: it is handed a planner.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any

from simulation.bluegreen import explore
from simulation.events import Planner
from simulation.mutants import Tripped
from simulation.search import Budget, search
from simulation.shape import Shape
from simulation.starts import condemned, measured, measures, nothing, released, replaced, under_way
from simulation.walks import walk

SOON, LATE, LIMIT = range(10), range(10, 40), 700
Where = Shape | explore.Shape


@dataclass(frozen=True, slots=True)
class Found:
    """What a hunt says first, and the whole of it; "" if it found nothing."""

    first: str
    told: str = ""


def hunted(planner: Planner, where: Where) -> Found:
    """What the oracle says first."""
    for hunt in hunts(planner, where):
        met = hunt()
        if met is not None and met.faults:
            return Found(met.faults[0], str(met))
    return Found("")


def tripped(planner: Planner, where: Where) -> str:
    """What the planner's own invariants say first, whatever the oracle thinks of it."""
    said: list[str] = []

    def noting(snapshot: Any) -> Any:
        try:
            return planner(snapshot)
        except Tripped as found:
            said.append(str(found))
            raise

    for hunt in hunts(noting, where):
        with suppress(Tripped):
            hunt()
        if said:
            return said[0]
    return ""


def hunts(planner: Planner, where: Where) -> Iterator[Any]:
    """Everything that is looked at, each as a call."""
    return _canary(planner, where) if isinstance(where, Shape) else _switch(planner, where)


def _canary(planner: Planner, shape: Shape) -> Iterator[Any]:
    starts = (released, nothing, released if shape.broken else under_way)
    if measures(shape):
        starts = (released, measured, condemned)
    if shape.window:
        starts = (released, nothing, replaced)
    budget = Budget(1, 1)
    searches = (
        lambda b=start: search(b(shape), planner, budget=budget, limit=LIMIT).finding
        for start in dict.fromkeys(reversed(starts))
    )

    def walks(seeds: range) -> Iterator[Any]:
        return (lambda s=seed: walk(starts[s % 3](shape), planner, s) for seed in seeds)

    return chain(walks(SOON), searches, walks(LATE))


def _switch(planner: Planner, shape: explore.Shape) -> Iterator[Any]:
    starts = (explore.released, explore.nothing, explore.switched)
    others = (explore.replaced,) if shape.manual else ()
    searches = (
        lambda b=start: explore.search(b(shape), planner, Budget(1, 1), LIMIT)
        for start in (*others, *reversed(starts))
    )

    def walks(seeds: range) -> Iterator[Any]:
        return (lambda s=seed: explore.walk(starts[s % 3](shape), planner, s) for seed in seeds)

    return chain(walks(SOON), searches, walks(LATE))

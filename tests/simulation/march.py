"""All walks of the simulation, and the one place that counts their steps.

A road is a small world that is walked by seeds: canaries with a router and without one, blue-green.
A step is one event of a walk; the way to rest behind it is not counted. Odd seeds walk with the
planner as it is used, its invariants on: none may trip. Even seeds walk without them: the oracle
alone judges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from serinus.core.rollout.actions import Plan
from serinus.core.rollout.plan import plan
from serinus.core.rollout.snapshot import Snapshot
from simulation import starts, walks
from simulation.bluegreen import explore
from simulation.mutants import guarded

QUICK_STEPS, FAR_STEPS = 20_000, 1_000_000
CHUNKS = 10
"""Tests a road of the long march: a failure names its seed, and few are walked again."""

checked = guarded()
"""The planner as it is used; raises where one of its invariants trips."""


def sound(snapshot: Snapshot) -> Plan:
    """The planner with all its rules, its invariants off."""
    return plan(snapshot, check=False)


class Walked(Protocol):
    """What one walk tells."""

    trace: list[str]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Road:
    """A small world to be walked through; a seed decides where a walk begins and what it meets."""

    name: str
    walk: Callable[[int], Walked]

    def __str__(self) -> str:
        return self.name


def marched(road: Road, first: int, steps: int) -> int:
    """Walks seeds from `first` on until so many steps are done; how many it were.

    Raises AssertionError with the seed and the whole trace of a walk that met harm.
    """
    done, seed = 0, first
    while done < steps:
        met = road.walk(seed)
        assert not met.faults, f"{road}: {met}"
        done += len(met.trace)
        seed += 1
    return done


def _canary(shape: starts.Shape) -> Road:
    def walk(seed: int) -> Walked:
        start = starts.released
        if seed % 4 == 2:
            start = starts.nothing
        elif seed % 8 == 3 and not shape.broken:
            start = starts.under_way
        elif seed % 4 == 1 and starts.measures(shape):
            start = starts.measured if seed % 8 == 1 else starts.condemned
        elif seed % 4 == 1 and shape.window:
            start = starts.replaced
        return walks.walk(start(shape), checked if seed % 2 else sound, seed)

    return Road(shape.name, walk)


def _switch(shape: explore.Shape) -> Road:
    def walk(seed: int) -> Walked:
        start = explore.released
        if seed % 4 == 2:
            start = explore.nothing
        elif seed % 4 == 3 and not shape.broken:
            start = explore.switched
        elif seed % 4 == 1 and shape.manual:
            start = explore.replaced
        return explore.walk(start(shape), checked if seed % 2 else sound, seed)

    return Road(f"blue-green, {shape.name}", walk)


ROADS: tuple[Road, ...] = (
    *(_canary(shape) for shape in (*starts.SHAPES, *starts.OTHERS)),
    *(_switch(shape) for shape in (*explore.SHAPES, *explore.OTHERS)),
)


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of a march: one test."""

    road: Road
    first: int
    steps: int

    def __str__(self) -> str:
        return f"{self.road}, seeds from {self.first}, {self.steps} steps"


def legs(steps: int, chunks: int, first: int) -> tuple[Leg, ...]:
    """All roads, together so many steps or a few more; each chunk has seeds of its own."""
    each = -(-steps // (len(ROADS) * chunks))
    return tuple(
        Leg(road, first + 100_000 * chunk, each) for road in ROADS for chunk in range(chunks)
    )

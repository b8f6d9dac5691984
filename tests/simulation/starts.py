"""Where searches and walks begin: worlds that the good path leads to, under the sound planner."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from serinus.core.rollout.actions import Plan
from serinus.core.rollout.plan import plan
from serinus.core.rollout.snapshot import Snapshot
from simulation.model import World
from simulation.rest import settled
from simulation.shape import LADDER, MEASURED, SCALED, STEPWISE, Shape

PLAIN = Shape(name="plain")
DYNAMIC = Shape(name="dynamic", dynamic=True)
VERIFYING = Shape(name="verifying", verifying=True)
DYNAMIC_VERIFYING = Shape(name="dynamic verifying", dynamic=True, verifying=True)
ANALYSIS = Shape(name="analysis", steps=MEASURED)
SCALE = Shape(name="setCanaryScale", steps=SCALED)
TIMED = Shape(name="ladder", steps=LADDER)
BROKEN = Shape(name="broken canary", broken=frozenset("B"))
BASIC = Shape(name="without router", routed=False, services=False, replicas=3, steps=STEPWISE)
BASIC_SERVICES = Shape(name="without router, Services", routed=False, steps=STEPWISE)
BASIC_TIGHT = Shape(name="without surge", routed=False, surging=0, replicas=3)
BASIC_ANALYSIS = Shape(name="measured without router", routed=False, steps=MEASURED)
BASIC_BROKEN = Shape(name="broken without router", routed=False, broken=frozenset("B"))
UNROUTED = (BASIC, BASIC_SERVICES, BASIC_TIGHT, BASIC_ANALYSIS, BASIC_BROKEN)
SHAPES = (PLAIN, DYNAMIC, VERIFYING, DYNAMIC_VERIFYING, ANALYSIS, SCALE, TIMED, BROKEN, *UNROUTED)


def sound(snapshot: Snapshot) -> Plan:
    """The planner with all its rules, its invariants off: the oracle alone judges."""
    return plan(snapshot, check=False)


def nothing(shape: Shape) -> World:
    """Before the first deploy."""
    return World(shape=shape, replicas=shape.replicas)


@lru_cache
def deployed(shape: Shape) -> World:
    """A is stable and at rest."""
    return settled(nothing(shape), sound)


def released(shape: Shape) -> World:
    """B was just put into the spec."""
    return replace(deployed(shape), version="B")


@lru_cache
def at_weight(shape: Shape, weight: int) -> World:
    """B has got this weight, on the good path; without a router, its pods of the first step."""
    if not shape.routed:
        return settled(released(shape), sound, lambda world: world.ready("B") > 0)
    return settled(released(shape), sound, lambda world: world.router.weight == weight)

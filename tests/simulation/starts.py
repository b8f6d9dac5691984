"""Where searches and walks begin: worlds that the good path leads to, under the sound planner."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from msgspec.structs import replace as with_fields

from serinus.core.rollout.actions import Plan
from serinus.core.rollout.plan import plan
from serinus.core.rollout.snapshot import Snapshot
from simulation.events import verdict
from simulation.model import Lender, World
from simulation.plugging import answered
from simulation.rest import settled
from simulation.shape import LADDER, MEASURED, SCALED, STEPWISE, TESTED, Shape

PLAIN = Shape(name="plain")
DYNAMIC = Shape(name="dynamic", dynamic=True)
VERIFYING = Shape(name="verifying", verifying=True)
DYNAMIC_VERIFYING = Shape(name="dynamic verifying", dynamic=True, verifying=True)
ANALYSIS = Shape(name="analysis", steps=MEASURED)
SCALE = Shape(name="setCanaryScale", steps=SCALED)
SWAPPING = Shape(name="pingPong", swapping=True)
SWAPPING_DYNAMIC = Shape(name="pingPong, dynamic", swapping=True, dynamic=True, steps=MEASURED)
TIMED = Shape(name="ladder", steps=LADDER)
BROKEN = Shape(name="broken canary", broken=frozenset("B"))
HEADER = Shape(name="header route", steps=TESTED)
HEADER_DYNAMIC = Shape(name="header route, dynamic", steps=TESTED, dynamic=True)
HEADER_SCALED = Shape(
    name="header route, setCanaryScale",
    steps=(
        *({"setCanaryScale": {"replicas": 2}}, *TESTED[:2]),
        *({"setCanaryScale": {"matchTrafficWeight": True}}, *TESTED[2:]),
    ),
    verifying=True,
)
HEADER_ONLY = Shape(name="header route alone", steps=TESTED[:2])
HEADERS = (HEADER, HEADER_DYNAMIC, HEADER_SCALED)
BASIC = Shape(name="without router", routed=False, services=False, replicas=3, steps=STEPWISE)
BASIC_SERVICES = Shape(name="without router, Services", routed=False, steps=STEPWISE)
BASIC_TIGHT = Shape(name="without surge", routed=False, surging=0, replicas=3)
BASIC_ANALYSIS = Shape(name="measured without router", routed=False, steps=MEASURED)
TRIED = (
    {"setWeight": 50},
    {"experiment": {"templates": [{"name": "new", "specRef": "canary"}]}},
    {"pause": {}},
)
PLUGGED_STEPS = (
    {"setWeight": 50},
    {"plugin": {"name": "gate"}},
    {"pause": {}},
)
PLUGGED = Shape(name="step plugin", steps=PLUGGED_STEPS)
PLUGGED_TWICE = Shape(
    name="two step plugins",
    steps=({"plugin": {"name": "gate"}}, {"setWeight": 50}, {"plugin": {"name": "warm"}}),
    longer=({"setWeight": 80}, {"pause": {}}),
)
BASIC_PLUGGED = Shape(name="step plugin without router", steps=PLUGGED_STEPS, routed=False)
WEIGHED = (
    {"setWeight": 20},
    {
        "experiment": {
            "templates": [
                {"name": "t0", "specRef": "stable", "weight": 5},
                {"name": "t1", "specRef": "canary", "weight": 10, "replicas": 2},
            ]
        }
    },
    {"setWeight": 50},
    {"pause": {}},
)
WEIGHED_TRIAL = Shape(name="experiment with weights", steps=WEIGHED, router="istio")
WEIGHED_DYNAMIC = Shape(
    name="experiment with weights, dynamic",
    steps=WEIGHED,
    router="istio",
    dynamic=True,
    verifying=True,
)
COPIED = (
    {"setCanaryScale": {"weight": 50}},
    {
        "setMirrorRoute": {
            "name": "copies",
            "percentage": 50,
            "match": [{"method": {"exact": "GET"}}],
        }
    },
    {"pause": {"duration": "60s"}},
    {"setMirrorRoute": {"name": "copies"}},
    *TESTED,
)
SUBSETS = Shape(name="subsets", router="istio", subsets=True)
SUBSETS_DYNAMIC = Shape(
    name="subsets, dynamic, two VirtualServices",
    router="istio",
    subsets=True,
    dynamic=True,
    objects=2,
    steps=STEPWISE,
)
SUBSETS_COPIED = Shape(
    name="subsets, routes", router="istio", subsets=True, steps=COPIED, objects=2
)
SUBSETS_WEIGHED = Shape(
    name="subsets, experiment with weights", router="istio", subsets=True, steps=WEIGHED, objects=2
)
GATEWAY = Shape(name="two HTTPRoutes", router="plugins", objects=2, steps=TESTED)
LATE = Shape(name="deadline", deadline=20, aborting=True, steps=LADDER)
LATE_BROKEN = Shape(name="broken by a deadline", deadline=20, aborting=True, broken=frozenset("B"))
LATE_TOLD = Shape(name="broken and told", deadline=20, broken=frozenset("B"))
LATE_PLUGGED = Shape(
    name="deadline of a step plugin", deadline=20, aborting=True, steps=PLUGGED_STEPS
)
BASIC_LATE = Shape(name="deadline without router", deadline=20, aborting=True, routed=False)
LATENESS = (LATE, LATE_BROKEN, LATE_TOLD, LATE_PLUGGED, BASIC_LATE)
PLUGGING = (PLUGGED, PLUGGED_TWICE, BASIC_PLUGGED)
WEIGHING = (WEIGHED_TRIAL, WEIGHED_DYNAMIC)
MESHES = (SUBSETS, SUBSETS_DYNAMIC, SUBSETS_COPIED, SUBSETS_WEIGHED, GATEWAY)
MORE = ({"setWeight": 80}, {"pause": {}})
TRIAL = Shape(name="experiment", steps=TRIED)
SURGE = Shape(name="surgeLimit", surge_limit=1, replicas=3, steps=STEPWISE)
DYNAMIC_SURGE = Shape(name="dynamic, surgeLimit", surge_limit=1, replicas=3, dynamic=True)
EDITED = Shape(name="edited steps", steps=LADDER, longer=MORE)
LENT = Shape(name="workloadRef", lends="progressively", replicas=3)
LENT_ONCE = Shape(name="workloadRef, onsuccess", lends="onsuccess")
BASIC_LENT = Shape(name="workloadRef without router", lends="progressively", routed=False)
WATCHED = Shape(name="watched", watched=0, steps=STEPWISE)
WATCHED_LATE = Shape(name="watched from step 1", watched=1, steps=LADDER)
BASIC_WATCHED = Shape(name="watched without router", watched=0, routed=False, steps=STEPWISE)
WATCHING = (WATCHED, WATCHED_LATE, BASIC_WATCHED)
WINDOW = Shape(name="rollback window", window=3)
BASIC_WINDOW = Shape(name="rollback window without router", window=3, routed=False, services=False)
SINGLE = Shape(name="single pod", replicas=1)
DYNAMIC_SINGLE = Shape(name="dynamic, single pod", replicas=1, dynamic=True)
BASIC_TRIAL = Shape(name="experiment without router", steps=TRIED, routed=False)
BASIC_BROKEN = Shape(name="broken without router", routed=False, broken=frozenset("B"))
UNROUTED = (BASIC, BASIC_SERVICES, BASIC_TIGHT, BASIC_ANALYSIS, BASIC_BROKEN)
SWAPPED = (SWAPPING, SWAPPING_DYNAMIC)
LENDING = (LENT, LENT_ONCE, BASIC_LENT)
ROUTED = (PLAIN, DYNAMIC, VERIFYING, DYNAMIC_VERIFYING, ANALYSIS, SCALE, TIMED, BROKEN, *HEADERS)
SHAPES = (*ROUTED, *UNROUTED)
OTHERS = (
    TRIAL,
    SURGE,
    DYNAMIC_SURGE,
    EDITED,
    *LENDING,
    BASIC_TRIAL,
    WINDOW,
    BASIC_WINDOW,
    SINGLE,
    DYNAMIC_SINGLE,
    *SWAPPED,
    *WATCHING,
    *PLUGGING,
    *LATENESS,
    *WEIGHING,
    *MESHES,
)
"""What is walked, and not searched in the quick suite."""


def sound(snapshot: Snapshot) -> Plan:
    """The planner with all its rules, its invariants off: the oracle alone judges."""
    return plan(snapshot, check=False)


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
def at_weight(shape: Shape, weight: int) -> World:
    """B has got this weight, on the good path; without a router, its pods of the first step."""
    if not shape.routed:
        return settled(released(shape), sound, lambda world: world.ready("B") > 0)
    return settled(released(shape), sound, lambda world: world.router.weight == weight)


@lru_cache
def measured(shape: Shape) -> World:
    """What a step measures of B is under way."""
    weighed, plugged = any(shape.tried_at(i) for i in range(shape.step_count)), shape.plugged

    def is_under_way(world: World) -> bool:
        if plugged:
            return any(not call.phase for call in world.calls)
        return bool(world.router.tried if weighed else world.runs or world.trials)

    world = settled(released(shape), sound, is_under_way, at_once=plugged)
    if weighed or plugged:
        return world
    return verdict(world, (*world.runs, *world.trials)[0].name, "Running")


@lru_cache
def condemned(shape: Shape) -> World:
    """What a step measured of B has failed, B is aborted, and A has everything again."""
    world = measured(shape)
    if shape.plugged:
        return settled(answered(world, world.calls[0].asked, "Failed"), sound)
    name = (*world.runs, *world.trials)[0].name
    return settled(verdict(world, name, "Failed"), sound)


@lru_cache
def replaced(shape: Shape) -> World:
    """B was given up in its pause, and C was promoted fully over it."""
    world = settled(released(shape), sound, lambda world: bool(world.status.pause_conditions))
    world = settled(replace(world, version="C"), sound, lambda world: world.recorded == "C")
    status = with_fields(world.status, promote_full=True)
    return settled(replace(world, status=status), sound, lambda world: world.base == "C")


def measures(shape: Shape) -> bool:
    """A step of it waits for a verdict."""
    return any(
        kind in step for step in shape.steps for kind in ("analysis", "experiment", "plugin")
    )


def under_way(shape: Shape) -> World:
    """B has a part of the traffic, on the good path."""
    return at_weight(shape, shape.weight_at(0) or 50)

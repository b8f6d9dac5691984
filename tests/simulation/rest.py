"""If all turns good from here: does it come to rest, in a state that somebody wanted, in silence?

The good continuation is one path: everything is obeyed, all pods get ready, plans are carried out
whole, time passes to the next instant that matters. Nothing of it costs a budget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulation.doing import carried_out
from simulation.events import Planner, healthy, next_instant, passed, turn_of
from simulation.keys import key
from simulation.model import World
from simulation.oracle import faults
from simulation.oracle_background import doubted, unpaused
from simulation.oracle_basic import unrested_without_router
from simulation.oracle_deadline import unhurried
from simulation.oracle_more import unrested_beside
from simulation.oracle_plugins import unended
from simulation.oracle_trials import untried
from simulation.reach import reach, touched

LIMIT = 400
Seen = set[tuple[object, ...]]


def restless(world: World, planner: Planner, known: Seen | None = None) -> tuple[str, ...]:
    """Why it does not rest well from here; nothing if it does. `known` remembers good worlds."""
    known = set() if known is None else known
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
        return (f"never rests; still wants {turn.writes or turn.plan.reasons}",)
    known.update(path)
    return ()


def calm(world: World) -> World:
    """The world when everything that needs no plan and no time has happened."""
    while True:
        event = next(healthy(world), None)
        if event is None:
            return touched(world)
        world = event.after


def settled(
    world: World,
    planner: Planner,
    until: Callable[[World], bool] | None = None,
    *,
    at_once: bool = False,
) -> World:
    """The world at rest, or where `until` holds first, along the good path; `at_once`: right after
    the plan that brought it about, before anything answered it.
    """
    for _ in range(LIMIT):
        world = calm(world)
        if until is not None and until(world):
            return world
        turn = turn_of(world, planner)
        if turn.writes:
            world = carried_out(world, turn.writes)
            if at_once and until is not None and until(world):
                return world
            continue
        instant = next_instant(world, turn)
        if instant is None:
            return world
        world = passed(world, instant)
    raise AssertionError(f"never rests: {turn_of(world, planner).plan}")


# --- What a rest has to look like ----------------------------------------------------------------


def unwanted(world: World) -> tuple[str, ...]:
    """What is wrong with a world in which nothing moves any more."""
    found: list[str] = []
    if world.paused and not world.base:
        return ()  # a first deploy that is paused has not begun
    dead = world.shape.broken
    routed = world.shape.routed
    if world.replicas and routed and reach(world).lost and not dead:
        found.append(f"rest: {reach(world).lost:.0%} of the requests find no pod")
    if world.recorded != world.version and not world.invalid:
        found.append(f"rest: {world.version} is wanted, the status knows {world.recorded}")
    found += unhurried(world)
    if dead or found:
        return tuple(found)
    found += [*unrested_beside(world), *unended(world), *untried(world)]
    if world.router.apart:
        found.append(f"rest: its objects differ: {world.router.written}")
    if found:
        return tuple(found)
    if world.paused and world.base != world.version and not world.status.abort:
        return ()
    if doubted(world) is not None:
        return tuple(unpaused(world))
    if not world.replicas and world.base != world.version and not world.status.abort:
        return ("rest: nothing to wait for with no replicas wanted, and not promoted",)
    if not routed:
        return tuple(unrested_without_router(world))
    if world.base == world.version or world.status.abort:
        return tuple(_at_stable(world))
    return tuple(_at_pause(world))


def _at_stable(world: World) -> list[str]:
    found = []
    if world.router.mirrored:
        found.append("rest: a mirror route although all belongs to stable")
    if world.router.tested:
        found.append("rest: a header route although all belongs to stable")
    if world.router.weight:
        found.append(f"rest: weight {world.router.weight} although all belongs to stable")
    for name, service in (("stable", world.stable), ("canary", world.canary)):
        lent = not service.selector and world.lender and not world.replicas
        if service.selector != world.base and not lent:
            found.append(f"rest: Service {name} is on {service.selector or 'all'}")
    for one in world.sets:
        wanted = world.replicas if one.version == world.base else 0
        if one.replicas != wanted:
            found.append(f"rest: {one.version} has {one.replicas} pods, not {wanted}")
    if world.status.abort and world.base == world.version:
        found.append("rest: an abort of nothing stays")
    return found


def _waits(step: Mapping[str, Any]) -> bool:
    return any(kind in step for kind in ("pause", "analysis", "experiment", "plugin"))


def _at_pause(world: World) -> list[str]:
    steps, index = world.shape.steps, world.index
    if index >= len(steps) or (not _waits(steps[index])):
        return [f"rest: at step {index} of {len(steps)}, where nothing is to be waited for"]
    if not world.status.pause_conditions:
        return [f"rest: at step {index} without a pause that a user could end"]
    wanted = world.shape.weight_at(index)
    if world.router.weight != wanted:
        return [f"rest: weight {world.router.weight} at step {index} instead of {wanted}"]
    if world.router.tested is not world.shape.tested_at(index):
        return [f"rest: the header route at step {index} is {world.router.tested}"]
    if world.router.mirrored is not world.shape.mirrored_at(index):
        return [f"rest: the mirror route at step {index} is {world.router.mirrored}"]
    if wanted and world.canary.selector != world.version:
        return [f"rest: the canary Service is on {world.canary.selector} at step {index}"]
    return []

"""The judge of experiments whose pods get a part of the traffic: who gets it, and until when.

As `oracle.py` it looks at the world only, in its own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serinus.core.rollout import actions as act
from simulation.doing import Write
from simulation.model import World
from simulation.parts import Order, Trial
from simulation.trying import behind, is_over, service_of, wanted


def faults_of_trials(before: World, writes: Sequence[Write], after: World) -> Iterator[str]:
    """What these writes must not do to experiments."""
    for order in after.router.written:
        yield from _sums(order)
    known = {part for order in before.router.written for part in order.tried}
    for service, weight in after.router.tried:
        if (service, weight) not in known:
            yield from _given(before, after.router.order, service, weight)
    for write in writes:
        if isinstance(write, act.MarkExperiment) and not write.in_traffic:
            yield from _let_go(before, write.name)
        if isinstance(write, act.Retire) and write.kind == "Experiment":
            yield from _let_go(before, write.name)


def _sums(order: Order) -> Iterator[str]:
    """S8: all parts together are one whole."""
    parts = (order.weight, *(weight for _, weight in order.tried))
    if min(parts) < 0 or sum(parts) > 100:
        yield f"S8: the weights {parts} are more than all"


def _given(before: World, order: Order, service: str, weight: int) -> Iterator[str]:
    """S1, S5, S6: a part is given by the step of this attempt, to all templates, all of them whole,
    and their experiment has been told of it.
    """
    trial = next((one for one in before.trials if service in _services(one)), None)
    if trial is None:
        yield f"S0: weight {weight} for {service}, whom no experiment has"
        return
    status = before.status
    here = (trial.attempt, trial.step) == (before.attempt, before.index)
    if not here or status.abort or status.promote_full or before.version != before.recorded:
        yield f"S5: {service} gets {weight} and it is not at its step"
    if before.paused or before.invalid:
        yield f"S6: {service} gets {weight} although the rollout is frozen"
    if is_over(trial) or not trial.noted:
        yield f"S2: {service} gets {weight} although its pods may go at any time"
    asked = before.shape.tried_at(trial.step)
    if [part for name, part in order.tried if name in _services(trial)] != [w for w, _ in asked]:
        yield f"S5: {order.tried} is not what the step asks for"
    if any(
        have < need for have, need in zip(trial.ready, wanted(before.shape, trial), strict=True)
    ):
        yield f"S1: {service} gets {weight} with {trial.ready} pods"


def _services(trial: Trial) -> set[str]:
    return {service_of(trial, number) for number in range(len(trial.ready))}


def _let_go(before: World, name: str) -> Iterator[str]:
    """S2: the pods may go when no order that may be obeyed names them, and this is known."""
    trial = next((one for one in before.trials if one.name == name), None)
    if trial is None or not trial.ready:
        return
    given = {service for order in before.router.orders for service, _ in order.tried}
    if given & _services(trial):
        yield f"S2: the pods of {name} are let go while requests may come"
    if not before.router.readable:
        yield f"S4: the pods of {name} are let go while the routing is not known"
    if not is_over(trial) and not before.status.promote_full and before.attempt == trial.attempt:
        here = before.index == trial.step and not before.status.abort
        if here and before.replicas and before.version == before.recorded:
            yield f"S2: the pods of {name} are let go although it goes on"


def taken_away(world: World) -> Iterator[str]:
    """Not by a write of the Rollout's: what the Experiment's own controller did to users."""
    for trial in world.trials:
        if is_over(trial) and not any(trial.ready) and not trial.noted:
            given = {service for order in world.router.orders for service, _ in order.tried}
            if given & _services(trial):
                yield f"S2: the pods of {trial.name} are gone and requests may come"


def unleft(world: World, writes: Sequence[Write]) -> Iterator[str]:
    """S3: a Service of an experiment without a pod is left in the same plan."""
    router, ready = world.router, dict(behind(world))
    dead = [service for service, _ in router.tried if not ready.get(service)]
    still = not (router.lagging or router.apart or world.stable.lagging or world.canary.lagging)
    settled = world.stable.shown == world.stable.selector == world.base
    if not (dead and still and settled and router.readable and world.ready(world.base)):
        return
    for write in writes:
        if isinstance(write, act.SetRouting):
            if not {one.service for one in write.routing.additional} & {*dead}:
                return
        elif isinstance(write, act.PointService):
            return  # one at a time: this one came first
    yield f"S3: {dead[0]} is dead with a part of the traffic: not left"


def untried(world: World) -> Iterator[str]:
    """What is wrong with a rest: traffic or notes of what is over."""
    if world.router.tried:
        yield f"rest: {world.router.tried} of the traffic, and nobody tries anything"
    for trial in world.trials:
        if is_over(trial) and (trial.noted or any(trial.ready)):
            yield f"rest: {trial.name} is over and keeps its pods"

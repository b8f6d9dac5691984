"""The judge of worlds without a router: sums of pods, proportions, and Services that follow.

As `oracle.py` it looks at the world only; its sums are its own words and not the planner's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serinus.core.rollout import actions as act
from simulation.doing import Write
from simulation.model import Service, World


def faults_without_router(before: World, writes: Sequence[Write], after: World) -> Iterator[str]:
    """What these writes must not do where pods are the weight."""
    restarted = any(isinstance(write, act.Evict) for write in writes)
    yield from _sums(before, after, gone=1 if restarted else 0)
    if before.shape.surging or not restarted:
        yield from _services(before, after)
    if sum(isinstance(write, act.PointService) for write in writes) > 1:
        yield "S3: one plan moves two Services"
    yield from _proportion(before, after)
    yield from _deleted_or_measured(before, after)
    yield from _thawed(before, writes, after)


def _sums(before: World, after: World, gone: int) -> Iterator[str]:
    """S8: not above what may surge, not below what has to be available; `gone` may be missing
    whatever its user says, in a restart.
    """
    shape, replicas = before.shape, before.replicas
    asked, was = (sum(one.replicas for one in world.sets) for world in (after, before))
    if asked > max(replicas + shape.surge(replicas), was):
        yield f"S8: {asked} pods of {replicas}"
    left, here = (sum(one.lasting for one in world.sets) for world in (after, before))
    least = replicas - max(gone, shape.unavailable(replicas))
    if left < min(least, here):
        yield f"S8: {left} ready pods are left of {here}, {least} are the least"


def _services(before: World, after: World) -> Iterator[str]:
    """S3, S9: a Service that was answered goes on being answered, whatever of it is obeyed."""
    if before.replicas + before.shape.surge(before.replicas) <= 1 or not before.replicas:
        return  # one pod in all: it has to go before another can come
    for part in ("stable", "canary") if before.shape.services else ():
        was, now = (_surely(world, getattr(world, part)) for world in (before, after))
        if was and not now:
            yield f"S3: Service {part} may be left without a pod"


def _surely(world: World, service: Service) -> int:
    """Pods that answer under the worst mix of what it selected and selects."""
    selectors = (service.selector, service.shown, *service.lagging)
    lent = min(world.lender.ready, world.lender.replicas) if world.lender else 0
    return min(
        sum(one.lasting for one in world.sets if selector in ("", one.version))
        + (0 if selector else lent)
        for selector in selectors
    )


def _proportion(before: World, after: World) -> Iterator[str]:
    """S5: the one on trial gets no more pods than its step gives it."""
    version = before.version
    if not before.base or version == before.base:
        return
    old, new = before.pods(version), after.pods(version)
    was, now = old.replicas if old else 0, new.replicas if new else 0
    if now > was and now > allowed(before):
        yield f"S5: {version} grows to {now} pods, {allowed(before)} are its part"
    for one in after.sets:
        past = before.pods(one.version)
        if one.version not in (version, before.base) and past and one.replicas > past.replicas:
            yield f"S5: {one.version} grows although nobody wants it"


def allowed(world: World) -> int:
    """The most pods that the one on trial may grow to: its weight's part, rounded up."""
    status = world.status
    noted = world.version == world.recorded
    if status.abort and (noted or status.aborted_at is None):
        return 0
    index = world.index if noted else 0
    full = noted and status.promote_full
    weight = 100 if full else world.shape.weight_at(index)
    return -int(-world.replicas * weight // 100)


def _deleted_or_measured(before: World, after: World) -> Iterator[str]:
    for old in before.sets:
        new = after.pods(old.version)
        if new is None and (old.replicas or old.ready or old.pending):
            yield f"S9: {old.version} is deleted with pods"
        if new is None and old.version in (before.base, before.version):
            yield f"S9: {old.version} is deleted although it is wanted"
        if not old.replicas or (new and new.replicas):
            continue
        for run in before.runs:
            if run.version == old.version and run.phase == "Running" and not run.stopped:
                yield f"S9: {old.version} goes to zero while a run measures it"


def _thawed(before: World, writes: Sequence[Write], after: World) -> Iterator[str]:
    """S6: while frozen the canary gets no pods and no run, and stable does not give way to it."""
    if not (before.paused or before.invalid):
        return
    for old in before.sets:
        new = after.pods(old.version)
        on_trial = old.version == before.version != before.base
        if new and on_trial and before.base and new.replicas > old.replicas:
            yield f"S6: {old.version} gets pods although the rollout is frozen"
    if any(isinstance(write, act.StartRun) for write in writes):
        yield "S6: a run starts although the rollout is frozen"


# --- Status and rest -----------------------------------------------------------------------------


def not_in_proportion(world: World, index: int) -> str:
    """Why the pods are not those of a step's weight; "" if they are."""
    weight, replicas = world.shape.weight_at(index), world.replicas
    canary, stable = world.pods(world.version), world.pods(world.base)
    mine, theirs = canary.lasting if canary else 0, stable.replicas if stable else 0
    others = sum(one.ready for one in world.sets if one.version not in (world.version, world.base))
    if others:
        return f"{others} pods of others answer"
    size = replicas + 1 if world.shape.surge(replicas) else replicas
    if size > 1 and 0 < weight < 100 and not (mine and theirs):
        return f"{mine} and {theirs} pods at weight {weight}"
    if abs(mine - replicas * weight / 100) >= 1 or not replicas <= mine + theirs <= size + _kept(
        world, weight
    ):
        return f"{mine} and {theirs} pods of {replicas} at weight {weight}"
    return ""


def _kept(world: World, weight: int) -> int:
    """The last pod that stable keeps for its Service."""
    return int(world.shape.services and weight == 100)


def unrested_without_router(world: World) -> list[str]:
    """What is wrong with a rest: at stable, or at a step."""
    found = []
    if world.base == world.version or world.status.abort:
        for one in world.sets:
            wanted = world.replicas if one.version == world.base else 0
            if one.replicas != wanted:
                found.append(f"rest: {one.version} has {one.replicas} pods, not {wanted}")
        for part in ("stable", "canary") if world.shape.services else ():
            selector = getattr(world, part).selector
            lent = not selector and world.lender and not world.replicas
            if selector != world.base and not lent:
                found.append(f"rest: Service {part} is on {selector or 'all'}")
        return found
    steps, index = world.shape.steps, world.index
    if index >= len(steps) or not world.status.pause_conditions:
        return [f"rest: at step {index} of {len(steps)} without a pause that a user could end"]
    wrong = not_in_proportion(world, index)
    return [f"rest: {wrong}"] if wrong else []

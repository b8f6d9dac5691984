"""The adversary's judge of a blue-green rollout: what no write of the controller may do.

It looks at the data plane (every mix of written and obeyed selectors), at the pods and at the
user's commands; it imports nothing of the planner's rules or invariants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from serinus.api.argo import RolloutStatus
from serinus.core.rollout import actions as act
from simulation.bluegreen.oracle_status import status_faults
from simulation.bluegreen.world import World
from simulation.doing import Write
from simulation.oracle_more import faults_beside
from simulation.shape import DELAY, SECOND, version_of

GRAIN = SECOND
"""Deadlines are annotations with a grain of one second, as the original's."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Some of a plan's writes, and the world before and after them."""

    before: World
    writes: Sequence[Write]
    after: World

    @property
    def move(self) -> str | None:
        """Whom the active Service is pointed at, "" being everybody."""
        points = (w for w in self.writes if isinstance(w, act.PointService))
        return next((version_of(w.hash) for w in points if w.service == "active"), None)


def faults(before: World, writes: Sequence[Write], after: World) -> tuple[str, ...]:
    """All that is wrong with these writes."""
    deed = Deed(before, writes, after)
    found = [fault for check in CHECKS for fault in check(deed)]
    found += faults_beside(before, writes, after)
    for write in writes:
        if isinstance(write, RolloutStatus):
            found += status_faults(before, write)
    return tuple(found)


# --- Traffic -------------------------------------------------------------------------------------


def stranded(deed: Deed) -> Iterator[str]:
    """S3: no mix of selectors, obeyed or not, finds no pod where every one found some before."""
    if deed.before.replicas and deed.after.lost and not deed.before.lost:
        yield "S3: requests may find no pod that found one before"


def outgrown(deed: Deed) -> Iterator[str]:
    """S1: production goes to who has room for all of it; to stable also if that is better."""
    before, target = deed.before, deed.move
    if target is None or not before.replicas:
        return
    pods = before.pods(target)
    have = pods.lasting if pods else 0
    if not before.base:
        others = before.ready("") - (pods.ready if pods else 0)
        if have < before.replicas and others:
            yield f"S1: production goes from {others} pods to {have} of the first revision"
        return
    if have >= before.replicas:
        return
    carried = before.pods(before.active.selector)
    if target == before.base and have > (carried.lasting if carried else 0):
        return
    yield f"S1: production goes to {have} of {before.replicas} pods of {target}"


def on_whose_behalf(deed: Deed) -> Iterator[str]:
    """S5, S6: production goes on only to what people, pauses and verdicts have let through."""
    before, target = deed.before, deed.move
    if target is None or target == before.base or not before.base:
        return
    if target != before.version or target != before.recorded:
        yield f"S5: production goes to {target}, wanted is {before.version}"
    if before.paused or before.invalid:
        yield f"S6: production goes to {target} although the rollout is frozen"
    if before.status.abort:
        yield f"S6: production goes to {target} although it is aborted"
    if before.status.promote_full or before.short:
        return
    if before.shape.pauses and not before.let_go:
        yield f"S5: production goes to {target} and nobody ended the pause"
    if before.shape.pre and not passed(before, "PrePromotion"):
        yield f"S10: production goes to {target} without a verdict of this attempt"


def passed(world: World, kind: str) -> bool:
    """A run of this attempt passed, and was not cancelled."""
    return any(
        run.kind == kind
        and run.version == world.version
        and run.attempt == world.attempt
        and run.phase == "Successful"
        and (kind != "PostPromotion" or run.switch == world.switch)
        for run in world.runs
    )


# --- Pods ----------------------------------------------------------------------------------------


def robbed(deed: Deed) -> Iterator[str]:
    """S2: whoever production may reach keeps all its pods."""
    for old in deed.before.sets:
        new = deed.after.pods(old.version)
        left = new.replicas if new else 0
        reached = deed.before.may_reach(old.version) or deed.after.may_reach(old.version)
        if left < min(old.replicas, deed.before.replicas) and reached:
            yield f"S2: {old.version} keeps {left} pods while production may reach it"


def hurried(deed: Deed) -> Iterator[str]:
    """S2: the user's delay runs from when the last request could reach the revision."""
    before = deed.before
    for old in before.sets:
        new = deed.after.pods(old.version)
        if not old.replicas or (new and new.replicas) or not before.replicas:
            continue
        waited = before.now - old.reached
        if before.shape.limit is None and waited < DELAY - GRAIN:
            yield f"S2: {old.version} goes {waited / SECOND:g} s after it could be reached"


def emptied(deed: Deed) -> Iterator[str]:
    """S9: stable stays until another one is; a measured one, and one with pods, is not deleted."""
    before = deed.before
    for old in before.sets:
        new = deed.after.pods(old.version)
        if new is None and (old.replicas or old.ready or old.pending):
            yield f"S9: {old.version} is deleted with pods"
        if new is None and old.version in (before.base, before.version):
            yield f"S9: {old.version} is deleted although it is wanted"
        gone = old.replicas and (new is None or not new.replicas)
        if gone and old.version == before.base and before.replicas:
            yield f"S9: {old.version} goes to zero while it is the stable one"
        if gone and any(
            r.version == old.version and _goes_on(r.phase, r.stopped) for r in before.runs
        ):
            yield f"S9: {old.version} goes to zero while a run measures it"


def _goes_on(phase: str, stopped: bool) -> bool:
    return phase in ("Pending", "Running") and not stopped


def thawed(deed: Deed) -> Iterator[str]:
    """S6: while frozen, what is on trial gets no pods, no run and no preview."""
    before = deed.before
    if not (before.paused or before.invalid):
        return
    for old in before.sets:
        new = deed.after.pods(old.version)
        on_trial = old.version == before.version and before.base not in ("", old.version)
        served = before.active.selector == old.version
        if new and on_trial and not served and new.replicas > old.replicas:
            yield f"S6: {old.version} gets pods although the rollout is frozen"
    for write in deed.writes:
        if isinstance(write, act.StartRun):
            yield f"S6: a run starts although the rollout is frozen: {write.name}"


def crowded(deed: Deed) -> Iterator[str]:
    """At most one selector of one plan."""
    points = [w for w in deed.writes if isinstance(w, act.PointService)]
    if len(points) > 1:
        yield "one plan moves two Services"


CHECKS: tuple[Callable[[Deed], Iterator[str]], ...] = (
    stranded,
    outgrown,
    on_whose_behalf,
    robbed,
    hurried,
    emptied,
    thawed,
    crowded,
)


# --- What has to be done -------------------------------------------------------------------------


def omissions(world: World, writes: Sequence[Write]) -> tuple[str, ...]:
    """S3: production leaves the dead for a living stable in the same plan."""
    if any(one.shown for one in world.sets):
        return ()  # their Service's slices do not say so yet
    on, base = world.active.selector, world.pods(world.base)
    if not world.base or on == world.base or world.active.lagging or not world.replicas:
        return ()
    if world.active.shown != on or world.ready(on) or base is None or not base.lasting:
        return ()
    for write in writes:
        if isinstance(write, act.PointService) and write.service == "active":
            return ()
    return (f"S3: {on} is dead and production is not given back to {world.base}",)

"""The judge of what stands beside traffic: restarts, a workload that lends its pods, surgeLimit.

As `oracle.py` it looks at the world only, in its own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from serinus.api.argo import RolloutStatus
from serinus.core.rollout import actions as act
from simulation.doing import Write
from simulation.model import Lender, Pods, Service
from simulation.shape import instant


class World(Protocol):
    """What canary and blue-green worlds have in common."""

    @property
    def now(self) -> int: ...
    @property
    def version(self) -> str: ...
    @property
    def base(self) -> str: ...
    @property
    def replicas(self) -> int: ...
    @property
    def paused(self) -> bool: ...
    @property
    def invalid(self) -> bool: ...
    @property
    def sets(self) -> tuple[Pods, ...]: ...
    @property
    def lender(self) -> Lender | None: ...
    @property
    def restart(self) -> int | None: ...
    @property
    def status(self) -> RolloutStatus: ...
    @property
    def lends(self) -> str: ...
    @property
    def surge_limit(self) -> int | None: ...
    @property
    def unavailable(self) -> int: ...
    @property
    def broken(self) -> frozenset[str]: ...
    @property
    def entry(self) -> Service: ...
    def pods(self, version: str) -> Pods | None: ...
    def may_be_missed(self, version: str) -> bool: ...
    def has_to_wait(self, version: str) -> bool: ...


def faults_beside(before: World, writes: Sequence[Write], after: World) -> Iterator[str]:
    """What these writes must not do to pods that are restarted, lent, or starting."""
    if any(isinstance(write, act.Evict) for write in writes):
        yield from _restarted(before, writes, after)
    if before.lender is not None:
        yield from _given_back_too_soon(before, after)
        yield from _handed_over_too_soon(before, after)
    if before.surge_limit is not None:
        yield from _started_at_once(before, after)


def _restarted(before: World, writes: Sequence[Write], after: World) -> Iterator[str]:
    """Only what is older than asked goes, alone in its plan, and somebody goes on answering."""
    moving = (act.Scale, act.SetRouting, act.PointService, act.ScaleWorkload)
    if any(isinstance(write, moving) for write in writes):
        yield "restart: pods are evicted beside other writes"
    if before.restart is None or before.restart > before.now or before.invalid:
        yield "restart: pods are evicted although nobody asked for it"
    ready = 0
    for old in before.sets:
        new = after.pods(old.version)
        left = new.ready if new else 0
        gone = old.ready + old.pending - (new.ready + new.pending if new else 0)
        ready += left
        if gone > old.old:
            yield f"restart: {gone} pods of {old.version} are evicted, {old.old} are old"
        if old.ready and not left and not before.may_be_missed(old.version):
            yield f"restart: the last pod of {old.version} that answers is evicted"
    here = sum(one.ready for one in before.sets)
    wanted = max(before.replicas, sum(one.replicas for one in before.sets))
    least = wanted - max(1, before.unavailable)
    if ready < min(here, least):
        yield f"restart: {ready} of {here} pods are left, {least} are the least"


def _given_back_too_soon(before: World, after: World) -> Iterator[str]:
    """The lender gives no pod up without which fewer would answer than are wanted."""
    assert before.lender is not None
    assert after.lender is not None
    if after.lender.replicas >= before.lender.replicas:
        return
    if before.lends == "never":
        yield "lender: it is scaled down although that is not asked for"
    if before.paused or before.invalid:
        yield "lender: it is scaled down although the rollout is frozen"
    was, now = _answering(before, before.lender), _answering(before, after.lender)
    if now < min(was, before.replicas):
        yield f"lender: {now} pods answer where {was} did and {before.replicas} are wanted"


def _handed_over_too_soon(before: World, after: World) -> Iterator[str]:
    """Users of the lender's pods are handed over to as many as are wanted, or as there were."""
    assert before.lender is not None
    target = after.entry.selector
    if before.entry.selector or not target or not before.lender.ready:
        return
    pods = before.pods(target)
    have, was = pods.lasting if pods else 0, _answering(before, before.lender)
    if have < min(was, before.replicas):
        yield f"lender: users of {was} pods are handed over to {have}, {before.replicas} are wanted"


def _answering(world: World, lender: Lender) -> int:
    """Pods that answer behind the Service of users under the worst mix, the lender's among them."""
    service = world.entry
    lent = min(lender.ready, lender.replicas)
    counts = [
        sum(one.lasting for one in world.sets if selector in ("", one.version))
        + (lent if not selector else 0)
        for selector in (service.selector, service.shown, *service.lagging)
    ]
    return min(counts)


def _started_at_once(before: World, after: World) -> Iterator[str]:
    """surgeLimit: no more pods of a canary are starting at a time, beside a stable one."""
    limit, version = before.surge_limit or 1, before.version
    old, new = before.pods(version), after.pods(version)
    if not before.base or version == before.base or new is None:
        return
    was = old.replicas if old else 0
    starting = new.replicas - (old.lasting if old else 0)
    if new.replicas > was and starting > limit:
        yield f"S8: {starting} pods of {version} start at a time, {limit} may"


# --- Rest ----------------------------------------------------------------------------------------


def unrested_beside(world: World) -> Iterator[str]:
    """What was asked for and is not done although nothing moves any more."""
    if world.invalid or world.paused:
        return
    due = world.restart is not None and world.status.restarted_at != instant(world.restart)
    for one in world.sets if due else ():
        if one.old and not world.has_to_wait(one.version):
            yield f"rest: {one.old} pods of {one.version} are older than the restart"
    lender, promoted = world.lender, world.base == world.version
    if lender is None or not world.replicas or world.broken or not promoted:
        return
    if world.lends != "never" and lender.replicas:
        yield f"rest: the lender has {lender.replicas} pods still"

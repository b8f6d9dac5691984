"""The adversary's judge: what no write of the controller may do to the world.

It looks at the data plane (every mix of written and obeyed values), at the pods, at the user's
commands and at the steps; it imports nothing of the planner's rules or invariants. A finding is a
sentence; no finding is an empty tuple. Sources: safety rules S0 to S10, in docs/safety.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from serinus.api.argo import RolloutStatus
from serinus.core.rollout import actions as act
from simulation.doing import Write
from simulation.model import World
from simulation.oracle_background import raised
from simulation.oracle_basic import faults_without_router
from simulation.oracle_more import faults_beside
from simulation.oracle_plugins import calls_faulty
from simulation.oracle_status import stable_is_missed, status_faults
from simulation.oracle_trials import faults_of_trials, taken_away, unleft
from simulation.reach import LENDER, Reach, reach
from simulation.shape import DELAY, SECOND, step_hash_of, version_of

EPS = 1e-9
GRAIN = SECOND
"""Deadlines are annotations with a grain of one second, as the original's."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Some of a plan's writes, and the world before and after them."""

    before: World
    writes: Sequence[Write]
    after: World

    @property
    def reach_before(self) -> Reach:
        return reach(self.before)

    @property
    def reach_after(self) -> Reach:
        return reach(self.after)

    def of(self, kind: type[act.Action]) -> Iterator[act.Action]:
        return (write for write in self.writes if isinstance(write, kind))


def faults(before: World, writes: Sequence[Write], after: World) -> tuple[str, ...]:
    """All that is wrong with these writes."""
    deed = Deed(before, writes, after)
    if before.shape.routed:
        found = [fault for check in CHECKS for fault in check(deed)]
    else:
        found = [*faults_without_router(before, writes, after)]
    found += faults_beside(before, writes, after)
    found += raised(before, writes)
    found += calls_faulty(before, writes)
    if after.trials or after.router.tried:
        found += faults_of_trials(before, writes, after)
    statuses = [write for write in writes if isinstance(write, RolloutStatus)]
    for status in statuses:
        found += status_faults(before, status)
    return tuple(found)


# --- Traffic -------------------------------------------------------------------------------------


def stranded(deed: Deed) -> Iterator[str]:
    """S3: no mix of writes, obeyed or not, loses more requests than before."""
    if not deed.before.replicas:
        return
    lost, was = deed.reach_after.lost, deed.reach_before.lost
    if lost > was + EPS:
        yield f"S3: up to {lost:.0%} of the requests find no pod, {was:.0%} before"


def raised_beside_the_dead(deed: Deed) -> Iterator[str]:
    """S3: while users of stable find nobody, the canary gets no more, but by a person's word."""
    before = deed.before
    if not stable_is_missed(before):
        return
    for write in deed.of(act.SetRouting):
        assert isinstance(write, act.SetRouting)
        more = write.routing.weight > max(one.weight for one in before.router.written)
        tested = bool(write.routing.header_routes) and not before.router.tested
        if more or tested:
            yield f"S3: weight {write.routing.weight} is a rise while {before.base} is dead"


def outgrown(deed: Deed) -> Iterator[str]:
    """S1: a share rises only to what there is room for, or away from the dead to stable."""
    before, after = deed.before, deed.after
    if deed.reach_before.lost > 1 - EPS or not before.replicas:
        return
    for version, share in deed.reach_after.greatest.items():
        if share <= deed.reach_before.share(version) + EPS or version == LENDER:
            continue
        pods = after.pods(version)
        have = pods.lasting if pods else 0
        needed = 1 if not before.base else room(before, version, share)
        if have < needed and not _left_the_dead(deed, version, have):
            yield f"S1: {version} may get {share:.0%} with {have} pods where {needed} are needed"


def tested_unready(deed: Deed) -> Iterator[str]:
    """S1: a header route is given only to whom the step has given its pods."""
    before = deed.before
    if deed.reach_before.lost > 1 - EPS or not before.replicas:
        return
    for version in deed.reach_after.tested - deed.reach_before.tested:
        pods = deed.after.pods(version)
        have, needed = pods.lasting if pods else 0, step_room(before, version)
        if version != before.base and have < needed:
            yield f"S1: testers may get to {version} with {have} pods where {needed} are needed"


def step_room(world: World, version: str) -> int:
    """The pods that the step asks for, and one at least."""
    index = world.index if version == world.recorded else 0
    asked = world.shape.asked_at(index)
    by_weight = -int(-world.replicas * world.shape.weight_at(index) // 100)
    return max(1, by_weight if asked is None else asked)


def room(world: World, version: str, share: float) -> int:
    """Pods that a share needs; what the user's own setCanaryScale asks for is enough."""
    needed = max(1, -int(-world.replicas * share // 1))
    asked = world.shape.asked_at(world.index)
    if asked is not None and version == world.version != world.base and not world.status.abort:
        needed = min(needed, max(1, asked))
    return needed


def _left_the_dead(deed: Deed, version: str, have: int) -> bool:
    """The exception of S1: whoever loses has no pod, and stable has one."""
    losers = [
        other
        for other in deed.before.sets
        if deed.reach_before.share(other.version) > deed.reach_after.sure(other.version) + EPS
        and other.version != version
    ]
    return version == deed.before.base and have > 0 and all(not one.ready for one in losers)


def on_whose_behalf(deed: Deed) -> Iterator[str]:
    """S0, S5, S6: a canary gets no more than its step, and nothing by way of the selector."""
    before = deed.before
    for version, share in deed.reach_after.greatest.items():
        was = deed.reach_before.share(version)
        if version in (before.base, LENDER) or not before.base or share <= was + EPS:
            continue
        if not before.replicas and not deed.after.ready(version):
            continue  # where no pods are wanted and none is there, a share means nothing
        may = allowance(before, version)
        if share > may + EPS:
            yield f"S5: {version} may get {share:.0%}, more than {was:.0%} before and {may:.0%}"
    for version in deed.reach_after.tested - deed.reach_before.tested:
        if version != before.base and before.base and not _may_be_tested(before, version):
            yield f"S5: testers may get to {version}, for whom no step has set a route"
    for write in deed.of(act.PointService):
        assert isinstance(write, act.PointService)
        weights = [100 if one.tested else one.weight for one in before.router.orders]
        target = version_of(write.hash)
        canary = write.service.removeprefix("app/") == "canary"
        if canary and target != before.base and before.base and any(weights):
            yield f"S0: the canary Service goes to {target} while a weight may be {max(weights)}"


def _may_be_tested(world: World, version: str) -> bool:
    """A step has set a header route for a revision on trial."""
    full = world.status.promote_full and version == world.recorded
    index = world.index if version == world.recorded else 0
    allowed = world.shape.tested_at(index) and not full
    aborted = world.status.abort and version == world.recorded
    return allowed and version == world.version and not (aborted or world.paused or world.invalid)


def allowance(world: World, version: str) -> float:
    """The share to which a revision on trial may rise now."""
    status = world.status
    if version != world.version or world.paused or world.invalid:
        return 0.0
    if version != world.recorded:
        # Not noted yet, and so at step 0; an abort that was acted on was that of another one.
        pending = status.abort and status.aborted_at is None
        return 0.0 if pending else world.shape.weight_at(0) / 100
    if status.current_step_hash not in ("", step_hash_of(world.shape)):
        # Other steps are another attempt; an abort that was acted on was that of the one before.
        return 0.0 if status.abort and status.aborted_at is None else _of_either(world)
    if status.abort:
        return 0.0
    return 1.0 if status.promote_full else world.shape.weight_at(world.index) / 100


def _of_either(world: World) -> float:
    """Steps that changed behind the one it stands at start nothing again, and take no full
    promotion back: a person's word is for the revision, whatever its steps. Where a step that was
    passed is gone, all start again, and the word is void.
    """
    if world.status.abort:
        return world.shape.weight_at(0) / 100
    if world.status.promote_full and world.index <= world.shape.step_count:
        return 1.0
    return max(world.shape.weight_at(0), world.shape.weight_at(world.index)) / 100


def out_of_bounds(deed: Deed) -> Iterator[str]:
    """S8: a weight is a part of its total."""
    for write in deed.of(act.SetRouting):
        assert isinstance(write, act.SetRouting)
        if not 0 <= write.routing.weight <= write.routing.total:
            yield f"S8: weight {write.routing.weight} of {write.routing.total}"


# --- Pods ----------------------------------------------------------------------------------------


def robbed(deed: Deed) -> Iterator[str]:
    """S2: whoever may be reached keeps room for the greatest share that it may get."""
    for old in deed.before.sets:
        new = deed.after.pods(old.version)
        left = new.replicas if new else 0
        if left >= old.replicas:
            continue
        share = max(deed.reach_before.share(old.version), deed.reach_after.share(old.version))
        if share < EPS or not deed.before.replicas:
            continue
        needed = room(deed.before, old.version, share)
        if left < min(needed, deed.before.replicas):
            yield f"S2: {old.version} keeps {left} pods where {share:.0%} may need {needed}"


def robbed_of_testers(deed: Deed) -> Iterator[str]:
    """S2: whom a header route may reach keeps its pods, but for what its own step asks."""
    before = deed.before
    for old in before.sets:
        new = deed.after.pods(old.version)
        left = new.replicas if new else 0
        reached = old.version in deed.reach_before.tested | deed.reach_after.tested
        if left >= old.replicas or not reached or not before.replicas:
            continue
        status = before.status
        on_trial = before.version == before.recorded == old.version != before.base
        own = on_trial and not status.abort and not status.promote_full
        needed = step_room(before, old.version) if own else old.replicas
        if left < min(needed, before.replicas):
            yield f"S2: {old.version} keeps {left} pods while testers may get to it"


def hurried(deed: Deed) -> Iterator[str]:
    """S2: the user's delay runs from when the last request could reach the revision."""
    before = deed.before
    for old in before.sets:
        new = deed.after.pods(old.version)
        if not old.replicas or (new and new.replicas) or not before.replicas:
            continue
        promoted = before.base == before.recorded == before.version
        aborted = before.status.abort and old.version == before.version == before.recorded
        aborted = aborted and before.status.current_step_hash == step_hash_of(before.shape)
        owed = (promoted and old.version != before.base) or (aborted and old.version != before.base)
        waited = before.now - old.reached
        # Under dynamicStableScale the original's delays are 0 unless they are set.
        if owed and not before.shape.dynamic and waited < DELAY - GRAIN:
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
        if gone and any(_goes_on(deed, run.name, old.version) for run in before.runs):
            yield f"S9: {old.version} goes to zero while a run measures it"


def _goes_on(deed: Deed, name: str, version: str) -> bool:
    return any(
        run.name == name
        and run.version == version
        and run.phase in ("Pending", "Running")
        and not run.stopped
        for run in deed.before.runs
    )


def thawed(deed: Deed) -> Iterator[str]:
    """S6: while frozen the canary gets no pods and no run. (Its share: `on_whose_behalf`.)"""
    before = deed.before
    if not (before.paused or before.invalid):
        return
    for old in before.sets:
        new = deed.after.pods(old.version)
        on_trial = old.version == before.version and before.base not in ("", old.version)
        if new and on_trial and new.replicas > old.replicas:
            yield f"S6: {old.version} gets pods although the rollout is frozen"
    for write in deed.of(act.StartRun):
        yield f"S6: a run starts although the rollout is frozen: {write}"


CHECKS: tuple[Callable[[Deed], Iterator[str]], ...] = (
    stranded,
    raised_beside_the_dead,
    outgrown,
    tested_unready,
    on_whose_behalf,
    out_of_bounds,
    robbed,
    robbed_of_testers,
    hurried,
    emptied,
    thawed,
)


# --- What has to be done -------------------------------------------------------------------------


def omissions(world: World, writes: Sequence[Write]) -> tuple[str, ...]:
    """S3: requests to the dead go to a living stable in the same plan."""
    of_trials = (*taken_away(world), *unleft(world, writes)) if world.trials else ()
    return (*of_trials, *_of_canary(world, writes))


def _of_canary(world: World, writes: Sequence[Write]) -> tuple[str, ...]:
    if any(one.shown for one in world.sets):
        return ()  # their Service's slices do not say so yet
    still = not (
        world.router.lagging or world.router.apart or world.canary.lagging or world.stable.lagging
    )
    settled = world.stable.shown == world.stable.selector == world.base
    behind = world.ready(world.canary.selector)
    reaches = world.router.weight or world.router.tested
    if not (reaches and world.base and still and settled and world.replicas):
        return ()
    if behind or not world.ready(world.base) or world.canary.selector == world.base:
        return ()
    for write in writes:
        if isinstance(write, act.SetRouting) and not write.routing.reaches:
            return ()
        if isinstance(write, act.PointService) and version_of(write.hash) == world.base:
            return ()
    return (f"S3: {world.canary.selector} is dead with weight {world.router.weight}: not left",)

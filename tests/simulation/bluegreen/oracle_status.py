"""What the status of a blue-green rollout may not say, judged by the world before it is written."""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.argo import RolloutStatus
from simulation.bluegreen.world import World, noted
from simulation.shape import SECOND, micros, version_of


def status_faults(before: World, new: RolloutStatus) -> tuple[str, ...]:
    """All that is wrong with a status that is about to be written."""
    return (
        *_promoted(before, new),
        *_unpaused(before, new),
        *_dropped(before, new),
        *_taken_up(before, new),
        *_switched(before, new),
    )


def _promoted(before: World, new: RolloutStatus) -> Iterator[str]:
    """S7: stable is what production gets, seen, whole and measured."""
    stable = version_of(new.stable_rs)
    if stable == before.base:
        return
    if stable != before.version:
        yield f"S7: {stable} becomes stable, wanted is {before.version}"
    if before.base and (before.status.abort or before.paused or before.invalid):
        yield f"S7: {stable} becomes stable although the rollout is held"
    others = (one for one in before.sets if one.version != stable and one.ready)
    elsewhere = before.active.selector != stable or any(
        before.may_reach(one.version) for one in others
    )
    if elsewhere:
        yield f"S7: {stable} becomes stable while production may get another one"
    pods = before.pods(stable)
    if (pods.lasting if pods else 0) < before.replicas:
        yield f"S7: {stable} becomes stable and is not whole"
    free = not before.base or before.status.promote_full or before.short
    if before.shape.post and not free and not _measured(before):
        yield f"S10: {stable} becomes stable without a verdict behind this switch"


def _measured(world: World) -> bool:
    return any(
        run.kind == "PostPromotion"
        and run.phase == "Successful"
        and (run.version, run.attempt, run.switch) == (world.version, world.attempt, world.switch)
        for run in world.runs
    )


def _unpaused(before: World, new: RolloutStatus) -> Iterator[str]:
    """S5: the controller ends a pause when its time is over, or when nothing is to be paused."""
    old = [p for p in before.status.pause_conditions if p.reason == "BlueGreenPause"]
    kept = any(p.reason == "BlueGreenPause" for p in new.pause_conditions)
    if not old or kept or new.abort or before.status.abort:
        return
    if new.promote_full or before.status.promote_full:
        return  # a person did; after a crash the promotion itself may be what is told first
    if new.current_pod_hash != before.status.current_pod_hash or before.short:
        return
    begun = old[0].start_time
    seconds = before.shape.seconds
    over = begun is not None and before.now >= micros(begun) + seconds * SECOND
    if before.shape.manual or not over:
        yield "S5: a pause is ended that nobody ended"


def _dropped(before: World, new: RolloutStatus) -> Iterator[str]:
    """S6: an abort is dropped only where nothing is left to abort, or for another revision."""
    old = before.status
    if not old.abort or new.abort:
        return
    other = new.current_pod_hash != old.current_pod_hash and old.aborted_at is not None
    if not other and before.base and before.base != version_of(new.current_pod_hash):
        yield "S6: an abort is dropped"


def _taken_up(before: World, new: RolloutStatus) -> Iterator[str]:
    """S10: a run of an earlier attempt is not taken up."""
    retried = before.status.aborted_at is not None and new.aborted_at is None
    for run in before.runs:
        if run.name not in noted(new):
            continue
        if run.name not in noted(before.status):
            yield f"S10: {run.name} is taken up although it was there before"
        elif retried:
            yield f"S10: {run.name} of the attempt before is taken up again"


def _switched(before: World, new: RolloutStatus) -> Iterator[str]:
    """The status tells what is seen."""
    if version_of(new.blue_green.active_selector) != before.active.selector:
        yield "the status tells another active selector than the Service has"

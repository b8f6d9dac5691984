"""The judge of progress deadlines: nobody is given up too early, and nobody is waited for silently.

When a release got on last is the world's own memory (`World.moved`); imports nothing of the
planner's.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.argo import RolloutStatus
from simulation.model import World
from simulation.shape import SECOND

EXCEEDED = "ProgressDeadlineExceeded"


def got_on(world: World, new: RolloutStatus) -> bool:
    """What a status tells of progress: steps, pods that come or get ready, old ones that go, and
    whatever stopped the clock until now. In a pause that lacks pods only these stop it.
    """
    old = world.status
    if old.pause_conditions and old.pause_conditions == new.pause_conditions and _is_short(world):
        return _stopped_until_now(old, new)
    return (
        (new.current_pod_hash, new.current_step_index, new.current_step_hash, new.stable_rs)
        != (old.current_pod_hash, old.current_step_index, old.current_step_hash, old.stable_rs)
        or new.ready_replicas > old.ready_replicas
        or new.available_replicas > old.available_replicas
        or new.updated_replicas != old.updated_replicas
        or new.replicas - new.updated_replicas < old.replicas - old.updated_replicas
        or _stopped_until_now(old, new)
    )


def _stopped_until_now(old: RolloutStatus, new: RolloutStatus) -> bool:
    return (
        (new.abort, new.aborted_at) != (old.abort, old.aborted_at)
        or _told(new, "Paused") != _told(old, "Paused")
        or _told(new, "InvalidSpec") != _told(old, "InvalidSpec")
    )


def _told(status: RolloutStatus, kind: str) -> str:
    return next((c.status for c in status.conditions if c.type == kind), "")


def is_late(before: World) -> bool:
    """An abort by the deadline is due: it is asked for, and nothing got on for so long."""
    shape = before.shape
    if not shape.aborting or shape.deadline is None or before.paused or before.invalid:
        return False
    waited = before.now - before.moved >= shape.deadline * SECOND
    return waited and not _takes_its_time(before)


def _takes_its_time(world: World) -> bool:
    """A pause whose canary has what it needs, or something that is measured."""
    steps, index = world.shape.steps, world.index
    step = steps[index] if index < len(steps) else {}
    if "pause" not in step or not world.status.pause_conditions:
        return "analysis" in step or "experiment" in step
    left = world.shape.routed and world.router.weight < world.shape.weight_at(index)
    return not (_is_short(world) or left or "duration" in step["pause"])


def _is_short(world: World) -> bool:
    canary = world.pods(world.version)
    return canary is None or canary.ready < canary.replicas


def unhurried(world: World) -> Iterator[str]:
    """What is wrong with a rest that nobody is told of."""
    shape, status = world.shape, world.status
    stuck = world.version in shape.broken and world.version not in ("", world.base)
    held = world.paused or world.invalid or status.abort or not world.replicas
    if shape.deadline is None or not stuck or held:
        return
    if shape.aborting and world.base:
        yield f"rest: {world.version} is late and not aborted"
    told = next((c.reason for c in status.conditions if c.type == "Progressing"), "")
    if told != EXCEEDED:
        yield f"rest: {world.version} is late and this is not told: {told}"

"""The judge of what runs beside all steps: who heeds its verdict (S5, S10).

Looks at the runs of the world and at the memory before; imports nothing of the planner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serinus.api.argo import RolloutStatus
from serinus.core.rollout import actions as act
from simulation.doing import Write
from simulation.model import DOUBT, World
from simulation.parts import Run
from simulation.shape import version_of


def watcher(world: World) -> Run | None:
    """The newest run beside the steps, of this attempt and this update.

    A revision that was given up for another one and is wanted again has another number, even if a
    crash kept the status from knowing of it; it is measured anew, by a run of that number.
    """
    status = world.status
    on_trial = world.base not in ("", world.version) and world.recorded == world.version
    if not on_trial or status.abort or status.aborted_at is not None or status.promote_full:
        return None
    found = [
        run
        for run in world.runs
        if run.step is None and run.version == world.version and run.attempt == world.attempt
    ]
    one = world.pods(world.version)
    return found[-1] if found and (one is None or _number(found[-1]) == one.number) else None


def _number(run: Run) -> int:
    """The revision's number, of which the name of a run tells; an attempt stands after a dot."""
    return int(run.name.rpartition("-")[2].partition(".")[0])


def failed(world: World) -> Run | None:
    """The run that says no; one that was stopped before says nothing."""
    run = watcher(world)
    return run if run is not None and run.phase in ("Failed", "Error") else None


def doubted(world: World) -> Run | None:
    """The run that says neither yes nor no, and that nobody has followed up by another one."""
    run, noted = watcher(world), world.status.canary.current_background_analysis_run_status
    if run is None or (noted is not None and noted.name != run.name):
        return None
    unsure = run.phase == "Inconclusive" or (run.stopped and run.phase in ("Pending", "Running"))
    return run if unsure else None


def unheeded(before: World, new: RolloutStatus) -> Iterator[str]:
    """A bad verdict aborts; nobody but a person goes on after a doubtful one."""
    if new.current_pod_hash != before.status.current_pod_hash:
        return
    if failed(before) is not None and not new.abort:
        yield "S10: the run beside the steps failed, and the release goes on"
    told = before.status.controller_pause and not before.status.pause_conditions
    if doubted(before) is None or told:
        return
    left = (new.current_step_index or 0) > (before.status.current_step_index or 0)
    if left or version_of(new.stable_rs) == before.version:
        yield f"S10: step {before.index} is left although the run beside it is in doubt"


def raised(before: World, writes: Sequence[Write]) -> Iterator[str]:
    """The canary gets no more under a verdict that is bad, or doubtful and told."""
    known = any(pause.reason == DOUBT for pause in before.status.pause_conditions)
    if failed(before) is None and (doubted(before) is None or not known):
        return
    for write in writes:
        if isinstance(write, act.SetRouting) and write.routing.weight > before.router.weight:
            yield f"S10: weight {write.routing.weight} is written under a verdict against it"
        if not isinstance(write, act.Scale) or before.paused:
            continue
        one = before.pods(before.version)
        if one is not None and write.revision == one.name and write.replicas > one.replicas:
            yield f"S10: {one.version} gets pods under a verdict against it"


def unpaused(world: World) -> Iterator[str]:
    """What is wrong with a rest in doubt: a person must be asked."""
    if not any(pause.reason == DOUBT for pause in world.status.pause_conditions):
        yield "rest: in doubt, without a pause that a user could end"

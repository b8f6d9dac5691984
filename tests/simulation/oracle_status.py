"""The judge of a status: steps, pauses, verdicts, promotion, aborts (S5, S6, S7, S10).

Looks at the world and at the memory before; imports nothing of the planner.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.argo import RolloutStatus
from simulation import oracle_plugins as plugins
from simulation.model import World
from simulation.oracle_background import unheeded
from simulation.oracle_basic import not_in_proportion
from simulation.oracle_deadline import is_late
from simulation.parts import Run, Trial
from simulation.reach import reach
from simulation.shape import micros, version_of

PAUSE = "CanaryPauseStep"
EPS = 1e-9


def status_faults(before: World, new: RolloutStatus) -> Iterator[str]:
    """What is wrong with a new status that was decided on `before`."""
    yield from _begun(before, new)
    yield from _step(before, new)
    yield from _promotion(before, new)
    yield from _abort(before, new)
    yield from _pauses(before, new)
    yield from unheeded(before, new)
    yield from plugins.unheeded(before, new)


def _index(world: World, status: RolloutStatus) -> int:
    index = status.current_step_index
    return world.shape.step_count if index is None else index


# --- S5 ------------------------------------------------------------------------------------------


def _begun(before: World, new: RolloutStatus) -> Iterator[str]:
    """A revision begins at its first step, but for a way back to what was stable once."""
    version, known = version_of(new.current_pod_hash), before.status.current_pod_hash
    if not known or new.current_pod_hash == known or version == before.base:
        return
    index = _index(before, new)
    if index and not before.shape.window:
        yield f"S5: {version} begins at step {index}"
    elif index and version not in before.trusted:
        yield f"S5: {version} begins at step {index}, and nobody ever let it through"


def _step(before: World, new: RolloutStatus) -> Iterator[str]:
    """One step at most, and only one that was completed."""
    was, now = before.index, _index(before, new)
    same = new.current_pod_hash == before.status.current_pod_hash
    ends = version_of(new.stable_rs) == version_of(new.current_pod_hash)
    if not same or ends or now <= was or not before.status.current_pod_hash:
        return
    if before.paused or before.invalid:
        yield f"S6: step {was} is left for {now} although the rollout is frozen"
    if now > was + 1:
        yield f"S5: {now - was} steps at once, from {was} to {now}"
    if before.status.abort or new.abort:
        yield f"S5: step {was} is left for {now} although it is aborted"
    if stable_is_missed(before):
        yield f"S3: step {was} is left for {now} while {before.base} is dead"
    yield from _unfinished(before, new, was)


def stable_is_missed(world: World) -> bool:
    """Users that a router gives to stable find no pod of it, and nobody promotes fully."""
    routed = world.shape.routed and world.stable.selector == world.stable.shown == world.base
    wanted = world.base and world.replicas and not world.status.promote_full
    gives = world.router.weight < 100
    return bool(routed and wanted and gives and not world.ready(world.base))


def _unfinished(before: World, new: RolloutStatus, index: int) -> Iterator[str]:
    step = before.shape.steps[index]
    pods = before.pods(before.version)
    if "setWeight" in step and not before.shape.routed:
        wrong = not_in_proportion(before, index)
        if wrong:
            yield f"S5: setWeight counts as done with {wrong}"
    elif "setWeight" in step:
        share = reach(before).share(before.version)
        wanted = step["setWeight"]
        shown = {one.weight for one in before.router.written}
        if shown != {wanted} or before.canary.selector != before.version:
            yield f"S5: setWeight {wanted} counts as done at weight {before.router.weight}"
        if before.shape.verifying and before.router.lagging:
            yield f"S5: setWeight {wanted} counts as done although the router disobeys ({share})"
    if "setHeaderRoute" in step:
        wanted = bool(step["setHeaderRoute"].get("match"))
        if before.router.tested is not wanted or before.router.apart:
            yield f"S5: setHeaderRoute counts as done with a route: {before.router.tested}"
        if wanted and before.canary.selector != before.version:
            yield "S5: setHeaderRoute counts as done for another revision"
        if before.shape.verifying and before.router.lagging:
            yield "S5: setHeaderRoute counts as done although the router disobeys"
    if "setCanaryScale" in step:
        asked = before.shape.asked_at(index)
        if asked is not None and (pods is None or pods.ready < asked):
            yield f"S5: setCanaryScale {asked} counts as done with {pods}"
    if "pause" in step:
        yield from _unpaused(before, step["pause"].get("duration"))
    if "analysis" in step and not any(_passed(before, run, index) for run in before.runs):
        yield f"S10: the analysis of step {index} counts as passed without a run of this attempt"
    if "plugin" in step and not plugins.passed(before, index):
        yield f"S5: the plugin of step {index} counts as passed and did not say so"
    if "setMirrorRoute" in step:
        wanted = bool(step["setMirrorRoute"].get("match"))
        if before.router.mirrored is not wanted or before.router.apart:
            yield f"S5: setMirrorRoute counts as done with one: {before.router.mirrored}"
    if "experiment" in step and not any(_passed(before, one, index) for one in before.trials):
        yield f"S10: the experiment of step {index} counts as passed without one of this attempt"


def _unpaused(before: World, duration: str | None) -> Iterator[str]:
    started = next(
        (p.start_time for p in before.status.pause_conditions if p.reason == PAUSE), None
    )
    if started is None:
        if not before.status.controller_pause:
            yield "S5: a pause is passed that was not entered"
        return
    seconds = None if duration is None else int(duration.removesuffix("s"))
    if seconds is None or before.now < micros(started) + seconds * 1_000_000:
        yield f"S5: a pause of {duration or 'no end'} is left by itself"
    wanted = before.shape.weight_at(before.index)
    if not before.shape.routed:
        divided = before.replicas + before.shape.surge(before.replicas) > 1
        if wanted and divided and not before.ready(before.version):
            yield "S5: a pause is over although its canary is dead"
    elif before.shape.tested_at(before.index) and not before.router.tested:
        yield "S5: a pause is over although its header route is gone"
    elif before.router.weight < wanted:
        yield f"S5: a pause at weight {wanted} is over at weight {before.router.weight}"


def _passed(before: World, run: Run | Trial, index: int) -> bool:
    return (
        run.version == before.version
        and run.step == index
        and run.attempt == before.attempt
        and run.phase == "Successful"
        and not run.stopped
    )


# --- S7 ------------------------------------------------------------------------------------------


def _promotion(before: World, new: RolloutStatus) -> Iterator[str]:
    """Stable is only what carries everything, whatever mix is obeyed."""
    old = before.status
    if new.stable_rs == old.stable_rs:
        return
    version = version_of(new.stable_rs)
    if version != before.version:
        yield f"S7: {version} becomes stable although {before.version} is wanted"
    if before.paused or before.invalid:
        yield f"S6: {version} becomes stable although the rollout is frozen"
    ready = before.ready(version)
    if ready < before.replicas:
        yield f"S7: {version} becomes stable with {ready} of {before.replicas} pods"
    if not before.base:
        return
    if old.abort:
        yield f"S7: {version} becomes stable although it is aborted"
    done = before.index >= before.shape.step_count or old.promote_full
    measured = [*before.runs, *before.trials] if not done else []
    here = (before.attempt, version, before.index)
    if any(m.phase == "Failed" and (m.attempt, m.version, m.step) == here for m in measured):
        yield f"S10: {version} becomes stable although what step {before.index} measured failed"
    if not done and before.replicas:
        yield f"S5: {version} becomes stable at step {before.index}"
    if not before.shape.routed:
        return
    sure = reach(before).sure(version)
    if before.replicas and sure < 1 - EPS:
        yield f"S7: {version} becomes stable although it may get only {sure:.0%}"


# --- Aborts and pauses ---------------------------------------------------------------------------


def _abort(before: World, new: RolloutStatus) -> Iterator[str]:
    """Only a user or a verdict of this attempt aborts; an abort is lost to nothing but its end."""
    old = before.status
    # A template whose spec is invalid is not taken up: what was noted before is what runs.
    tried = before.recorded if before.invalid else before.version
    if new.abort and not old.abort:
        bad = [
            run
            for run in (*before.runs, *before.trials)
            if run.phase in ("Failed", "Error")
            and run.attempt == before.attempt
            and run.version == tried
        ]
        if not (bad or plugins.failed(before) or is_late(before)):
            yield "S10: aborted without a user's word or a verdict of this attempt"
    same = new.current_pod_hash == old.current_pod_hash
    on_trial = version_of(new.current_pod_hash) != before.base != ""
    pending = old.abort and old.aborted_at is None
    other_steps = new.current_step_hash != old.current_step_hash  # a new attempt, as there
    if old.abort and not new.abort and on_trial and ((same and not other_steps) or pending):
        yield "S6: an abort is taken back that nobody took back"
    if new.abort and new.promote_full:
        yield "S6: aborted and fully promoted at once"


def _pauses(before: World, new: RolloutStatus) -> Iterator[str]:
    """A pause begins when it is entered and is not entered again after it was left."""
    known = {(pause.reason, pause.start_time) for pause in before.status.pause_conditions}
    for pause in new.pause_conditions:
        if (pause.reason, pause.start_time) in known:
            continue
        if pause.start_time is None or micros(pause.start_time) > before.now:
            yield f"S5: a pause begins at {pause.start_time}, not now"
        same = _index(before, new) == before.index
        if pause.reason == PAUSE and same and before.let_go == before.index:
            yield "S5: a pause that a user let go on is entered again"

"""What makes two small worlds the same: a canonical key, with instants relative to now."""

from __future__ import annotations

from datetime import datetime

from serinus.api.argo import RolloutStatus
from simulation.model import Pods, World
from simulation.parts import Run, Told
from simulation.shape import instant, micros, version_of


def key(world: World) -> tuple[object, ...]:
    """Canonical: instants are relative to now in whole seconds, numbers are ranks."""
    now, status = world.now, world.status
    ranks = {one.version: one.number for one in world.sets}
    numbers = sorted(set(ranks.values()))
    writes = {
        "s": world.stable.written_at,
        "c": world.canary.written_at,
        "r": world.router.written_at,
    }
    return (
        world.version,
        world.replicas,
        world.paused,
        world.invalid,
        tuple(_pods_key(world, one, numbers, writes) for one in world.sets),
        *(
            (s.selector, s.shown, s.lagging, _age(now, s.written_at))
            for s in (world.stable, world.canary)
        ),
        (
            world.router.order,
            world.router.lagging,
            world.router.apart,
            _age(now, world.router.written_at),
            world.router.readable,
        ),
        tuple(
            (r.version, r.step, r.phase, r.stopped, r.attempt == world.attempt, _noted(world, r))
            for r in world.runs
        ),
        tuple(
            (t.version, t.step, t.phase, t.stopped, t.ready, t.noted, t.attempt == world.attempt)
            for t in world.trials
        ),
        world.lender and (world.lender.replicas, world.lender.ready, world.lender.noted),
        (world.restart is None, instant(world.restart) == status.restarted_at),
        _status_key(world, status),
        (world.let_go, world.shape.name, len(world.shape.steps), tuple(sorted(world.trusted))),
        _plugins_key(world) if world.shape.plugged else (),
        _deadline_key(world) if world.shape.deadline else (),
    )


def text(at: int) -> str:
    """An instant as annotations show it."""
    shown = instant(at)
    assert shown is not None
    return shown.isoformat()


def _age(now: int, at: int | None) -> int | None:
    return None if at is None else min((now - at) // 1_000_000, 40)


def _pods_key(
    world: World, one: Pods, numbers: list[int], writes: dict[str, int | None]
) -> tuple[object, ...]:
    left = None if one.deadline is None else max((one.deadline - world.now) // 1_000_000, -1)
    same = tuple(n for n, at in writes.items() if at is not None and text(at) in one.set_for)
    reached = min((world.now - one.reached) // 1_000_000, 40)
    return (
        one.version,
        numbers.index(one.number),
        one.replicas,
        (one.ready, one.pending, one.old, one.shown),
        (left, one.proven),
        same,
        reached,
    )


def _plugins_key(world: World) -> tuple[object, ...]:
    entries = tuple(
        (e.index, e.operation, e.phase, e.executions, _since(world, e.updated_at))
        for e in world.status.canary.step_plugin_statuses
    )
    known = frozenset(
        (t.attempt == world.attempt, t.attempt in world.won, t.version, *_place(t), bool(t.calls))
        for t in world.told
    )
    calls = tuple((call.asked.index, call.asked.operation, call.phase) for call in world.calls)
    return (entries, known, calls)


def _place(one: Told) -> tuple[object, ...]:
    return (one.index, one.operation, one.phase)


def _deadline_key(world: World) -> tuple[object, ...]:
    told = next((c for c in world.status.conditions if c.type == "Progressing"), None)
    if told is None:
        return ()
    return (told.reason, _since(world, told.last_update_time), _age(world.now, world.moved))


def _since(world: World, at: datetime | None) -> int | None:
    return None if at is None else _age(world.now, micros(at))


def _noted(world: World, run: Run) -> bool:
    canary = world.status.canary
    noted = canary.current_step_analysis_run_status
    if run.step is None:
        noted = canary.current_background_analysis_run_status
    return noted is not None and noted.name == run.name


def _status_key(world: World, status: RolloutStatus) -> tuple[object, ...]:
    noted = status.canary.current_step_analysis_run_status
    beside = status.canary.current_background_analysis_run_status
    started = tuple(
        (pause.reason, _age(world.now, micros(pause.start_time)) if pause.start_time else None)
        for pause in status.pause_conditions
    )
    return (
        status.abort,
        status.aborted_at is not None,
        started,
        status.controller_pause,
        status.promote_full,
        version_of(status.current_pod_hash),
        status.current_step_hash != "",
        status.current_step_index,
        version_of(status.stable_rs),
        (status.canary.current_experiment in {trial.name for trial in world.trials}),
        (noted.status, noted.name in {run.name for run in world.runs}) if noted else None,
        (beside.status, beside.name in {run.name for run in world.runs}) if beside else None,
    )

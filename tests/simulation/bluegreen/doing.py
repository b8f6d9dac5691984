"""What the controller sees of a world, and what any subset of a plan's writes does to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from serinus.api import names
from serinus.api.analysis import AnalysisRun, AnalysisRunSpec, AnalysisRunStatus
from serinus.api.argo import RolloutStatus
from serinus.api.kubernetes import ObjectMeta
from serinus.core.rollout import actions as act
from serinus.core.rollout.snapshot import ServiceSeen, Snapshot
from simulation.bluegreen.shape import rollout_of
from simulation.bluegreen.world import Run, World, passed, service_of, with_pods, with_service
from simulation.doing import Write, eviction, scaled
from simulation.model import Pods, Service
from simulation.seeing import PROBLEM, SETTINGS, revision_of, workload_of
from simulation.shape import hash_of, instant, micros, template_of, version_of

# --- Seeing --------------------------------------------------------------------------------------


def seen(world: World) -> Snapshot:
    """A fresh snapshot."""
    now = instant(world.now)
    assert now is not None
    return Snapshot(
        now=now,
        rollout=rollout_of(
            *(world.shape, world.replicas, (world.paused, world.restart)),
            *(world.revision, world.status),
        ),
        template=template_of(world.version),
        template_hash=hash_of(world.version),
        step_hash="",
        revisions=tuple(revision_of(one, world.restart) for one in world.sets),
        services={
            name: _service(world, name, part)
            for name, part in (("active", world.active), ("preview", world.preview))
        },
        runs=tuple(_run(run) for run in world.runs),
        workload=workload_of(world.lender),
        problems=PROBLEM if world.invalid else (),
        settings=SETTINGS,
    )


def _service(world: World, name: str, part: Service) -> ServiceSeen:
    behind = {
        hash_of(one.version): one.ready + one.shown
        for one in world.sets
        if part.shown in ("", one.version) and one.ready + one.shown
    }
    if world.lender and world.lender.ready and not part.shown:
        behind[""] = world.lender.ready
    return ServiceSeen(
        name=name,
        resource_version=str(part.written),
        selector_hash=hash_of(part.selector),
        written_at=instant(part.written_at),
        endpoints=behind,
    )


def _run(run: Run) -> AnalysisRun:
    phase = "Successful" if run.stopped and run.phase == "Running" else run.phase
    return AnalysisRun(
        metadata=ObjectMeta(name=run.name, labels={names.POD_HASH: hash_of(run.version)}),
        spec=AnalysisRunSpec(terminate=run.stopped),
        status=AnalysisRunStatus(phase=phase),
    )


# --- Doing ---------------------------------------------------------------------------------------


def carried_out(world: World, writes: Sequence[Write]) -> World:
    """The world after these writes."""
    for write in writes:
        world = _write(world, write)
    return passed(world, world.now + 1)


def _write(world: World, write: Write) -> World:
    match write:
        case RolloutStatus():
            return _status(world, write)
        case act.PointService():
            return _point(world, write)
        case act.CreateRevision(_, hash_, number, _):
            version = version_of(hash_)
            if world.pods(version) is not None:
                return world
            sets = sorted((*world.sets, Pods(version, number)), key=lambda one: one.version)
            return replace(world, sets=tuple(sets))
        case act.Scale(name, version, replicas):
            return _on_set(world, name, version, replicas=replicas)
        case act.Annotate(name, version, notes):
            return _annotate(world, name, version, dict(notes))
        case act.StartRun(name, _, _, hash_, _, kind):
            if any(run.name == name for run in world.runs):
                return world
            ghosts = {"attempt": world.attempt, "switch": world.switch}
            run = Run(name, version_of(hash_), kind, **ghosts)  # type: ignore[arg-type]
            return replace(world, runs=(*world.runs, run))
        case act.StopRun(name):
            runs = tuple(replace(r, stopped=True) if r.name == name else r for r in world.runs)
            return replace(world, runs=runs)
        case act.Evict(name):
            return evicted(world, name)
        case act.ScaleWorkload():
            return replace(world, lender=scaled(world.lender, write))
        case act.EditRollout(annotations, replicas):
            revision = annotations.get(names.REVISION, world.revision)
            wanted = world.replicas if replicas is None else replicas
            return replace(world, revision=revision, replicas=wanted)
        case act.Retire("ReplicaSet", name):
            return replace(world, sets=tuple(s for s in world.sets if s.name != name))
        case act.Retire(_, name):
            return replace(world, runs=tuple(r for r in world.runs if r.name != name))
    raise AssertionError(f"a write that the world does not know: {write}")


def evicted(world: World, name: str) -> World:
    left = eviction(world.sets, name)
    return world if left is None else with_pods(world, left)


def _status(world: World, new: RolloutStatus) -> World:
    """Ghosts follow the memory."""
    old = world.status
    other = new.current_pod_hash != old.current_pod_hash
    anew = other or (old.aborted_at is not None and new.aborted_at is None)
    ended = _paused(old) and not _paused(new) and world.shape.seconds > 0 and not new.abort
    return replace(
        world,
        status=new,
        attempt=world.attempt + anew,
        let_go=not anew and (world.let_go or ended),
        trusted=world.trusted | {version_of(new.stable_rs)},
        short=(_is_short(world, version_of(new.current_pod_hash)) if other else False)
        if anew
        else world.short,
    )


def _paused(status: RolloutStatus) -> bool:
    return any(pause.reason == "BlueGreenPause" for pause in status.pause_conditions)


def _is_short(world: World, version: str) -> bool:
    """Back to one that was stable, is older than stable, and in a delay that is not over."""
    one, base = world.pods(version), world.pods(world.base)
    if one is None or base is None or one.deadline is None or not one.replicas:
        return False
    return version in world.trusted and one.deadline > world.now and one.number < base.number


def _point(world: World, write: act.PointService) -> World:
    service, selector = service_of(world, write.service), version_of(write.hash)
    if write.resource_version != str(service.written):
        return world
    old = (*service.lagging, service.shown, service.selector)
    new = replace(
        service,
        selector=selector,
        lagging=tuple(dict.fromkeys(s for s in old if s != selector)),
        written_at=micros(write.at),
        written=service.written + 1,
    )
    return replace(
        with_service(world, write.service, new), switch=world.switch + (write.service == "active")
    )


def _on_set(world: World, name: str, version: str, **changes: object) -> World:
    one = next((s for s in world.sets if s.name == name), None)
    if one is None or version != str(one.written):
        return world
    return with_pods(world, replace(one, written=one.written + 1, **changes))  # type: ignore[arg-type]


def _annotate(world: World, name: str, version: str, notes: dict[str, str | None]) -> World:
    changes: dict[str, object] = {}
    if names.SCALE_DOWN_DEADLINE in notes:
        text = notes[names.SCALE_DOWN_DEADLINE]
        changes["deadline"] = micros(datetime.fromisoformat(text)) if text else None
        changes["set_for"] = notes.get(names.SCALE_DOWN_SET_FOR) or ""
    if names.REVISION in notes:
        changes["number"] = int(notes[names.REVISION] or 0)
    if names.WAS_STABLE in notes:
        changes["proven"] = bool(notes[names.WAS_STABLE])
    return _on_set(world, name, version, **changes)

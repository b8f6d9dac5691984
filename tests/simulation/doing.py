"""Carries out any subset of a plan's writes on a world, as the API server would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from serinus.api import names
from serinus.api.argo import RolloutStatus
from serinus.core.rollout import actions as act
from serinus.core.routing import Routing
from simulation.model import Lender, Pods, World, passed, with_pods
from simulation.oracle_deadline import got_on
from simulation.parts import Order, Router, Run
from simulation.plugging import called, is_known, noted
from simulation.reach import touched
from simulation.shape import micros, version_of
from simulation.trying import trial_of, with_trial

Write = act.Action | RolloutStatus


def writes_of(plan: act.Plan, world: World) -> tuple[Write, ...]:
    """All writes of a plan in their order, the status last and only if it says something new."""
    found: list[Write] = [
        action
        for action in plan.actions
        if not isinstance(action, act.Announce)
        and not (isinstance(action, act.CallStep) and is_known(world, action.call.asked))
    ]
    if plan.status is not None and plan.status != world.status:
        found.append(plan.status)
    return tuple(found)


def carried_out(world: World, writes: Sequence[Write], *, lenient: bool = False) -> World:
    """The world after these writes. `lenient` ignores resourceVersions (the mutation of T17)."""
    for write in writes:
        world = _write(world, write, lenient)
    return passed(touched(world), world.now + 1)


def _write(world: World, write: Write, lenient: bool) -> World:
    match write:
        case RolloutStatus():
            return _status(world, write)
        case act.SetRouting(_, routing, at):
            return replace(world, router=routed(world.router, routing, at))
        case act.PointService(name, version, hash_, at):
            part = name.removeprefix("app/")
            return _point(world, part, version, (version_of(hash_), at), lenient)
        case act.CreateRevision(_, hash_, number, _):
            version = version_of(hash_)
            if world.pods(version) is not None:
                return world
            sets = sorted((*world.sets, Pods(version, number)), key=lambda one: one.version)
            return replace(world, sets=tuple(sets))
        case act.Scale(name, version, replicas):
            return _on_set(world, (name, version), lenient, replicas=replicas)
        case act.Annotate(name, version, notes):
            return _annotate(world, (name, version), dict(notes), lenient)
        case act.LabelPods(name, version):
            return _on_set(world, (name, version), lenient)
        case act.StartRun(name, _, step, hash_, _):
            if any(run.name == name for run in world.runs):
                return world
            run = Run(name, version_of(hash_), step, attempt=world.attempt)
            return replace(world, runs=(*world.runs, run))
        case act.StopRun(name):
            runs = tuple(replace(r, stopped=True) if r.name == name else r for r in world.runs)
            return replace(world, runs=runs)
        case act.StartExperiment(name, _, step, hash_):
            if any(trial.name == name for trial in world.trials):
                return world
            return replace(world, trials=(*world.trials, trial_of(world, name, hash_, step)))
        case act.StopExperiment(name, version):
            return with_trial(world, name, version, stopped=True)
        case act.MarkExperiment(name, version, noted):
            return with_trial(world, name, version, noted=noted)
        case act.CallStep(call):
            return called(world, call.asked)
        case act.Evict(name):
            left = eviction(world.sets, name)
            return world if left is None else with_pods(world, left)
        case act.ScaleWorkload():
            return replace(world, lender=scaled(world.lender, write))
        case act.EditRollout(annotations, replicas):
            revision = annotations.get(names.REVISION, world.revision)
            wanted = world.replicas if replicas is None else replicas
            return replace(world, revision=revision, replicas=wanted)
        case act.Retire("ReplicaSet", name):
            return replace(world, sets=tuple(s for s in world.sets if s.name != name))
        case act.Retire("Experiment", name):
            return replace(world, trials=tuple(t for t in world.trials if t.name != name))
        case act.Retire(_, name):
            return replace(world, runs=tuple(r for r in world.runs if r.name != name))
    raise AssertionError(f"a write that the world does not know: {write}")


def routed(router: Router, routing: Routing, at: datetime) -> Router:
    """A router that was told all this, at one place or at all of them."""
    weight = routing.weight * 100 // routing.total
    tried = tuple((one.service, one.weight) for one in routing.additional)
    order = Order(weight, bool(routing.header_routes), bool(routing.mirror_routes), tried)
    lagging = tuple(dict.fromkeys(one for one in router.orders if one != order))
    return Router(*order, lagging=lagging, written_at=micros(at), readable=router.readable)


def eviction(sets: Sequence[Pods], name: str) -> Pods | None:
    """A pod goes at once; that its ReplicaSet makes another one is an event of its own."""
    of, _, number = name.rpartition("-")
    one = next((s for s in sets if s.name == of), None)
    if one is None or int(number) >= one.ready + one.pending:
        return None
    ready = int(number) < one.ready
    old = one.old - (int(number) < one.old)
    return replace(one, ready=one.ready - ready, pending=one.pending - (not ready), old=old)


def scaled(lender: Lender | None, write: act.ScaleWorkload) -> Lender | None:
    """The workload after a write to it, if that was decided on how it is."""
    if lender is None or write.resource_version != str(lender.written):
        return lender
    by = "" if write.noted is None else "app"
    return Lender(write.replicas, lender.ready, write.noted, by, lender.written + 1)


def _status(world: World, new: RolloutStatus) -> World:
    """Ghosts follow the memory: what starts the steps anew, and what a user let go on."""
    old, before = world.status, world
    world = _by_roles(world, old.canary.stable_ping_pong, new.canary.stable_ping_pong)
    anew = (
        new.current_pod_hash != old.current_pod_hash
        or (old.aborted_at is not None and new.aborted_at is None)
        or (new.current_step_index == 0 and (old.current_step_index or 0) > 0)
    )
    moved = anew or new.current_step_index != old.current_step_index
    let_go = -1 if moved else world.let_go
    trusted = world.trusted | {version_of(new.stable_rs)}
    attempt = world.attempt + anew
    world = replace(world, status=new, attempt=attempt, let_go=let_go, trusted=trusted)
    if world.shape.deadline is not None and got_on(before, new):
        world = replace(world, moved=world.now)
    return noted(before, world) if world.shape.plugged else world


def _by_roles(world: World, old: str, new: str) -> World:
    """pingPong: the same Services and the same weights, told by other roles. Nobody is moved."""
    if (old or "ping") == (new or "ping"):
        return world
    router = world.router
    turned = tuple(one._replace(weight=100 - one.weight) for one in router.lagging)
    router = replace(router, weight=100 - router.weight, lagging=turned)
    return replace(world, stable=world.canary, canary=world.stable, router=router)


def _point(
    world: World, name: str, version: str, target: tuple[str, datetime], lenient: bool
) -> World:
    service = getattr(world, name)
    selector, at = target
    if version != str(service.written) and not lenient:
        return world
    old = (*service.lagging, service.shown, service.selector)
    lagging = tuple(dict.fromkeys(s for s in old if s != selector))
    new = replace(
        service,
        selector=selector,
        shown=selector if world.shape.subsets else service.shown,
        lagging=lagging,
        written_at=micros(at),
        written=service.written + 1,
    )
    return replace(world, **{name: new})


def _on_set(world: World, which: tuple[str, str], lenient: bool, **changes: object) -> World:
    name, version = which
    one = next((s for s in world.sets if s.name == name), None)
    if one is None or (version != str(one.written) and not lenient):
        return world
    return with_pods(world, replace(one, written=one.written + 1, **changes))  # type: ignore[arg-type]


def _annotate(
    world: World, which: tuple[str, str], notes: dict[str, str | None], lenient: bool
) -> World:
    changes: dict[str, object] = {}
    if names.SCALE_DOWN_DEADLINE in notes:
        text = notes[names.SCALE_DOWN_DEADLINE]
        changes["deadline"] = micros(datetime.fromisoformat(text)) if text else None
        changes["set_for"] = notes.get(names.SCALE_DOWN_SET_FOR) or ""
    if names.REVISION in notes:
        changes["number"] = int(notes[names.REVISION] or 0)
    if names.WAS_STABLE in notes:
        changes["proven"] = bool(notes[names.WAS_STABLE])
    return _on_set(world, which, lenient, **changes)

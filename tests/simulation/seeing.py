"""What the controller sees of a world: a Snapshot, fresh or with one kind that is older."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache

from msgspec.structs import replace as with_fields

from serinus.api import names
from serinus.api.analysis import AnalysisRun, AnalysisRunSpec, AnalysisRunStatus
from serinus.api.experiment import Experiment
from serinus.api.kubernetes import ObjectMeta
from serinus.base.errors import FieldProblem
from serinus.core.rollout.snapshot import (
    PodSeen,
    Revision,
    ServiceSeen,
    Settings,
    Snapshot,
    WorkloadSeen,
)
from serinus.core.routing import (
    Additional,
    HeaderRoute,
    MirrorMatch,
    MirrorRoute,
    RouterSeen,
    Routing,
    Unknown,
)
from simulation.model import Lender, Pods, Service, World
from simulation.parts import Order, Run, Trial
from simulation.plugging import answers
from simulation.shape import (
    SECOND,
    SETTLE,
    hash_of,
    instant,
    rollout_of,
    step_hash_of,
    template_of,
)
from simulation.trying import experiment_of, services_of

SETTINGS = Settings(settle=timedelta(microseconds=SETTLE), verify_retry=timedelta(seconds=1))
TESTERS = (HeaderRoute("testers", (("x-tester", "exact", "yes"),)),)
COPIES = (MirrorRoute("copies", (MirrorMatch(method=("exact", "GET")),), 50),)
PROBLEM = (FieldProblem("spec.strategy.canary.steps[0]", "is not valid (injected)"),)
KINDS = ("rollout", "sets", "services", "router", "runs")


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
        step_hash=step_hash_of(world.shape),
        revisions=tuple(revision_of(one, world.restart) for one in world.sets),
        services={name: _service(world, name, part) for name, part in _sides(world)}
        | services_of(world),
        routers=(_router(world),) if world.shape.routed else (),
        runs=tuple(_run(run) for run in world.runs),
        experiments=tuple(_trial(trial) for trial in world.trials),
        step_answers=answers(world, world.status),
        workload=workload_of(world.lender),
        problems=PROBLEM if world.invalid else (),
        settings=SETTINGS,
    )


def with_older(world: World, older: World, kind: str) -> Snapshot:
    """A look with one kind as it was in `older`: a cache that lags behind the others."""
    snapshot, past = seen(world), seen(older)
    match kind:
        case "rollout":
            return replace(
                snapshot,
                rollout=past.rollout,
                template=past.template,
                template_hash=past.template_hash,
                problems=past.problems,
                step_answers=answers(world, older.status),
            )
        case "sets":
            return replace(snapshot, revisions=past.revisions)
        case "services":
            return replace(snapshot, services=past.services)
        case "router":
            return replace(snapshot, routers=past.routers)
        case "lender":
            return replace(snapshot, workload=past.workload)
        case _:
            return replace(snapshot, runs=past.runs, experiments=past.experiments)


@lru_cache(maxsize=4096)
def _pods_of(one: tuple[str, int, int, int], restart: int | None) -> tuple[PodSeen, ...]:
    """A pod is born a second before the restart that was asked for, or at that instant."""
    name, ready, pending, old = one
    before, after = (None, None) if restart is None else (restart - SECOND, restart)
    return tuple(
        PodSeen(name=f"{name}-{n}", ready=n < ready, born=instant(before if n < old else after))
        for n in range(ready + pending)
    )


def revision_of(one: Pods, restart: int | None) -> Revision:
    return Revision(
        name=one.name,
        hash=hash_of(one.version),
        number=one.number,
        resource_version=str(one.written),
        template=template_of(one.version),
        replicas=one.replicas,
        seen=one.ready + one.pending,
        ready=one.ready,
        available=one.ready,
        observed=one.ready + one.pending == one.replicas,
        scale_down_deadline=instant(one.deadline),
        deadline_set_for=one.set_for,
        pods=_pods_of((one.name, one.ready, one.pending, one.old), restart),
        annotations={names.WAS_STABLE: hash_of(one.version)} if one.proven else {},
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


def _sides(world: World) -> tuple[tuple[str, Service], ...]:
    if not world.shape.services:
        return ()
    rule = "app/" if world.shape.subsets else ""
    return ((f"{rule}stable", world.stable), (f"{rule}canary", world.canary))


def _router(world: World) -> RouterSeen:
    router, name = world.router, world.shape.router
    if not router.readable:
        return RouterSeen(router=name, routing=Unknown("it cannot be read (injected)"))
    routings = tuple(_routing(order) for order in router.written)
    at = instant(router.written_at)
    if len(set(routings)) > 1:
        return RouterSeen(
            router=name,
            routing=Unknown("its objects differ (injected)"),
            weights=tuple(sorted({one.weight for one in routings})),
            header_routes=TESTERS if any(one.header_routes for one in routings) else (),
            mirror_routes=COPIES if any(one.mirror_routes for one in routings) else (),
            written_at=at,
        )
    verified = not router.lagging if world.shape.verifying else None
    return RouterSeen(router=name, routing=routings[0], written_at=at, verified=verified)


def _routing(order: Order) -> Routing:
    return Routing(
        order.weight,
        header_routes=TESTERS if order.tested else (),
        mirror_routes=COPIES if order.mirrored else (),
        additional=tuple(Additional(service, weight) for service, weight in order.tried),
    )


@lru_cache(maxsize=4096)
def _run(run: Run) -> AnalysisRun:
    metadata = ObjectMeta(name=run.name, labels={names.POD_HASH: hash_of(run.version)})
    base = AnalysisRun(metadata=metadata, spec=AnalysisRunSpec(terminate=run.stopped))
    phase = "Successful" if run.stopped and run.phase == "Running" else run.phase
    return with_fields(base, status=AnalysisRunStatus(phase=phase))


@lru_cache(maxsize=4096)
def _trial(trial: Trial) -> Experiment:
    return experiment_of(trial)


def workload_of(lender: Lender | None) -> WorkloadSeen | None:
    if lender is None:
        return None
    return WorkloadSeen(
        kind="Deployment",
        name="lender",
        resource_version=str(lender.written),
        generation=1,
        replicas=lender.replicas,
        scaled_by=lender.scaled_by,
        noted=lender.noted,
    )

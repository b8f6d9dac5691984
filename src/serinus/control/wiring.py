"""Composes a controller: the one place where client, clock, resolver and settings meet the rooms.

The same for a real cluster, the embedded one and a simulated one; they differ in what is handed in.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from serinus.api.kubernetes import ObjectMeta
from serinus.api.validation.later import ROUTERS
from serinus.base.clock import Clock
from serinus.control.analysis.asking import Asker, Resolve
from serinus.control.analysis.measure import Measurer
from serinus.control.analysis.reconciler import AnalysisReconciler
from serinus.control.counting.telemetry import Telemetry
from serinus.control.experiments.execute import ExperimentExecutor
from serinus.control.experiments.observer import ExperimentObserver
from serinus.control.experiments.reconciler import ExperimentReconciler, experiment_error
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS, ROLLOUTS
from serinus.control.looking.caches import Caches
from serinus.control.looking.in_force import InForce, Verify
from serinus.control.looking.interest import Key
from serinus.control.looking.marks import Marks
from serinus.control.looking.objects import RoutedObjects
from serinus.control.looking.observer import Observer
from serinus.control.reconciler import RolloutReconciler
from serinus.control.retry import Refused
from serinus.control.steps.calling import StepCalls, StepPlugins
from serinus.control.telling.announcer import Announcer
from serinus.control.telling.pruned import PrunedFields
from serinus.control.telling.unreadable import UnreadableObjects, invalid_spec
from serinus.control.workers import Reconciler, Workers
from serinus.control.writing.departed import Departed
from serinus.control.writing.doubts import Doubts
from serinus.control.writing.execute import Executor
from serinus.control.writing.freed import Freed
from serinus.control.writing.manifests import reference
from serinus.core.rollout.snapshot import Settings
from serinus.kube.client import Client
from serinus.kube.events import EventRecorder
from serinus.kube.workqueue import WorkQueue
from serinus.traffic.registry import load_router
from serinus.traffic.router import Router, at_version

_log = logging.getLogger("serinus.controller")

USER_AGENT = "serinus-controller"
"""What clients of a controller call themselves: the owner of the fields that it writes."""
LAST_WORDS_SECONDS = 2.0
"""Of the wall: what events may take that wait when the controller ends."""
LONGEST_RETRY_SECONDS = 30.0
"""Of the wall: between tries of a key that fails; its changes wake it at once."""
SETTLE_WALL_SECONDS = 2.0
"""How long a data plane that cannot be asked is given to obey a routing write."""


PATIENCE_SECONDS = 10.0
"""Of the wall: how long a start waits for kinds that cannot be listed and that none may need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that differs between a cluster, the embedded one and a simulation."""

    client: Client
    clock: Clock
    rng: random.Random
    namespace: str | None = None
    """None: all namespaces."""
    instance_id: str = ""
    """Whose objects are meant: those with this label; "": those without one."""
    resolve: Resolve | None = None
    """Service names to addresses inside this process; None: the system's DNS."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Where metric providers are asked if a template names no address, by provider."""
    asker: Asker | None = None
    """Sends the metric providers' requests; a simulation hands in its own."""
    verify: Verify | None = None
    """Asks the data plane whether a weight is in force; None: nobody can be asked."""
    settle_wall_seconds: float = SETTLE_WALL_SECONDS
    workers: int = 8
    step_plugins: StepPlugins = field(default_factory=StepPlugins)
    """Where steps find their plugins."""
    disabled_step_plugins: frozenset[str] = frozenset()
    """Names of plugins whose steps count as done."""
    api_versions: Mapping[str, str] = field(default_factory=dict)
    """In which version the kinds of an API group are asked for, where it is not the usual one."""
    telemetry: Telemetry = field(default_factory=Telemetry)
    """What it counts of itself; whoever hands it in can show it."""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when all caches are filled and work begins."""


async def run_controller(world: World) -> None:
    """Runs until cancelled; then what is under way is brought to its end, within seconds."""
    client, namespace, instance = world.client, world.namespace, world.instance_id
    caches = Caches(client, world.clock, world.rng, namespace=namespace, instance_id=instance)
    telemetry = world.telemetry
    recorder = EventRecorder(world.client, world.clock, "serinus")
    announcer = Announcer(recorder, counted=telemetry.told)
    rollouts, runs, experiments = _queue(world), _queue(world), _queue(world)
    asker = world.asker or Asker(world.resolve)
    measurer = Measurer(world.client, world.clock, asker, runs.add, addresses=world.addresses)
    calls = StepCalls(world.client, world.clock, asker, rollouts.add, world.step_plugins)
    in_force = InForce(world.verify, world.clock, rollouts.add)
    watcher = _Watcher(telemetry, caches, announcer)
    queues = {"rollouts": rollouts, "analysisruns": runs, "experiments": experiments}
    depths = {name: queue.__len__ for name, queue in queues.items()}
    telemetry.watch(caches, depths, lambda: announcer.lost)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(measurer.close)
        stack.push_async_callback(in_force.close)
        stack.push_async_callback(calls.close)
        stack.push_async_callback(announcer.drain, LAST_WORDS_SECONDS)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        objects = RoutedObjects(caches, rollouts.add, group.create_task, world.api_versions)
        caches.wake_rollouts(rollouts.add)
        caches.wake_runs(runs.add)
        looking = ExperimentObserver(caches, objects, world.clock)
        looking.wake(experiments.add)
        for informer in caches.all():
            group.create_task(informer.run())
        await caches.synced()
        for informer in caches.late():
            group.create_task(caches.wake_when_listed(informer, rollouts.add))
        group.create_task(announcer.run())
        group.create_task(PrunedFields(world.client, caches, announcer, telemetry).look())
        found = {name: load_router(name) for name in ROUTERS}
        routers = {name: at_version(one, world.api_versions) for name, one in found.items()}
        observer = _observer(world, caches, objects, routers, in_force)
        freed = Freed(client, caches, objects, routers, world.clock)
        departed = Departed(client, caches, announcer, freed)
        reconciler = _rollout_reconciler(
            world, caches, observer, announcer, departed=departed, calls=calls
        )
        marks = group.create_task(Marks(client, objects, world.clock, namespace).look())
        # What a Rollout was routed by before this start comes before anything that it wants now.
        await asyncio.wait([marks], timeout=PATIENCE_SECONDS)
        analysis = AnalysisReconciler(world.client, caches.runs, measurer, announcer, world.clock)
        trials = _experiment_reconciler(world, caches, looking, announcer)
        works: tuple[tuple[Reconciler, WorkQueue[Key]], ...] = (
            *((reconciler, rollouts), (analysis, runs)),
            (trials, experiments),
        )
        for work, queue in works:
            workers = Workers(work, queue, world.clock, watcher, count=world.workers)
            group.create_task(workers.run())
        world.ready.set()
        watched = {"namespace": world.namespace or "all", "rollouts": len(caches.rollouts.store)}
        _log.info("at work", extra=watched)


def _queue(world: World) -> WorkQueue[Key]:
    return WorkQueue(world.clock, world.rng, cap_seconds=LONGEST_RETRY_SECONDS)


def _observer(
    world: World,
    caches: Caches,
    objects: RoutedObjects,
    routers: Mapping[str, Router],
    in_force: InForce,
) -> Observer:
    clock = world.clock
    settings = Settings(
        settle=clock.span(world.settle_wall_seconds),
        verify_retry=clock.span(0.25),
        disabled_plugins=world.disabled_step_plugins,
    )
    return Observer(
        caches, objects, routers, settings, clock, in_force=in_force, plugins=world.step_plugins
    )


def _rollout_reconciler(
    world: World,
    caches: Caches,
    observer: Observer,
    announcer: Announcer,
    *,
    departed: Departed,
    calls: StepCalls,
) -> RolloutReconciler:
    client, clock = world.client, world.clock
    doubts = Doubts(client, caches)
    return RolloutReconciler(
        observer,
        Executor(client, caches, doubts, announcer),
        doubts,
        UnreadableObjects(client, caches.rollouts, clock, invalid_spec, "status"),
        world.telemetry,
        departed=departed,
        calls=calls,
        clock=clock,
    )


def _experiment_reconciler(
    world: World, caches: Caches, looking: ExperimentObserver, announcer: Announcer
) -> ExperimentReconciler:
    client, doubts = world.client, Doubts(world.client, caches)
    return ExperimentReconciler(
        looking,
        ExperimentExecutor(client, caches, doubts),
        doubts,
        UnreadableObjects(client, caches.experiments, world.clock, experiment_error),
        announcer,
    )


_KINDS = {"Rollout": ROLLOUTS, "AnalysisRun": ANALYSIS_RUNS, "Experiment": EXPERIMENTS}


class _Watcher:
    """Counts work, and tells people of failures by an event of the object."""

    def __init__(self, telemetry: Telemetry, caches: Caches, announcer: Announcer) -> None:
        self._telemetry, self._caches, self._announcer = telemetry, caches, announcer

    def worked(self, kind: str, key: Key, seconds: float, error: Exception | None) -> None:
        self._telemetry.worked(kind, key, seconds, error)

    def failed(self, kind: str, key: Key, error: Exception) -> None:
        if isinstance(error, Refused):
            return  # each refusal was told by its own event
        uid = self._caches.uid(_KINDS[kind], *key)
        if uid:
            about = reference(kind, ObjectMeta(namespace=key[0], name=key[1], uid=uid))
            self._announcer.tell(about, "Warning", "ReconciliationError", str(error))

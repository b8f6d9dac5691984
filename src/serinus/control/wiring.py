"""Composes a controller: the one place where client, clock, resolver and settings meet the rooms.

The same for a real cluster, the embedded one and a simulated one; they differ in what is handed in.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from serinus.api.validation.later import ROUTERS
from serinus.base.clock import Clock
from serinus.control.analysis import AnalysisReconciler
from serinus.control.asking import Asker, Resolve
from serinus.control.caches import Caches, Key
from serinus.control.execute import Executor
from serinus.control.kinds import ANALYSIS_RUNS
from serinus.control.measure import Measurer
from serinus.control.objects import RoutedObjects
from serinus.control.observer import Observer
from serinus.control.reconciler import RolloutReconciler
from serinus.control.workers import Workers
from serinus.core.rollout.snapshot import Settings
from serinus.kube.client import Client
from serinus.kube.events import EventRecorder
from serinus.kube.workqueue import WorkQueue
from serinus.traffic.registry import load_router

SETTLE_WALL_SECONDS = 2.0
"""How long a data plane that cannot be asked is given to obey a routing write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that differs between a cluster, the embedded one and a simulation."""

    client: Client
    clock: Clock
    rng: random.Random
    namespace: str | None = None
    """None: all namespaces."""
    resolve: Resolve | None = None
    """Service names to addresses inside this process; None: the system's DNS."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Where metric providers are asked if a template names no address, by provider."""
    asker: Asker | None = None
    """Sends the metric providers' requests; a simulation hands in its own."""
    settle_wall_seconds: float = SETTLE_WALL_SECONDS
    workers: int = 8
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when all caches are filled and work begins."""


async def run_controller(world: World) -> None:
    """Runs until cancelled."""
    clock, client = world.clock, world.client
    caches = Caches(client, clock, world.rng, namespace=world.namespace)
    events = EventRecorder(client, clock, "serinus")
    rollouts: WorkQueue[Key] = WorkQueue(clock, world.rng)
    runs: WorkQueue[Key] = WorkQueue(clock, world.rng)
    asker = world.asker or Asker(world.resolve)
    measurer = Measurer(client, clock, asker, runs.add, addresses=world.addresses)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(measurer.close)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        objects = RoutedObjects(caches, rollouts.add, group.create_task)
        settings = Settings(
            settle=clock.span(world.settle_wall_seconds), verify_retry=clock.span(0.25)
        )
        routers = {name: load_router(name) for name in ROUTERS}
        observer = Observer(caches, objects, routers, settings, clock)
        executor = Executor(client, caches, events)
        caches.wake_rollouts(rollouts.add)
        caches.wake_runs(runs.add)
        for informer in caches.all():
            group.create_task(informer.run())
        await caches.synced()
        world.ready.set()
        reconciler = RolloutReconciler(observer, executor, clock)
        group.create_task(Workers(reconciler, rollouts, clock, count=world.workers).run())
        analysis = AnalysisReconciler(
            *(client, caches.runs.store, measurer, events, clock),
            wrote=lambda made: caches.wrote(ANALYSIS_RUNS, made),
        )
        group.create_task(Workers(analysis, runs, clock, count=world.workers).run())

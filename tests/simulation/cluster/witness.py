"""Watches the store over time: what the data plane may still obey, when a revision could be reached
last, of which attempt a run is, and what a late look of the controller may have shown it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product

from serinus.api.argo import RolloutStatus
from serinus.base.clock import Clock
from serinus.local.apiserver.admission import StoreView
from simulation.cluster.store import read
from simulation.model import Service, World
from simulation.parts import Order
from simulation.reach import reach, touched
from simulation.shape import SECOND, Shape

TICK_SECONDS = 0.1
OBEYING = SECOND
"""The data plane obeys within a second of a write's arrival."""

PodsView = tuple[tuple[str, int, int], ...]
"""Version, ready and pending pods."""
SpecView = tuple[str, int, bool, RolloutStatus]
"""What users and plans wrote on the object: version, replicas, paused, status."""


@dataclass(slots=True)
class Witness:
    """`look()` gives the world of now with its ghosts; `late()` what else may have been seen."""

    view: StoreView
    clock: Clock
    shape: Shape
    late_seconds: float
    """How old the controller's look at pods and commands may be."""
    attempt: int = 0
    attempts: dict[str, int] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    reachable: frozenset[str] = frozenset()
    """Whom the data plane could reach at the last look, and so until now."""
    writes: deque[tuple[int, int, str, str]] = field(default_factory=deque)
    """When, weight, selector of stable, selector of canary: as long as they may be obeyed."""
    pods: deque[tuple[int, PodsView]] = field(default_factory=deque)
    specs: deque[tuple[int, SpecView]] = field(default_factory=deque)
    templates: deque[tuple[int, str]] = field(default_factory=deque)
    """The version that a lending workload asked for."""

    async def run(self) -> None:
        """Looks all the time."""
        seen, still = 0, 0
        while True:
            still = still + 1 if self.view.resource_version == seen else 0
            seen = self.view.resource_version
            if still * TICK_SECONDS < 2:
                self.look()
            await self.clock.sleep_wall(TICK_SECONDS)

    def look(self) -> World:
        world = read(self.view, self.shape, self.clock.now())
        self.reached |= dict.fromkeys(self.reachable, world.now)
        self._remember(world)
        world = touched(self._with_ghosts(self._with_lag(world)))
        self.reached = {one.version: one.reached for one in world.sets}
        self.reachable = frozenset(v for v, share in reach(world).greatest.items() if share)
        return world

    def _remember(self, world: World) -> None:
        now, late = world.now, int(self.late_seconds * SECOND)
        for order in world.router.written:
            written = (order.weight, world.stable.selector, world.canary.selector)
            _note(self.writes, now, (now, *written), 1)
        _note(self.pods, now, (now, pods_view(world)), 1)
        _note(self.specs, now, (now, spec_view(world)), 1)
        _note(self.templates, now, (now, world.version), 1)
        looked_at = (self.pods, self.specs, self.templates)
        for kept, span in ((self.writes, OBEYING), *((kept, late) for kept in looked_at)):
            while len(kept) > 1 and kept[1][0] < now - span:
                kept.popleft()

    def _with_lag(self, world: World) -> World:
        weights = dict.fromkeys(weight for _, weight, _, _ in self.writes)
        stable = dict.fromkeys(selector for _, _, selector, _ in self.writes)
        canary = dict.fromkeys(selector for _, _, _, selector in self.writes)
        lagging = tuple(Order(weight) for weight in weights if weight != world.router.weight)
        return replace(
            world,
            router=replace(world.router, lagging=lagging),
            stable=_lagging(world.stable, tuple(stable)),
            canary=_lagging(world.canary, tuple(canary)),
        )

    def _with_ghosts(self, world: World) -> World:
        sets = tuple(
            replace(one, reached=self.reached.get(one.version, one.reached)) for one in world.sets
        )
        for run in (*world.runs, *world.trials):
            self.attempts.setdefault(run.name, self.attempt)
        runs = tuple(replace(run, attempt=self.attempts[run.name]) for run in world.runs)
        trials = tuple(replace(t, attempt=self.attempts[t.name]) for t in world.trials)
        return replace(world, sets=sets, runs=runs, trials=trials, attempt=self.attempt)

    def noted(self, old: RolloutStatus, new: RolloutStatus) -> None:
        """The controller wrote a status: what starts the steps anew starts an attempt, and no
        look at the object is older than its own write.
        """
        while len(self.specs) > 1:
            self.specs.popleft()
        self.attempt += (
            new.current_pod_hash != old.current_pod_hash
            or (old.aborted_at is not None and new.aborted_at is None)
            or (new.current_step_index == 0 and (old.current_step_index or 0) > 0)
        )

    def late(self, world: World, *, conditional: bool) -> Iterator[World]:
        """The world of now under every look at pods and commands that is not too old; what is
        `conditional` on the object's version was decided on its newest one; but that of a workload
        that lends its template is another object's, and nothing says how new that was.
        """
        pods = list(dict.fromkeys(view for _, view in reversed(self.pods)))
        specs = [spec_view(world)] if conditional else [spec for _, spec in reversed(self.specs)]
        if self.shape.lends:
            versions = dict.fromkeys(version for _, version in reversed(self.templates))
            specs = [(version, *spec[1:]) for spec in specs for version in versions]
        for shown, spec in product(pods, specs):
            yield _under(world, shown, spec)


def _note(kept: deque, now: int, row: tuple, stamp: int) -> None:  # type: ignore[type-arg]
    """Append what is new; the row before it held until now."""
    if not kept or kept[-1][stamp:] != row[stamp:]:
        kept.append(row)


def pods_view(world: World) -> PodsView:
    return tuple((one.version, one.ready, one.pending) for one in world.sets)


def spec_view(world: World) -> SpecView:
    return (world.version, world.replicas, world.paused, world.status)


def _lagging(service: Service, earlier: tuple[str, ...]) -> Service:
    every = dict.fromkeys((*service.lagging, *earlier))
    return replace(service, lagging=tuple(s for s in every if s != service.selector))


def _under(world: World, pods: PodsView, spec: SpecView) -> World:
    known = {version: (ready, pending) for version, ready, pending in pods}
    sets = tuple(
        replace(one, ready=known[one.version][0], pending=known[one.version][1])
        if one.version in known
        else one
        for one in world.sets
    )
    version, replicas, paused, status = spec
    return replace(
        world, sets=sets, version=version, replicas=replicas, paused=paused, status=status
    )


async def watching(witness: Witness) -> asyncio.Task[None]:
    """The witness at work, having looked once."""
    witness.look()
    return asyncio.create_task(witness.run())

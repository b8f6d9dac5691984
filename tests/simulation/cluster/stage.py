"""The stage: a paper cluster with the shop, our controller behind a faulty and judged line (it may
crash and come back), a network of metrics that answers late or not at all, and an adversary.

Everything is drawn from one seed; time is virtual.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from control.analysis_world import vector
from serinus.base.clock import Clock
from serinus.control.analysis.asking import Asker, Unanswered
from serinus.control.wiring import World, run_controller
from serinus.core.http import HttpAnswer, HttpRequest
from serinus.kube.resource import CRDS
from serinus.kube.transport.faulty import Faults, FaultyTransport
from serinus.kube.transport.wire import Transport
from serinus.local.crds.meshes import ISTIO
from serinus.local.crds.words import definition
from simulation.cluster.judge import JudgedTransport, Verdicts
from simulation.cluster.store import shop
from simulation.cluster.witness import Witness, watching
from simulation.oracle import omissions
from simulation.shape import Shape
from support.cluster import PaperCluster, paper_cluster

LATE_SECONDS, STALLED_SECONDS = 45.0, 240.0
"""How old a look of the controller may be; a silent watch is given up after 150 s."""
PROMPT_SECONDS = 15
"""Within this time an undisturbed controller leaves what is dead."""


class Metrics(Asker):
    """A metrics server: good values, unless the adversary says otherwise."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        super().__init__()
        self._clock, self._rng = clock, rng
        self.bad = 0.0
        """The chance that an answer is late, empty, wrong, or none."""

    async def send(self, request: HttpRequest) -> HttpAnswer:
        if self._rng.random() >= self.bad:
            return HttpAnswer(200, vector(0.1))
        match self._rng.randrange(4):
            case 0:
                await self._clock.sleep_wall(self._rng.uniform(1, 20))
                return HttpAnswer(200, vector(0.1))
            case 1:
                return HttpAnswer(200, vector())
            case 2:
                return HttpAnswer(200, vector(0.9))
        raise Unanswered("no connection (injected)")


Over = Callable[[Transport, "Stage"], Transport]


@dataclass(slots=True)
class Stage:
    """What the adversary can move."""

    cluster: PaperCluster
    witness: Witness
    verdicts: Verdicts
    metrics: Metrics
    rng: random.Random
    faults: Faults = field(default_factory=Faults)
    settle_wall_seconds: float = 2.0
    stalls: bool = False
    """Watches may fall silent without an end."""
    over: Over = lambda line, stage: line
    """What the controller's line has at its end, beyond its faults."""
    _line: FaultyTransport | None = None
    _controller: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """A controller that knows nothing of the one before."""

        def wrap(inner: Transport) -> Transport:
            judged = JudgedTransport(inner, self.witness, self.verdicts)
            chance = random.Random(self.rng.random())
            self._line = FaultyTransport(judged, chance, self.faults, self.cluster.clock)
            return self.over(self._line, self)

        world = World(
            client=self.cluster.client("controller", wrap),
            clock=self.cluster.clock,
            rng=random.Random(self.rng.random()),
            asker=self.metrics,
            settle_wall_seconds=self.settle_wall_seconds,
        )
        self._controller = asyncio.create_task(run_controller(world))

    async def crash(self) -> None:
        """The process is gone at once, with all that it only knew."""
        if self._controller is None:
            return
        if self._controller.done():
            self._controller.result()
        self._controller.cancel()
        await asyncio.gather(self._controller, return_exceptions=True)
        self._controller = None

    @property
    def is_calm(self) -> bool:
        """The controller is at work, and nothing but latency is wrong with its line."""
        faults = replace(self.faults, latency_seconds=0.0, event_delay_seconds=0.0)
        return self._controller is not None and faults == Faults() and not self.stalls

    async def watch_over(self) -> None:
        """What has to be done is done soon by a controller that nobody disturbs."""
        missed_for = 0
        while True:
            missed = omissions(self.witness.look(), ()) if self.is_calm else ()
            missed_for = missed_for + 1 if missed else 0
            if missed_for == PROMPT_SECONDS:
                now = self.cluster.clock.now()
                self.verdicts.faults.append(f"{now:%H:%M:%S} {missed[0]}, for {missed_for} s")
            await self.cluster.clock.sleep_wall(1)

    def spoil(self, faults: Faults) -> None:
        """From now on the controller's line has these faults."""
        self.faults = faults
        if self._line is not None:
            self._line.faults = faults


@asynccontextmanager
async def staged(
    seed: int,
    shape: Shape,
    *,
    stalls: bool = False,
    over: Over = lambda line, stage: line,
) -> AsyncIterator[Stage]:
    """The shop deployed, in calm; the controller runs."""
    rng = random.Random(f"{seed} {shape.name}")
    async with paper_cluster(seed, deployments=bool(shape.lends)) as cluster:
        if shape.router == "istio":
            for kind in ISTIO:
                await cluster.admin.create(CRDS, definition(kind))
        await cluster.apply(shop(shape))
        witness = Witness(
            cluster.server.view, cluster.clock, shape, STALLED_SECONDS if stalls else LATE_SECONDS
        )
        metrics = Metrics(cluster.clock, rng)
        stage = Stage(cluster, witness, Verdicts(), metrics, rng, over=over, stalls=stalls)
        watchers = [await watching(witness), asyncio.create_task(stage.watch_over())]
        await stage.start()
        try:
            yield stage
        finally:
            await stage.crash()
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)

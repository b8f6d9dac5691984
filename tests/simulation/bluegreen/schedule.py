"""Hostile schedules of a blue-green shop over the whole reconcile loop, drawn from one seed.

Users, deaths, crashes of the controller and a bad line; then all turns good, and what is left is to
rest where somebody wanted it, and to be silent.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from control import scenes, switch_scenes
from serinus.api.argo import Rollout
from serinus.api.wire import decode
from serinus.control.kinds import ROLLOUTS
from serinus.control.wiring import World, run_controller
from serinus.core.rollout import commands
from serinus.kube.errors import ApiError
from serinus.kube.resource import PODS
from serinus.kube.transport.faulty import Faults, FaultyTransport
from serinus.kube.transport.wire import Transport
from simulation.bluegreen.judge import Judge, JudgedTransport, Look
from support.cluster import NAMESPACE, PaperCluster, paper_cluster
from support.virtual import run_virtual

STRATEGIES = {
    "automatic": "autoPromotionEnabled: true\n",
    "manual": switch_scenes.MANUAL,
    "measured": switch_scenes.BOTH,
    "timed, small preview": "autoPromotionSeconds: 15\npreviewReplicaCount: 1\n",
}


@dataclass(slots=True)
class Stage:
    """What can be moved."""

    cluster: PaperCluster
    judge: Judge
    rng: random.Random
    faults: Faults
    controller: asyncio.Task[None] | None = None
    line: FaultyTransport | None = None

    async def start(self) -> None:
        def wrap(inner: Transport) -> Transport:
            chance = random.Random(self.rng.random())
            judged = JudgedTransport(inner, self.judge)
            self.line = FaultyTransport(judged, chance, self.faults, self.cluster.clock)
            return self.line

        world = World(
            client=self.cluster.client("controller", wrap),
            clock=self.cluster.clock,
            rng=random.Random(self.rng.random()),
            asker=scenes.network(self.cluster),
        )
        self.controller = asyncio.create_task(run_controller(world))

    async def crash(self) -> None:
        if self.controller is not None:
            self.controller.cancel()
            await asyncio.gather(self.controller, return_exceptions=True)
            self.controller = None

    def spoil(self, chance: float) -> None:
        self.faults = Faults.everything(chance) if chance else Faults()
        if self.line is not None:
            self.line.faults = self.faults

    def undisturbed(self) -> bool:
        return self.controller is not None and self.faults == Faults()


@asynccontextmanager
async def staged(seed: int, strategy: str) -> AsyncIterator[Stage]:
    """The shop deployed, in calm; the controller runs."""
    async with paper_cluster(seed) as cluster:
        await cluster.apply(switch_scenes.objects(STRATEGIES[strategy]))
        judge = Judge(cluster.server.view, cluster.clock)
        stage = Stage(cluster, judge, random.Random(f"{seed} {strategy}"), Faults())
        watcher = asyncio.create_task(judge.watch_over(stage.undisturbed))
        await stage.start()
        try:
            yield stage
        finally:
            await stage.crash()
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)


ACTS = {"command": 5, "release": 4, "death": 4, "line": 3, "crash": 3, "size": 1}
"""What may happen, and how often."""


async def act(stage: Stage) -> str:
    """One thing happens; told in words."""
    cluster, rng = stage.cluster, stage.rng
    (chosen,) = rng.choices(list(ACTS), list(ACTS.values()))
    match chosen:
        case "command":
            return await _command(stage)
        case "release":
            image = f"web:v{rng.randint(1, 3)}"
            await scenes.release(cluster, image)
            return f"user: {image}"
        case "size":
            replicas = rng.choice((1, 2, 4))
            await cluster.admin.patch(ROLLOUTS, "web", {"spec": {"replicas": replicas}}, NAMESPACE)
            return f"user: replicas {replicas}"
        case "line":
            chance = rng.choice((0.0, 0.03, 0.1, 0.25))
            stage.spoil(chance)
            return f"the line fails with chance {chance}"
        case "crash":
            await stage.crash()
            await cluster.clock.sleep_wall(rng.choice((0.0, 2.0, 40.0)))
            await stage.start()
            return "the controller crashed and is back"
    return await _death(stage)


async def _command(stage: Stage) -> str:
    seen = decode(Rollout, await scenes.rollout(stage.cluster))
    name = stage.rng.choice(("abort", "retry", "promote", "promote", "promote", "full", "pause"))
    made = {
        "abort": commands.abort(),
        "retry": commands.retry(seen),
        "promote": commands.promote(seen),
        "full": commands.promote_fully(seen),
        "pause": commands.pause(),
    }
    await scenes.command(stage.cluster, made[name])
    return f"user: {name}"


async def _death(stage: Stage) -> str:
    pods = stage.cluster.server.view.list("", "pods", NAMESPACE)
    if not pods:
        return "nobody there to die"
    labels = sorted({pod["metadata"]["labels"]["rollouts-pod-template-hash"] for pod in pods})
    chosen = stage.rng.choice(labels)
    mine = [
        pod["metadata"]["name"]
        for pod in pods
        if pod["metadata"]["labels"]["rollouts-pod-template-hash"] == chosen
    ]
    dying = mine if stage.rng.random() < 0.5 else mine[:1]
    for name in dying:
        if stage.rng.random() < 0.5:
            await stage.cluster.set_ready(name, False)
        else:
            await stage.cluster.admin.delete(PODS, name, NAMESPACE)
    return f"{len(dying)} of {len(mine)} pods of {chosen} die"


async def _healed(stage: Stage) -> None:
    """No faults any more; pods that lost their readiness get it back."""
    stage.spoil(0.0)
    for _ in range(3):
        for pod in stage.cluster.server.view.list("", "pods", NAMESPACE):
            if pod["spec"].get("nodeName") and "deletionTimestamp" not in pod["metadata"]:
                await stage.cluster.set_ready(pod["metadata"]["name"], True)
        await stage.cluster.clock.sleep_wall(20)


async def _rested(stage: Stage) -> list[str]:
    clock, judge = stage.cluster.clock, stage.judge
    for _ in range(12):
        written = judge.writes
        await clock.sleep_wall(400)
        if judge.writes == written:
            break
    else:
        return ["never rests"]
    status = await scenes.status(stage.cluster)
    wrong = list(_unwanted(judge.look(), status))
    await clock.sleep_wall(3600)
    more = judge.writes - written
    return [*wrong, f"not silent: {more} writes"] if more else wrong


def _unwanted(now: Look, status: scenes.Json) -> list[str]:
    """Production is where somebody wanted it, and whole."""
    found = []
    waits = now.held or bool(status.get("pauseConditions")) or status["phase"] == "Degraded"
    if now.ready.get(now.active, 0) < now.replicas:
        found.append(f"rest: production has {now.ready.get(now.active, 0)} of {now.replicas} pods")
    if not waits and (status["phase"] != "Healthy" or now.active != now.current):
        found.append(f"rest: {status['phase']} {status.get('message')}, and nobody is waited for")
    if status.get("abort") and now.active != now.stable:
        found.append("rest: aborted, and production is not on stable")
    return found


def survived(seed: int, strategy: str, count: int = 18) -> tuple[str, ...]:
    """What went wrong in a whole schedule, with the story of it; nothing if nothing did."""

    async def story() -> tuple[str, ...]:
        async with staged(seed, strategy) as stage:
            clock, told = stage.cluster.clock, list[str]()
            await clock.sleep_wall(40)
            for _ in range(count):
                await clock.sleep_wall(stage.rng.choice((0.3, 1.0, 3.0, 8.0, 20.0)))
                try:
                    said = await act(stage)
                except ApiError as error:
                    said = f"refused: {error}"
                told.append(f"{clock.now():%H:%M:%S.%f} {said}")
            wrong = list(stage.judge.faults)
            if not wrong:
                await _healed(stage)
                wrong = await _rested(stage) + stage.judge.faults
            return (*wrong, *sorted((*told, *stage.judge.log))) if wrong else ()

    return run_virtual(story())

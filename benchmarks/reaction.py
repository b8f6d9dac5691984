"""How soon a failed verdict takes the canary's traffic: from the verdict to weight 0 written.

The same two processes as `scale`, and a server in this one that answers as Prometheus does. The
clock starts when the controller sends that an AnalysisRun has failed, and stops when the server has
answered the write of weight 0.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from benchmarks import fleet
from benchmarks.figure import Figure, median
from benchmarks.scale import Fleet, running
from serinus.control.kinds import ANALYSIS_RUNS, ANALYSIS_TEMPLATES
from serinus.kube.resource import CONFIGMAPS

ROLLOUTS = 60
"""Half of them fail one after the other, the others at once."""
BETWEEN_SECONDS = 0.5
WRITES = 50
PATIENCE_SECONDS = 0.2
ANSWER = (
    '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"%d"]}]}}'
)


def figures() -> Iterator[Figure]:
    yield from asyncio.run(measured())


class Oracle:
    """Everything is well, but for the Rollouts in `failing`."""

    def __init__(self) -> None:
        self.failing: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        asked = str((await request.post()).get("query") or request.query.get("query", ""))
        good = not any(f'"{name}"' in asked for name in self.failing)
        return web.Response(text=ANSWER % good, content_type="application/json")


@asynccontextmanager
async def oracle() -> AsyncIterator[tuple[Oracle, str]]:
    """It and its address."""
    made, app = Oracle(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield made, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def measured() -> list[Figure]:
    async with oracle() as (told, address), running() as here:
        await here.client.create(ANALYSIS_TEMPLATES, fleet.template(address), fleet.NAMESPACE)
        await here.deploy(ROLLOUTS, fleet.TRIAL)
        await here.release(range(ROLLOUTS))
        await _all_measure(here)
        one_write = await _write_seconds(here)
        names = [fleet.name_of(number) for number in range(ROLLOUTS)]
        half = ROLLOUTS // 2
        for name in names[:half]:
            told.failing.add(name)
            await here.clock.sleep_wall(BETWEEN_SECONDS)
        single = await _reactions(here, half)
        told.failing.update(names[half:])
        both = await _reactions(here, ROLLOUTS)
    return [
        *_figures("one after the other", single, one_write),
        *_figures(f"of {ROLLOUTS - half} at once", both[half:], one_write),
    ]


async def _all_measure(here: Fleet) -> None:
    """Until the run of each release has begun."""
    while True:
        runs = (await here.client.list(ANALYSIS_RUNS, fleet.NAMESPACE)).items
        if sum("metricResults" in run.get("status", {}) for run in runs) == ROLLOUTS:
            return
        await here.clock.sleep_wall(1)


async def _reactions(here: Fleet, count: int) -> Sequence[float]:
    while len(found := (await here.controller.used()).reactions) < count:
        await here.clock.sleep_wall(PATIENCE_SECONDS)
    return found


async def _write_seconds(here: Fleet) -> float:
    """The median of a small patch over the same socket while nothing else is going on."""
    await here.client.create(CONFIGMAPS, {"metadata": {"name": "x"}}, fleet.NAMESPACE)
    taken = []
    for number in range(WRITES):
        began = time.perf_counter()
        await here.client.patch(CONFIGMAPS, "x", {"data": {"n": str(number)}}, fleet.NAMESPACE)
        taken.append(time.perf_counter() - began)
    return median(taken)


def _figures(which: str, found: Sequence[float], one_write: float) -> Iterator[Figure]:
    ordered = sorted(found)
    for rank, share, bound in (("median", 0.5, 200.0), ("p99", 0.99, None)):
        seconds = ordered[min(len(ordered) - 1, int(share * len(ordered)))]
        yield Figure(
            f"failed verdict to weight 0, {which}: {rank}",
            seconds / one_write,
            "one small write",
            at_most=bound,
            detail=f"{seconds * 1e3:.1f} ms; a write {one_write * 1e3:.1f} ms",
        )

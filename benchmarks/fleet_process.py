"""Half of a fleet's world in a process of its own, so that what each half costs is its own.

`python -m benchmarks.fleet_process cluster` runs the embedded cluster with pods that are only
objects and prints the URLs of its API for two callers; `... controller URL` runs the controller
against one of them. Each line on stdin is answered with one of JSON: what was used so far.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import msgspec
import psutil

from serinus.api.admission import admit
from serinus.base.clock import Clock
from serinus.cli.composition import crds
from serinus.control.wiring import USER_AGENT, World, run_controller
from serinus.core.analysis.checks import LANGUAGE
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.transport.counted import write_kind
from serinus.kube.transport.http import HttpTransport
from serinus.kube.transport.wire import Request, Response, StreamResponse, Transport
from serinus.local.cluster import Cluster, ClusterOptions

UNLIMITED = Limits(requests_per_second=1e6, burst=10**6, deadline_seconds=300, try_seconds=120)
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
_ROLLOUT = re.compile(r"r\d+")


class Noted:
    """A transport that counts requests by what they are, and times how soon a verdict is obeyed.

    The time from sending that an AnalysisRun failed to the answer to weight 0 of its Rollout.
    """

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.requests: Counter[str] = Counter()
        self.reactions: list[float] = []
        self._failed: dict[str, float] = {}

    async def send(self, request: Request) -> Response:
        written = write_kind(request)
        self.requests[str(written) if written else _read_kind(request)] += 1
        if written and written.resource == "analysisruns":
            self._note_verdict(request)
        answer = await self._inner.send(request)
        if written and written.resource == "ingresses":
            self._note_weight(request)
        return answer

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamResponse]:
        self.requests["watch"] += 1
        return self._inner.stream(request)

    async def close(self) -> None:
        await self._inner.close()

    def _note_verdict(self, request: Request) -> None:
        status = msgspec.json.decode(request.body or b"{}").get("status") or {}
        if status.get("phase") == "Failed":
            self._failed.setdefault(_rollout(request), time.perf_counter())

    def _note_weight(self, request: Request) -> None:
        metadata = msgspec.json.decode(request.body or b"{}").get("metadata") or {}
        weight = (metadata.get("annotations") or {}).get(WEIGHT)
        began = self._failed.pop(_rollout(request), None) if weight == "0" else None
        if began is not None:
            self.reactions.append(time.perf_counter() - began)


def _rollout(request: Request) -> str:
    """The objects of a Rollout carry its name at the front of theirs."""
    last = request.path.removesuffix("/status").rsplit("/", 1)[1]
    found = _ROLLOUT.match(last)
    return found[0] if found else ""


def _read_kind(request: Request) -> str:
    return "list" if "limit" in request.query else "get"


@asynccontextmanager
async def cluster() -> AsyncIterator[Noted | None]:
    options = ClusterOptions(
        crds=crds(), admission=(partial(admit, language=LANGUAGE),), gateway=False, pods="objects"
    )
    async with Cluster(options) as running:
        url = running._servers[0].url
        print(*(url + running.api.prefix(who) for who in ("admin", "controller")), flush=True)
        yield None


@asynccontextmanager
async def controller(url: str) -> AsyncIterator[Noted | None]:
    noted = Noted(HttpTransport(url))
    clock = Clock()
    client = Client(noted, clock, user_agent=USER_AGENT, limits=UNLIMITED)
    world = World(client=client, clock=clock, rng=random.Random())
    task = asyncio.create_task(run_controller(world))
    await world.ready.wait()
    print("ready", flush=True)
    try:
        yield noted
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await noted.close()


def used(noted: Noted | None) -> str:
    here, usage = psutil.Process(), resource.getrusage(resource.RUSAGE_SELF)
    return json.dumps(
        {
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "memory_bytes": here.memory_info().rss,
            "peak_bytes": usage.ru_maxrss * 1024,
            "requests": dict(noted.requests) if noted else {},
            "reactions": noted.reactions if noted else [],
        }
    )


async def main(role: str, url: str = "") -> None:
    logging.disable(logging.INFO)
    async with cluster() if role == "cluster" else controller(url) as noted:
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            print(used(noted), flush=True)


def run(role: str, url: str = "") -> None:
    profile = os.environ.get("FLEET_PROFILE")
    if not profile:
        asyncio.run(main(role, url))
        return
    import cProfile

    watched = cProfile.Profile()
    watched.runcall(asyncio.run, main(role, url))
    watched.dump_stats(f"{profile}.{role}")


if __name__ == "__main__":
    run(*sys.argv[1:])

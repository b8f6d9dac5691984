"""AnalysisRuns over the embedded API server in virtual time; only the network is a double."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import yaml

from serinus.api.analysis import AnalysisRun
from serinus.base.clock import Clock
from serinus.control.analysis.asking import Asker
from serinus.control.analysis.measure import Measurer
from serinus.control.analysis.reconciler import AnalysisReconciler
from serinus.control.kinds import ANALYSIS_RUNS
from serinus.core.http import HttpAnswer, HttpRequest
from serinus.kube.client import Client
from serinus.kube.errors import ApiError
from serinus.kube.informer import Informer
from serinus.kube.resource import CRDS
from serinus.kube.transport.asgi import AsgiTransport
from serinus.kube.workqueue import WorkQueue
from serinus.local.apiserver.app import ApiServer
from support.virtual import virtual_clock


def vector(*values: float) -> bytes:
    """As Prometheus answers a query over so many series."""
    series = ",".join(f'{{"metric":{{}},"value":[0,"{value}"]}}' for value in values)
    return f'{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}'.encode()


class Network(Asker):
    """A network double: `answer(request, nth)` is the body, after `latency_seconds` of the wall."""

    def __init__(self, clock: Clock, answer: Callable[[HttpRequest, int], bytes]) -> None:
        super().__init__()
        self.clock, self.answer = clock, answer
        self.latency_seconds = 0.5
        self.sent: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        number = len(self.sent)
        await self.clock.sleep_wall(self.latency_seconds)
        return HttpAnswer(200, self.answer(request, number))


@dataclass
class Told:
    """Keeps events instead of writing them."""

    events: list[tuple[str, str, str]] = field(default_factory=list)

    def tell(self, about: Mapping[str, Any], type: str, reason: str, message: str) -> None:
        self.events.append((type, reason, message))


@dataclass
class World:
    server: ApiServer
    client: Client
    clock: Clock
    network: Network
    told: Told
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    measurer: Measurer | None = None

    async def start(self) -> None:
        """A controller of AnalysisRuns, as the composition wires it."""
        client = Client(AsgiTransport(self.server, self.server.prefix("controller")), self.clock)
        queue: WorkQueue[tuple[str, str]] = WorkQueue(self.clock, random.Random(1))
        informer = Informer(client, ANALYSIS_RUNS, AnalysisRun, self.clock, jitter=random.Random(2))
        informer.on_change(
            lambda old, new: queue.add(
                ((new or old).metadata.namespace, (new or old).metadata.name)  # type: ignore[union-attr]
            )
        )
        self.measurer = Measurer(client, self.clock, self.network, queue.add)
        reconciler = AnalysisReconciler(client, informer, self.measurer, self.told, self.clock)
        self.tasks = [
            asyncio.create_task(informer.run()),
            asyncio.create_task(_work(queue, reconciler)),
        ]

    async def crash(self) -> None:
        """The process is gone at once, with all that it only knew."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.measurer is not None:
            await self.measurer.close()

    async def create(self, *metrics: dict[str, Any], **spec: Any) -> None:
        body = {
            "apiVersion": ANALYSIS_RUNS.api_version,
            "kind": "AnalysisRun",
            "metadata": {"name": "run", "namespace": "default"},
            "spec": {"metrics": list(metrics), **spec},
        }
        await self.client.create(ANALYSIS_RUNS, body, "default")

    async def run(self) -> AnalysisRun:
        return await self.client.get(ANALYSIS_RUNS, "run", "default", type=AnalysisRun)


async def _work(queue: WorkQueue[tuple[str, str]], reconciler: AnalysisReconciler) -> None:
    while True:
        key = await queue.get()
        try:
            wake_at = await reconciler.reconcile(key)
            queue.forget(key)
            if wake_at is not None:
                queue.add_at(key, wake_at)
        except ApiError:
            queue.add_failed(key)
        finally:
            queue.done(key)


@asynccontextmanager
async def world(answer: Callable[[HttpRequest, int], bytes]) -> AsyncIterator[World]:
    clock = virtual_clock()
    server = ApiServer(clock, chance=random.Random(7))
    client = Client(AsgiTransport(server, server.prefix("admin")), clock)
    text = (files("serinus.api.crds") / "analysisruns.yaml").read_text()
    await client.create(CRDS, yaml.safe_load(text))
    made = World(server, client, clock, Network(clock, answer), Told())
    try:
        await made.start()
        yield made
    finally:
        await made.crash()
        with contextlib.suppress(asyncio.CancelledError):
            await client.close()


Tell = Callable[[World], Awaitable[None]]

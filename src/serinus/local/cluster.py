"""The embedded cluster, composed: API server, controllers, node, gateway, metrics, names.

Everything listens on the loopback, everything secret lies in a private folder, and nothing is left
running when it ends, however it ends. Which custom kinds and checks there are is handed in.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import tempfile
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Self

import yaml

from serinus.api.kubernetes import EndpointSlice
from serinus.base.clock import Clock
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import ENDPOINTSLICES, GATEWAYCLASSES, INGRESSCLASSES
from serinus.kube.transport.asgi import AsgiTransport
from serinus.local.apiserver.admission import Admission
from serinus.local.apiserver.app import ApiServer
from serinus.local.controllers.every import every_controller, pod_informer
from serinus.local.crds.catalogue import GATEWAY_CLASS, definitions
from serinus.local.datadir import READ_ONLY, DataDir
from serinus.local.gateway.config import INGRESS_CLASS, GatewayPorts, listener_view
from serinus.local.gateway.gateway import Gateway
from serinus.local.installing import install, install_definition
from serinus.local.kubeconfig import clock_fields, kubeconfig, write_kubeconfig
from serinus.local.machine.ports import require_free
from serinus.local.machine.web import LoopbackServer
from serinus.local.metrics.http import QueryApi
from serinus.local.metrics.samples import Sample, Samples
from serinus.local.metrics.scraper import Scraper
from serinus.local.metrics.sources import Target, object_gauges, scrape_targets, usage_gauges
from serinus.local.node.images import ImageTable, image_table
from serinus.local.node.node import Node
from serinus.local.node.objectpods import ObjectPods
from serinus.local.node.podspec import NodePod
from serinus.local.node.podwrites import NODE_NAME
from serinus.local.node.restart import note_restart
from serinus.local.resolver import RESOLVE_PATH, Address, Resolver, with_resolver
from serinus.local.slices import gateway_view

log = logging.getLogger(__name__)
WALL_HOURS_UNTIL_FUTURE = 24
"""For so long a fast clock stays behind the wall, so that no client sees a future object."""
_INNER_LIMITS = Limits(requests_per_second=1e6, burst=10**6)


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """What differs between clusters. Ports of 0 are chosen; `crds` are YAML documents.

    `scrape_seconds` is of the cluster's clock. Without `gateway` no Traefik is started. With
    `pods` as "objects" no pod is a process (`objectpods.py`). `data` is where the objects outlive
    the process, if they are to.
    """

    speed: float = 1.0
    api_port: int = 0
    ingress_port: int = 0
    crds: Sequence[bytes] = ()
    admission: Sequence[Admission] = ()
    images: ImageTable = field(default_factory=image_table)
    scrape_seconds: float = 15.0
    gateway: bool = True
    pods: Literal["processes", "objects"] = "processes"
    data: DataDir | None = None


def starting_epoch(speed: float, wall: datetime) -> datetime:
    """What a clock of this speed shows at the start, so as not to overtake the wall for a day."""
    return wall - timedelta(hours=WALL_HOURS_UNTIL_FUTURE) * max(0.0, speed - 1)


def _clock_of(options: ClusterOptions) -> Clock:
    """A clock that does not overtake the wall soon, nor goes back behind what was stored."""
    wall = Clock().began
    epoch = starting_epoch(options.speed, wall)
    known = None if options.data is None else options.data.earliest(wall)
    return Clock(options.speed, epoch if known is None else max(known, epoch))


class Cluster:
    """`async with Cluster(options) as cluster`: usable inside, gone without a trace outside."""

    kubeconfig: Path
    api: ApiServer
    gateway: Gateway
    node: Node | ObjectPods
    scraper: Scraper

    def __init__(self, options: ClusterOptions | None = None) -> None:
        self.options = options or ClusterOptions()
        self.clock = _clock_of(self.options)
        self.folder = Path()
        self._failure: BaseException | None = None
        self._has_failed = asyncio.Event()
        self._chance = random.Random()
        self._tasks: list[asyncio.Task[None]] = []
        self._clients: list[Client] = []
        self._servers: list[LoopbackServer] = []

    async def __aenter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="serinus-"))
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    @property
    def ingress_url(self) -> str:
        """Where users' requests go; the Host header says to whom."""
        return self.gateway.url

    @property
    def metrics_url(self) -> str:
        """Prometheus's HTTP API."""
        return self._servers[1].url

    def client(self, caller: str, user_agent: str = "") -> Client:
        """A client of the API server without sockets; closed with the cluster.

        `user_agent` names the owner of the fields that it writes, if not the caller.
        """
        agent = user_agent or caller
        transport = AsgiTransport(self.api, self.api.prefix(caller))
        client = Client(transport, self.clock, user_agent=agent, limits=_INNER_LIMITS)
        self._clients.append(client)
        return client

    def resolve(self, host: str, port: int) -> Address:
        """Where to connect for a Service's name; other names stay as they are."""
        return self._resolver.resolve(host, port)

    async def failed(self) -> None:
        """Never returns; raises the error of a part that has failed, if one ever does."""
        await self._has_failed.wait()
        assert self._failure is not None
        raise self._failure

    async def _start(self) -> None:
        options = self.options
        self.api = ApiServer(
            self.clock,
            admission=options.admission,
            views={
                "gateway": {
                    "endpointslices.discovery.k8s.io": gateway_view,
                    "gateways.gateway.networking.k8s.io": self._listeners_shown,
                }
            },
            storage=options.data.storage if options.data is not None else None,
        )
        if options.data is not None:
            self._run("clock of the storage", options.data.keep_time(self.clock))
        web = self._serve(self.api, options.api_port)
        inner = self.client("controllers")
        await self._install(self.client("setup"))
        await note_restart(self.client("node"), self.clock, NODE_NAME)
        pods = self._start_workloads(inner)
        self._start_metrics(inner, pods)
        self._start_gateway(f"{web.url}{self.api.prefix('gateway')}")
        if options.gateway:
            await self.gateway.ready()
            self.node.routes_to = self.gateway.routes_to
        await pods.synced()
        self._write_kubeconfigs(web.url)

    async def _install(self, client: Client) -> None:
        """The kinds that were handed in and those of gateways, and the classes that name ours."""
        handed_in = (d for text in self.options.crds for d in yaml.safe_load_all(text))
        for document in (*definitions(), *handed_in):
            await install_definition(client, document)
        await install(client, INGRESSCLASSES, INGRESS_CLASS)
        await install(client, GATEWAYCLASSES, GATEWAY_CLASS)

    def _listeners_shown(self, gateway: Mapping[str, Any]) -> Mapping[str, Any]:
        return listener_view(gateway, self.gateway.ports.web)

    def _start_workloads(self, client: Client) -> Informer[NodePod]:
        clock, chance = self.clock, self._chance
        pods = pod_informer(client, clock, chance)
        kind = ObjectPods if self.options.pods == "objects" else Node
        self.node = kind(self.client("node"), clock, pods, self.options.images, chance)
        self.node.processes.folder = self.folder
        self.api.log_source = self.node.read_logs
        self._run("pods", pods.run())
        self._run("node", self.node.run())
        for name, part in every_controller(client, clock, pods, chance).items():
            self._run(name, part)
        return pods

    def _start_metrics(self, client: Client, pods: Informer[NodePod]) -> None:
        slices = Informer(client, ENDPOINTSLICES, EndpointSlice, self.clock, jitter=self._chance)
        self._run("endpointslices of the scraper", slices.run())

        def targets() -> Sequence[Target]:
            if self.options.pods == "objects":
                return ()  # nothing listens behind their ports
            return scrape_targets(pods.store.all(), slices.store.all())

        def gauges() -> Iterator[Sample]:
            yield from usage_gauges(self.node.usage(), self.clock.speed)
            yield from object_gauges(pods.store.all())

        samples, period = Samples(), self.options.scrape_seconds
        self.scraper = Scraper(self.clock, samples, targets, gauges, period)
        self._run("scraper", self.scraper.run())
        query = QueryApi(samples, self.clock, self.scraper)
        server = self._serve(with_resolver(query, self.resolve))
        self._resolver = Resolver(self.api.view, ("127.0.0.1", server.port))
        self.api.webhooks.resolve = self.resolve

    def _start_gateway(self, endpoint: str) -> None:
        require_free(self.options.ingress_port)
        take = self.node.ports.take
        ports = GatewayPorts(self.options.ingress_port or take(), take())
        processes = self.node.processes
        self.gateway = Gateway(processes, self.clock, endpoint, ports, self.folder)
        if self.options.gateway:
            self._run("gateway", self.gateway.run())

    def _serve(self, app: Any, port: int = 0) -> LoopbackServer:
        server = LoopbackServer(app, port)
        self._servers.append(server)
        server.start()
        return server

    def _run(self, name: str, part: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(part, name=name)
        task.add_done_callback(self._note_end)
        self._tasks.append(task)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.critical("%s has failed and does not run any more", task.get_name(), exc_info=error)
            self._failure = self._failure or error
            self._has_failed.set()

    def _write_kubeconfigs(self, url: str) -> None:
        """One for who may do everything, one for who may only look."""
        extension = clock_fields(self.clock) | {
            "resolver": self.metrics_url + RESOLVE_PATH,
            "ingress": self.ingress_url,
            "metrics": self.metrics_url,
        }
        folder = self.folder if self.options.data is None else self.options.data.path
        document = kubeconfig(url + self.api.prefix("admin"), extension)
        self.kubeconfig = write_kubeconfig(folder, document)
        document = kubeconfig(url + self.api.prefix("reader"), extension)
        write_kubeconfig(folder, document, READ_ONLY)

    async def _stop(self) -> None:
        """Requests first, then what answers them, then what everything asks."""
        for task in reversed(self._tasks):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if hasattr(self, "gateway"):
            await self.gateway.close()
        if hasattr(self, "node"):
            await self.node.processes.close()
            self.node.ports.close()
        for client in self._clients:
            await client.close()
        if hasattr(self, "api"):
            self.api.close()
        for server in self._servers:
            await server.stop()
        if hasattr(self, "api"):
            await self.api.settled()
            await self.api.webhooks.close()
        if self.options.data is not None:
            await self.options.data.note(self.clock)
        shutil.rmtree(self.folder, ignore_errors=True)

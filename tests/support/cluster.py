"""A whole cluster in virtual time: the embedded API server, its controllers, our controller, and a
node whose pods are only objects. No sockets, no processes; the test decides which pods get ready.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import yaml

from serinus.api.admission import admit
from serinus.base.clock import Clock
from serinus.control.analysis.asking import Asker
from serinus.control.looking.in_force import Verify
from serinus.control.steps.calling import StepPlugins
from serinus.control.wiring import World, run_controller
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.errors import NotFound
from serinus.kube.informer import Informer
from serinus.kube.resource import CRDS, NAMESPACES, PODS, Resource
from serinus.kube.transport.asgi import AsgiTransport
from serinus.kube.transport.wire import Transport
from serinus.local.apiserver.app import ApiServer
from serinus.local.controllers.deployments.controller import Deployments
from serinus.local.controllers.endpointslice import EndpointSlices
from serinus.local.controllers.every import pod_informer
from serinus.local.controllers.garbage import Garbage
from serinus.local.controllers.replicaset import ReplicaSets
from serinus.local.node.podspec import NodePod
from support.virtual import virtual_clock

Json = dict[str, Any]
UNLIMITED = Limits(requests_per_second=1e6, burst=10**6)
NAMESPACE = "shop"


class PaperCluster:
    """Clients and the node's switches. `start_seconds` is how long a pod takes to get ready."""

    def __init__(self, server: ApiServer, clock: Clock, chance: random.Random) -> None:
        self.server, self.clock, self.chance = server, clock, chance
        self.start_seconds = 3.0
        self.gets_ready: Callable[[Json], bool] = lambda pod: True
        self.admin = self.client("admin")

    def client(self, caller: str, wrap: Callable[[Transport], Transport] = lambda t: t) -> Client:
        """A client of its own; `wrap` may put faults between it and the server."""
        transport = wrap(AsgiTransport(self.server, self.server.prefix(caller)))
        return Client(transport, self.clock, user_agent=caller, limits=UNLIMITED)

    async def apply(self, text: str) -> None:
        """Create the objects of some YAML."""
        for manifest in yaml.safe_load_all(text):
            resource = resource_of(manifest)
            namespace = manifest["metadata"].get("namespace", NAMESPACE)
            await self.admin.create(resource, manifest, namespace if resource.namespaced else None)

    async def set_ready(self, pod: str, ready: bool) -> None:
        """Make one pod ready or not, as its node would."""
        await self.admin.patch(PODS, pod, self._status(ready), NAMESPACE, subresource="status")

    def _status(self, ready: bool) -> Json:
        condition = {
            "type": "Ready",
            "status": "True" if ready else "False",
            "lastTransitionTime": f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}",
        }
        return {"status": {"phase": "Running", "podIP": "127.0.0.1", "conditions": [condition]}}


class PaperNode:
    """Binds pods, lets them get ready, and confirms their end."""

    def __init__(self, cluster: PaperCluster, pods: Informer[NodePod]) -> None:
        self._cluster, self._client = cluster, cluster.client("node")
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._port = 20000
        pods.on_change(self._changed)

    def _changed(self, old: NodePod | None, new: NodePod | None) -> None:
        pod = new or old
        assert pod is not None
        uid = pod.metadata.uid
        if new is not None and new.metadata.deletion_timestamp is not None:
            if f"end {uid}" not in self._tasks:
                self._tasks[f"end {uid}"] = asyncio.create_task(self._end(new))
        elif new is not None and uid not in self._tasks:
            self._tasks[uid] = asyncio.create_task(self._start(new))

    async def _start(self, pod: NodePod) -> None:
        self._port += 1
        name, namespace = pod.metadata.name, pod.metadata.namespace
        bound = {
            "metadata": {"annotations": {"serinus.dev/port": str(self._port)}},
            "spec": {"nodeName": "local"},
        }
        await self._client.patch(PODS, name, bound, namespace)
        await self._client.patch(
            PODS, name, self._cluster._status(False), namespace, subresource="status"
        )
        await self._cluster.clock.sleep(self._cluster.start_seconds)
        with suppress(NotFound):  # it may be gone by now
            found = await self._client.get(PODS, name, namespace)
            if self._cluster.gets_ready(found) and "deletionTimestamp" not in found["metadata"]:
                await self._cluster.set_ready(name, True)

    async def _end(self, pod: NodePod) -> None:
        await self._cluster.clock.sleep_wall(0.5)
        path = PODS.path(pod.metadata.namespace, pod.metadata.name)
        await self._client.raw("DELETE", path, body=b'{"gracePeriodSeconds":0}')


@cache
def definitions() -> tuple[Json, ...]:
    """Our kinds, parsed once a process."""
    folder = files("serinus.api") / "crds"
    items = sorted(folder.iterdir(), key=lambda item: item.name)
    return tuple(yaml.safe_load(i.read_text()) for i in items if i.name.endswith(".yaml"))


@asynccontextmanager
async def paper_cluster(seed: int = 7, *, deployments: bool = False) -> AsyncIterator[PaperCluster]:
    """A server with its controllers and a node, without ours (see `controlled`)."""
    clock, chance = virtual_clock(), random.Random(seed)
    server = ApiServer(clock, chance=chance, admission=(admit,))
    cluster = PaperCluster(server, clock, chance)
    for definition in definitions():
        await cluster.admin.create(CRDS, definition)
    await cluster.admin.create(
        NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    )
    client = cluster.client("controllers")
    pods = pod_informer(client, clock, chance)
    PaperNode(cluster, pods)
    running = [
        asyncio.create_task(part)
        for part in (
            pods.run(),
            ReplicaSets(client, clock, pods, chance).run(),
            EndpointSlices(client, clock, pods, chance).run(),
            Garbage(client, clock, chance).run(),
            *((Deployments(client, clock, pods, chance).run(),) if deployments else ()),
        )
    ]
    try:
        yield cluster
    finally:
        await _end(running)


@asynccontextmanager
async def controlled(
    cluster: PaperCluster,
    wrap: Callable[[Transport], Transport] = lambda t: t,
    *,
    asker: Asker | None = None,
    verify: Verify | None = None,
    wait_for_ready: bool = True,
    instance_id: str = "",
    step_plugins: StepPlugins | None = None,
    disabled_step_plugins: frozenset[str] = frozenset(),
    api_versions: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[World]:
    """Our controller at work on the cluster while the block runs; `asker` is its network,
    `verify` its data plane, `step_plugins` what is installed beside it."""
    world = World(
        client=cluster.client("controller", wrap),
        clock=cluster.clock,
        rng=random.Random(cluster.chance.random()),
        asker=asker,
        verify=verify,
        instance_id=instance_id,
        step_plugins=step_plugins or StepPlugins(),
        disabled_step_plugins=disabled_step_plugins,
        api_versions=api_versions,
    )
    task = asyncio.create_task(run_controller(world))
    waiting = asyncio.create_task(world.ready.wait())
    if wait_for_ready:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield world
        if task.done():
            task.result()
    finally:
        await _end([task, waiting])


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def resource_of(manifest: Json) -> Resource:
    """Where objects of this kind live; enough for the kinds that stories use."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    kind = manifest["kind"]
    plural = {"Ingress": "ingresses"}.get(kind, kind.lower() + "s")
    cluster_wide = kind in ("Namespace", "ClusterAnalysisTemplate")
    return Resource(group, version, plural, kind, not cluster_wide)

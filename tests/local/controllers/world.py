"""The API server with controllers in virtual time; the test plays the node."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from serinus.base.clock import Clock
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import ENDPOINTSLICES, PODS, REPLICASETS, SERVICES
from serinus.kube.transport.asgi import AsgiTransport
from serinus.local.apiserver.app import ApiServer
from serinus.local.controllers.every import every_controller, pod_informer
from serinus.local.node.podspec import NodePod
from support.virtual import virtual_clock

Json = dict[str, Any]


class World:
    """What a story does and sees; all objects are in the namespace `default`."""

    def __init__(self, client: Client, clock: Clock, pods: Informer[NodePod]) -> None:
        self.client = client
        self.pods_informer = pods
        self.clock = clock

    async def settle(self) -> None:
        """Let everything that follows from now happen: virtual time passes when all is quiet."""
        await self.clock.sleep(1)

    async def replicaset(self, replicas: int, **spec: Any) -> Json:
        labels = {"app": "web"}
        container = {"name": "c", "image": "acme/web:v1", "ports": [{"containerPort": 8080}]}
        body = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            }
            | spec,
        }
        return await self.client.create(REPLICASETS, body, "default")

    async def service(self, name: str = "svc", selector: Mapping[str, str] | None = None) -> Json:
        spec = {"selector": selector or {"app": "web"}, "ports": [{"port": 80}]}
        body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}
        return await self.client.create(SERVICES, body, "default")

    async def pods(self) -> list[Json]:
        return list((await self.client.list(PODS, "default")).items)

    async def start(self, pod: Json, port: int, *, ready: bool = True) -> None:
        """Do as the node does for a pod that has started."""
        name = pod["metadata"]["name"]
        bound = {
            "metadata": {"annotations": {"serinus.dev/port": str(port)}},
            "spec": {"nodeName": "local"},
        }
        await self.client.patch(PODS, name, bound, "default")
        condition = {
            "type": "Ready",
            "status": "True" if ready else "False",
            "lastTransitionTime": f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}",
        }
        status = {"phase": "Running", "podIP": "127.0.0.1", "conditions": [condition]}
        await self.client.patch(PODS, name, {"status": status}, "default", subresource="status")

    async def start_all(self, *, ready: bool = True) -> None:
        for index, pod in enumerate(await self.pods()):
            await self.start(pod, 20000 + index, ready=ready)

    async def status(self) -> tuple[int, ...]:
        """Replicas, ready, available of the ReplicaSet."""
        found = (await self.client.get(REPLICASETS, "web", "default")).get("status", {})
        return tuple(found.get(f, 0) for f in ("replicas", "readyReplicas", "availableReplicas"))

    async def endpoints(self, service: str = "svc") -> dict[int, bool]:
        """Port and readiness of every endpoint of a Service."""
        label = f"kubernetes.io/service-name={service}"
        slices = (await self.client.list(ENDPOINTSLICES, "default", labels=label)).items
        return {
            part["ports"][0]["port"]: part["endpoints"][0]["conditions"]["ready"] for part in slices
        }


@asynccontextmanager
async def world(**options: Any) -> AsyncIterator[World]:
    """A server and its three controllers, until the story ends."""
    clock, chance = virtual_clock(), random.Random(7)
    server = ApiServer(clock, chance=chance, **options)
    limits = Limits(requests_per_second=1e6, burst=10**6)

    def client(caller: str) -> Client:
        transport = AsgiTransport(server, server.prefix(caller))
        return Client(transport, clock, user_agent=caller, limits=limits)

    controller = client("controllers")
    pods = pod_informer(controller, clock, chance)
    parts = every_controller(controller, clock, pods, chance).values()
    running = [asyncio.create_task(part) for part in (pods.run(), *parts)]
    try:
        yield World(client("admin"), clock, pods)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await controller.close()

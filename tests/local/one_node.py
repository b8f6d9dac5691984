"""An API server, the endpoint controller and a real node, for stories with real processes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from serinus.api.wire import encode
from serinus.base.clock import Clock
from serinus.kube.calls import Limits
from serinus.kube.client import Client, PatchKind
from serinus.kube.errors import AlreadyExists
from serinus.kube.informer import Informer
from serinus.kube.resource import CONFIGMAPS, ENDPOINTSLICES, EVENTS, PODS, SECRETS, SERVICES
from serinus.kube.transport.asgi import AsgiTransport
from serinus.local.apiserver.app import ApiServer
from serinus.local.controllers.endpointslice import EndpointSlices
from serinus.local.controllers.every import pod_informer
from serinus.local.node.images import image_table
from serinus.local.node.node import Node

DEADLINE_SECONDS = 30
Json = dict[str, Any]


class Machine:
    """What a story does and sees; all pods are in the namespace `default`."""

    def __init__(self, server: ApiServer, client: Client, node: Node) -> None:
        self.server = server
        self.client = client
        self.node = node
        self._seen: dict[str, list[Json | None]] = {}
        self._changed = asyncio.Event()

    def note(self, old: Json | None, new: Json | None) -> None:
        """Every version of every pod, in the order in which they came."""
        known = new or old
        assert known is not None
        self._seen.setdefault(known["metadata"]["name"], []).append(new)
        self._changed.set()

    async def until(self, name: str, holds: Callable[[Json | None], Any]) -> Json:
        """The first version of the pod, of those not looked at yet, for which `holds`."""
        while True:
            self._changed.clear()
            while versions := self._seen.get(name):
                if holds(version := versions.pop(0)):
                    return version or {}
            await self._changed.wait()

    async def pod(self, name: str, image: str = "acme/web:v1", **fields: Any) -> Json:
        """Create a pod with one container; `pod_...` fields go to the pod's spec."""
        spec = {key[4:]: fields.pop(key) for key in [*fields] if key.startswith("pod_")}
        container = {"name": "c", "image": image, "ports": [{"containerPort": 8080}]} | fields
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "web"}},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 5} | spec,
        }
        return await self.client.create(PODS, body, "default")

    async def service(self, port: Json | None = None) -> None:
        spec = {"selector": {"app": "web"}, "ports": [port or {"port": 80}]}
        body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc"}, "spec": spec}
        await self.client.create(SERVICES, body, "default")

    async def endpoints(self) -> list[bool]:
        """Whether each endpoint is ready."""
        slices = (await self.client.list(ENDPOINTSLICES, "default")).items
        found = [one for part in slices for one in part.get("endpoints") or ()]
        return sorted(one["conditions"]["ready"] for one in found)

    async def routed(self, *ready: bool) -> None:
        """Wait until these are the endpoints: they follow the pods by a moment."""
        while True:
            if await self.endpoints() == [*ready]:
                return
            await asyncio.sleep(0.02)

    async def alone(self) -> None:
        """Wait until the node has no process."""
        while True:
            if not len(self.node.processes):
                return
            await asyncio.sleep(0.02)

    async def delete(self, name: str, grace: int | None = None) -> None:
        """Delete a pod; a grace of 0 is `kubectl delete --force --grace-period=0`."""
        options: Json = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        await self.client.raw("DELETE", PODS.path("default", name), body=encode(options))

    async def last(self, name: str) -> Json:
        """The pod as it is now."""
        return await self.client.get(PODS, name, "default")

    async def set_image(self, name: str, image: str) -> None:
        """As `kubectl set image pod/NAME c=IMAGE` does."""
        patch = {"spec": {"containers": [{"name": "c", "image": image}]}}
        await self.client.patch(PODS, name, patch, "default", kind=PatchKind.STRATEGIC)

    async def event(self, pod: str, reason: str, part: str = "") -> str:
        """The message of the first event of that reason about the pod, once there is one."""
        while True:
            for event in (await self.client.list(EVENTS, "default")).items:
                about = event["involvedObject"]["name"] == pod and event["reason"] == reason
                if about and part in event["message"]:
                    return str(event["message"])
            await asyncio.sleep(0.02)

    async def holds(self, kind: str, name: str, **data: str) -> None:
        """Create or change a ConfigMap or Secret."""
        resource = SECRETS if kind == "Secret" else CONFIGMAPS
        body: Json = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}
        body["stringData" if kind == "Secret" else "data"] = data
        try:
            await self.client.create(resource, body, "default")
        except AlreadyExists:
            await self.client.patch(resource, name, {"data": data}, "default")

    async def log(self, name: str, **query: str) -> str:
        path = PODS.path("default", name, "log")
        return (await self.client.raw("GET", path, query)).body.decode()

    async def says(self, name: str, text: str) -> str:
        """What the log begins with, once it is as long as `text`: a process may be ready before."""
        return await self.log(name, follow="true", limitBytes=str(len(text)))


def ready(pod: Json | None) -> bool:
    """Whether the pod says that it is ready."""
    return pod is not None and any(
        c["type"] == "Ready" and c["status"] == "True"
        for c in pod.get("status", {}).get("conditions", ())
    )


def container(pod: Json | None) -> Json:
    """The status of the pod's first container; empty if there is none yet."""
    statuses = (pod or {}).get("status", {}).get("containerStatuses") or [{}]
    return dict(statuses[0])


def pid_of(pod: Json) -> int:
    """The process of the pod's first container."""
    return int(container(pod)["containerID"].removeprefix("process://"))


def waiting(reason: str) -> Callable[[Json | None], bool]:
    """Whether the first container waits for this reason."""
    return lambda pod: container(pod).get("state", {}).get("waiting", {}).get("reason") == reason


def is_gone(pod: Json | None) -> bool:
    """Whether the pod has been removed."""
    return pod is None


@asynccontextmanager
async def machine(speed: float = 1.0) -> AsyncIterator[Machine]:
    """A machine whose pods all end with the story."""
    clock, chance = Clock(speed), random.Random(5)
    server = ApiServer(clock)
    limits = Limits(requests_per_second=1e6, burst=10**6)

    def client(caller: str) -> Client:
        transport = AsgiTransport(server, server.prefix(caller))
        return Client(transport, clock, user_agent=caller, limits=limits)

    inner, admin = client("node"), client("admin")
    pods = pod_informer(inner, clock, chance)
    node = Node(inner, clock, pods, image_table(), chance)
    server.log_source = node.read_logs
    here = Machine(server, admin, node)
    watched: Informer[Any] = Informer(admin, PODS, dict, clock, jitter=chance)
    watched.on_change(here.note)
    slices = EndpointSlices(inner, clock, pods, chance)
    running = [asyncio.create_task(p.run()) for p in (pods, watched, slices, node)]
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await watched.synced()
            yield here
    finally:
        for task in running:
            task.cancel()
        ends = await asyncio.gather(*running, return_exceptions=True)
        await inner.close()
        await admin.close()
        failures = [end for end in ends if isinstance(end, Exception)]
        if failures:
            raise ExceptionGroup("the machine broke", failures)

"""The two servers that the cases are told to: the embedded one, and the cluster of a kubeconfig."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conformance.case import Case
from conformance.handle import NAMESPACES, Conformance
from serinus.base.clock import Clock
from serinus.kube.auth import load_kubeconfig, make_transport
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.transport.asgi import AsgiTransport
from serinus.local.apiserver.app import ApiServer
from serinus.local.controllers.every import every_controller, pod_informer
from serinus.local.node.images import image_table
from serinus.local.node.objectpods import Fate, ObjectPods
from serinus.local.node.podspec import NodePod
from support.virtual import run_virtual, virtual_clock

REAL = "KUBECONFIG_CONFORMANCE"
_NAMESPACE = "conformance-{}"


def run_embedded(case: Case) -> None:
    """Tell the case to a fresh embedded server, in virtual time."""
    run_virtual(_on_cluster(case) if case.controllers else _on_server(case))


async def _on_server(case: Case) -> None:
    clock = virtual_clock()
    server = ApiServer(clock, chance=random.Random(1))
    await _tell(case, AsgiTransport(server, server.prefix("admin")), clock)


async def _on_cluster(case: Case) -> None:
    """With all controllers, and a node whose pods are only objects: no process is started."""
    clock, chance = virtual_clock(), random.Random(1)
    server = ApiServer(clock, chance=chance)
    limits = Limits(requests_per_second=1e6, burst=10**6)
    client = Client(AsgiTransport(server, server.prefix("parts")), clock, limits=limits)
    pods = pod_informer(client, clock, chance)
    node = ObjectPods(client, clock, pods, image_table(), chance)
    node.fate = _fate
    parts = every_controller(client, clock, pods, chance).values()
    running = [asyncio.create_task(part) for part in (pods.run(), node.run(), *parts)]
    try:
        await _tell(case, AsgiTransport(server, server.prefix("admin")), clock)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await client.close()


def _fate(pod: NodePod) -> Fate:
    """What becomes of `objects.ends` with an exit code, and of anything else: that stays."""
    command = pod.spec.containers[0].command
    if command[:2] != ("sh", "-c"):
        return Fate()
    return Fate(ends_after_seconds=1.0, exit_code=int(command[2].removeprefix("exit ")))


async def _tell(case: Case, transport: AsgiTransport, clock: Clock) -> None:
    k = Conformance(transport, clock, _NAMESPACE.format("a1b2c"), embedded=True)
    await k.ok("POST", NAMESPACES, {"metadata": {"name": k.namespace}})
    try:
        await case.tell(k)
    finally:
        await transport.close()


def run_real(case: Case) -> None:
    """Tell the case to the cluster of the kubeconfig that the environment names."""
    asyncio.run(on_real(case))


async def on_real(case: Case) -> None:
    """As `run_real`, inside a loop."""
    async with real_cluster() as k:
        await case.tell(k)


@asynccontextmanager
async def real_cluster() -> AsyncIterator[Conformance]:
    """A handle with a new namespace, which is deleted at the end."""
    transport = make_transport(load_kubeconfig(os.environ[REAL]))
    k = Conformance(transport, Clock(), _NAMESPACE.format(secrets.token_hex(3)), embedded=False)
    try:
        await k.ok("POST", NAMESPACES, {"metadata": {"name": k.namespace}})
        try:
            yield k
        finally:
            await k.clean()
            await k.call("DELETE", f"{NAMESPACES}/{{ns}}")
    finally:
        await transport.close()

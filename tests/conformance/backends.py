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
from serinus.kube.transport.asgi import AsgiTransport
from serinus.local.apiserver.app import ApiServer
from support.cluster import paper_cluster
from support.virtual import run_virtual, virtual_clock

REAL = "KUBECONFIG_CONFORMANCE"
_NAMESPACE = "conformance-{}"


def run_embedded(case: Case) -> None:
    """Tell the case to a fresh embedded server, in virtual time."""
    run_virtual(_on_paper(case) if case.controllers else _on_server(case))


async def _on_server(case: Case) -> None:
    clock = virtual_clock()
    server = ApiServer(clock, chance=random.Random(1))
    await _tell(case, AsgiTransport(server, server.prefix("admin")), clock)


async def _on_paper(case: Case) -> None:
    async with paper_cluster() as cluster:
        server = cluster.server
        await _tell(case, AsgiTransport(server, server.prefix("admin")), cluster.clock)


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

"""An API server on a socket for clients that we did not write, and a look at what they do to it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from local.apiserver.served import serving
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import Resource
from serinus.kube.transport.asgi import AsgiTransport
from serinus.local.apiserver.app import ApiServer
from serinus.local.kubeconfig import kubeconfig, write_kubeconfig

DEADLINE_SECONDS = 60
Json = dict[str, Any]


class World:
    """The server's address, a kubeconfig for others, and a client of our own to look with."""

    def __init__(self, server: ApiServer, url: str, folder: Path) -> None:
        self.server = server
        self.url = url
        self.kubeconfig = write_kubeconfig(folder, kubeconfig(url, {}))
        transport = AsgiTransport(server, server.prefix("looker"))
        self.client = Client(transport, server.clock)

    async def until(
        self, resource: Resource, holds: Callable[[Mapping[str, Json]], bool]
    ) -> Mapping[str, Json]:
        """The objects of a kind by name, as soon as `holds` is true of them."""
        seen: Informer[Json] = Informer(
            self.client, resource, dict, self.server.clock, jitter=random.Random(1)
        )
        changed = asyncio.Event()
        seen.on_change(lambda old, new: changed.set())
        task = asyncio.create_task(seen.run())
        try:
            await seen.synced()
            while True:
                objects = {item["metadata"]["name"]: item for item in seen.store.all()}
                if holds(objects):
                    return objects
                changed.clear()
                await changed.wait()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    server = ApiServer(Clock())
    async with asyncio.timeout(DEADLINE_SECONDS), serving(server) as url:
        made = World(server, url, folder)
        try:
            yield made
        finally:
            await made.client.close()

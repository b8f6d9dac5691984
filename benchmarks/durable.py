"""What `serinus up --data-dir` costs: writes a second against memory alone, and the start.

The API server by itself, asked in its own process; the file lies where temporary files lie.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figure import Figure, median
from serinus.base.clock import Clock
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.resource import CONFIGMAPS
from serinus.kube.transport.asgi import AsgiTransport
from serinus.local.apiserver.app import ApiServer
from serinus.local.datadir import locked, opened

WRITERS, WRITES, ROUNDS = 16, 1_600, 5
OBJECTS = 1_000
UNLIMITED = Limits(requests_per_second=1e6, burst=10**6)


def figures() -> Iterator[Figure]:
    for writers in (1, WRITERS):
        pairs = [(rate(writers, durable=True), rate(writers, durable=False)) for _ in range(ROUNDS)]
        kept, memory = (median([pair[at] for pair in pairs]) for at in (0, 1))
        yield Figure(
            f"durable writes a second, {writers} at once",
            kept / memory,
            "writes to memory alone",
            at_least=0.1 if writers == 1 else 0.3,
            detail=f"{kept:,.0f} against {memory:,.0f} a second",
        )
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(filled(Path(folder)))
        stored = median([asyncio.run(started(Path(folder))) for _ in range(ROUNDS)])
    with tempfile.TemporaryDirectory() as folder:
        fresh = median([asyncio.run(started(Path(folder, str(n)))) for n in range(ROUNDS)])
    yield Figure(
        f"start to the first answer with {OBJECTS:,} objects",
        stored / fresh,
        "start with an empty folder",
        at_most=5,
        detail=f"{stored * 1e3:.0f} ms against {fresh * 1e3:.0f} ms",
    )


def rate(writers: int, *, durable: bool) -> float:
    """Acknowledged writes a second."""

    async def run() -> float:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            data = None
            if durable:
                stack.enter_context(locked(Path(folder)))
                data = stack.enter_context(opened(Path(folder))).storage
            client = client_of(ApiServer(Clock(), storage=data))
            began = time.perf_counter()
            async with asyncio.TaskGroup() as group:
                for number in range(writers):
                    group.create_task(write(client, f"w{number}", WRITES // writers))
            seconds = time.perf_counter() - began
            await client.close()
            return WRITES / seconds

    return asyncio.run(run())


async def write(client: Client, name: str, count: int) -> None:
    """One object made, then changed again and again."""
    await client.create(CONFIGMAPS, body(name), "default")
    for number in range(count - 1):
        await client.patch(CONFIGMAPS, name, {"data": {"n": str(number)}}, "default")


async def filled(folder: Path) -> None:
    with locked(folder), opened(folder) as data:
        server = ApiServer(Clock(), storage=data.storage)
        client = client_of(server)
        for number in range(OBJECTS):
            await client.create(CONFIGMAPS, body(f"c{number}"), "default")
        await client.close()


async def started(folder: Path) -> float:
    """Seconds from the opening of the folder to the answer of a list."""
    began = time.perf_counter()
    with locked(folder), opened(folder) as data:
        client = client_of(ApiServer(Clock(), storage=data.storage))
        await client.list(CONFIGMAPS, "default")
        seconds = time.perf_counter() - began
        await client.close()
        return seconds


def client_of(server: ApiServer) -> Client:
    transport = AsgiTransport(server, server.prefix("admin"))
    return Client(transport, server.clock, limits=UNLIMITED)


def body(name: str) -> dict[str, object]:
    text = {"text": "x" * 1_000}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": text}

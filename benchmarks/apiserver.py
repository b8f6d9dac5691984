"""The embedded API server over its socket: requests, lists, watchers, memory, and how it starts.

The server runs in a process of its own; beside it, on the same web server, stands an application
that does nothing, so that the ratios say what the API costs and not what HTTP costs.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.figure import Figure, seconds_of
from serinus.cli.composition import embedded
from serinus.kube.resource import INGRESSES, PODS, REPLICASETS, SERVICES

REQUESTS, LISTED = 2_000, 5_000
WATCHERS, WRITERS, EVENTS = 100, 16, 1_000
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
MERGE = {"Content-Type": "application/merge-patch+json"}
HOST = "ready.example.com"
SOURCE = Path(__file__).parents[1] / "src"
DEADLINE_SECONDS = 120


def figures() -> Iterator[Figure]:
    yield from asyncio.run(served())
    yield start()
    yield asyncio.run(first_request())


@dataclass
class Door:
    """The two servers, and a way to ask how much memory their process has in use."""

    url: str
    bare: str
    session: aiohttp.ClientSession
    process: asyncio.subprocess.Process

    async def memory(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        return int(await self.process.stdout.readline())


@asynccontextmanager
async def door() -> AsyncIterator[Door]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.api_process"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    url, bare = (await process.stdout.readline()).decode().split()
    connector = aiohttp.TCPConnector(limit=0)
    async with asyncio.timeout(DEADLINE_SECONDS), aiohttp.ClientSession(connector=connector) as web:
        yield Door(url, bare, web, process)
        process.stdin.close()
        await process.wait()


async def served() -> list[Figure]:
    async with door() as api:
        floor = await rate(lambda n: ask(api, "GET", f"{api.bare}/{n}"))
        before = await api.memory()
        create = await rate(lambda n: ask(api, "POST", api.url + CONFIG_MAPS, config_map(n)))
        grown = (await api.memory() - before) / REQUESTS
        size = len(json.dumps(config_map(0)))
        one = f"{api.url}{CONFIG_MAPS}/c0"
        get = await rate(lambda n: ask(api, "GET", one))
        patch = await rate(lambda n: ask(api, "PATCH", one, {"data": {"n": str(n)}}))
        rates = {"get": get, "create": create, "patch": patch}
        made = [
            Figure(
                f"{name}, requests a second",
                found.per_second / floor.per_second,
                "a web application that does nothing",
                at_least={"get": 0.3, "create": 0.1, "patch": 0.1}[name],
                detail=f"{found.per_second:.0f}/s, p99 {found.p99 * 1e3:.1f} ms "
                f"(bare: {floor.per_second:.0f}/s, p99 {floor.p99 * 1e3:.1f} ms)",
            )
            for name, found in rates.items()
        ]
        words = f"{grown * 1000 / 1e6:.1f} MB for 1,000 objects of {size} bytes of JSON"
        made.append(
            Figure("memory of an object", grown / size, "its JSON", at_most=12, detail=words)
        )
        for number in range(REQUESTS, LISTED):
            await ask(api, "POST", api.url + CONFIG_MAPS, config_map(number))
        made.append(await listing(api))
        made.append(await watching(api))
        return made


@dataclass(frozen=True)
class Rate:
    """How many requests a second, and how long the slowest hundredth takes at least."""

    per_second: float
    p99: float


async def rate(request: Callable[[int], Awaitable[bytes]]) -> Rate:
    """`REQUESTS` requests, eight at a time."""
    numbers = iter(range(REQUESTS))
    took: list[float] = []

    async def worker() -> None:
        for number in numbers:
            began = time.perf_counter()
            await request(number)
            took.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(8)))
    return Rate(REQUESTS / (time.perf_counter() - began), statistics.quantiles(took, n=100)[98])


async def ask(api: Door, method: str, url: str, body: Any = None) -> bytes:
    headers = MERGE if method == "PATCH" else {}
    asked = api.session.request(method, url, json=body, headers=headers)
    async with asked as answer:
        answer.raise_for_status()
        return await answer.read()


async def listing(api: Door) -> Figure:
    """A list of all objects, against the same number of bytes from a server that makes none."""
    size = len(await ask(api, "GET", api.url + CONFIG_MAPS))
    seconds = {}
    for name, url in (("list", api.url + CONFIG_MAPS), ("bare", f"{api.bare}/?{size // 1000}")):
        took = []
        for _ in range(10):
            began = time.perf_counter()
            await ask(api, "GET", url)
            took.append(time.perf_counter() - began)
        seconds[name] = min(took)
    return Figure(
        f"a list of {LISTED:,} objects",
        seconds["list"] / seconds["bare"],
        "as many bytes from a server that makes none",
        at_most=20,
        detail=f"{seconds['list'] * 1e3:.0f} ms, {size / 1e6:.1f} MB",
    )


async def watching(api: Door) -> Figure:
    """Many writes at a time while a hundred clients watch, until each has all of the changes."""
    started = asyncio.Event()
    waiting = WATCHERS

    async def watcher() -> None:
        nonlocal waiting
        url = f"{api.url}{CONFIG_MAPS}?watch=true&resourceVersion={version}"
        async with api.session.get(url) as answer:
            waiting -= 1
            if not waiting:
                started.set()
            seen = 0
            while seen < EVENTS:
                seen += (await answer.content.readany()).count(b"\n")

    listed = json.loads(await ask(api, "GET", f"{api.url}{CONFIG_MAPS}?limit=1"))
    version = listed["metadata"]["resourceVersion"]
    async with asyncio.TaskGroup() as group:
        watchers = [group.create_task(watcher()) for _ in range(WATCHERS)]
        await started.wait()
        began = time.perf_counter()
        numbers = iter(range(EVENTS))

        async def writer() -> None:
            for number in numbers:
                body = {"data": {"m": str(number)}}
                await ask(api, "PATCH", f"{api.url}{CONFIG_MAPS}/c{number}", body)

        await asyncio.gather(*(writer() for _ in range(WRITERS)))
        written = time.perf_counter() - began
        await asyncio.gather(*watchers)
    seconds = time.perf_counter() - began
    return Figure(
        f"{WATCHERS} watchers, {EVENTS:,} changes: changes a second that all have seen",
        EVENTS / seconds / 1_000,
        "1,000 a second",
        at_least=0.1,
        detail=f"{WATCHERS * EVENTS / seconds:.0f} events/s delivered; writes took {written:.1f} s",
    )


def start() -> Figure:
    """From nothing to an API that answers, with all kinds of ours and the gateway running."""
    code = (
        f"import asyncio, sys\nsys.path.insert(0, {str(SOURCE)!r})\n"
        "from serinus.cli.composition import embedded\n"
        "async def main():\n    async with embedded(speed=1, port=0): pass\n"
        "asyncio.run(main())"
    )

    def run(text: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", text], check=True)

    whole = seconds_of(run(code), rounds=3)
    imports = seconds_of(run("import aiohttp, uvicorn, msgspec, yaml"), rounds=3)
    return Figure(
        "start and end of a cluster with its gateway",
        whole / imports,
        "importing aiohttp, uvicorn, msgspec, yaml",
        at_most=15,
        detail=f"{whole:.2f} s",
    )


async def first_request() -> Figure:
    """From the moment that a pod is seen ready to the first answer through Traefik."""
    async with embedded(speed=1, port=0) as cluster, aiohttp.ClientSession() as session:
        client = cluster.client("admin")
        for resource, manifest in ((SERVICES, SERVICE), (INGRESSES, INGRESS)):
            await client.create(resource, manifest, "default")
        took = []
        for number in range(10):
            await client.create(REPLICASETS, replica_set(f"web{number}"), "default")
            while not await ready(client):
                await cluster.clock.sleep_wall(0.002)
            began = time.perf_counter()
            while True:
                async with session.get(cluster.ingress_url, headers={"Host": HOST}) as answer:
                    if answer.status == 200:
                        break
            took.append(time.perf_counter() - began)
            await client.delete(REPLICASETS, f"web{number}", "default")
            while (await client.list(PODS, "default")).items:
                await cluster.clock.sleep_wall(0.02)
    median = statistics.median(took)
    return Figure(
        "pod ready to first request through Traefik, median of 10",
        median / 0.05,
        "Traefik's throttle of 50 ms",
        at_most=20,
        detail=f"{median * 1e3:.0f} ms, worst {max(took) * 1e3:.0f} ms",
    )


async def ready(client: Any) -> bool:
    pods = (await client.list(PODS, "default")).items
    conditions = [c for pod in pods for c in pod.get("status", {}).get("conditions", ())]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def config_map(number: int) -> dict[str, Any]:
    text = random.Random(number).randbytes(400).hex()
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"c{number}", "labels": {"app": f"app-{number % 10}"}},
        "data": {"text": text, "number": str(number)},
    }


def replica_set(name: str) -> dict[str, Any]:
    labels = {"app": "ready"}
    container = {"name": "web", "image": "acme/web:v1", "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "ready"},
    "spec": {"selector": {"app": "ready"}, "ports": [{"port": 80, "targetPort": 8080}]},
}
INGRESS: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "ready"},
    "spec": {
        "ingressClassName": "nginx",
        "rules": [
            {
                "host": HOST,
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "ready", "port": {"number": 80}}},
                        }
                    ]
                },
            }
        ],
    },
}

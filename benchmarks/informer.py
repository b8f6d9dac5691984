"""The informer beside lightkube: 5,000 ReplicaSets listed, then 20,000 watch events.

Both run in processes of their own against one server process that sends prepared bytes. Both end
with a store of all objects; ours keeps an index besides.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from benchmarks.figure import Figure, median

OBJECTS = 5_000
EVENTS = 20_000
PAGE = 500  # both ask for pages of this size
ROUNDS = 3
DEADLINE_SECONDS = 120
ROOT = Path(__file__).parent.parent


def figures() -> Iterator[Figure]:
    with _process("serve", stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            # Alternating, so that what else the machine does hits both alike.
            runs = [(_measure("serinus", url), _measure("lightkube", url)) for _ in range(ROUNDS)]
        finally:
            server.terminate()
    rate = [[run[which]["events_per_second"] for run in runs] for which in (0, 1)]
    peak = [[run[which]["peak_mib"] for run in runs] for which in (0, 1)]
    listed = [[run[which]["list_seconds"] for run in runs] for which in (0, 1)]
    yield Figure(
        f"{EVENTS:,} watch events, events/s",
        median([ours / theirs for ours, theirs in zip(*rate, strict=True)]),
        "lightkube",
        at_least=2.0,
        detail=f"{median(rate[0]):,.0f}/s against {median(rate[1]):,.0f}/s",
    )
    yield Figure(
        f"{OBJECTS:,} ReplicaSets of 6 KB, peak memory",
        median([ours / theirs for ours, theirs in zip(*peak, strict=True)]),
        "lightkube",
        at_most=0.6,
        detail=f"{median(peak[0]):.0f} MiB against {median(peak[1]):.0f} MiB",
    )
    yield Figure(
        f"list of {OBJECTS:,}, seconds",
        median([ours / theirs for ours, theirs in zip(*listed, strict=True)]),
        "lightkube",
        detail=f"{median(listed[0]):.2f} s against {median(listed[1]):.2f} s",
    )


def _process(*arguments: str, stdout: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.informer", *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": "0"},
        stdout=stdout,
        text=True,
    )


def _measure(which: str, url: str) -> dict[str, float]:
    with _process(which, url, stdout=subprocess.PIPE) as child:
        try:
            output, _ = child.communicate(timeout=DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
    if child.returncode != 0:
        raise RuntimeError(f"the measuring process of {which} failed")
    measured: dict[str, float] = json.loads(output)
    return measured


class Meter:
    """Counts events; tells when the last one has come."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.listed = 0.0
        self.first = 0.0
        self.last = 0.0
        self.count = 0
        self.over = asyncio.Event()

    def list_done(self) -> None:
        self.listed = time.perf_counter() - self.began

    def event(self) -> None:
        self.count += 1
        if self.count == 1:
            self.first = time.perf_counter()
        elif self.count == EVENTS:
            self.last = time.perf_counter()
            self.over.set()

    def result(self) -> dict[str, float]:
        return {
            "list_seconds": self.listed,
            "events_per_second": EVENTS / (self.last - self.first),
            "peak_mib": _peak_mib(),
        }


def _peak_mib() -> float:
    """Of this program alone: Linux counts the parent's pages in ru_maxrss."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


async def run_serinus(url: str) -> dict[str, float]:
    from serinus.api.kubernetes import ReplicaSet
    from serinus.base.clock import Clock
    from serinus.kube.client import Client
    from serinus.kube.informer import Informer
    from serinus.kube.resource import REPLICASETS
    from serinus.kube.transport import HttpTransport

    clock, meter = Clock(), Meter()
    client = Client(HttpTransport(url), clock)
    informer = Informer(
        client,
        REPLICASETS,
        ReplicaSet,
        clock,
        indexes={"owner": lambda made: [owner.uid for owner in made.metadata.owner_references]},
        jitter=random.Random(1),
    )
    informer.on_change(lambda old, new: None if old is None else meter.event())
    task = asyncio.create_task(informer.run())
    await informer.synced()
    meter.list_done()
    await meter.over.wait()
    assert len(informer.store) == OBJECTS
    result = meter.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await client.close()
    return result


async def run_lightkube(url: str) -> dict[str, float]:
    from lightkube import AsyncClient, KubeConfig
    from lightkube.resources.apps_v1 import ReplicaSet

    meter = Meter()
    config = {
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    client = AsyncClient(config=KubeConfig.from_dict(config))
    store: dict[tuple[str, str], Any] = {}
    listing = client.list(ReplicaSet, namespace="*", chunk_size=PAGE)
    async for made in listing:
        store[made.metadata.namespace, made.metadata.name] = made
    meter.list_done()
    watching = client.watch(ReplicaSet, namespace="*", resource_version="5000")
    async for _, made in watching:
        store[made.metadata.namespace, made.metadata.name] = made
        meter.event()
        if meter.over.is_set():
            break
    assert len(store) == OBJECTS
    return meter.result()


async def serve(_: str) -> None:
    """Lists in pages and one watch of all events, again for each caller."""
    lines = _lines()
    for start in range(0, OBJECTS, PAGE):
        _page(PAGE, start)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                query = dict(parse_qsl(urlsplit(head.split()[1]).query))
                if query.get("watch") == "true":
                    await _watch(writer, lines)
                else:
                    body = _page(int(query.get("limit", OBJECTS)), int(query.get("continue", 0)))
                    writer.write(
                        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                        b"content-length: %d\r\n\r\n" % len(body) + body
                    )
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


async def _watch(writer: asyncio.StreamWriter, lines: list[bytes]) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    for line in lines:
        writer.write(b"%x\r\n%b\r\n" % (len(line), line))
        await writer.drain()


@lru_cache
def _page(limit: int, start: int) -> bytes:
    end = min(OBJECTS, start + limit)
    meta = {"resourceVersion": str(OBJECTS), "continue": str(end) if end < OBJECTS else ""}
    items = [_replicaset(number, number) for number in range(start, end)]
    return json.dumps({"kind": "ReplicaSetList", "metadata": meta, "items": items}).encode()


def _lines() -> list[bytes]:
    return [
        json.dumps(
            {"type": "MODIFIED", "object": _replicaset(number % OBJECTS, OBJECTS + 1 + number)}
        ).encode()
        + b"\n"
        for number in range(EVENTS)
    ]


def _replicaset(number: int, version: int) -> dict[str, Any]:
    labels = {"app": f"app-{number % 500}", "pod-template-hash": f"{number:010x}", "team": "shop"}
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": f"app-{number % 500}",
        "uid": f"00000000-0000-0000-0000-{number % 500:012d}",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"app-{number % 500}-{number:010x}",
            "namespace": f"team-{number % 50}",
            "uid": f"10000000-0000-0000-0000-{number:012d}",
            "resourceVersion": str(version),
            "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": str(number % 9)},
            "ownerReferences": [owner],
            "managedFields": [_managed("controller-a"), _managed("controller-b")],
        },
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [_container("main"), _container("sidecar")]},
            },
        },
        "status": {"replicas": 3, "readyReplicas": version % 4, "observedGeneration": 3},
    }


def _container(name: str) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 5}
    return {
        "name": name,
        "image": f"registry.example/team/{name}:1.2.3",
        "env": [{"name": f"VARIABLE_{n}", "value": f"value-of-{n}" * 2} for n in range(20)],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1"}},
    }


def _managed(name: str) -> dict[str, Any]:
    fields = {f"f:field-{n}": {".": {}, "f:value": {}} for n in range(20)}
    return {
        "manager": name,
        "operation": "Update",
        "apiVersion": "apps/v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": fields},
    }


PARTS = {"serve": serve, "serinus": run_serinus, "lightkube": run_lightkube}

if __name__ == "__main__":
    part, address = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    if part == "serve":
        asyncio.run(serve(address))
    else:
        print(json.dumps(asyncio.run(PARTS[part](address))))

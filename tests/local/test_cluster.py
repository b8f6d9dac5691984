"""The whole embedded cluster: real Traefik, real pods, real requests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import yaml

from local.whole import (
    DEADLINE_SECONDS,
    cluster,
    ingress,
    needs_traefik,
    routed,
    service,
    wait_gone,
    workload,
)
from serinus.kube.resource import INGRESSES, PODS, REPLICASETS, SERVICES
from serinus.local.cluster import Cluster, ClusterOptions, starting_epoch
from serinus.local.machine.ports import NoFreePort
from support.steady import run_steady


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

    first, second = run_steady(story())
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

    address, labels, gauges = run_steady(story())
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
                for path in (
                    made.folder,
                    made.kubeconfig,
                    made.folder / "kubeconfig-readonly",
                    made.folder / "traefik.yaml",
                )
            ]
            lines = [" ".join(one.cmdline()) for one in children()]
            lines.append(made.gateway.log_file.read_text())
            return modes, document, made.folder, lines

    modes, document, folder, lines = run_steady(story())
    server = document["clusters"][0]["cluster"]["server"]
    secret = server.rpartition("/")[2]
    assert modes == ["drwx------", "-rw-------", "-rw-------", "-rw-------"]
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
            run_steady(story(port))
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

    run_steady(story())
    assert list(tmp_path.iterdir()) == []

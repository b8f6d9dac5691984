"""Pods that are only objects: how they get ready, crash, wait and vanish, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.resource import ENDPOINTSLICES, NODES, PODS, REPLICASETS, SERVICES
from serinus.kube.transport.asgi import AsgiTransport
from serinus.local.apiserver.app import ApiServer
from serinus.local.cluster import Cluster, ClusterOptions
from serinus.local.controllers.endpointslice import EndpointSlices
from serinus.local.controllers.every import pod_informer
from serinus.local.controllers.replicaset import ReplicaSets
from serinus.local.node.images import image_table
from serinus.local.node.objectpods import Fate, ObjectPods
from serinus.local.node.podspec import NodePod
from support.virtual import EPOCH, run_virtual, virtual_clock

Json = dict[str, Any]


class Paper:
    """What a story does and sees; all objects are in the namespace `default`."""

    def __init__(self, client: Client, node: ObjectPods, clock: Any) -> None:
        self.client, self.node, self.clock = client, node, clock

    async def pod(self, name: str, image: str = "acme/web:v1", **spec: Any) -> None:
        container = {"name": "c", "image": image, "ports": [{"containerPort": 8080}]}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "web"}},
            "spec": {"containers": [container]} | spec,
        }
        await self.client.create(PODS, body, "default")

    async def at(self, seconds: float) -> None:
        """Let everything happen until so long after the beginning."""
        await self.clock.sleep((EPOCH - self.clock.now()).total_seconds() + seconds)

    async def shown(self, name: str) -> str:
        """Phase, readiness, state and restarts: `Running + running 0`."""
        status = (await self.client.get(PODS, name, "default")).get("status", {})
        one = (status.get("containerStatuses") or [{}])[0]
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status["conditions"])
        ((kind, state),) = one["state"].items()
        word = kind if kind == "running" else state["reason"]
        return f"{status['phase']} {'+' if ready else '-'} {word} {one['restartCount']}"


@asynccontextmanager
async def paper() -> AsyncIterator[Paper]:
    clock, chance = virtual_clock(), random.Random(5)
    server = ApiServer(clock, chance=chance)
    transport = AsgiTransport(server, server.prefix("node"))
    client = Client(transport, clock, limits=Limits(requests_per_second=1e6, burst=10**6))
    pods = pod_informer(client, clock, chance)
    node = ObjectPods(client, clock, pods, image_table(), chance)
    slices = EndpointSlices(client, clock, pods, chance)
    sets = ReplicaSets(client, clock, pods, chance)
    running = [asyncio.create_task(part.run()) for part in (pods, node, slices, sets)]
    try:
        yield Paper(client, node, clock)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await client.close()


def test_a_pod_is_bound_and_ready_at_once_with_the_status_of_a_real_one() -> None:
    async def story() -> Json:
        async with paper() as here:
            ports = [{"containerPort": 8080}, {"name": "admin", "containerPort": 9090}]
            containers = [{"name": "c", "image": "acme/web:v1", "ports": ports}]
            await here.pod("web", containers=containers)
            await here.at(1)
            return await here.client.get(PODS, "web", "default")

    pod = run_virtual(story())
    assert pod["spec"]["nodeName"] == "serinus"
    assert pod["metadata"]["annotations"]["serinus.dev/port"] == "20001"
    assert pod["metadata"]["annotations"]["serinus.dev/ports"] == '{"8080":20001,"9090":20002}'
    assert [(c["type"], c["status"]) for c in pod["status"]["conditions"]] == [
        ("PodReadyToStartContainers", "True"),
        ("Initialized", "True"),
        ("Ready", "True"),
        ("ContainersReady", "True"),
        ("PodScheduled", "True"),
    ]
    assert pod["status"]["podIP"] == "127.0.0.1"
    assert pod["status"]["startTime"] == "2026-01-01T00:00:00Z"


def test_pods_that_are_slow_or_never_ready_say_so_until_then() -> None:
    async def story() -> list[str]:
        async with paper() as here:
            waits = {"slow": 30.0, "never": None}
            here.node.fate = lambda pod: Fate(waits[pod.metadata.name])
            for name in waits:
                await here.pod(name)
            await here.at(29)
            before = [await here.shown(name) for name in waits]
            await here.at(31)
            return before + [await here.shown(name) for name in waits]

    assert run_virtual(story()) == [
        "Running - running 0", "Running - running 0",
        "Running + running 0", "Running - running 0",
    ]  # fmt: skip


def test_readiness_can_be_taken_away_and_given_back_and_the_endpoint_follows() -> None:
    async def story() -> list[Any]:
        async with paper() as here:
            spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
            body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec}
            await here.client.create(SERVICES, body, "default")
            await here.pod("web")
            seen: list[Any] = []
            for second, ready in ((1, None), (2, False), (4, True)):
                if ready is not None:
                    here.node.set_ready("web", ready)
                await here.at(second + 1)
                slices = (await here.client.list(ENDPOINTSLICES, "default")).items
                seen += [await here.shown("web"), slices[0]["endpoints"][0]["conditions"]["ready"]]
            return seen

    assert run_virtual(story()) == [
        "Running + running 0", True, "Running - running 0", False, "Running + running 0", True,
    ]  # fmt: skip


def test_a_container_that_is_ended_starts_at_once_then_after_10_and_20_seconds() -> None:
    async def story() -> list[tuple[float, str]]:
        async with paper() as here:
            await here.pod("web")
            seen = []
            for at in (1, 3, 30):
                await here.at(at)
                here.node.end("web", 137)
                for after in (0.1, 9.9, 10.1, 19.9, 20.1):
                    if at == 30 or after < 11:
                        await here.at(at + after)
                        seen.append((at + after, await here.shown("web")))
                    if at == 1:
                        break
            return seen

    assert run_virtual(story()) == [
        (1.1, "Running + running 1"),
        (3.1, "Running - CrashLoopBackOff 1"),
        (12.9, "Running - CrashLoopBackOff 1"),
        (13.1, "Running + running 2"),
        (30.1, "Running - CrashLoopBackOff 2"),
        (39.9, "Running - CrashLoopBackOff 2"),
        (40.1, "Running - CrashLoopBackOff 2"),
        (49.9, "Running - CrashLoopBackOff 2"),
        (50.1, "Running + running 3"),
    ]


@pytest.mark.parametrize(
    ("policy", "code", "shown"),
    [
        ("Never", 0, "Succeeded - Completed 0"),
        ("Never", 3, "Failed - Error 0"),
        ("OnFailure", 0, "Succeeded - Completed 0"),
        ("OnFailure", 3, "Running + running 1"),
    ],
)
def test_what_is_not_always_restarted_ends_in_a_phase(policy: str, code: int, shown: str) -> None:
    async def story() -> str:
        async with paper() as here:
            here.node.fate = lambda pod: Fate(ends_after_seconds=5.0, exit_code=code)
            await here.pod("job", restartPolicy=policy)
            await here.at(6)
            return await here.shown("job")

    assert run_virtual(story()) == shown


def test_an_image_that_is_refused_waits_and_one_container_of_two_can_be_ended() -> None:
    async def story() -> tuple[str, list[Json]]:
        async with paper() as here:
            await here.pod("none", "acme/web:does-not-exist")
            both = [{"name": name, "image": "acme/web:v1"} for name in ("a", "b")]
            await here.pod("two", containers=both)
            await here.at(1)
            here.node.end("two", 1, container="b")
            here.node.end("two", 1, container="b")
            await here.at(2)
            two = await here.client.get(PODS, "two", "default")
            return await here.shown("none"), two["status"]["containerStatuses"]

    shown, statuses = run_virtual(story())
    assert shown == "Pending - ErrImagePull 0"
    assert [(one["name"], one["restartCount"]) for one in statuses] == [("a", 0), ("b", 1)]
    assert statuses[1]["lastState"]["terminated"]["exitCode"] == 1


def test_a_pod_that_vanishes_is_gone_at_once_and_one_that_is_deleted_after_a_moment() -> None:
    async def story() -> list[list[str]]:
        async with paper() as here:
            for name in ("lost", "deleted", "kept"):
                await here.pod(name)
            await here.at(1)
            await here.node.vanish("lost")
            await here.client.delete(PODS, "deleted", "default")
            seen = []
            for second in (1.1, 2.6):
                await here.at(second)
                found = (await here.client.list(PODS, "default")).items
                seen.append([pod["metadata"]["name"] for pod in found])
            return seen

    assert run_virtual(story()) == [["deleted", "kept"], ["kept"]]


def test_what_is_not_there_cannot_be_touched() -> None:
    async def story() -> list[str]:
        async with paper() as here:
            await here.pod("web")
            await here.at(1)
            said = []
            for doing in (
                lambda: here.node.end("no"),
                lambda: here.node.end("web", container="x"),
                lambda: here.node.set_ready("web", True, "other"),
            ):
                with pytest.raises(LookupError) as caught:
                    doing()
                said.append(str(caught.value))
            return said

    assert run_virtual(story()) == [
        "pod default/no has not begun here",
        "pod default/web has no container x",
        "pod other/web has not begun here",
    ]


def test_a_thousand_pods_of_a_replicaset_are_ready_within_a_second_of_the_clock() -> None:
    async def story() -> tuple[int, int]:
        async with paper() as here:
            labels = {"app": "web"}
            pod = {"containers": [{"name": "c", "image": "acme/web:v1"}]}
            template = {"metadata": {"labels": labels}, "spec": pod}
            spec = {"replicas": 1000, "selector": {"matchLabels": labels}, "template": template}
            body = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"}}
            await here.client.create(REPLICASETS, body | {"spec": spec}, "default")
            await here.at(1)
            found = (await here.client.list(PODS, "default", type=NodePod)).items
            return sum(pod.ready() for pod in found), len({pod.port() for pod in found})

    assert run_virtual(story()) == (1000, 1000)


def test_a_whole_cluster_can_be_had_with_pods_that_are_only_objects() -> None:
    async def story() -> tuple[str, bool]:
        async with Cluster(ClusterOptions(gateway=False, pods="objects")) as cluster:
            client = cluster.client("admin")
            container = {"name": "c", "image": "acme/web:v1"}
            body = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "web"},
                "spec": {"containers": [container]},
            }
            await client.create(PODS, body, "default")
            while not (await client.get(PODS, "web", "default", type=NodePod)).ready():
                await cluster.clock.sleep_wall(0.01)
            node = await client.get(NODES, "serinus")
            return node["status"]["capacity"]["pods"], any(cluster.node.usage())

    assert asyncio.run(story()) == ("100000", False)

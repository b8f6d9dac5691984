"""Requests through the real Traefik while weights move and pods come, go and die."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import datetime, timedelta

from local.one_node import pid_of
from local.whole import (
    DEADLINE_SECONDS,
    Watched,
    cluster,
    ingress,
    needs_traefik,
    plan,
    routed,
    service,
    wait_gone,
    workload,
)
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.resource import INGRESSES, PODS, REPLICASETS, SERVICES
from serinus.local.cluster import Cluster
from serinus.local.load.report import LostByCause, Tally, attribute
from serinus.local.load.sender import Sender
from support.steady import run_steady

SLOW = "v1.latency-200ms"
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
        stop, sender = asyncio.Event(), Sender(plan(made), made.clock)
        sending = asyncio.create_task(sender.run(stop))
        await weigh(client, 50)
        seen = [await weights(made, until=50)]
        await replace_pods(client, pods, sender)
        await weigh(client, 0)
        seen.append(await weights(made, until=0))
        await answered(sender, sender.tally.answered + 20)
        stop.set()
        return await sending, seen


@needs_traefik
def test_no_request_is_lost_while_weights_move_and_pods_come_and_go() -> None:
    tally, seen = run_steady(moved_under_load())
    assert tally.lost == []
    assert tally.sent == tally.answered > 50
    assert set(tally.versions) == {"v1", BRITTLE}
    assert [sorted(weights.values()) for weights in seen] == [[50, 50], [0, 100]]
    assert len(tally.versions[BRITTLE].pods) == 4


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

    tally = run_steady(story())
    assert tally.lost_count > 0
    assert {(lost.kind, lost.status) for lost in tally.lost} == {("no pod", 503)}


@needs_traefik
def test_what_dies_by_itself_cuts_only_what_it_was_answering() -> None:
    async def story() -> tuple[Tally, datetime, datetime]:
        async with cluster() as (made, client, pods):
            labels, image = {"app": "web"}, f"acme/web:{SLOW}"
            await client.create(REPLICASETS, workload("web", image, 3, labels), "default")
            await client.create(SERVICES, service("web", labels), "default")
            await client.create(INGRESSES, ingress("web", "web"), "default")
            await pods.ready(3)
            await routed(made, 30)
            stop = asyncio.Event()
            sender = Sender(plan(made), made.clock)
            sending = asyncio.create_task(sender.run(stop))
            await answered_by(sender, SLOW, 3)
            victim = (await client.list(PODS, "default")).items[0]
            began = made.clock.now()
            os.kill(pid_of(victim), signal.SIGKILL)
            await asyncio.to_thread(wait_gone, pid_of(victim))
            died_at = made.clock.now()
            await answered(sender, sender.tally.answered + 300)
            stop.set()
            return await sending, began, died_at

    tally, began, died_at = run_steady(story())
    # about 20 requests of 200 ms are always under way in the pod; nothing else may be lost
    assert 0 < tally.lost_count == len(tally.lost)
    assert all(lost.at <= died_at and lost.ended_at >= began for lost in tally.lost)
    causes = attribute(tally.lost, [], [began], timedelta(seconds=DEADLINE_SECONDS))
    assert causes == LostByCause(0, tally.lost_count, 0)


async def answered_by(sender: Sender, version: str, pods: int) -> None:
    """Wait until so many pods of a version have answered."""
    versions = sender.tally.versions
    while version not in versions or len(versions[version].pods) < pods:
        await answered(sender, sender.tally.answered + 1)


async def answered(sender: Sender, count: int) -> None:
    while sender.tally.answered < count:
        await Clock().sleep_wall(0.01)


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


async def replace_pods(client: Client, pods: Watched, sender: Sender) -> None:
    """More pods, until each has answered; then fewer: those that go do so under load."""
    for replicas in (4, 2):
        await client.patch(REPLICASETS, "new", {"spec": {"replicas": replicas}}, "default")
        await pods.ready(replicas + 2)
        await answered_by(sender, BRITTLE, 4)

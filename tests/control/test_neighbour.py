"""Argo Rollouts' own controller beside ours: we wait for its end, and stop when it begins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from serinus.control.counting.telemetry import Telemetry
from serinus.control.neighbour import Neighbour, TwoAtWork, alone
from serinus.kube.resource import EVENTS, LEASES, NAMESPACES
from serinus.kube.transport.wire import Request, Response, Transport
from support.cluster import PaperCluster, paper_cluster
from support.virtual import run_virtual

HOME, LEASE = "argo-rollouts", "argo-rollouts-controller-lock"


class Other:
    """The other's controller: renews its Lease every two seconds while it is alive."""

    def __init__(self, cluster: PaperCluster, name: str = LEASE) -> None:
        self.cluster, self.name, self.alive = cluster, name, True

    def term(self, **fields: Any) -> dict[str, Any]:
        now = f"{self.cluster.clock.now():%Y-%m-%dT%H:%M:%S.%fZ}"
        return {"holderIdentity": "argo-0", "leaseDurationSeconds": 15, "renewTime": now, **fields}

    async def begin(self, **fields: Any) -> None:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "namespace": HOME},
            "spec": self.term(**fields),
        }
        await self.cluster.admin.create(LEASES, body, HOME)

    async def run(self) -> None:
        while self.alive:
            await self.cluster.clock.sleep_wall(2)
            await self.cluster.admin.patch(LEASES, self.name, {"spec": self.term()}, HOME)


@asynccontextmanager
async def homes() -> AsyncIterator[PaperCluster]:
    async with paper_cluster() as cluster:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}}
        await cluster.admin.create(NAMESPACES, body)
        yield cluster


def neighbour(cluster: PaperCluster, telemetry: Telemetry | None = None, **more: Any) -> Neighbour:
    return Neighbour(
        more.pop("client", cluster.client("controller")),
        cluster.clock,
        telemetry or Telemetry(),
        **more,
    )


async def seconds_until_gone(cluster: PaperCluster, one: Neighbour) -> float:
    began = cluster.clock.wall()
    await one.gone()
    return cluster.clock.wall() - began


def test_nobody_is_waited_for_where_there_is_no_lease() -> None:
    async def story() -> float:
        async with homes() as cluster:
            return await seconds_until_gone(cluster, neighbour(cluster))

    assert run_virtual(story()) == 0


def test_as_long_as_its_lease_is_renewed_we_wait_and_say_so() -> None:
    async def story() -> None:
        async with homes() as cluster:
            other, telemetry = Other(cluster), Telemetry()
            await other.begin()
            renewing = asyncio.create_task(other.run())
            waiting = asyncio.create_task(neighbour(cluster, telemetry).gone())
            await cluster.clock.sleep(120)
            assert not waiting.done()
            assert telemetry.standing_by() == (
                f"standing by; Argo Rollouts' argo-0 holds lease {HOME}/{LEASE}"
            )
            assert telemetry.missing() == ()
            assert "serinus_argo_rollouts_at_work 1" in telemetry.page()
            (event,) = (await cluster.admin.list(EVENTS, HOME)).items
            assert (event["reason"], event["count"]) == ("AnotherController", 1)
            other.alive = False
            await renewing
            began = cluster.clock.wall()
            await waiting
            assert 15 <= cluster.clock.wall() - began <= 20
            assert "serinus_argo_rollouts_at_work 0" in telemetry.page()

    run_virtual(story())


def test_a_lease_that_was_left_long_ago_or_released_is_not_waited_for() -> None:
    async def story(**fields: Any) -> float:
        async with homes() as cluster:
            old = f"{cluster.clock.now() - timedelta(hours=1):%Y-%m-%dT%H:%M:%S.%fZ}"
            await Other(cluster).begin(**({"renewTime": old} | fields))
            return await seconds_until_gone(cluster, neighbour(cluster))

    assert run_virtual(story()) == 0
    assert run_virtual(story(renewTime=None)) >= 15
    assert run_virtual(story(renewTime=None, holderIdentity="")) == 0


def test_another_instance_and_a_lease_of_our_own_are_not_waited_for() -> None:
    async def story() -> tuple[float, float, float]:
        async with homes() as cluster:
            await Other(cluster, f"{LEASE}-blue").begin()
            plain = await seconds_until_gone(cluster, neighbour(cluster))
            ours = neighbour(cluster, instance_id="blue", own=f"{HOME}/{LEASE}-blue")
            mine = await seconds_until_gone(cluster, ours)
            blue = await seconds_until_gone(cluster, neighbour(cluster, instance_id="blue"))
            return plain, mine, blue

    plain, mine, blue = run_virtual(story())
    assert (plain, mine) == (0, 0)
    assert blue >= 15


class ListForbidden:
    """A server that lets nobody list Leases."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.stream, self.close = inner.stream, inner.close

    async def send(self, request: Request) -> Response:
        if request.path.split("?")[0].endswith("/leases"):
            return Response(403, {}, b'{"kind":"Status","code":403,"message":"not for you"}')
        return await self._inner.send(request)


@pytest.mark.parametrize("namespace", [None, "shop"])
def test_who_may_not_look_everywhere_looks_where_it_usually_is(namespace: str | None) -> None:
    async def story() -> float:
        async with homes() as cluster:
            await Other(cluster).begin()
            client = cluster.client("controller", ListForbidden)
            return await seconds_until_gone(
                cluster, neighbour(cluster, client=client, namespace=namespace)
            )

    assert run_virtual(story()) >= 15


def test_when_it_begins_while_we_work_our_work_is_ended() -> None:
    async def story() -> None:
        async with homes() as cluster:
            ended = asyncio.Event()

            async def work() -> None:
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.set()

            working = asyncio.create_task(alone(neighbour(cluster), work))
            await cluster.clock.sleep(60)
            assert not working.done()
            other = Other(cluster)
            await other.begin()
            with pytest.raises(TwoAtWork, match="argo-0 holds lease"):
                await asyncio.wait_for(working, 30)
            assert ended.is_set()

    run_virtual(story())


def test_a_lease_that_only_lies_there_does_not_end_our_work() -> None:
    async def story() -> bool:
        async with homes() as cluster:
            await Other(cluster).begin()
            working = asyncio.create_task(alone(neighbour(cluster), asyncio.Event().wait))  # type: ignore[arg-type]
            await cluster.clock.sleep(300)
            done = working.done()
            working.cancel()
            await asyncio.wait({working})
            return done

    assert run_virtual(story()) is False

"""A controller that starts decides nothing before it has read what a decision needs."""

from __future__ import annotations

from typing import Any

from control.shop import SHOP
from serinus.control.kinds import ROLLOUTS
from serinus.kube.transport.wire import Request, Response, Transport
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual


async def rollout(cluster: PaperCluster) -> dict[str, Any]:
    return await cluster.admin.get(ROLLOUTS, "web", NAMESPACE)


async def release(cluster: PaperCluster) -> None:
    containers = [{"name": "web", "image": "acme/web:v2", "ports": [{"containerPort": 8080}]}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    await cluster.admin.patch(ROLLOUTS, "web", patch, NAMESPACE)


def test_a_controller_that_starts_again_in_a_pause_writes_nothing() -> None:
    async def story() -> tuple[dict[str, Any], dict[str, Any]]:
        async with paper_cluster() as cluster:
            async with controlled(cluster):
                await cluster.apply(SHOP)
                await cluster.clock.sleep(30)
                await release(cluster)
                await cluster.clock.sleep(20)
                before = await rollout(cluster)
            async with controlled(cluster):
                await cluster.clock.sleep(10)
                return before, await rollout(cluster)

    before, after = run_virtual(story())
    assert before["status"]["phase"] == "Paused"
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


class IngressesForbidden:
    """A transport whose server lets nobody list Ingresses, until `lifted`."""

    def __init__(self, inner: Transport) -> None:
        self._inner, self.lifted = inner, False
        self.stream, self.close = inner.stream, inner.close

    async def send(self, request: Request) -> Response:
        if "/ingresses" in request.path and not self.lifted:
            return Response(403, {}, b'{"kind":"Status","code":403,"message":"not for you"}')
        return await self._inner.send(request)


def test_what_may_not_be_read_is_told_and_the_rollout_goes_on_once_it_may() -> None:
    made: list[IngressesForbidden] = []

    def wrap(inner: Transport) -> IngressesForbidden:
        made.append(IngressesForbidden(inner))
        return made[-1]

    async def story() -> list[dict[str, Any]]:
        async with paper_cluster() as cluster, controlled(cluster, wrap):
            await cluster.apply(SHOP)
            await cluster.clock.sleep(30)
            held = await rollout(cluster)
            made[0].lifted = True
            await cluster.clock.sleep(120)
            return [held["status"], (await rollout(cluster))["status"]]

    held, after = run_virtual(story())
    assert held["phase"] == "Degraded"
    assert "ingresses.networking.k8s.io cannot be listed: " in held["message"]
    assert "not for you" in held["message"]
    assert after["phase"] == "Healthy"

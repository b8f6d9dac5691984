"""What was routed and is named no more is led back, also when something else goes wrong beside it:
objects that went with the edit, a Service that was reset, a namesake, a start that cannot list.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from control import mesh
from control.lent import AROUND, edit
from control.scenes import condition, release, rollout, status, until_phase, weight
from control.test_routers_taken_out import EDITS, SHOP, V1, in_mid_release, note
from serinus.api.names import POD_HASH
from serinus.base.clock import Clock
from serinus.control.kinds import ROLLOUTS
from serinus.kube.resource import INGRESSES, PODS, SERVICES
from serinus.kube.transport.wire import Request, Response, Transport
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

BLUE_GREEN = EDITS["another strategy"]
TO_MESH = {
    "canary": {"trafficRouting": {"nginx": None, "istio": {"virtualService": {"name": "web"}}}}
}


class Stumbling:
    """A server that lists Ingresses slowly, and answers 500 instead for some time."""

    def __init__(self, inner: Transport, clock: Clock, slow_seconds: float, bad_seconds: float):
        self._inner, self._clock, self._slow_seconds = inner, clock, slow_seconds
        self._bad_until = clock.now() + timedelta(seconds=bad_seconds)
        self.stream, self.close = inner.stream, inner.close

    async def send(self, request: Request) -> Response:
        if request.method == "GET" and request.path.endswith("/ingresses"):
            await self._clock.sleep(self._slow_seconds)
            if self._clock.now() < self._bad_until:
                return Response(500, {}, b'{"kind":"Status","code":500,"message":"etcd is away"}')
        return await self._inner.send(request)


class Hearing:
    """Keeps what is written."""

    def __init__(self, inner: Transport, heard: list[bytes]) -> None:
        self._inner, self._heard = inner, heard
        self.stream, self.close = inner.stream, inner.close

    async def send(self, request: Request) -> Response:
        if request.method != "GET":
            self._heard.append(request.body or b"")
        return await self._inner.send(request)


async def led_back(cluster: PaperCluster) -> bool:
    return await weight(cluster) == 0 and await note(cluster) is None


@pytest.mark.parametrize(
    ("slow_seconds", "bad_seconds"),
    [pytest.param(0, 0, id="quick"), pytest.param(2, 0, id="slow"), pytest.param(0, 6, id="ill")],
)
def test_a_router_exchanged_while_no_controller_ran_is_led_back_before_the_new_one_begins(
    slow_seconds: float, bad_seconds: float
) -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster:
            await mesh.serve(cluster)
            async with controlled(cluster):
                await in_mid_release(cluster)
            await cluster.apply(mesh.BY_HOST)
            await edit(cluster, {"spec": {"strategy": TO_MESH}})
            both: list[int] = []

            def stumbling(inner: Transport) -> Transport:
                return Stumbling(inner, cluster.clock, slow_seconds, bad_seconds)

            async with controlled(cluster, stumbling):

                async def watch() -> None:
                    while True:
                        both.append(await weight(cluster) + (await mesh.weights(cluster))[1])
                        await cluster.clock.sleep(0.02)

                watching = asyncio.create_task(watch())
                await cluster.clock.sleep(60)
                watching.cancel()
                told = await status(cluster)
            return await led_back(cluster), await mesh.weights(cluster), max(both), told["phase"]

    assert run_virtual(story()) == (True, (50, 50), 50, "Paused")


def test_its_own_object_may_go_with_the_edit() -> None:
    """A chart that leaves nginx takes its Ingress away; the canary Ingress is ours and stays."""

    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await in_mid_release(cluster)
            await edit(cluster, {"spec": {"strategy": BLUE_GREEN}})
            await cluster.admin.delete(INGRESSES, "web", NAMESPACE)
            await cluster.clock.sleep(120)
            found = await status(cluster)
            return await led_back(cluster), found["phase"], condition(found, "Waiting")

    assert run_virtual(story())[:2] == (True, "Paused")


@pytest.mark.parametrize("name", list(EDITS))
def test_the_way_back_and_another_strategy_in_one_edit_end_healthy(name: str) -> None:
    """As whoever takes a commit back has it."""

    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await in_mid_release(cluster)
            template = {"spec": {"containers": V1}}
            await edit(cluster, {"spec": {"strategy": EDITS[name], "template": template}})
            await cluster.clock.sleep(120)
            found = await status(cluster)
            return await led_back(cluster), found["phase"], condition(found, "InvalidSpec")

    assert run_virtual(story()) == (True, "Healthy", {})


def test_a_stable_service_that_was_reset_with_the_edit_is_repaired_first() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await in_mid_release(cluster)
            await edit(cluster, {"spec": {"strategy": BLUE_GREEN}})
            reset = {"spec": {"selector": {POD_HASH: None}}}
            await cluster.admin.patch(SERVICES, "web-stable", reset, NAMESPACE)
            await cluster.clock.sleep(120)
            found = await status(cluster)
            return await led_back(cluster), found["phase"], condition(found, "Waiting")

    assert run_virtual(story())[:2] == (True, "Paused")


@pytest.mark.parametrize("looking", [True, False], ids=["seen", "seen at the next start"])
def test_a_namesake_without_the_router_begins_and_leads_back_what_the_first_one_left(
    looking: bool,
) -> None:
    async def replaced(cluster: PaperCluster) -> None:
        old = await rollout(cluster)
        canary = {"steps": old["spec"]["strategy"]["canary"]["steps"]}
        made = {
            **{key: old[key] for key in ("apiVersion", "kind")},
            "metadata": {"name": "web", "namespace": NAMESPACE},
            "spec": {**old["spec"], "strategy": {"canary": canary}},
        }
        await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
        await cluster.admin.create(ROLLOUTS, made, NAMESPACE)

    async def story() -> Any:
        async with paper_cluster() as cluster:
            await mesh.serve(cluster)
            async with controlled(cluster):
                await cluster.apply(mesh.HOSTS)
                await until_phase(cluster, "Healthy")
                await release(cluster, "web:v2")
                await until_phase(cluster, "Paused", 1)
                if looking:
                    await replaced(cluster)
                    await cluster.clock.sleep(120)
            if not looking:
                await replaced(cluster)
            async with controlled(cluster):
                await cluster.clock.sleep(120)
                found = await status(cluster)
                pods = (await cluster.admin.list(PODS, NAMESPACE)).items
                return await mesh.weights(cluster), found["phase"], len(pods), found

    assert run_virtual(story())[:3] == ((100, 0), "Healthy", 2)


def test_another_strategy_and_another_image_in_one_edit_at_rest_begin_without_alarm() -> None:
    """Nothing is given to anybody: there is nothing to lead back, and nobody is told of trouble."""

    heard: list[bytes] = []

    def hearing(inner: Transport) -> Transport:
        return Hearing(inner, heard)

    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, hearing):
            await cluster.apply("---".join((SHOP, AROUND)))
            await until_phase(cluster, "Healthy")
            await cluster.clock.sleep(90)
            v2 = [{"name": "web", "image": "web:v2", "ports": [{"containerPort": 8080}]}]
            template = {"spec": {"containers": v2}}
            await edit(cluster, {"spec": {"strategy": BLUE_GREEN, "template": template}})
            heard.clear()
            await cluster.clock.sleep(60)
            return (await status(cluster))["phase"]

    assert run_virtual(story()) == "Paused"
    assert heard
    assert not [body for body in heard if b"InvalidSpec" in body]

"""pingPong behind Istio, end to end in virtual time: the roles swap, the VirtualService stays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from control import mesh
from control.scenes import command, condition, reasons, release, status, until, until_phase
from control.test_crashes import Cut
from serinus.api.names import POD_HASH
from serinus.control.kinds import ROLLOUTS, VIRTUAL_SERVICES
from serinus.core.rollout import commands
from serinus.kube.client import PatchKind
from serinus.kube.resource import SERVICES
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

Json = dict[str, Any]
PING, PONG = "web-stable", "web-canary"
SWAPPING = mesh.HOSTS.replace(
    mesh.SERVICES, f"pingPong: {{pingService: {PING}, pongService: {PONG}}}"
)
BOTH_WAYS = mesh.rollout(services=True, rule=True).replace(
    mesh.SERVICES, f"pingPong: {{pingService: {PING}, pongService: {PONG}}}"
)


def told(tell: Callable[[PaperCluster], Awaitable[None]], manifests: str = SWAPPING) -> None:
    async def story() -> None:
        async with paper_cluster() as cluster, controlled(cluster):
            await mesh.serve(cluster)
            await cluster.apply(manifests)
            await until_phase(cluster, "Healthy")
            await tell(cluster)

    run_virtual(story())


async def selected(cluster: PaperCluster) -> tuple[str, str]:
    """The images that ping and pong select; "" for all of them."""
    images, found = await mesh.images_by_hash(cluster), []
    for name in (PING, PONG):
        selector = (await cluster.admin.get(SERVICES, name, NAMESPACE))["spec"]["selector"]
        found.append(images.get(selector.get(POD_HASH, ""), ""))
    return found[0], found[1]


async def look(cluster: PaperCluster) -> tuple[Any, ...]:
    """Who is stable, the weights of ping and pong by name, and whom the two select."""
    canary = (await status(cluster)).get("canary", {})
    return canary.get("stablePingPong"), await mesh.weights(cluster), await selected(cluster)


async def changes(cluster: PaperCluster, seconds: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for _ in range(seconds * 4):
        await cluster.clock.sleep(0.25)
        now = await look(cluster)
        if not found or found[-1] != now:
            found.append(now)
    return found


async def to_the_end(cluster: PaperCluster, image: str) -> list[tuple[Any, ...]]:
    """A release through its pause, as it was seen."""
    watching = asyncio.create_task(changes(cluster, 100))
    await release(cluster, image)
    await until_phase(cluster, "Paused")
    await command(cluster, commands.promote)
    return await watching


def test_two_releases_go_to_and_fro_and_what_carries_never_moves() -> None:
    async def tell(cluster: PaperCluster) -> None:
        v1, v2, v3 = "web:v1", "web:v2", "web:v3"
        assert await look(cluster) == ("ping", (100, 0), (v1, v1))
        assert await to_the_end(cluster, v2) == [
            ("ping", (100, 0), (v1, v1)),
            ("ping", (100, 0), (v1, v2)),
            ("ping", (50, 50), (v1, v2)),
            ("ping", (0, 100), (v1, v2)),
            ("pong", (0, 100), (v1, v2)),
            ("pong", (0, 100), (v2, v2)),
        ]
        now = await status(cluster)
        assert (now["phase"], now["stableRS"]) == ("Healthy", now["currentPodHash"])
        assert now["canary"]["weights"]["stable"]["serviceName"] == PONG
        assert await to_the_end(cluster, v3) == [
            ("pong", (0, 100), (v2, v2)),
            ("pong", (0, 100), (v3, v2)),
            ("pong", (50, 50), (v3, v2)),
            ("pong", (100, 0), (v3, v2)),
            ("ping", (100, 0), (v3, v2)),
            ("ping", (100, 0), (v3, v3)),
        ]

    told(tell)


def test_an_abort_goes_back_to_pong_when_pong_is_stable() -> None:
    async def tell(cluster: PaperCluster) -> None:
        await to_the_end(cluster, "web:v2")
        await release(cluster, "web:v3")
        await until_phase(cluster, "Paused")
        await command(cluster, commands.abort)
        seen = await changes(cluster, 60)
        assert seen[-1] == ("pong", (0, 100), ("web:v2", "web:v2"))
        assert (await status(cluster))["phase"] == "Degraded"

    told(tell)


def test_the_first_release_gives_nothing_to_the_canary_by_ping() -> None:
    """A Service that still selects all pods would (issue 5006 of Argo Rollouts)."""

    async def tell(cluster: PaperCluster) -> None:
        path = f"/spec/selector/{POD_HASH}"
        patch = [{"op": "remove", "path": path}]
        await cluster.admin.patch(SERVICES, PING, patch, NAMESPACE, kind=PatchKind.JSON)
        await release(cluster, "web:v2")
        seen = await changes(cluster, 40)
        weighted = [row for row in seen if row[1] != (100, 0)]
        assert weighted == [("ping", (50, 50), ("web:v1", "web:v2"))]

    told(tell)


def test_no_event_tells_of_traffic_when_only_the_roles_swap() -> None:
    async def tell(cluster: PaperCluster) -> None:
        await to_the_end(cluster, "web:v2")
        assert (await reasons(cluster)).count("TrafficWeightUpdated") == 2

    told(tell)


HEADERS = SWAPPING.replace(
    "      - pause: {}\n",
    """      - setHeaderRoute:
          name: me
          match: [{headerName: x, headerValue: {exact: "1"}}]
      - pause: {}
""",
)


def test_a_header_route_is_gone_before_its_service_is_stables() -> None:
    async def tell(cluster: PaperCluster) -> None:
        with_routes: set[str] = set()

        async def watch() -> None:
            while True:
                await cluster.clock.sleep(0.25)
                spec = await mesh.virtual_service(cluster)
                if any(one.get("name") == "me" for one in spec["http"]):
                    with_routes.add((await status(cluster))["canary"]["stablePingPong"])

        watching = asyncio.create_task(watch())
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused")
        await command(cluster, commands.promote)
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(60)
        watching.cancel()
        assert with_routes == {"ping"}
        assert await look(cluster) == ("pong", (0, 100), ("web:v2", "web:v2"))

    managed = "trafficRouting: {managedRoutes: [{name: me}], istio:"
    told(tell, HEADERS.replace("trafficRouting: {istio:", managed))


def test_plain_services_become_ping_and_pong_at_rest_without_a_write() -> None:
    async def tell(cluster: PaperCluster) -> None:
        before = (await cluster.admin.get(VIRTUAL_SERVICES, "web", NAMESPACE))["metadata"]
        services = {"pingService": PING, "pongService": PONG}
        canary = {"canaryService": None, "stableService": None, "pingPong": services}
        patch = {"spec": {"strategy": {"canary": canary}}}
        await cluster.admin.patch(ROLLOUTS, "web", patch, NAMESPACE)
        await cluster.clock.sleep(20)
        assert await look(cluster) == ("ping", (100, 0), ("web:v1", "web:v1"))
        after = (await cluster.admin.get(VIRTUAL_SERVICES, "web", NAMESPACE))["metadata"]
        assert after["resourceVersion"] == before["resourceVersion"]
        assert (await to_the_end(cluster, "web:v2"))[-1][:2] == ("pong", (0, 100))

    told(tell, mesh.HOSTS)


def test_subsets_beside_it_are_refused() -> None:
    async def story() -> None:
        async with paper_cluster() as cluster, controlled(cluster):
            await mesh.serve(cluster)
            rest = mesh.BOTH.split("---", 1)[1]
            await cluster.apply("---".join((BOTH_WAYS, rest)))
            await until_phase(cluster, "Degraded")
            message = condition(await status(cluster), "InvalidSpec")["message"]
            assert "pingPong: swaps Services, not subsets" in message

    run_virtual(story())


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize(
    "cut",
    [pytest.param(n, marks=() if n % 4 == 1 else pytest.mark.long) for n in range(1, 34)],
)
def test_a_controller_that_dies_around_the_swap_leaves_one_role_and_one_carrier(
    cut: int, done: bool
) -> None:
    async def story() -> None:
        made: list[Cut] = []

        def wrap(inner: Any) -> Cut:
            made.append(Cut(inner, cut, done=done))
            return made[-1]

        async with paper_cluster() as cluster:
            async with controlled(cluster):
                await mesh.serve(cluster)
                await cluster.apply(SWAPPING.replace("pause: {}", "pause: {duration: 5s}"))
                await until_phase(cluster, "Healthy")
            async with controlled(cluster, wrap):
                await release(cluster, "web:v2")
                await cluster.clock.sleep(60)
            async with controlled(cluster):
                end = ("pong", (0, 100), ("web:v2", "web:v2"))
                await until(cluster, lambda: _is(cluster, end))
                await until_phase(cluster, "Healthy")
                await cluster.clock.sleep(60)
                assert await look(cluster) == end

    run_virtual(story())


async def _is(cluster: PaperCluster, end: tuple[Any, ...]) -> bool:
    return await look(cluster) == end

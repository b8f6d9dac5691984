"""Releases behind Istio, end to end in virtual time: by host, by subset, and by both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from control import mesh
from control.scenes import command, condition, release, status, until_phase
from serinus.control.kinds import DESTINATION_RULES, ROLLOUTS, VIRTUAL_SERVICES
from serinus.core.rollout import commands
from serinus.kube.resource import PODS
from serinus.kube.transport.wire import Request, Response, Transport
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

Story = Callable[[PaperCluster], Awaitable[Any]]


@asynccontextmanager
async def shop(manifests: str) -> AsyncIterator[PaperCluster]:
    async with paper_cluster() as cluster, controlled(cluster):
        await mesh.serve(cluster)
        await cluster.apply(manifests)
        await until_phase(cluster, "Healthy")
        yield cluster


def told(story: Story, way: str) -> Any:
    async def run() -> Any:
        async with shop(mesh.WAYS[way]) as cluster:
            return await story(cluster)

    return run_virtual(run())


class Counting:
    """A transport that notes what is asked."""

    def __init__(self, inner: Transport, asked: list[str]) -> None:
        self._inner, self._asked = inner, asked

    async def send(self, request: Request) -> Response:
        self._asked.append(request.path)
        return await self._inner.send(request)

    def stream(self, request: Request) -> Any:
        return self._inner.stream(request)

    async def close(self) -> None:
        await self._inner.close()


async def changes(cluster: PaperCluster, way: str, seconds: int) -> list[tuple[Any, ...]]:
    """Weights and, with subsets, whom they select: each change once."""
    found: list[tuple[Any, ...]] = []
    for _ in range(seconds * 4):
        await cluster.clock.sleep(0.25)
        now: tuple[Any, ...] = (await mesh.weights(cluster),)
        if way != "hosts":
            chosen = await mesh.subsets(cluster)
            now += ((chosen["stable"], chosen["canary"]),)
        if not found or found[-1] != now:
            found.append(now)
    return found


@pytest.mark.parametrize("way", mesh.WAYS)
def test_a_release_goes_through_its_steps_to_the_end(way: str) -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        first = await changes(cluster, way, 40)
        paused = (await status(cluster))["phase"]
        await command(cluster, commands.promote)
        return first, paused, await changes(cluster, way, 60), await status(cluster)

    first, paused, second, end = told(story, way)
    assert paused == "Paused"
    assert (end["phase"], end["stableRS"]) == ("Healthy", end["currentPodHash"])
    if way == "hosts":
        assert first == [((100, 0),), ((50, 50),)]
        assert second == [((50, 50),), ((0, 100),), ((100, 0),)]
        return
    old, trial, new = ("web:v1", "web:v1"), ("web:v1", "web:v2"), ("web:v2", "web:v2")
    assert first == [((100, 0), old), ((100, 0), trial), ((50, 50), trial)]
    assert second == [((50, 50), trial), ((0, 100), trial), ((0, 100), new), ((100, 0), new)]


@pytest.mark.parametrize("way", mesh.WAYS)
def test_after_an_abort_nothing_points_at_the_canary_any_more(way: str) -> None:
    """Argo Rollouts leaves the DestinationRule on the hash of the canary (its issue 1838)."""

    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused")
        await command(cluster, commands.abort)
        seen = await changes(cluster, way, 60)
        return seen, (await status(cluster))["phase"]

    seen, phase = told(story, way)
    assert phase == "Degraded"
    if way == "hosts":
        assert seen == [((100, 0),)]
        return
    old, trial = ("web:v1", "web:v1"), ("web:v1", "web:v2")
    assert seen[-1] == ((100, 0), old)
    assert seen == [((100, 0), trial), ((100, 0), old)]


def test_a_third_revision_starts_from_nothing_in_subsets_too() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused")
        await release(cluster, "web:v3")
        seen = await changes(cluster, "subsets", 30)
        return seen, (await status(cluster))["phase"]

    seen, phase = told(story, "subsets")
    assert phase == "Paused"
    assert [row[0] for row in seen if row[1][1] == "web:v2"][-1] == (100, 0)
    assert seen[-1] == ((50, 50), ("web:v1", "web:v3"))


def test_a_wait_for_pods_hides_neither_the_deadline_nor_an_abort_from_subsets() -> None:
    async def story(cluster: PaperCluster) -> Any:
        image = "web:v2"
        cluster.gets_ready = lambda pod: pod["spec"]["containers"][0]["image"] != image
        patch = {"spec": {"progressDeadlineSeconds": 30}}
        await cluster.admin.patch(ROLLOUTS, "web", patch, NAMESPACE)
        await release(cluster, image)
        seen = await changes(cluster, "subsets", 60)
        late = await status(cluster)
        await command(cluster, commands.abort)
        await cluster.clock.sleep(60)
        return seen, condition(late, "Progressing"), await status(cluster)

    seen, late, end = told(story, "subsets")
    assert seen == [((100, 0), ("web:v1", "web:v1"))], "no subset selects what has no pod yet"
    assert late["reason"] == "ProgressDeadlineExceeded"
    assert condition(end, "Progressing")["reason"] == "RolloutAborted"
    assert end["abort"]


def test_a_canary_that_dies_is_left_for_stable_by_its_subset() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused")
        for pod in (await cluster.admin.list(PODS, NAMESPACE)).items:
            if pod["spec"]["containers"][0]["image"] == "web:v2":
                await cluster.set_ready(pod["metadata"]["name"], False)
        await cluster.clock.sleep(3)
        return await mesh.weights(cluster)

    assert told(story, "subsets") == (100, 0)


@pytest.mark.parametrize("way", ["subsets", "both"])
def test_a_subset_that_somebody_turns_is_turned_back(way: str) -> None:
    """By hand to a revision without pods: no request is led there longer than a look takes."""

    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused")
        found = await cluster.admin.get(DESTINATION_RULES, "web", NAMESPACE)
        subsets = found["spec"]["subsets"]
        subsets[1]["labels"]["rollouts-pod-template-hash"] = "nobody"
        await cluster.admin.patch(
            DESTINATION_RULES, "web", {"spec": {"subsets": subsets}}, NAMESPACE
        )
        return await changes(cluster, way, 30)

    seen = told(story, way)
    assert seen[-1] == ((50, 50), ("web:v1", "web:v2"))
    assert ((100, 0), ("web:v1", "")) in seen


def test_other_peoples_parts_are_kept_and_hold_the_release_by_name() -> None:
    async def story(cluster: PaperCluster) -> Any:
        spec = await mesh.virtual_service(cluster)
        spec["http"][0]["route"] += [{"destination": {"host": "cart"}, "weight": 10}]
        spec["http"][0]["route"][0]["weight"] = 90
        await cluster.admin.patch(VIRTUAL_SERVICES, "web", {"spec": spec}, NAMESPACE)
        await release(cluster, "web:v2")
        await cluster.clock.sleep(20)
        held, why = await mesh.virtual_service(cluster), await status(cluster)
        spec["http"][0]["route"][2]["weight"] = 0
        spec["http"][0]["route"][0]["weight"] = 100
        await cluster.admin.patch(VIRTUAL_SERVICES, "web", {"spec": spec}, NAMESPACE)
        await until_phase(cluster, "Paused")
        return held, why, await mesh.virtual_service(cluster)

    held, why, end = told(story, "hosts")
    hosts = [(r["destination"]["host"], r["weight"]) for r in held["http"][0]["route"]]
    assert hosts == [("web-stable", 90), ("web-canary", 0), ("cart", 10)]
    message = condition(why, "Waiting")["message"]
    assert "route 'primary' gives 10 to host cart, which is not this Rollout's" in message
    hosts = [(r["destination"]["host"], r["weight"]) for r in end["http"][0]["route"]]
    assert hosts == [("web-stable", 50), ("web-canary", 50), ("cart", 0)]
    assert end["http"][0]["timeout"] == "5s"


def test_header_and_mirror_routes_stand_above_the_users_and_go_at_the_end() -> None:
    steps = """
      - setCanaryScale: {replicas: 1}
      - setHeaderRoute:
          name: testers
          match: [{headerName: X-Canary, headerValue: {exact: "true"}}]
      - setMirrorRoute:
          name: shadow
          match: [{method: {exact: GET}}]
          percentage: 30
      - pause: {}
      - setWeight: 50"""
    manifests = mesh.SUBSETS.replace("\n      - setWeight: 50", steps).replace(
        "{istio: {virtual", "{managedRoutes: [{name: testers}, {name: shadow}], istio: {virtual"
    )

    async def run() -> Any:
        async with shop(manifests) as cluster:
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 3)
            tried = await mesh.virtual_service(cluster)
            await command(cluster, commands.promote)
            await until_phase(cluster, "Paused", 5)
            split = await mesh.virtual_service(cluster)
            await command(cluster, commands.promote)
            await until_phase(cluster, "Healthy")
            await cluster.clock.sleep(30)
            return tried, split, await mesh.virtual_service(cluster), await mesh.subsets(cluster)

    tried, split, end, chosen = run_virtual(run())
    canary = {"host": "web", "subset": "canary"}
    rows = [
        {"destination": {"host": "web", "subset": "stable"}, "weight": 100},
        {"destination": canary, "weight": 0},
    ]
    assert tried["http"] == [
        {
            "name": "testers",
            "match": [{"headers": {"X-Canary": {"exact": "true"}}}],
            "route": [{"destination": canary, "weight": 100}],
        },
        {
            "name": "shadow",
            "match": [{"method": {"exact": "GET"}}],
            "route": rows,
            "mirror": canary,
            "mirrorPercentage": {"value": 30},
        },
        {"name": "primary", "route": rows},
    ]
    assert [route["name"] for route in split["http"]] == ["testers", "shadow", "primary"]
    assert [row["weight"] for row in split["http"][1]["route"]] == [50, 50]
    assert end["http"] == [{"name": "primary", "route": rows}]
    assert chosen == {"stable": "web:v2", "canary": "web:v2", "beta": ""}


def test_a_cluster_without_istio_is_told_so_and_goes_on_when_it_comes() -> None:
    async def run() -> Any:
        asked: list[str] = []

        def counting(inner: Transport) -> Transport:
            return Counting(inner, asked)

        async with paper_cluster() as cluster, controlled(cluster, counting):
            rollout, *services = mesh.SUBSETS.split("---")
            await cluster.apply(rollout)
            await cluster.clock.sleep(60)
            told = condition(await status(cluster), "InvalidSpec")["message"]
            tries = len([path for path in asked if "/virtualservices" in path])
            await mesh.serve(cluster)
            await cluster.apply("---".join(services))
            await until_phase(cluster, "Healthy")
            return told, tries

    told, tries = run_virtual(run())
    assert (
        "the cluster does not serve VirtualService of networking.istio.io/v1; "
        "install its CustomResourceDefinition"
    ) in told
    assert 0 < tries < 30


def test_the_subsets_of_a_rollout_that_is_deleted_select_all_pods_again() -> None:
    async def story(cluster: PaperCluster) -> Any:
        before = await mesh.subsets(cluster)
        await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
        await cluster.clock.sleep(5)
        found = await cluster.admin.get(DESTINATION_RULES, "web", NAMESPACE)
        return before, found["spec"]["subsets"], found["metadata"].get("annotations")

    before, subsets, annotations = told(story, "subsets")
    assert before == {"stable": "web:v1", "canary": "web:v1", "beta": ""}
    assert [one["labels"] for one in subsets] == [
        {"app": "web"},
        {"app": "web"},
        {"app": "web", "track": "beta"},
    ]
    assert not annotations

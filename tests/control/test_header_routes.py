"""Releases through the Gateway API, in virtual time: testers by a header first, then weights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from control.scenes import (
    command,
    condition,
    release,
    status,
    until,
    until_phase,
)
from control.scenes import weight as nginx_weight
from serinus.core.rollout import commands
from serinus.kube.resource import CRDS, HTTPROUTES, PODS
from serinus.local.crds.catalogue import definitions
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.shop import CANARY_SERVICE, INGRESS, STABLE_SERVICE, rollout
from support.virtual import run_virtual

ROLLOUT = rollout(
    "canary",
    """canaryService: web-canary
stableService: web-stable
scaleDownDelaySeconds: 10
abortScaleDownDelaySeconds: 10
trafficRouting:
  managedRoutes: [{name: testers}]
  plugins: {argoproj-labs/gatewayAPI: {httpRoute: web}}
steps:
- setHeaderRoute:
    name: testers
    match: [{headerName: X-Tester, headerValue: {exact: "yes"}}]
- pause: {}
- setWeight: 50
- pause: {duration: 20s}
""",
)
ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
  - backendRefs:
    - {name: web-stable, port: 80, weight: 100}
    - {name: web-canary, port: 80, weight: 0}
"""
HEADER = [{"name": "X-Tester", "type": "Exact", "value": "yes"}]
Shown = tuple[int, bool]


@asynccontextmanager
async def shop(rollout: str = ROLLOUT, *more: str) -> AsyncIterator[PaperCluster]:
    """Deployed and at rest."""
    async with paper_cluster() as cluster:
        for definition in definitions():
            await cluster.admin.create(CRDS, definition)
        async with controlled(cluster):
            objects = (rollout, STABLE_SERVICE, CANARY_SERVICE, ROUTE, *more)
            await cluster.apply("---".join(objects))
            await until_phase(cluster, "Healthy")
            yield cluster


def told(story: Callable[[PaperCluster], Awaitable[Any]], *objects: str) -> Any:
    async def run() -> Any:
        async with shop(*objects or (ROLLOUT,)) as cluster:
            return await story(cluster)

    return run_virtual(run())


async def shown(cluster: PaperCluster) -> Shown:
    """The canary's weight, and whether testers get to it."""
    rules = (await cluster.admin.get(HTTPROUTES, "web", NAMESPACE))["spec"]["rules"]
    split = next(r for r in rules if len(r["backendRefs"]) == 2)
    weights = {ref["name"]: ref["weight"] for ref in split["backendRefs"]}
    assert sum(weights.values()) == 100
    testers = [r for r in rules if len(r["backendRefs"]) == 1]
    assert all(r["backendRefs"][0]["name"] == "web-canary" for r in testers)
    assert all(m["headers"] == HEADER for r in testers for m in r["matches"])
    return weights["web-canary"], bool(testers)


async def pods(cluster: PaperCluster, image: str) -> int:
    items = (await cluster.admin.list(PODS, NAMESPACE)).items
    return sum(pod["spec"]["containers"][0]["image"] == image for pod in items)


async def seen_for(cluster: PaperCluster, seconds: int) -> list[Shown]:
    """What the route shows once a second, each change once."""
    seen: list[Shown] = []
    for _ in range(seconds):
        await cluster.clock.sleep(1)
        now = await shown(cluster)
        if not seen or seen[-1] != now:
            seen.append(now)
    return seen


def test_testers_come_first_then_everybody_and_the_end_leaves_the_route_as_it_was() -> None:
    async def story(cluster: PaperCluster) -> Any:
        before = (await cluster.admin.get(HTTPROUTES, "web", NAMESPACE))["spec"]
        await release(cluster, "web:v2")
        first = await seen_for(cluster, 60)
        at_pause = (await status(cluster))["currentStepIndex"], await pods(cluster, "web:v2")
        await command(cluster, commands.promote)
        later = await seen_for(cluster, 120)
        await until_phase(cluster, "Healthy")
        after = (await cluster.admin.get(HTTPROUTES, "web", NAMESPACE))["spec"]
        return first, at_pause, later, before == after

    first, at_pause, later, same = told(story)
    assert first == [(0, False), (0, True)]
    assert at_pause == (1, 1)
    assert later == [(50, True), (100, False), (0, False)]
    assert same


def test_an_abort_takes_the_route_back_before_the_pods() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        await command(cluster, commands.abort)
        seen = []
        for _ in range(40):
            await cluster.clock.sleep(1)
            seen.append((await shown(cluster), await pods(cluster, "web:v2")))
        return list(dict.fromkeys(seen)), await status(cluster)

    seen, now = told(story)
    assert seen[-2:] == [((0, False), 1), ((0, False), 0)]
    assert not any(testers and not count for (_, testers), count in seen)
    assert now["phase"] == "Degraded"


def test_a_canary_that_dies_loses_its_testers_at_once_and_gets_them_back_with_its_pods() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        items = (await cluster.admin.list(PODS, NAMESPACE)).items
        (pod,) = [p for p in items if p["spec"]["containers"][0]["image"] == "web:v2"]
        await cluster.set_ready(pod["metadata"]["name"], False)
        dead = await seen_for(cluster, 10)
        await cluster.set_ready(pod["metadata"]["name"], True)
        return dead, await seen_for(cluster, 10), (await status(cluster))["currentStepIndex"]

    dead, alive, index = told(story)
    assert dead[-1] == (0, False)
    assert alive[-1] == (0, True)
    assert index == 1


def test_what_somebody_applies_over_the_route_is_put_back() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        backends = [{"name": "web-stable", "port": 80}, {"name": "web-canary", "port": 80}]
        patch = {"spec": {"rules": [{"backendRefs": backends}]}}
        await cluster.admin.patch(HTTPROUTES, "web", patch, NAMESPACE)
        return (await seen_for(cluster, 30))[-1]

    assert told(story) == (0, True)


def test_a_route_that_is_missing_holds_the_release_and_says_so() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await cluster.admin.delete(HTTPROUTES, "web", NAMESPACE)
        await release(cluster, "web:v2")
        await cluster.clock.sleep(60)
        held = await status(cluster)
        await cluster.apply(ROUTE)
        await until_phase(cluster, "Paused", 1)
        return held, await shown(cluster)

    held, now = told(story)
    assert held["stableRS"] == held["currentPodHash"], "nothing of the release was taken up"
    assert "waiting for HTTPRoute web in namespace" in condition(held, "InvalidSpec")["message"]
    assert now == (0, True)


BOTH = ROLLOUT.replace("plugins:", "nginx: {stableIngress: web}\n        plugins:")


def test_two_routers_go_together_and_only_the_able_one_is_told_of_the_header() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        first = await shown(cluster), await nginx_weight(cluster)
        await command(cluster, commands.promote)

        async def at_half() -> bool:
            return (await shown(cluster)) == (50, True) and (await nginx_weight(cluster)) == 50

        await until(cluster, at_half)
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(30)
        return first, (await shown(cluster), await nginx_weight(cluster))

    first, last = told(story, BOTH, INGRESS)
    assert first == ((0, True), 0)
    assert last == ((0, False), 0)

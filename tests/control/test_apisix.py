"""Releases through an ApisixRoute, with a header route, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from control import scenes
from control.scenes import command, condition, release, status, until_phase
from serinus.control.kinds import APISIX_ROUTES, ROLLOUTS
from serinus.core.rollout.commands import abort, promote
from serinus.kube.errors import NotFound
from serinus.kube.resource import CRDS
from serinus.local.crds.meshes import APISIX
from serinus.local.crds.words import definition
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

SPLIT = """
apiVersion: apisix.apache.org/v2
kind: ApisixRoute
metadata: {name: web, namespace: shop}
spec:
  http:
  - name: web
    match: {paths: ["/*"]}
    backends:
    - {serviceName: web-stable, servicePort: 80, weight: 100}
    - {serviceName: web-canary, servicePort: 80, weight: 0}
"""
ROLLOUT = scenes.SMALL.partition("      steps:")[0].replace(
    "nginx: {stableIngress: web}",
    "managedRoutes: [{name: testers}], apisix: {route: {name: web}}",
)
STEPS = """\
      steps:
      - setHeaderRoute: {name: testers, match: [{headerName: X, headerValue: {exact: y}}]}
      - pause: {}
      - setWeight: 50
      - pause: {}
"""
SHOP = "---".join((ROLLOUT + STEPS, scenes.STABLE_SERVICE, scenes.CANARY_SERVICE))


async def backends(cluster: PaperCluster, name: str) -> dict[str, int]:
    found = await cluster.admin.get(APISIX_ROUTES, name, NAMESPACE)
    (rule,) = found["spec"]["http"]
    return {one["serviceName"]: one["weight"] for one in rule["backends"]}


async def is_there(cluster: PaperCluster, name: str) -> bool:
    try:
        await cluster.admin.get(APISIX_ROUTES, name, NAMESPACE)
    except NotFound:
        return False
    return True


def test_it_waits_for_the_object_and_an_abort_takes_weight_and_header_route_back() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply(SHOP)
            await cluster.clock.sleep(30)
            told = condition(await status(cluster), "InvalidSpec")["message"]
            await cluster.admin.create(CRDS, definition(APISIX))
            await cluster.apply(SPLIT)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            routed = await backends(cluster, "web"), await backends(cluster, "testers")
            await command(cluster, promote)
            await until_phase(cluster, "Paused", 3)
            half = await backends(cluster, "web")
            await command(cluster, abort)
            await until_phase(cluster, "Degraded")
            await cluster.clock.sleep(30)
            back = await backends(cluster, "web"), await is_there(cluster, "testers")
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
            await cluster.clock.sleep(10)
            left = await cluster.admin.get(APISIX_ROUTES, "web", NAMESPACE)
            return told, routed, half, back, left["metadata"].get("annotations")

    told, routed, half, back, notes = run_virtual(story())
    assert "spec.strategy.canary.trafficRouting.apisix.route.name" in told
    assert routed == ({"web-stable": 100, "web-canary": 0}, {"web-canary": 100})
    assert half == {"web-stable": 50, "web-canary": 50}
    assert back == ({"web-stable": 100, "web-canary": 0}, False)
    assert not notes, "nothing of ours stays on it"


@pytest.mark.parametrize("propagation", ["Background", "Orphan"])
def test_a_rollout_that_is_deleted_in_mid_release_leaves_no_header_route(propagation: str) -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.admin.create(CRDS, definition(APISIX))
            await cluster.apply(SHOP + "---" + SPLIT)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            before = await is_there(cluster, "testers")
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE, propagation=propagation)
            await cluster.clock.sleep(60)
            left = await cluster.admin.get(APISIX_ROUTES, "web", NAMESPACE)
            return before, await is_there(cluster, "testers"), left["metadata"].get("annotations")

    before, after, notes = run_virtual(story())
    assert (before, after) == (True, False)
    assert not notes


def test_a_header_route_comes_back_and_one_that_is_named_no_more_goes_before_anything_else() -> (
    None
):
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.admin.create(CRDS, definition(APISIX))
            await cluster.apply(SHOP + "---" + SPLIT)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            await cluster.admin.delete(APISIX_ROUTES, "testers", NAMESPACE)
            await cluster.clock.sleep(30)
            again = await backends(cluster, "testers")
            routing = {"managedRoutes": None, "apisix": {"route": {"name": "web"}}}
            canary = {"trafficRouting": routing, "steps": [{"setWeight": 20}, {"pause": {}}]}
            edit = {"spec": {"strategy": {"canary": canary}}}
            await cluster.admin.patch(ROLLOUTS, "web", edit, NAMESPACE)
            await cluster.clock.sleep(60)
            gone = not await is_there(cluster, "testers")
            await until_phase(cluster, "Paused", 1)
            return again, gone, await backends(cluster, "web")

    again, gone, weights = run_virtual(story())
    assert again == {"web-canary": 100}
    assert gone
    assert weights == {"web-stable": 80, "web-canary": 20}

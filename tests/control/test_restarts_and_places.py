"""Restarts, anti-affinity and the surge limit, against a real API server in virtual time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from control import scenes
from control.basic_world import Bounds, edit, shop, told
from control.scenes import command, release, status, until_phase
from serinus.api.apart import PREFERRED, REQUIRED
from serinus.core.rollout import commands
from serinus.kube.resource import BUDGETS, PODS, REPLICASETS
from support.cluster import NAMESPACE, PaperCluster

ROUTED = """
      canaryService: web-canary
      stableService: web-stable
      trafficRouting: {nginx: {stableIngress: web}}
"""
GATE = """
      steps:
      - setWeight: 20
      - pause: {}
"""
APART = """
      antiAffinity:
        requiredDuringSchedulingIgnoredDuringExecution: {}
"""
SERVICES = "---".join((scenes.STABLE_SERVICE, scenes.CANARY_SERVICE, scenes.INGRESS))


async def _names(cluster: PaperCluster) -> set[str]:
    pods = (await cluster.admin.list(PODS, NAMESPACE)).items
    return {pod["metadata"]["name"] for pod in pods}


async def _restart(cluster: PaperCluster) -> None:
    at = cluster.clock.now() + timedelta(seconds=1)
    await edit(cluster, restartAt=at.strftime("%Y-%m-%dT%H:%M:%SZ"))


async def _restarted(cluster: PaperCluster) -> Any:
    before = await _names(cluster)
    await cluster.clock.sleep(5)
    await _restart(cluster)
    bounds = Bounds(cluster)
    await bounds.watch(60)
    now = await status(cluster)
    return before & await _names(cluster), bounds, now["phase"], "restartedAt" in now


def test_a_restart_replaces_every_pod_and_keeps_enough_of_them_ready() -> None:
    left, bounds, phase, done = told(_restarted)
    assert left == set()
    assert (bounds.fewest, bounds.most) == (8, 10)
    assert (phase, done) == ("Healthy", True)


def test_a_restart_with_a_router_is_the_same() -> None:
    left, bounds, phase, done = told(_restarted, shop(ROUTED + GATE) + "---" + SERVICES)
    assert left == set()
    assert bounds.fewest == 8
    assert (phase, done) == ("Healthy", True)


def test_a_restart_waits_for_a_disruption_budget_and_goes_on_when_it_is_gone() -> None:
    budget = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {minAvailable: 10, selector: {matchLabels: {app: web}}}
"""

    async def story(cluster: PaperCluster) -> Any:
        before = await _names(cluster)
        await cluster.apply(budget)
        for name in before:  # a pod that does not run is no business of any budget
            running = {"status": {"phase": "Running"}}
            await cluster.admin.patch(PODS, name, running, NAMESPACE, subresource="status")
        await cluster.clock.sleep(5)
        await _restart(cluster)
        await cluster.clock.sleep(40)
        held, message = await _names(cluster), (await status(cluster))["message"]
        await cluster.admin.delete(BUDGETS, "web", NAMESPACE)
        await cluster.clock.sleep(90)
        return before == held, message, before & await _names(cluster)

    assert told(story) == (True, "rollout is restarting", set())


def test_pods_of_a_new_version_avoid_the_nodes_of_stable_until_it_is_stable() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        stable = (await status(cluster))["stableRS"]
        during = await _affinity(cluster, "web:v2")
        await command(cluster, commands.promote_fully)
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(5)
        after = await _affinity(cluster, "web:v2")
        await release(cluster, "web:v1")
        await until_phase(cluster, "Paused", 1)
        again, now = await _affinity(cluster, "web:v1"), await status(cluster)
        return stable, during, after, again, now["stableRS"], now.get("collisionCount")

    stable, during, after, again, new_stable, collisions = told(story, shop(APART + GATE))
    term = {
        "labelSelector": {
            "matchExpressions": [
                {"key": "rollouts-pod-template-hash", "operator": "In", "values": [stable]}
            ]
        },
        "namespaces": ["shop"],
        "topologyKey": "kubernetes.io/hostname",
    }
    assert during == {"podAntiAffinity": {REQUIRED: [term]}}
    assert after == {}
    values = again["podAntiAffinity"][REQUIRED][0]["labelSelector"]["matchExpressions"][0]["values"]
    assert values == [new_stable]
    assert collisions is None


def test_preferred_anti_affinity_carries_its_weight_and_leaves_the_authors_own_rules() -> None:
    preferred = APART.replace(f"{REQUIRED}: {{}}", f"{PREFERRED}: {{weight: 7}}")
    own = """
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 1
            podAffinityTerm:
              topologyKey: zone
              labelSelector: {matchLabels: {app: web}}
      containers:
"""

    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        return await _affinity(cluster, "web:v2")

    manifests = shop(preferred + GATE).replace("      containers:\n", own.lstrip("\n"))
    found = told(story, manifests)["podAntiAffinity"][PREFERRED]
    assert [one["weight"] for one in found] == [1, 7]


async def _affinity(cluster: PaperCluster, image: str) -> Any:
    for one in (await cluster.admin.list(REPLICASETS, NAMESPACE)).items:
        spec = one["spec"]["template"]["spec"]
        if spec["containers"][0]["image"] == image:
            return spec.get("affinity") or {}
    raise AssertionError(f"there is no ReplicaSet of {image}")


def test_with_a_surge_limit_a_routed_canary_starts_its_pods_by_and_by() -> None:
    async def story(cluster: PaperCluster) -> Any:
        bounds = Bounds(cluster)
        await release(cluster, "web:v2")
        await bounds.watch(30)
        return [pods for _, _, pods in bounds.seen], await scenes.weight(cluster)

    half = GATE.replace("20", "50") + "      surgeLimit: 2\n"
    pods, weight = told(story, shop(ROUTED + half) + "---" + SERVICES)
    grown = list(dict.fromkeys(line.split("v2:")[1] for line in pods if "v2:" in line))
    assert grown == ["2", "4", "5"]
    assert weight == 50


def test_a_surge_limit_without_a_router_is_refused() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await edit(cluster, strategy={"canary": {"surgeLimit": 0}})
        await cluster.clock.sleep(5)
        return (await status(cluster))["message"]

    message = told(story)
    assert "surgeLimit: must be 1 or more" in message
    assert "surgeLimit: works only with trafficRouting; use maxSurge and maxUnavailable" in message

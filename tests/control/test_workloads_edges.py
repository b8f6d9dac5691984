"""Rollouts with a workloadRef at its edges: nothing there, other kinds, other strategies, rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from control.lent import (
    AROUND,
    DEPLOYMENT,
    ROLLOUT,
    deployment,
    edit,
    has_ready,
    healthy,
    line,
    pods,
    told,
)
from control.scenes import condition, rollout, status, until, until_phase
from serinus.api import names
from serinus.control.kinds import ROLLOUTS
from serinus.kube.errors import NotFound
from serinus.kube.resource import DEPLOYMENTS, SERVICES, Resource
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual


def test_a_workload_that_is_not_there_is_waited_for_and_one_that_goes_holds_what_runs() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await cluster.apply("---".join((ROLLOUT.replace("MODE", "never"), AROUND)))
        await until_phase(cluster, "Degraded")
        waiting = condition(await status(cluster), "InvalidSpec")["message"]
        await cluster.apply(DEPLOYMENT)
        await healthy(cluster)
        await cluster.admin.delete(DEPLOYMENTS, "web", NAMESPACE)
        await until_phase(cluster, "Degraded")
        await cluster.clock.sleep(20)
        held = await status(cluster)
        await cluster.apply(DEPLOYMENT)
        await healthy(cluster)
        return waiting, held, await pods(cluster)

    async def run() -> Any:
        async with paper_cluster(deployments=True) as cluster, controlled(cluster):
            return await story(cluster)

    waiting, held, count = run_virtual(run())
    assert "spec.workloadRef: waiting for Deployment web in namespace shop" in waiting
    assert (held["availableReplicas"], held["selector"]) == (3, "app=web")
    assert count == (3, 3)


def test_a_resting_rollout_writes_nothing_to_the_deployment_or_to_itself() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await healthy(cluster)
        await cluster.clock.sleep(30)
        versions = []
        for _ in range(2):
            found = await rollout(cluster), await deployment(cluster)
            versions.append([one["metadata"]["resourceVersion"] for one in found])
            await cluster.clock.sleep(600)
        return versions

    before, after = told(story, "progressively")
    assert before == after


async def _beside(kind: str, api: str) -> AsyncIterator[PaperCluster]:
    """A Rollout whose workloadRef names another kind of the same name."""
    async with paper_cluster(deployments=True) as cluster, controlled(cluster):
        text = ROLLOUT.replace("Deployment", kind).replace("apps/v1", api)
        await cluster.apply("---".join((AROUND, text.replace("MODE", "onsuccess"))))
        yield cluster


def test_a_replicaset_lends_its_pods_and_gives_them_up_too() -> None:
    async def story() -> Any:
        async for cluster in _beside("ReplicaSet", "apps/v1"):
            await cluster.apply(DEPLOYMENT.replace("Deployment", "ReplicaSet"))
            await healthy(cluster)
            return await pods(cluster)

    assert run_virtual(story()) == (0, 3)


def test_a_podtemplate_may_come_late_and_its_change_is_a_new_revision() -> None:
    template = """
apiVersion: v1
kind: PodTemplate
metadata: {name: web, namespace: shop}
template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "web:v1"}]}}
"""

    async def story() -> Any:
        async for cluster in _beside("PodTemplate", "v1"):
            await until_phase(cluster, "Degraded")
            missing = condition(await status(cluster), "InvalidSpec")["message"]
            await cluster.apply(template)
            await healthy(cluster)
            first = (await status(cluster))["currentPodHash"]
            containers = [{"name": "web", "image": "web:v2"}]
            pods_of_v2 = {"template": {"spec": {"containers": containers}}}
            await edit(cluster, pods_of_v2, Resource("", "v1", "podtemplates", "PodTemplate"))
            await until_phase(cluster, "Paused", 1)
            now = await status(cluster)
            return missing, now["stableRS"] == first != now["currentPodHash"], await pods(cluster)

    missing, on_trial, counts = run_virtual(story())
    assert "waiting for PodTemplate web" in missing
    assert (on_trial, counts) == (True, (0, 5))


def test_blue_green_takes_a_deployment_over_too_and_its_service_is_never_without_room() -> None:
    blue_green = """  strategy:
    blueGreen: {activeService: web-stable, previewService: web-canary}
"""
    head, _, _ = ROLLOUT.partition("  strategy:")

    async def story() -> Any:
        async with paper_cluster(deployments=True) as cluster, controlled(cluster):
            await cluster.apply("---".join((DEPLOYMENT, AROUND)))
            await until(cluster, lambda: has_ready(cluster, 3))
            await cluster.apply((head + blue_green).replace("MODE", "progressively"))
            seen = await line(cluster, 40)
            service = await cluster.admin.get(SERVICES, "web-stable", NAMESPACE)
            hashed = service["spec"]["selector"].get(names.POD_HASH)
            return seen, hashed == (await status(cluster))["stableRS"]

    seen, switched = run_virtual(story())
    assert (seen[-1], switched) == ((0, 0, 3), True)
    assert all(theirs + ours >= 3 for _, theirs, ours in seen)


OTHER = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: other, namespace: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec: {containers: [{name: web, image: "web:v1"}]}
  strategy: {canary: {}}
"""


def test_one_that_another_rollout_scaled_down_is_left_to_that() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await cluster.apply(OTHER)
        note = {"metadata": {"annotations": {"serinus.dev/scaled-down-by": "other"}}}
        await edit(cluster, note, DEPLOYMENTS)
        await healthy(cluster)
        return (await deployment(cluster))["spec"]["replicas"]

    assert told(story, "onsuccess") == 3


def test_the_deployment_may_be_deleted_beside_the_rollout_at_once() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await healthy(cluster)
        await cluster.admin.delete(DEPLOYMENTS, "web", NAMESPACE)
        await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
        await cluster.clock.sleep(30)
        try:
            await deployment(cluster)
        except NotFound:
            return await pods(cluster)

    assert told(story, "onsuccess") == (0, 0)

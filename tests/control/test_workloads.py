"""Rollouts whose pods are those of a Deployment: taken over, changed, given up, given back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from control import scenes
from control.scenes import condition, rollout, status, until, until_phase
from serinus.api import names
from serinus.control.kinds import ROLLOUTS
from serinus.kube.errors import NotFound
from serinus.kube.resource import DEPLOYMENTS, PODS, REPLICASETS, SERVICES, Resource
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

Json = dict[str, Any]
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:v1", ports: [{containerPort: 8080}]}
"""
ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web, scaleDown: MODE}
  strategy:
    canary:
      canaryService: web-canary
      stableService: web-stable
      trafficRouting: {nginx: {stableIngress: web}}
      scaleDownDelaySeconds: 5
      steps: [{setWeight: 50}, {pause: {}}]
"""
AROUND = "---".join((scenes.STABLE_SERVICE, scenes.CANARY_SERVICE, scenes.INGRESS))


@asynccontextmanager
async def moved(mode: str = "never", around: str = AROUND) -> AsyncIterator[PaperCluster]:
    """A Deployment at work behind the Services, and a Rollout that begins to take it over."""
    async with paper_cluster(deployments=True) as cluster, controlled(cluster):
        await cluster.apply("---".join((DEPLOYMENT, around)))
        await until(cluster, lambda: _has_ready(cluster, 3))
        await cluster.apply(ROLLOUT.replace("MODE", mode))
        yield cluster


async def deployment(cluster: PaperCluster) -> Json:
    return await cluster.admin.get(DEPLOYMENTS, "web", NAMESPACE)


async def _has_ready(cluster: PaperCluster, count: int) -> bool:
    return (await deployment(cluster)).get("status", {}).get("readyReplicas", 0) == count


async def pods(cluster: PaperCluster) -> tuple[int, int]:
    """Ready pods of the Deployment, and of the Rollout."""
    theirs = ours = 0
    for pod in (await cluster.admin.list(PODS, NAMESPACE)).items:
        ready = any(c["status"] == "True" for c in pod.get("status", {}).get("conditions", ()))
        if ready and "deletionTimestamp" not in pod["metadata"]:
            ours += names.POD_HASH in pod["metadata"]["labels"]
            theirs += names.POD_HASH not in pod["metadata"]["labels"]
    return theirs, ours


async def line(cluster: PaperCluster, seconds: int) -> list[tuple[int, int, int]]:
    """Replicas wanted of the Deployment, ready pods of it and of ours; each change once."""
    seen: list[tuple[int, int, int]] = []
    for _ in range(seconds * 2):
        shown = ((await deployment(cluster))["spec"]["replicas"], *await pods(cluster))
        if not seen or seen[-1] != shown:
            seen.append(shown)
        await cluster.clock.sleep(0.5)
    return seen


async def healthy(cluster: PaperCluster) -> None:
    """At rest, the Deployment's pods gone too as far as they should."""
    await until_phase(cluster, "Healthy")
    await cluster.clock.sleep(20)


def told(
    story: Callable[[PaperCluster], Awaitable[Any]], mode: str = "never", around: str = AROUND
) -> Any:
    async def run() -> Any:
        async with moved(mode, around) as cluster:
            return await story(cluster)

    return run_virtual(run())


async def edit(cluster: PaperCluster, patch: Json, of: Resource = ROLLOUTS) -> None:
    await cluster.admin.patch(of, "web", patch, NAMESPACE)


async def set_image(cluster: PaperCluster, image: str) -> None:
    containers = [{"name": "web", "image": image, "ports": [{"containerPort": 8080}]}]
    await edit(cluster, {"spec": {"template": {"spec": {"containers": containers}}}}, DEPLOYMENTS)


def test_the_pods_and_the_selector_come_from_the_deployment_which_is_left_alone() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await healthy(cluster)
        return await pods(cluster), await rollout(cluster), await deployment(cluster)

    count, web, theirs = told(story)
    assert count == (3, 3)
    assert web["status"]["selector"] == "app=web"
    assert "template" not in web["spec"]
    generation = str(theirs["metadata"]["generation"])
    assert web["status"]["workloadObservedGeneration"] == generation
    assert web["metadata"]["annotations"]["rollout.argoproj.io/workload-generation"] == generation
    assert "serinus.dev/scaled-down-by" not in theirs["metadata"]["annotations"]


def test_a_change_of_the_deployments_template_is_a_new_revision() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await healthy(cluster)
        await set_image(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
        ours = {
            one["spec"]["template"]["spec"]["containers"][0]["image"]: one["spec"]["replicas"]
            for one in sets
            if names.POD_HASH in one["metadata"]["labels"]
        }
        return (
            ours,
            (await status(cluster))["workloadObservedGeneration"],
            await deployment(cluster),
        )

    ours, observed, theirs = told(story, "onsuccess")
    assert ours == {"web:v1": 3, "web:v2": 2}
    assert observed == str(theirs["metadata"]["generation"])
    assert theirs["spec"]["replicas"] == 0


def test_on_success_it_gives_up_its_pods_when_ours_carry_all() -> None:
    async def story(cluster: PaperCluster) -> Any:
        return await line(cluster, 40), await deployment(cluster)

    seen, theirs = told(story, "onsuccess")
    assert [row for row in seen if row[0] == 3][-1] == (3, 3, 3)
    assert seen[-1] == (0, 0, 3)
    assert all(theirs + ours >= 3 for _, theirs, ours in seen)
    notes = theirs["metadata"]["annotations"]
    assert notes["serinus.dev/scaled-down-by"] == "web"
    assert notes["serinus.dev/scaled-down-from"] == "3"


def test_progressively_each_ready_pod_of_ours_replaces_one_of_its() -> None:
    async def story(cluster: PaperCluster) -> Any:
        held: set[str] = set()

        def one_after_another(pod: Json) -> bool:
            return names.POD_HASH not in pod["metadata"]["labels"] or bool(held)

        cluster.gets_ready = one_after_another
        await until(cluster, lambda: _has_pods_of_ours(cluster, 3))
        await cluster.clock.sleep(10)
        seen = [((await deployment(cluster))["spec"]["replicas"], *await pods(cluster))]
        for name in await _names_of_ours(cluster):
            await cluster.set_ready(name, True)
            await cluster.clock.sleep(15)
            seen.append(((await deployment(cluster))["spec"]["replicas"], *await pods(cluster)))
        return seen

    assert told(story, "progressively") == [(3, 3, 0), (2, 2, 1), (1, 1, 2), (0, 0, 3)]


async def _names_of_ours(cluster: PaperCluster) -> list[str]:
    found = (await cluster.admin.list(PODS, NAMESPACE)).items
    labelled = (p["metadata"] for p in found if names.POD_HASH in p["metadata"]["labels"])
    return sorted(metadata["name"] for metadata in labelled)


async def _has_pods_of_ours(cluster: PaperCluster, count: int) -> bool:
    return len(await _names_of_ours(cluster)) == count


def test_a_pod_of_ours_that_fails_meanwhile_brings_one_of_its_back() -> None:
    async def story(cluster: PaperCluster) -> Any:
        cluster.gets_ready = lambda pod: names.POD_HASH not in pod["metadata"]["labels"]
        await until(cluster, lambda: _has_pods_of_ours(cluster, 3))
        first, *_ = await _names_of_ours(cluster)
        seen = []
        for ready in (True, False):
            await cluster.set_ready(first, ready)
            await cluster.clock.sleep(15)
            seen.append((await deployment(cluster))["spec"]["replicas"])
        return seen, (await deployment(cluster))["metadata"]["annotations"]

    seen, notes = told(story, "progressively")
    assert seen == [2, 3]
    assert "serinus.dev/scaled-down-by" not in notes


def test_a_first_version_that_never_gets_ready_costs_it_nothing() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await edit(cluster, {"spec": {"progressDeadlineSeconds": 30}})
        cluster.gets_ready = lambda pod: names.POD_HASH not in pod["metadata"]["labels"]
        await until(cluster, lambda: _has_pods_of_ours(cluster, 3))
        for name in (await _names_of_ours(cluster))[:2]:
            await cluster.set_ready(name, True)
        await until_phase(cluster, "Degraded")
        await cluster.clock.sleep(15)
        service = await cluster.admin.get(SERVICES, "web-stable", NAMESPACE)
        return await pods(cluster), service["spec"]["selector"]

    assert told(story, "progressively") == ((3, 2), {"app": "web"})


def test_a_later_failing_version_leaves_it_at_rest_and_stable_dying_wakes_it_if_aborted() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await healthy(cluster)
        stable = await _names_of_ours(cluster)
        await set_image(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        await cluster.admin.patch(
            ROLLOUTS, "web", {"status": {"abort": True}}, NAMESPACE, subresource="status"
        )
        await until_phase(cluster, "Degraded")
        await cluster.clock.sleep(60)
        before = (await deployment(cluster))["spec"]["replicas"]
        for name in stable[:2]:
            await cluster.set_ready(name, False)
        await cluster.clock.sleep(10)
        during = (await deployment(cluster))["spec"]["replicas"]
        await set_image(cluster, "web:v1")
        for name in stable[:2]:
            await cluster.set_ready(name, True)
        await healthy(cluster)
        return before, during, (await deployment(cluster))["spec"]["replicas"]

    assert told(story, "onsuccess") == (0, 2, 0)


def test_scale_down_that_is_taken_back_gives_it_its_pods_again() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await healthy(cluster)
        await edit(cluster, {"spec": {"replicas": 5}})
        await healthy(cluster)
        noted = (await deployment(cluster))["metadata"]["annotations"]
        await edit(cluster, {"spec": {"workloadRef": {"scaleDown": "never"}}})
        await cluster.clock.sleep(20)
        return noted["serinus.dev/scaled-down-from"], await pods(cluster)

    assert told(story, "onsuccess") == ("5", (5, 5))


def test_when_the_rollout_is_deleted_it_gets_its_pods_back_and_the_services() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await healthy(cluster)
        await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
        await until(cluster, lambda: _has_ready(cluster, 3))
        await cluster.clock.sleep(20)
        service = await cluster.admin.get(SERVICES, "web-stable", NAMESPACE)
        notes = (await deployment(cluster))["metadata"]["annotations"]
        return await pods(cluster), service["spec"]["selector"], notes

    count, selector, notes = told(story, "progressively")
    assert (count, selector) == ((3, 0), {"app": "web"})
    assert not {name for name in notes if name.startswith("serinus.dev/")}


def test_a_rollout_without_replicas_takes_nothing_away() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await edit(cluster, {"spec": {"replicas": 0}})
        await cluster.clock.sleep(60)
        return (await deployment(cluster))["spec"]["replicas"]

    assert told(story, "onsuccess") == 3


def test_a_paused_rollout_leaves_it_as_it_is() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await edit(cluster, {"spec": {"paused": True}})
        await cluster.clock.sleep(60)
        before = (await deployment(cluster))["spec"]["replicas"]
        await edit(cluster, {"spec": {"paused": False}})
        await healthy(cluster)
        return before, (await deployment(cluster))["spec"]["replicas"]

    assert told(story, "onsuccess") == (3, 0)


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


def test_a_kind_that_the_server_does_not_have_is_told() -> None:
    async def story() -> Any:
        async for cluster in _beside("PodTemplate", "v1"):
            await until_phase(cluster, "Degraded")
            return condition(await status(cluster), "InvalidSpec")["message"]

    assert "spec.workloadRef: PodTemplate web in namespace shop cannot be read" in run_virtual(
        story()
    )


def test_blue_green_takes_a_deployment_over_too_and_its_service_is_never_without_room() -> None:
    blue_green = """  strategy:
    blueGreen: {activeService: web-stable, previewService: web-canary}
"""
    head, _, _ = ROLLOUT.partition("  strategy:")

    async def story() -> Any:
        async with paper_cluster(deployments=True) as cluster, controlled(cluster):
            await cluster.apply("---".join((DEPLOYMENT, AROUND)))
            await until(cluster, lambda: _has_ready(cluster, 3))
            await cluster.apply((head + blue_green).replace("MODE", "progressively"))
            seen = await line(cluster, 40)
            service = await cluster.admin.get(SERVICES, "web-stable", NAMESPACE)
            hashed = service["spec"]["selector"].get(names.POD_HASH)
            return seen, hashed == (await status(cluster))["stableRS"]

    seen, switched = run_virtual(story())
    assert (seen[-1], switched) == ((0, 0, 3), True)
    assert all(theirs + ours >= 3 for _, theirs, ours in seen)


def test_one_that_another_rollout_scaled_down_is_left_to_that() -> None:
    async def story(cluster: PaperCluster) -> Any:
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

"""Rollouts whose pods are those of a Deployment: taken over, changed, given up, given back."""

from __future__ import annotations

from typing import Any

from control.lent import (
    Json,
    deployment,
    edit,
    has_pods_of_ours,
    has_ready,
    healthy,
    line,
    names_of_ours,
    pods,
    set_image,
    told,
)
from control.scenes import rollout, status, until, until_phase
from serinus.api import names
from serinus.control.kinds import ROLLOUTS
from serinus.kube.resource import PODS, REPLICASETS, SERVICES
from support.cluster import NAMESPACE, PaperCluster

ANOTHER = """
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: other, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec: {containers: [{name: other, image: "other:v1"}]}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: other, namespace: shop}
spec:
  replicas: 1
  workloadRef: {apiVersion: apps/v1, kind: ReplicaSet, name: other}
  strategy: {canary: {}}
"""


async def images_of_theirs(cluster: PaperCluster) -> set[str]:
    """Of the pods that the Deployment's sets have."""
    found = (await cluster.admin.list(PODS, NAMESPACE)).items
    ours = (pod for pod in found if pod["metadata"]["labels"].get("app") == "web")
    theirs = (pod for pod in ours if names.POD_HASH not in pod["metadata"]["labels"])
    return {pod["spec"]["containers"][0]["image"] for pod in theirs}


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
        await until(cluster, lambda: has_pods_of_ours(cluster, 3))
        await cluster.clock.sleep(10)
        seen = [((await deployment(cluster))["spec"]["replicas"], *await pods(cluster))]
        for name in await names_of_ours(cluster):
            await cluster.set_ready(name, True)
            await cluster.clock.sleep(15)
            seen.append(((await deployment(cluster))["spec"]["replicas"], *await pods(cluster)))
        return seen

    assert told(story, "progressively") == [(3, 3, 0), (2, 2, 1), (1, 1, 2), (0, 0, 3)]


def test_a_pod_of_ours_that_fails_meanwhile_brings_one_of_its_back() -> None:
    async def story(cluster: PaperCluster) -> Any:
        cluster.gets_ready = lambda pod: names.POD_HASH not in pod["metadata"]["labels"]
        await until(cluster, lambda: has_pods_of_ours(cluster, 3))
        first, *_ = await names_of_ours(cluster)
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
        await until(cluster, lambda: has_pods_of_ours(cluster, 3))
        for name in (await names_of_ours(cluster))[:2]:
            await cluster.set_ready(name, True)
        await until_phase(cluster, "Degraded")
        await cluster.clock.sleep(15)
        service = await cluster.admin.get(SERVICES, "web-stable", NAMESPACE)
        return await pods(cluster), service["spec"]["selector"]

    assert told(story, "progressively") == ((3, 2), {"app": "web"})


def test_a_later_failing_version_leaves_it_at_rest_and_stable_dying_wakes_it_if_aborted() -> None:
    """Its template is the version that was given up: nobody gets that while stable lives."""

    async def story(cluster: PaperCluster) -> Any:
        await healthy(cluster)
        stable = await names_of_ours(cluster)
        await set_image(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        await cluster.admin.patch(
            ROLLOUTS, "web", {"status": {"abort": True}}, NAMESPACE, subresource="status"
        )
        await until_phase(cluster, "Degraded")
        await cluster.clock.sleep(60)
        before = (await deployment(cluster))["spec"]["replicas"]
        found = [before]
        for dying in (stable[:2], stable[2:]):
            for name in dying:
                await cluster.set_ready(name, False)
            await cluster.clock.sleep(10)
            found.append((await deployment(cluster))["spec"]["replicas"])
        for name in stable:
            await cluster.set_ready(name, True)
            await cluster.clock.sleep(20)
            found.append((await deployment(cluster))["spec"]["replicas"])
        return found

    assert told(story, "onsuccess") == [0, 0, 3, 3, 3, 0]


def test_an_abort_while_stable_grows_does_not_bring_the_given_up_version_back() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await healthy(cluster)
        await set_image(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        await edit(cluster, {"spec": {"replicas": 6}})
        await cluster.admin.patch(
            ROLLOUTS, "web", {"status": {"abort": True}}, NAMESPACE, subresource="status"
        )
        return [row[0] for row in await line(cluster, 60)]

    assert set(told(story, "onsuccess")) == {0}


def test_sets_of_the_deployment_are_no_workloads_of_their_own_when_it_is_given_back() -> None:
    """They carry its notes, and where some Rollout borrows from a ReplicaSet all are watched."""

    async def story(cluster: PaperCluster) -> Any:
        await healthy(cluster)
        await cluster.apply(ANOTHER)
        await set_image(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
        seen = set()
        for _ in range(80):
            seen |= await images_of_theirs(cluster)
            await cluster.clock.sleep(0.25)
        return seen

    assert told(story, "onsuccess") == {"web:v2"}


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
        await until(cluster, lambda: has_ready(cluster, 3))
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

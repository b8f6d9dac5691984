"""ReplicaSets in virtual time: pods come, go and count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from local.controllers.world import World, world
from serinus.api.kubernetes import ReplicaSet
from serinus.api.wire import builtins, decode
from serinus.base.errors import FieldProblem
from serinus.kube.resource import EVENTS, PODS, REPLICASETS
from serinus.local.apiserver.admission import StoreView
from serinus.local.controllers.pods import deletion_order, plan_replicas
from serinus.local.node.podspec import NodePod
from support.virtual import EPOCH, run_virtual


def pod(name: str, *, node: str = "local", ready: str = "", **status: Any) -> NodePod:
    """`ready` is the instant since when, or empty."""
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": ready}
    return decode(
        NodePod,
        {
            "metadata": {
                "name": name,
                "labels": {"app": "web"},
                "creationTimestamp": status.pop("created", "2026-01-01T00:00:00Z"),
                "annotations": status.pop("annotations", {}),
                "deletionTimestamp": status.pop("deleted", None),
            },
            "spec": {"nodeName": node},
            "status": {"phase": "Running", "conditions": [condition] if ready else []} | status,
        },
    )


OLD, NEW = "2025-12-31T10:00:00Z", "2025-12-31T23:59:55Z"
RESTARTED = {"containerStatuses": [{"name": "c", "restartCount": 3}]}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pod("z", node=""), pod("a")),
        (pod("z", phase="Pending"), pod("a")),
        (pod("z"), pod("a", ready=NEW)),
        (pod("z", ready=OLD, annotations={"controller.kubernetes.io/pod-deletion-cost": "-5"}),
         pod("a", ready=NEW)),
        (pod("z", ready=NEW), pod("a", ready=OLD)),
        (pod("z", ready=OLD, **RESTARTED), pod("a", ready=OLD)),
        (pod("z", ready=OLD, created=NEW), pod("a", ready=OLD, created=OLD)),
    ],
)  # fmt: skip
def test_who_serves_least_and_is_youngest_goes_first(first: NodePod, second: NodePod) -> None:
    assert sorted([second, first], key=deletion_order) == [first, second]


def test_available_is_who_has_been_ready_for_long_enough() -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {}}
    spec = {"replicas": 3, "minReadySeconds": 10, "template": template}
    owner = decode(ReplicaSet, {"metadata": {"name": "web", "generation": 4}, "spec": spec})
    pods = [pod("old", ready=OLD), pod("new", ready=NEW), pod("not"), pod("gone", deleted=OLD)]
    plan = plan_replicas(owner, pods, EPOCH)
    assert builtins(plan.status) == {
        "replicas": 3,
        "fullyLabeledReplicas": 3,
        "readyReplicas": 2,
        "availableReplicas": 1,
        "terminatingReplicas": 1,
        "observedGeneration": 4,
    }
    assert (plan.create, plan.delete) == (0, ())
    assert plan.wake_at is not None
    assert plan.wake_at.isoformat() == "2026-01-01T00:00:05+00:00"


def test_pods_are_made_to_the_wanted_number_and_count_as_they_become_ready() -> None:
    async def story() -> tuple[list[dict[str, Any]], list[tuple[int, ...]]]:
        async with world() as here:
            made = await here.replicaset(3, minReadySeconds=20)
            await here.settle()
            pods, seen = await here.pods(), [await here.status()]
            await here.start_all()
            await here.settle()
            seen.append(await here.status())
            await here.clock.sleep(20)
            seen.append(await here.status())
            for one in pods:
                (owner,) = one["metadata"]["ownerReferences"]
                assert (owner["uid"], owner["controller"]) == (made["metadata"]["uid"], True)
            return pods, seen

    pods, seen = run_virtual(story())
    assert seen == [(3, 0, 0), (3, 3, 0), (3, 3, 3)]
    assert all(re.fullmatch("web-[a-z0-9]{5}", one["metadata"]["name"]) for one in pods)
    assert {one["metadata"]["labels"]["app"] for one in pods} == {"web"}


def test_a_deleted_pod_is_replaced_and_scaling_down_takes_the_one_that_is_not_ready() -> None:
    async def story() -> tuple[set[str], set[str], set[str]]:
        async with world() as here:
            await here.replicaset(3)
            await here.settle()
            first = await here.pods()
            await here.client.delete(PODS, first[0]["metadata"]["name"], "default")
            await here.settle()
            second = await here.pods()
            for index, one in enumerate(second):
                await here.start(one, 20000 + index, ready=index != 1)
            await here.client.patch(REPLICASETS, "web", {"spec": {"replicas": 2}}, "default")
            await here.settle()
            return names(first), names(second), names(await alive(here))

    first, second, left = run_virtual(story())
    assert (len(first), len(second)) == (3, 3)
    assert len(first & second) == 2
    assert left == second - {sorted(second)[1]}


def names(pods: list[dict[str, Any]]) -> set[str]:
    return {one["metadata"]["name"] for one in pods}


async def alive(here: World) -> list[dict[str, Any]]:
    return [one for one in await here.pods() if "deletionTimestamp" not in one["metadata"]]


def test_no_write_follows_once_all_is_as_wanted() -> None:
    async def story() -> tuple[str, str]:
        async with world() as here:
            await here.replicaset(2)
            await here.settle()
            await here.start_all()
            await here.settle()
            before = (await here.client.list(REPLICASETS, "default")).resource_version
            await here.clock.sleep(3600)
            return before, (await here.client.list(REPLICASETS, "default")).resource_version

    before, after = run_virtual(story())
    assert before == after


def test_a_pod_that_the_server_refuses_is_told_in_an_event_and_tried_again() -> None:
    def no_pods(thing: Mapping[str, Any], view: StoreView) -> Any:
        return [], [FieldProblem("spec", "no pods here")] if thing["kind"] == "Pod" else []

    async def story() -> tuple[str, str, int]:
        async with world(admission=[no_pods]) as here:
            await here.replicaset(1)
            await here.clock.sleep(60)
            (event,) = (await here.client.list(EVENTS, "default")).items
            return event["reason"], event["message"], event["count"]

    reason, message, count = run_virtual(story())
    assert reason == "FailedCreate"
    assert "no pods here" in message
    assert count > 3


def test_refused_pods_are_told_in_the_status_and_the_rest_is_not_tried() -> None:
    refused = True

    def no_pods(thing: Mapping[str, Any], view: StoreView) -> Any:
        is_refused = refused and thing["kind"] == "Pod"
        return [], [FieldProblem("spec", "no pods here")] if is_refused else []

    async def story() -> tuple[list[Any], int, list[Any], int]:
        nonlocal refused
        async with world(admission=[no_pods]) as here:
            await here.replicaset(100)
            await here.clock.sleep(2)
            told = (await here.client.get(REPLICASETS, "web", "default"))["status"]
            tried = (await here.client.list(EVENTS, "default")).items
            refused = False
            await here.clock.sleep(60)
            then = (await here.client.get(REPLICASETS, "web", "default"))["status"]
            count = sum(event["count"] for event in tried)
            return told["conditions"], count, then.get("conditions", []), then["replicas"]

    told, tried, then, replicas = run_virtual(story())
    ((said,), gone) = (told, then)
    assert (said["type"], said["status"], said["reason"]) == (
        "ReplicaFailure",
        "True",
        "FailedCreate",
    )
    assert "no pods here" in said["message"]
    assert tried < 10
    assert (gone, replicas) == ([], 100)


def test_orphans_that_fit_are_adopted_and_pods_with_other_labels_released() -> None:
    async def story() -> tuple[list[str], list[Any], int]:
        async with world() as here:
            body = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "stray", "labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "acme/web:v1"}]},
            }
            await here.client.create(PODS, body, "default")
            await here.replicaset(2)
            await here.settle()
            first = await here.pods()
            adopted = [p["metadata"]["name"] for p in first if "ownerReferences" in p["metadata"]]
            released = {"metadata": {"labels": {"app": "debug"}}}
            await here.client.patch(PODS, "stray", released, "default")
            await here.settle()
            stray = await here.client.get(PODS, "stray", "default")
            return adopted, stray["metadata"].get("ownerReferences", []), len(await here.pods())

    adopted, owners, count = run_virtual(story())
    assert ("stray" in adopted, len(adopted)) == (True, 2)
    assert (owners, count) == ([], 3)

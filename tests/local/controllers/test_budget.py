"""Disruption budgets in virtual time: what they allow, and what an eviction takes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.controllers.nodes import paper_node
from local.controllers.test_deployment import create
from local.controllers.world import World, world
from serinus.kube.resource import BUDGETS, CRDS, PODS, Resource
from serinus.kube.transport.wire import Request
from support.virtual import run_virtual

Json = dict[str, Any]


async def budget(here: World, name: str = "b", **spec: Any) -> None:
    body = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": "web"}}} | spec,
    }
    await here.client.create(BUDGETS, body, "default")


async def status(here: World) -> tuple[int, ...]:
    """Allowed, healthy, desired, expected."""
    found = (await here.client.get(BUDGETS, "b", "default"))["status"]
    fields = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    return tuple(found[field] for field in fields)


async def evict(here: World, pod: str, query: str = "") -> tuple[int, str]:
    """The status of the answer and the reason of its cause, asked once: clients try again."""
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": "default"},
    }
    path = PODS.path("default", pod, "eviction")
    asked = {"dryRun": query} if query else {}
    headers = {"content-type": "application/json"}
    request = Request("POST", path, asked, headers, json.dumps(body).encode())
    answer = await here.client.transport.send(request)
    causes = json.loads(answer.body).get("details", {}).get("causes", [])
    return answer.status, causes[0]["reason"] if causes else ""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"minAvailable": 3}, (1, 4, 3, 4)),
        ({"minAvailable": "60%"}, (1, 4, 3, 4)),
        ({"maxUnavailable": 1}, (1, 4, 3, 4)),
        ({"maxUnavailable": "30%"}, (2, 4, 2, 4)),
        ({"minAvailable": "100%"}, (0, 4, 4, 4)),
        ({"maxUnavailable": 9}, (4, 4, 0, 4)),
    ],
)
def test_amounts_are_counts_or_parts_of_what_the_owners_want(
    spec: Json, expected: tuple[int, ...]
) -> None:
    async def story() -> tuple[tuple[int, ...], Json]:
        async with world() as here, paper_node(here):
            await budget(here, **spec)
            await create(here, 4)
            await here.clock.sleep(30)
            said = (await here.client.get(BUDGETS, "b", "default"))["status"]["conditions"]
            return await status(here), said[0]

    counts, said = run_virtual(story())
    assert counts == expected
    reason = "SufficientPods" if expected[0] else "InsufficientPods"
    assert (said["type"], said["reason"]) == ("DisruptionAllowed", reason)


def test_no_more_pods_are_evicted_than_the_budget_has_and_later_the_next() -> None:
    async def story() -> list[Any]:
        async with world() as here, paper_node(here):
            await create(here, 3)
            await budget(here, maxUnavailable=1)
            await here.clock.sleep(30)
            names = [pod["metadata"]["name"] for pod in await here.pods()]
            seen: list[Any] = [await evict(here, names[0], "All"), await evict(here, names[0])]
            for _ in range(2):
                seen.append(await evict(here, names[1]))
                await here.clock.sleep(1)
            await here.clock.sleep(30)
            return [*seen, await evict(here, names[1]), await status(here)]

    dry, first, *waits, second, counts = run_virtual(story())
    assert dry == first == second == (201, "")
    assert waits == [(429, "DisruptionBudget")] * 2
    assert counts[0] == 0


def test_a_pod_that_serves_nobody_may_go_if_enough_others_do_or_if_it_is_said_so() -> None:
    async def story(policy: Json) -> int:
        async with world() as here, paper_node(here) as node:
            await create(here, 2)
            await budget(here, minAvailable=2, **policy)
            await here.clock.sleep(30)
            node.gets_ready = lambda pod: False
            sick = (await here.pods())[0]
            await here.start(sick, 30000, ready=False)
            await here.clock.sleep(5)
            return (await evict(here, sick["metadata"]["name"]))[0]

    assert run_virtual(story({})) == 429
    assert run_virtual(story({"unhealthyPodEvictionPolicy": "AlwaysAllow"})) == 201


def test_pods_of_a_custom_kind_count_by_its_scale() -> None:
    lamps = Resource("example.com", "v1", "lamps", "Lamp")
    whole = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": whole},
        "subresources": {
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
            }
        },
    }
    names = {"plural": "lamps", "kind": "Lamp", "singular": "lamp"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "lamps.example.com"},
        "spec": {
            "group": "example.com",
            "names": names,
            "scope": "Namespaced",
            "versions": [version],
        },
    }

    async def story() -> tuple[int, ...]:
        async with world() as here, paper_node(here):
            await here.client.create(CRDS, definition)
            body = {"apiVersion": "example.com/v1", "kind": "Lamp", "metadata": {"name": "l"}}
            lamp = await here.client.create(lamps, body | {"spec": {"replicas": 5}}, "default")
            owner = {
                "apiVersion": "example.com/v1",
                "kind": "Lamp",
                "name": "l",
                "uid": lamp["metadata"]["uid"],
                "controller": True,
            }
            for name in ("p", "q"):
                meta = {"name": name, "labels": {"app": "web"}, "ownerReferences": [owner]}
                spec = {"containers": [{"name": "c", "image": "i"}]}
                pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
                await here.client.create(PODS, pod, "default")
            await budget(here, maxUnavailable=2)
            await here.clock.sleep(30)
            return await status(here)

    assert run_virtual(story()) == (0, 2, 3, 5)


def test_nothing_is_written_at_rest() -> None:
    async def story() -> tuple[str, str]:
        async with world() as here, paper_node(here):
            await create(here, 2)
            await budget(here, maxUnavailable="50%")
            await here.clock.sleep(60)
            before = (await here.client.list(BUDGETS, "default")).resource_version
            await here.clock.sleep(7200)
            return before, (await here.client.list(BUDGETS, "default")).resource_version

    before, after = run_virtual(story())
    assert before == after

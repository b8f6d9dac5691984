"""Endpoint slices in virtual time: they follow Services and pods."""

from __future__ import annotations

from typing import Any

from local.controllers.world import world
from serinus.kube.resource import ENDPOINTSLICES, PODS, REPLICASETS, SERVICES
from support.virtual import run_virtual


def test_endpoints_follow_pods_as_they_start_become_ready_and_go() -> None:
    async def story() -> list[dict[int, bool]]:
        async with world() as here:
            await here.service()
            await here.replicaset(2)
            await here.settle()
            seen = [await here.endpoints()]
            await here.start_all(ready=False)
            await here.settle()
            seen.append(await here.endpoints())
            await here.start_all(ready=True)
            await here.settle()
            seen.append(await here.endpoints())
            await here.client.delete(PODS, (await here.pods())[0]["metadata"]["name"], "default")
            await here.settle()
            left = [p for p in await here.pods() if "deletionTimestamp" in p["metadata"]]
            assert len(left) == 1  # still there, and yet without an endpoint
            seen.append(await here.endpoints())
            return seen

    assert run_virtual(story()) == [
        {},
        {20000: False, 20001: False},
        {20000: True, 20001: True},
        {20001: True},
    ]


def test_a_service_that_turns_to_other_pods_is_never_without_an_endpoint() -> None:
    async def story() -> list[int]:
        async with world() as here:
            await here.service(selector={"app": "web", "rev": "1"})
            await here.replicaset(2)
            await here.settle()
            for number, pod in enumerate(await here.pods()):
                labels = {"metadata": {"labels": {"rev": str(number)}}}
                await here.client.patch(PODS, pod["metadata"]["name"], labels, "default")
            await here.start_all()
            await here.settle()
            assert await here.endpoints() == {20001: True}
            patch = {"spec": {"selector": {"rev": "0"}}}
            await here.client.patch(SERVICES, "svc", patch, "default")
            counts = []
            while await here.endpoints() != {20000: True}:
                counts.append(len(await here.endpoints()))
            return counts

    counts = run_virtual(story())
    assert counts
    assert min(counts) >= 1


def test_a_service_that_goes_takes_its_slices_along() -> None:
    async def story() -> dict[int, bool]:
        async with world() as here:
            await here.service()
            await here.replicaset(1)
            await here.settle()
            await here.start_all()
            await here.settle()
            assert await here.endpoints() == {20000: True}
            await here.client.delete(SERVICES, "svc", "default")
            await here.settle()
            return await here.endpoints()

    assert run_virtual(story()) == {}


def test_a_pod_behind_two_services_is_in_both_and_labels_decide() -> None:
    async def story() -> list[dict[int, bool]]:
        async with world() as here:
            await here.service("a")
            await here.service("b")
            await here.replicaset(1)
            await here.settle()
            await here.start_all()
            await here.settle()
            seen = [await here.endpoints("a"), await here.endpoints("b")]
            await here.client.patch(REPLICASETS, "web", {"spec": {"replicas": 0}}, "default")
            await here.settle()
            return [*seen, await here.endpoints("a"), await here.endpoints("b")]

    assert run_virtual(story()) == [{20000: True}, {20000: True}, {}, {}]


def test_what_is_not_ready_may_be_published_and_a_name_elsewhere_has_no_endpoints() -> None:
    async def story() -> tuple[dict[str, Any], dict[str, str]]:
        async with world() as here:
            await here.replicaset(1)
            ports = [{"port": 80}]
            headless = {"clusterIP": "None", "publishNotReadyAddresses": True, "ports": ports}
            elsewhere = {"type": "ExternalName", "externalName": "example.com"}
            for name, spec in (("early", headless), ("far", elsewhere)):
                body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}}
                selecting = {"selector": {"app": "web"}} | spec
                await here.client.create(SERVICES, body | {"spec": selecting}, "default")
            await here.settle()
            await here.start_all(ready=False)
            await here.settle()
            (part,) = (await here.client.list(ENDPOINTSLICES, "default")).items
            return part["endpoints"][0]["conditions"], part["metadata"]["labels"]

    conditions, labels = run_virtual(story())
    assert conditions == {"ready": True, "serving": False, "terminating": False}
    assert labels["kubernetes.io/service-name"] == "early"
    assert "service.kubernetes.io/headless" in labels


def test_the_slices_of_a_service_that_loses_its_selector_stay() -> None:
    async def story() -> list[dict[int, bool]]:
        async with world() as here:
            await here.replicaset(1)
            await here.service()
            await here.settle()
            await here.start_all()
            await here.settle()
            seen = [await here.endpoints()]
            await here.client.patch(SERVICES, "svc", {"spec": {"selector": None}}, "default")
            (pod,) = await here.pods()
            await here.start(pod, 20000, ready=False)
            await here.settle()
            seen.append(await here.endpoints())
            await here.client.delete(SERVICES, "svc", "default")
            await here.settle()
            return [*seen, await here.endpoints()]

    assert run_virtual(story()) == [{20000: True}, {20000: True}, {}]

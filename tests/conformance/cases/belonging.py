"""Owners and dependents, namespaces and their content, Services and their endpoints."""

from __future__ import annotations

from conformance.case import case
from conformance.cases.workloads import NEVER, changed, condition, deployed, items
from conformance.handle import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    MERGE,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    Conformance,
    Json,
)
from conformance.objects import config_map, deployment, pod, running, service

SLICES = "/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices"
OTHER = "conformance-{unique}-other"
HOLD = "example.com/hold"
FREE = {"metadata": {"finalizers": None}}


def owner(value: Json, **fields: bool) -> Json:
    """A reference to a ConfigMap."""
    metadata = value["metadata"]
    plain = {"apiVersion": "v1", "kind": "ConfigMap"}
    return plain | {"name": metadata["name"], "uid": metadata["uid"]} | fields


def owned(name: str, *owners: Json, **metadata: object) -> Json:
    """A ConfigMap with owners."""
    body = config_map(name)
    body["metadata"] |= {"ownerReferences": list(owners)} | metadata
    return body


async def parent(k: Conformance, name: str = "parent") -> Json:
    return await k.made(CONFIG_MAPS, config_map(name))


async def removed(k: Conformance, policy: str) -> None:
    await k.ok("DELETE", f"{CONFIG_MAPS}/parent", {"propagationPolicy": policy})


@case(controllers=True)
async def dependents_go_after_their_owner(k: Conformance) -> None:
    await k.made(CONFIG_MAPS, owned("child", owner(await parent(k))))
    await removed(k, "Background")
    await k.gone(f"{CONFIG_MAPS}/child")


@case(controllers=True)
async def an_owner_that_is_deleted_in_the_foreground_waits_for_its_dependents(
    k: Conformance,
) -> None:
    reference = owner(await parent(k), blockOwnerDeletion=True)
    await k.made(CONFIG_MAPS, owned("child", reference, finalizers=[HOLD]))
    await removed(k, "Foreground")
    waiting = await k.until(
        f"{CONFIG_MAPS}/child", lambda value: "deletionTimestamp" in value["metadata"]
    )
    assert waiting["metadata"]["finalizers"] == [HOLD]
    held = await k.ok("GET", f"{CONFIG_MAPS}/parent")
    assert held["metadata"]["finalizers"] == ["foregroundDeletion"]
    await k.ok("PATCH", f"{CONFIG_MAPS}/child", FREE, **MERGE)
    await k.gone(f"{CONFIG_MAPS}/parent")


@case(controllers=True)
async def orphans_stay_without_their_owner(k: Conformance) -> None:
    await k.made(CONFIG_MAPS, owned("child", owner(await parent(k))))
    await removed(k, "Orphan")
    await k.gone(f"{CONFIG_MAPS}/parent")
    child = await k.ok("GET", f"{CONFIG_MAPS}/child")
    assert not child["metadata"].get("ownerReferences")


@case(controllers=True)
async def a_dependent_of_two_goes_after_both(k: Conformance) -> None:
    first, second = await parent(k), await parent(k, "second")
    await k.made(CONFIG_MAPS, owned("child", owner(first), owner(second)))
    await removed(k, "Background")
    left = await k.until(
        f"{CONFIG_MAPS}/child", lambda value: len(value["metadata"]["ownerReferences"]) == 1
    )
    assert left["metadata"]["ownerReferences"][0]["name"] == "second"
    await k.ok("DELETE", f"{CONFIG_MAPS}/second")
    await k.gone(f"{CONFIG_MAPS}/child")


@case(controllers=True)
async def a_dependent_of_what_never_was_goes(k: Conformance) -> None:
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "ghost"}
    uid = "00000000-0000-4000-8000-000000000000"
    await k.made(CONFIG_MAPS, owned("child", reference | {"uid": uid}))
    await k.gone(f"{CONFIG_MAPS}/child")


@case(controllers=True)
async def a_deployment_takes_its_replica_sets_and_pods_along(k: Conformance) -> None:
    await deployed(k, 2)
    await k.ok("DELETE", f"{DEPLOYMENTS}/web", {"propagationPolicy": "Foreground"})
    await k.gone(f"{DEPLOYMENTS}/web")
    assert await items(k, REPLICA_SETS) == []
    await k.eventually(lambda: nothing(k, PODS), "no pods")


async def nothing(k: Conformance, path: str) -> bool | None:
    return not (await k.ok("GET", path))["items"] or None


@case(controllers=True)
async def a_deployment_may_leave_its_replica_set_behind(k: Conformance) -> None:
    await deployed(k)
    await k.ok("DELETE", f"{DEPLOYMENTS}/web", {"propagationPolicy": "Orphan"})
    await k.gone(f"{DEPLOYMENTS}/web")
    (left,) = await items(k, REPLICA_SETS)
    assert not left["metadata"].get("ownerReferences")
    made = await k.made(DEPLOYMENTS, running(deployment("web", 1)))
    path = f"{REPLICA_SETS}/{left['metadata']['name']}"
    found = await k.until(path, lambda value: bool(value["metadata"].get("ownerReferences")))
    assert found["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]


@case(controllers=True)
async def a_namespace_takes_its_content_along(k: Conformance) -> None:
    await k.made(NAMESPACES, {"metadata": {"name": OTHER}})
    path = f"{NAMESPACES}/{OTHER}"
    await k.ok("POST", f"{path}/configmaps", config_map("a"))
    await k.ok("DELETE", path)
    await k.gone(path)
    assert (await k.call("GET", f"{path}/configmaps/a")).status == 404


@case(controllers=True)
async def a_namespace_tells_what_holds_it(k: Conformance) -> None:
    await k.made(NAMESPACES, {"metadata": {"name": OTHER}})
    path = f"{NAMESPACES}/{OTHER}"
    body = config_map("a")
    body["metadata"]["finalizers"] = [HOLD]
    await k.ok("POST", f"{path}/configmaps", body)
    await k.ok("DELETE", path)
    remaining = "NamespaceFinalizersRemaining"
    held = await k.until(path, lambda v: condition(v, remaining).get("status") == "True")
    assert held["status"]["phase"] == "Terminating"
    assert condition(held, remaining)["reason"] == "SomeFinalizersRemain"
    assert HOLD in condition(held, remaining)["message"]
    content = condition(held, "NamespaceContentRemaining")
    assert (content["status"], content["reason"]) == ("True", "SomeResourcesRemain")
    await k.refused("POST", f"{path}/configmaps", config_map("b"), code=403, reason="Forbidden")
    await k.ok("PATCH", f"{path}/configmaps/a", FREE, **MERGE)
    await k.gone(path)


async def endpoints(k: Conformance) -> dict[str, bool]:
    """Pod and readiness of every endpoint of the Service `web`, whichever slice it is in."""
    query = {"labelSelector": "kubernetes.io/service-name=web"}
    found = (await k.ok("GET", SLICES, query=query))["items"]
    parts = [endpoint for one in found for endpoint in one.get("endpoints") or ()]
    return {part["targetRef"]["name"]: part["conditions"]["ready"] for part in parts}


async def reached(k: Conformance, wanted: list[bool]) -> dict[str, bool]:
    """The endpoints as soon as they are as many, and as ready."""

    async def look() -> dict[str, bool] | None:
        found = await endpoints(k)
        return found if sorted(found.values()) == wanted else None

    found = await k.eventually(look, f"endpoints {wanted}")
    return dict(found)


@case(controllers=True)
async def a_service_has_an_endpoint_for_each_of_its_pods(k: Conformance) -> None:
    await k.made(SERVICES, service("web"))
    await deployed(k, 2)
    found = await reached(k, [True, True])
    assert sorted(found) == sorted(each["metadata"]["name"] for each in await items(k, PODS))


@case(controllers=True)
async def an_endpoint_is_as_ready_as_its_pod(k: Conformance) -> None:
    await k.made(SERVICES, service("web"))
    await k.made(PODS, running(pod("p", {"app": "web"}), **NEVER))
    await reached(k, [False])
    passed = {"type": "example.com/never", "status": "True"}
    patch = {"status": {"conditions": [passed]}}
    content = {"content_type": "application/strategic-merge-patch+json"}
    await k.ok("PATCH", f"{PODS}/p/status", patch, **content)
    await reached(k, [True])


@case(controllers=True)
async def the_endpoints_of_a_service_that_selects_nothing_any_more_stay(k: Conformance) -> None:
    await k.made(SERVICES, service("web"))
    await deployed(k)
    before = await reached(k, [True])
    await changed(k, f"{SERVICES}/web", selector=None)
    await changed(k, f"{DEPLOYMENTS}/web", replicas=2)
    await k.until(f"{DEPLOYMENTS}/web", lambda v: v["status"].get("availableReplicas") == 2)
    await k.clock.sleep(1)
    assert await endpoints(k) == before


@case(controllers=True)
async def a_service_without_selector_gets_no_endpoints(k: Conformance) -> None:
    body = service("web")
    del body["spec"]["selector"]
    await k.made(SERVICES, body)
    await deployed(k)
    await k.clock.sleep(1)
    assert await endpoints(k) == {}

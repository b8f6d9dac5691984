"""Strategic merge patches: lists that merge by key, and the directives."""

from __future__ import annotations

from typing import Any

from conformance.case import case, refusal
from conformance.handle import CONFIG_MAPS, DEPLOYMENTS, SERVICES, STRATEGIC, Conformance
from conformance.objects import config_map, deployment, service

Json = dict[str, Any]


def containers(*given: Json, **directives: Any) -> Json:
    """A patch of the containers of a Deployment."""
    return {"spec": {"template": {"spec": {"containers": list(given)} | directives}}}


async def two_containers(k: Conformance) -> None:
    body = deployment("web")
    body["spec"]["template"]["spec"]["containers"] = [
        {"name": "main", "image": "example.com/web:v1", "env": [{"name": "A", "value": "1"}]},
        {"name": "side", "image": "example.com/side:v1"},
    ]
    await k.ok("POST", DEPLOYMENTS, body)


async def patched(k: Conformance, patch: Json) -> list[Json]:
    after = await k.ok("PATCH", f"{DEPLOYMENTS}/web", patch, **STRATEGIC)
    found: list[Json] = after["spec"]["template"]["spec"]["containers"]
    return found


@case()
async def containers_merge_by_their_names(k: Conformance) -> None:
    await two_containers(k)
    after = await patched(k, containers({"name": "side", "image": "example.com/side:v2"}))
    assert [(c["name"], c["image"]) for c in after] == [
        ("main", "example.com/web:v1"),
        ("side", "example.com/side:v2"),
    ]


@case()
async def a_new_container_is_added(k: Conformance) -> None:
    await two_containers(k)
    after = await patched(k, containers({"name": "third", "image": "example.com/third:v1"}))
    assert sorted(c["name"] for c in after) == ["main", "side", "third"]


@case()
async def a_container_is_deleted_by_its_name(k: Conformance) -> None:
    await two_containers(k)
    after = await patched(k, containers({"name": "side", "$patch": "delete"}))
    assert [c["name"] for c in after] == ["main"]


@case()
async def a_list_is_replaced_whole(k: Conformance) -> None:
    await two_containers(k)
    new = {"name": "only", "image": "example.com/only:v1"}
    after = await patched(k, containers(new, {"$patch": "replace"}))
    assert [c["name"] for c in after] == ["only"]


@case()
async def lists_within_lists_merge_too(k: Conformance) -> None:
    await two_containers(k)
    patch = containers({"name": "main", "env": [{"name": "B", "value": "2"}]})
    after = await patched(k, patch)
    env = {entry["name"]: entry["value"] for c in after for entry in c.get("env", ())}
    assert env == {"A": "1", "B": "2"}


@case()
async def the_order_of_containers_is_set(k: Conformance) -> None:
    await two_containers(k)
    order = [{"name": "side"}, {"name": "main"}]
    after = await patched(
        k,
        containers(
            {"name": "main", "image": "example.com/web:v2"},
            **{"$setElementOrder/containers": order},
        ),
    )
    assert [(c["name"], c["image"]) for c in after] == [
        ("side", "example.com/side:v1"),
        ("main", "example.com/web:v2"),
    ]


@case()
async def null_removes_a_field(k: Conformance) -> None:
    await two_containers(k)
    after = await patched(k, containers({"name": "main", "env": None}))
    assert "env" not in after[0]


@case()
async def a_map_is_replaced_whole(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    patch = {"data": {"$patch": "replace", "y": "2"}}
    after = await k.ok("PATCH", f"{CONFIG_MAPS}/a", patch, **STRATEGIC)
    assert after["data"] == {"y": "2"}


@case()
async def primitives_are_deleted_from_a_list(k: Conformance) -> None:
    body = config_map("a")
    body["metadata"]["finalizers"] = ["example.com/a", "example.com/b"]
    await k.ok("POST", CONFIG_MAPS, body)
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}}
    after = await k.ok("PATCH", f"{CONFIG_MAPS}/a", patch, **STRATEGIC)
    assert after["metadata"]["finalizers"] == ["example.com/b"]


@case()
async def finalizers_are_added_to_the_list(k: Conformance) -> None:
    body = config_map("a")
    body["metadata"]["finalizers"] = ["example.com/a"]
    await k.ok("POST", CONFIG_MAPS, body)
    patch = {"metadata": {"finalizers": ["example.com/b", "example.com/a"]}}
    after = await k.ok("PATCH", f"{CONFIG_MAPS}/a", patch, **STRATEGIC)
    assert sorted(after["metadata"]["finalizers"]) == ["example.com/a", "example.com/b"]


@case()
async def only_the_named_keys_are_retained(k: Conformance) -> None:
    await k.ok("POST", DEPLOYMENTS, deployment("web"))
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    after = await k.ok("PATCH", f"{DEPLOYMENTS}/web", patch, **STRATEGIC)
    assert after["spec"]["strategy"] == {"type": "Recreate"}


@case()
async def ports_of_a_service_merge_by_their_number(k: Conformance) -> None:
    await k.ok("POST", SERVICES, service("web", ports=[{"port": 80, "name": "http"}]))
    patch = {"spec": {"ports": [{"port": 81, "name": "more"}, {"port": 80, "targetPort": 8080}]}}
    after = await k.ok("PATCH", f"{SERVICES}/web", patch, **STRATEGIC)
    ports = {p["port"]: (p["name"], p["targetPort"]) for p in after["spec"]["ports"]}
    assert ports == {80: ("http", 8080), 81: ("more", 81)}


@case()
async def labels_merge_by_key(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a", {"app": "web", "tier": "front"}))
    patch = {"metadata": {"labels": {"tier": None, "track": "new"}}}
    after = await k.ok("PATCH", f"{CONFIG_MAPS}/a", patch, **STRATEGIC)
    assert after["metadata"]["labels"] == {"app": "web", "track": "new"}


refusal(
    "a_list_that_merges_needs_its_key",
    "PATCH",
    f"{DEPLOYMENTS}/web",
    containers({"image": "example.com/web:v2"}),
    before=[(DEPLOYMENTS, deployment("web"))],
    differs="own-faults-are-no-500",
    code=422,
    reason="Invalid",
    words="does not contain declared merge key: name",
    **STRATEGIC,
)
refusal(
    "an_unknown_directive_is_refused",
    "PATCH",
    f"{DEPLOYMENTS}/web",
    {"spec": {"$patch": "turn"}},
    before=[(DEPLOYMENTS, deployment("web"))],
    differs="own-faults-are-no-500",
    code=400,
    reason="BadRequest",
    words="turn",
    **STRATEGIC,
)

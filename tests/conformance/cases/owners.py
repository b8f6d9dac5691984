"""Who owns which field after creates, updates and patches."""

from __future__ import annotations

from conformance.applies import applied, fields, owners
from conformance.case import case
from conformance.handle import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE,
    PODS,
    SERVICES,
    STRATEGIC,
    Conformance,
    Json,
)
from conformance.objects import WIDGETS, config_map, deployment, pod, service, widget

MAP = f"{CONFIG_MAPS}/m"
BY_A = {"query": {"fieldManager": "a"}}
BY_B = {"query": {"fieldManager": "b"}}
A_DATA: Json = {"f:data": {".": {}, "f:x": {}}}


async def map_of_a(k: Conformance, **data: str) -> Json:
    return await k.made(CONFIG_MAPS, config_map("m", **(data or {"x": "1"})), **BY_A)


@case()
async def a_creator_owns_what_it_wrote_with_the_maps_around_it(k: Conformance) -> None:
    made = await k.made(CONFIG_MAPS, config_map("m", {"l": "1"}, x="1"), **BY_A)
    (entry,) = made["metadata"]["managedFields"]
    assert entry.pop("fieldsV1") == A_DATA | {"f:metadata": {"f:labels": {".": {}, "f:l": {}}}}
    assert entry.pop("time") == made["metadata"]["creationTimestamp"]
    assert entry == {
        "manager": "a",
        "operation": "Update",
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
    }


@case()
async def the_parts_that_a_built_in_object_always_has_are_owned_by_nobody(k: Conformance) -> None:
    made = await k.made(DEPLOYMENTS, deployment("d"), **BY_A)
    spec = fields(made, "a")["f:spec"]
    assert "." not in spec
    assert spec["f:selector"] == {}
    assert "." not in spec["f:template"]
    assert "." not in spec["f:template"]["f:spec"]["f:containers"]
    container = spec["f:template"]["f:spec"]["f:containers"]['k:{"name":"main"}']
    assert {".", "f:name", "f:image"} <= container.keys()


@case()
async def defaults_are_owned_by_the_creator_and_what_the_server_allots_by_nobody(
    k: Conformance,
) -> None:
    made = await k.made(SERVICES, service("s"), **BY_A)
    spec = fields(made, "a")["f:spec"]
    assert {"f:type", "f:sessionAffinity", "f:ports", "f:selector"} <= spec.keys()
    assert "f:clusterIP" not in spec
    port = spec["f:ports"]['k:{"port":80,"protocol":"TCP"}']
    assert {".", "f:port", "f:protocol", "f:targetPort"} <= port.keys()


@case()
async def without_a_field_manager_the_first_part_of_the_user_agent_is_the_owner(
    k: Conformance,
) -> None:
    made = await k.made(CONFIG_MAPS, config_map("m", x="1"), user_agent="lamp/v1 (linux) x/y")
    assert owners(made) == [("lamp", "Update", "")]


@case()
async def a_patch_takes_the_fields_that_it_changes(k: Conformance) -> None:
    await map_of_a(k, x="1", y="1")
    after = await k.ok("PATCH", MAP, {"data": {"y": "2", "z": "3"}}, **MERGE, **BY_B)
    assert fields(after, "a") == A_DATA
    assert fields(after, "b") == {"f:data": {"f:y": {}, "f:z": {}}}


@case()
async def a_removed_field_has_no_owner_any_more(k: Conformance) -> None:
    await map_of_a(k, x="1", y="1")
    after = await k.ok("PATCH", MAP, {"data": {"y": None}}, **MERGE, **BY_B)
    assert owners(after) == [("a", "Update", "")]
    assert fields(after, "a") == A_DATA


@case()
async def an_owner_that_loses_its_last_field_is_forgotten(k: Conformance) -> None:
    await k.made(CONFIG_MAPS, config_map("m"), **BY_A)
    await k.ok("PATCH", MAP, {"data": {"x": "1"}}, **MERGE, **BY_A)
    after = await k.ok("PATCH", MAP, {"data": None}, **MERGE, **BY_B)
    assert owners(after) == []


@case()
async def a_replacement_owns_what_differs_and_keeps_owners_that_it_does_not_send(
    k: Conformance,
) -> None:
    await map_of_a(k, x="1", y="1")
    after = await k.ok("PUT", MAP, config_map("m", x="1", y="2"), **BY_B)
    assert fields(after, "a") == A_DATA
    assert fields(after, "b") == {"f:data": {"f:y": {}}}


@case()
async def a_write_that_changes_nothing_changes_no_owner_and_no_version(k: Conformance) -> None:
    made = await map_of_a(k)
    assert await k.ok("PUT", MAP, config_map("m", x="1"), **BY_B) == made
    assert await k.ok("PATCH", MAP, {"data": {"x": "1"}}, **MERGE, **BY_B) == made


@case()
async def one_manager_has_one_entry_for_each_half_of_an_object(k: Conformance) -> None:
    await k.made(PODS, pod("p"), **BY_A)
    await k.ok("PATCH", f"{PODS}/p/status", {"status": {"reason": "r"}}, **MERGE, **BY_A)
    after = await k.ok("PATCH", f"{PODS}/p", {"metadata": {"labels": {"l": "1"}}}, **MERGE, **BY_A)
    assert sorted(owners(after)) == [("a", "Update", ""), ("a", "Update", "status")]
    assert fields(after, "a", "status") == {"f:status": {"f:reason": {}}}
    assert fields(after, "a")["f:metadata"] == {"f:labels": {".": {}, "f:l": {}}}


@case()
async def the_scale_of_an_object_is_a_half_of_its_own(k: Conformance) -> None:
    await k.serves_widgets()
    await k.made(WIDGETS, widget("w", size=1, replicas=1), **BY_A)
    await k.ok("PATCH", f"{WIDGETS}/w/scale", {"spec": {"replicas": 2}}, **MERGE, **BY_B)
    after = await k.ok("GET", f"{WIDGETS}/w")
    assert fields(after, "b", "scale") == {"f:spec": {"f:replicas": {}}}
    assert fields(after, "a") == {"f:spec": {".": {}, "f:size": {}}}
    entry = next(e for e in after["metadata"]["managedFields"] if e["manager"] == "b")
    assert entry["apiVersion"] == after["apiVersion"]


@case()
async def a_list_without_keys_is_owned_as_one_piece(k: Conformance) -> None:
    await k.serves_widgets()
    await k.made(WIDGETS, widget("w", tags=["a"]), **BY_A)
    patch = [{"op": "add", "path": "/spec/tags/-", "value": "b"}]
    after = await k.ok("PATCH", f"{WIDGETS}/w", patch, **JSON_PATCH, **BY_B)
    assert fields(after, "a") == {"f:spec": {}}
    assert fields(after, "b") == {"f:spec": {"f:tags": {}}}


@case()
async def items_of_a_list_with_keys_are_owned_one_by_one(k: Conformance) -> None:
    await k.made(DEPLOYMENTS, deployment("d"), **BY_A)
    side = {"name": "side", "image": "example.com/side:v1"}
    patch = {"spec": {"template": {"spec": {"containers": [side]}}}}
    after = await k.ok("PATCH", f"{DEPLOYMENTS}/d", patch, **STRATEGIC, **BY_B)
    theirs = fields(after, "b")["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert list(theirs) == ['k:{"name":"side"}']
    assert {".", "f:name", "f:image", "f:imagePullPolicy"} <= theirs['k:{"name":"side"}'].keys()


@case()
async def finalizers_and_owner_references_are_owned_one_by_one(k: Conformance) -> None:
    owner = await map_of_a(k)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "m"}
    reference["uid"] = uid = owner["metadata"]["uid"]
    value = config_map("n") | {"data": {"x": "1"}}
    value["metadata"] |= {"ownerReferences": [reference], "finalizers": ["example.com/f"]}
    made = await k.made(CONFIG_MAPS, value, **BY_A)
    assert fields(made, "a")["f:metadata"] == {
        "f:finalizers": {".": {}, 'v:"example.com/f"': {}},
        "f:ownerReferences": {".": {}, f'k:{{"uid":"{uid}"}}': {}},
    }
    await k.ok("PATCH", f"{CONFIG_MAPS}/n", {"metadata": {"finalizers": None}}, **MERGE)


@case()
async def an_empty_list_of_owners_forgets_them_and_the_next_apply_finds_one_for_all(
    k: Conformance,
) -> None:
    await map_of_a(k)
    for reset in ([], [{}]):
        await applied(k, MAP, config_map("m", y="1"))
        after = await k.ok("PATCH", MAP, {"metadata": {"managedFields": reset}}, **MERGE, **BY_B)
        assert owners(after) == []
        after = await k.ok("PATCH", MAP, {"data": {"z": "1"}}, **MERGE, **BY_B)
        assert owners(after) == []
        after = await applied(k, MAP, config_map("m", y="1"))
        assert sorted(owners(after)) == [("before-first-apply", "Update", ""), ("me", "Apply", "")]
        assert {"f:x", "f:y", "f:z"} <= fields(after, "before-first-apply")["f:data"].keys()


@case()
async def owners_may_be_written_and_what_is_no_owner_is_ignored(k: Conformance) -> None:
    made = await map_of_a(k)
    (entry,) = made["metadata"]["managedFields"]
    patch = [{"op": "replace", "path": "/metadata/managedFields/0/manager", "value": "c"}]
    after = await k.ok("PATCH", MAP, patch, **JSON_PATCH, **BY_B)
    assert after["metadata"]["managedFields"] == [entry | {"manager": "c"}]
    broken = {"metadata": {"managedFields": [{"manager": "d"}]}}
    assert owners(await k.ok("PATCH", MAP, broken, **MERGE, **BY_B)) == [("c", "Update", "")]


@case()
async def owners_cannot_be_written_through_a_half_of_the_object(k: Conformance) -> None:
    await k.made(PODS, pod("p"), **BY_A)
    patch = {"metadata": {"managedFields": []}, "status": {"reason": "r"}}
    after = await k.ok("PATCH", f"{PODS}/p/status", patch, **MERGE, **BY_B)
    assert sorted(owners(after)) == [("a", "Update", ""), ("b", "Update", "status")]


@case()
async def at_most_ten_writers_by_update_are_told_apart(k: Conformance) -> None:
    await k.made(CONFIG_MAPS, config_map("m", x="1"), query={"fieldManager": "m00"})
    for number in range(1, 12):
        patch, query = {"data": {f"x{number}": "1"}}, {"fieldManager": f"m{number:02}"}
        after = await k.ok("PATCH", MAP, patch, **MERGE, query=query)
    managers = sorted(manager for manager, _, _ in owners(after))
    assert managers == ["ancient-changes", *(f"m{number:02}" for number in range(3, 12))]
    ancient = fields(after, "ancient-changes")["f:data"]
    assert ancient == {".": {}, "f:x": {}, "f:x1": {}, "f:x2": {}}


@case()
async def a_dry_run_tells_the_owners_that_would_be(k: Conformance) -> None:
    made = await map_of_a(k)
    query = {"fieldManager": "b", "dryRun": "All"}
    after = await k.ok("PATCH", MAP, {"data": {"x": "2"}}, **MERGE, query=query)
    assert fields(after, "b") == {"f:data": {"f:x": {}}}
    assert await k.ok("GET", MAP) == made

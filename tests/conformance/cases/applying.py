"""Server-side apply: what it makes, keeps, takes away and refuses."""

from __future__ import annotations

import json

from conformance.applies import applied, conflict, fields, not_applied, owners
from conformance.case import case
from conformance.handle import APPLY, CONFIG_MAPS, DEPLOYMENTS, MERGE, PODS, Conformance, Json
from conformance.objects import config_map, deployment, pod

MAP = f"{CONFIG_MAPS}/m"
BY_A = {"query": {"fieldManager": "a"}}
BY_ME = {"query": {"fieldManager": "me"}}


@case()
async def an_apply_makes_what_is_not_there(k: Conformance) -> None:
    answer = await k.call("PATCH", MAP, config_map("m", x="1"), **BY_ME, **APPLY)
    assert answer.status == 201
    (entry,) = answer.json["metadata"]["managedFields"]
    assert entry["fieldsV1"] == {"f:data": {"f:x": {}}}
    assert (entry["manager"], entry["operation"]) == ("me", "Apply")
    assert "subresource" not in entry


@case()
async def an_apply_that_is_repeated_changes_nothing(k: Conformance) -> None:
    made = await applied(k, MAP, config_map("m", {"l": "1"}, x="1"))
    assert await applied(k, MAP, config_map("m", {"l": "1"}, x="1")) == made


@case()
async def an_apply_may_be_written_in_yaml(k: Conformance) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\ndata:\n  x: |\n    1\n"
    answer = await k.call("PATCH", MAP, text, **BY_ME, **APPLY)
    assert answer.json["data"] == {"x": "1\n"}


@case()
async def an_apply_keeps_what_others_wrote(k: Conformance) -> None:
    await k.made(CONFIG_MAPS, config_map("m", x="1"), **BY_A)
    after = await applied(k, MAP, config_map("m", y="2"))
    assert after["data"] == {"x": "1", "y": "2"}
    assert fields(after, "me") == {"f:data": {"f:y": {}}}
    assert fields(after, "a") == {"f:data": {".": {}, "f:x": {}}}


@case()
async def what_is_not_applied_any_more_goes(k: Conformance) -> None:
    await applied(k, MAP, config_map("m", {"l": "1"}, x="1", y="1"))
    after = await applied(k, MAP, config_map("m", y="1"))
    assert after["data"] == {"y": "1"}
    assert "labels" not in after["metadata"]
    assert fields(after, "me") == {"f:data": {"f:y": {}}}


@case()
async def what_another_applied_too_stays_until_both_have_left_it(k: Conformance) -> None:
    await applied(k, MAP, config_map("m", x="1"))
    after = await applied(k, MAP, config_map("m", x="1", y="1"), "you")
    assert sorted(owners(after)) == [("me", "Apply", ""), ("you", "Apply", "")]
    bare = {name: part for name, part in config_map("m").items() if name != "data"}
    after = await applied(k, MAP, bare)
    assert (after["data"], owners(after)) == ({"x": "1", "y": "1"}, [("you", "Apply", "")])
    after = await applied(k, MAP, bare, "you")
    assert "data" not in after


@case()
async def what_a_patch_has_changed_since_is_not_taken_away(k: Conformance) -> None:
    await applied(k, MAP, config_map("m", x="1"))
    await k.ok("PATCH", MAP, {"data": {"x": "2"}}, **MERGE, **BY_A)
    after = await applied(k, MAP, config_map("m"))
    assert after["data"] == {"x": "2"}
    assert fields(after, "a") == {"f:data": {"f:x": {}}}


@case()
async def a_field_of_another_updater_is_a_conflict(k: Conformance) -> None:
    await k.made(CONFIG_MAPS, config_map("m", x="1"), **BY_A)
    wanted = conflict('"a" using v1', ".data.x")
    await not_applied(k, MAP, config_map("m", x="2"), **wanted)


@case()
async def a_field_of_another_applier_is_a_conflict_without_a_version(k: Conformance) -> None:
    await applied(k, MAP, config_map("m", x="1", y="1"), "a")
    wanted = conflict('"a"', ".data.x", ".data.y")
    await not_applied(k, MAP, config_map("m", x="2", y="2"), **wanted)


@case()
async def a_conflict_in_a_list_names_the_item_by_its_keys(k: Conformance) -> None:
    await k.made(DEPLOYMENTS, deployment("d"), **BY_A)
    body = deployment("d")
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/web:v2"
    path = '.spec.template.spec.containers[name="main"].image'
    await not_applied(k, f"{DEPLOYMENTS}/d", body, **conflict('"a" using apps/v1', path))


@case()
async def a_conflict_with_a_write_through_a_half_names_the_half(k: Conformance) -> None:
    await applied(k, f"{DEPLOYMENTS}/d", deployment("d"))
    body: Json = {"spec": {"replicas": 1}}
    await k.ok("PATCH", f"{DEPLOYMENTS}/d/scale", body, **MERGE, **BY_A)
    wanted = conflict('"a" with subresource "scale" using apps/v1', ".spec.replicas")
    await not_applied(k, f"{DEPLOYMENTS}/d", deployment("d"), **wanted)


@case()
async def force_takes_the_fields_over(k: Conformance) -> None:
    await k.made(CONFIG_MAPS, config_map("m", x="1", y="1"), **BY_A)
    after = await applied(k, MAP, config_map("m", x="2"), force="true")
    assert after["data"] == {"x": "2", "y": "1"}
    assert fields(after, "a") == {"f:data": {".": {}, "f:y": {}}}


@case()
async def equal_values_are_no_conflict_and_have_two_owners(k: Conformance) -> None:
    await k.made(CONFIG_MAPS, config_map("m", x="1"), **BY_A)
    after = await applied(k, MAP, config_map("m", x="1"))
    assert sorted(owners(after)) == [("a", "Update", ""), ("me", "Apply", "")]


@case()
async def an_apply_must_name_its_manager(k: Conformance) -> None:
    message = 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: '
    await k.refused(
        *("PATCH", MAP, config_map("m")),
        **APPLY,
        code=422,
        reason="Invalid",
        message=message + "is required for apply patch",
    )


@case()
async def only_an_apply_may_be_forced(k: Conformance) -> None:
    await k.made(CONFIG_MAPS, config_map("m"))
    await k.refused(
        *("PATCH", MAP, {"data": {"x": "1"}}),
        **MERGE,
        query={"force": "true"},
        code=422,
        words="force: Forbidden: may not be specified for non-apply patch",
    )


@case()
async def an_apply_carries_no_owners(k: Conformance) -> None:
    body = config_map("m", x="1")
    body["metadata"]["managedFields"] = []
    await not_applied(k, MAP, body, code=400, message="metadata.managedFields must be nil")


@case()
async def an_apply_is_of_the_version_in_its_address(k: Conformance) -> None:
    await k.made(CONFIG_MAPS, config_map("m"))
    body = config_map("m") | {"apiVersion": "v2"}
    await not_applied(k, MAP, body, code=400, reason="BadRequest")


@case()
async def an_apply_is_of_the_object_in_its_address(k: Conformance) -> None:
    await not_applied(
        *(k, MAP, config_map("n")),
        code=400,
        message="the name of the object (n) does not match the name on the URL (m)",
    )


@case(differs="own-faults-are-no-500")
async def a_field_that_the_schema_does_not_know_cannot_be_applied(k: Conformance) -> None:
    body = config_map("m") | {"date": {}}
    kind = "failed to create typed patch object ({ns}/m; /v1, Kind=ConfigMap)"
    message = f"{kind}: .date: field not declared in schema"
    await not_applied(k, MAP, body, code=400, message=message)


@case(differs="own-faults-are-no-500")
async def an_item_of_a_list_cannot_be_applied_twice(k: Conformance) -> None:
    body = deployment("d")
    body["spec"]["template"]["spec"]["containers"] *= 2
    kind = "failed to create typed patch object ({ns}/d; apps/v1, Kind=Deployment)"
    where = '.spec.template.spec.containers: duplicate entries for key [name="main"]'
    await not_applied(k, f"{DEPLOYMENTS}/d", body, code=400, message=f"{kind}: {where}")


@case()
async def a_key_that_is_written_twice_is_refused_if_asked_to(k: Conformance) -> None:
    text = json.dumps(config_map("m", x="1")).replace('"x"', '"x": "0", "x"').encode()
    strict = {"query": {"fieldValidation": "Strict"}}
    await not_applied(k, MAP, text, code=400, words='key "x" already set in map', **strict)
    answer = await k.call("PATCH", MAP, text, **BY_ME, **APPLY)
    assert answer.status == 201
    assert answer.json["data"] == {"x": "1"}


@case()
async def an_apply_that_names_another_version_is_a_conflict(k: Conformance) -> None:
    made = await applied(k, MAP, config_map("m", x="1"))
    body = config_map("m", x="2")
    body["metadata"]["resourceVersion"] = "1"
    await not_applied(k, MAP, body, code=409, words="the object has been modified")
    body["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    assert (await applied(k, MAP, body))["data"] == {"x": "2"}


@case()
async def an_apply_that_names_another_object_is_refused(k: Conformance) -> None:
    body = config_map("m", x="1")
    body["metadata"]["uid"] = uid = "00000000-0000-0000-0000-000000000000"
    words = f"uid mismatch: the provided object specified uid {uid}, and no existing object"
    await not_applied(k, MAP, body, code=409, reason="Conflict", words=words)
    await k.made(CONFIG_MAPS, config_map("m"))
    words = f'metadata.uid: Invalid value: "{uid}": field is immutable'
    await not_applied(k, MAP, body, code=422, reason="Invalid", words=words)


@case()
async def an_apply_as_a_dry_run_changes_nothing(k: Conformance) -> None:
    answer = await k.call(
        *("PATCH", MAP, config_map("m", x="1")),
        query={"fieldManager": "me", "dryRun": "All"},
        **APPLY,
    )
    assert answer.status == 201
    assert (await k.call("GET", MAP)).status == 404
    made = await applied(k, MAP, config_map("m", x="1"))
    after = await applied(k, MAP, config_map("m", x="2"), dryRun="All")
    assert after["data"] == {"x": "2"}
    assert await k.ok("GET", MAP) == made


@case()
async def the_status_is_applied_by_itself(k: Conformance) -> None:
    made = await k.made(PODS, pod("p"), **BY_A)
    head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    body = head | {"status": {"reason": "r"}, "spec": {"nodeName": "x"}}
    after = await applied(k, f"{PODS}/p/status", body)
    assert after["status"]["reason"] == "r"
    assert "nodeName" not in after["spec"]
    assert fields(after, "me", "status") == {"f:status": {"f:reason": {}}}
    assert fields(after, "a") == fields(made, "a")
    after = await applied(k, f"{PODS}/p/status", head)
    assert "reason" not in after.get("status", {})
    assert owners(after) == [("a", "Update", "")]


@case()
async def a_status_that_is_applied_with_the_object_is_left_out(k: Conformance) -> None:
    body = pod("p") | {"status": {"reason": "r"}}
    after = await applied(k, f"{PODS}/p", body)
    assert "reason" not in after["status"]
    assert "f:status" not in fields(after, "me")


@case()
async def the_status_of_an_object_that_is_not_there_cannot_be_applied(k: Conformance) -> None:
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "status": {}}
    await not_applied(k, f"{PODS}/p/status", body, code=404, reason="NotFound")


@case()
async def kubectl_takes_over_what_it_applied_on_the_client_s_side(k: Conformance) -> None:
    last = json.dumps(k.fill(config_map("m", x="1")))
    name = "kubectl.kubernetes.io/last-applied-configuration"
    body = config_map("m", x="1", y="1")
    body["metadata"]["annotations"] = {name: last}
    await k.made(CONFIG_MAPS, body, query={"fieldManager": "kubectl-client-side-apply"})
    wanted = conflict('"kubectl-client-side-apply" using v1', ".data.x")
    await not_applied(k, MAP, config_map("m", x="2"), **wanted)
    wanted = conflict('"kubectl-client-side-apply" using v1', ".data.y")
    await not_applied(k, MAP, config_map("m", x="2", y="2"), "kubectl", **wanted)
    after = await applied(k, MAP, config_map("m", x="2"), "kubectl")
    assert json.loads(after["metadata"]["annotations"][name])["data"] == {"x": "2"}

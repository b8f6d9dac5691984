"""Replacing objects: optimistic concurrency, identity, what stays, create on update."""

from __future__ import annotations

from conformance.case import case, refusal
from conformance.handle import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    EVENTS,
    LEASES,
    PODS,
    SECRETS,
    SERVICES,
    Conformance,
)
from conformance.objects import (
    WIDGETS,
    config_map,
    deployment,
    event,
    lease,
    pod,
    secret,
    service,
    widget,
)

STALE = (
    'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply '
    "your changes to the latest version and try again"
)


@case()
async def a_replacement_of_the_seen_version_is_taken(k: Conformance) -> None:
    made = await k.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    answer = await k.call("PUT", f"{CONFIG_MAPS}/a", made | {"data": {"x": "2"}})
    assert (answer.status, answer.json["data"]) == (200, {"x": "2"})
    before, after = made["metadata"], answer.json["metadata"]
    assert int(after["resourceVersion"]) > int(before["resourceVersion"])
    assert after["uid"] == before["uid"]
    assert after["creationTimestamp"] == before["creationTimestamp"]


@case()
async def a_replacement_of_an_old_version_is_a_conflict(k: Conformance) -> None:
    made = await k.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    await k.ok("PUT", f"{CONFIG_MAPS}/a", made | {"data": {"x": "2"}})
    await k.refused(
        "PUT",
        f"{CONFIG_MAPS}/a",
        made | {"data": {"x": "3"}},
        code=409,
        reason="Conflict",
        message=STALE,
        details={"name": "a", "kind": "configmaps"},
    )


@case()
async def a_replacement_without_a_version_overwrites(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    assert (await k.ok("PUT", f"{CONFIG_MAPS}/a", config_map("a", y="2")))["data"] == {"y": "2"}


@case()
async def a_replacement_that_changes_nothing_keeps_the_version(k: Conformance) -> None:
    made = await k.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    again = await k.ok("PUT", f"{CONFIG_MAPS}/a", made)
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


@case()
async def labels_that_a_replacement_leaves_out_are_gone(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a", {"app": "web"}))
    assert "labels" not in (await k.ok("PUT", f"{CONFIG_MAPS}/a", config_map("a")))["metadata"]


@case()
async def a_replacement_of_another_object_of_that_name_is_a_conflict(k: Conformance) -> None:
    made = await k.ok("POST", CONFIG_MAPS, config_map("a"))
    other = config_map("a")
    other["metadata"]["uid"] = "00000000-0000-4000-8000-000000000000"
    await k.refused(
        "PUT",
        f"{CONFIG_MAPS}/a",
        other,
        code=409,
        reason="Conflict",
        words="Precondition failed: UID in precondition: 00000000-0000-4000-8000-000000000000, "
        f"UID in object meta: {made['metadata']['uid']}",
    )


@case()
async def a_dry_run_replaces_nothing(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    dry = {"dryRun": "All"}
    told = await k.ok("PUT", f"{CONFIG_MAPS}/a", config_map("a", x="2"), query=dry)
    assert told["data"] == {"x": "2"}
    assert (await k.ok("GET", f"{CONFIG_MAPS}/a"))["data"] == {"x": "1"}


@case()
async def a_dry_run_finds_conflicts(k: Conformance) -> None:
    made = await k.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    await k.ok("PUT", f"{CONFIG_MAPS}/a", config_map("a", x="2"))
    dry = {"dryRun": "All"}
    await k.refused("PUT", f"{CONFIG_MAPS}/a", made, query=dry, code=409, message=STALE)


@case()
async def a_lease_is_created_by_a_replacement(k: Conformance) -> None:
    answer = await k.call("PUT", f"{LEASES}/a", lease("a", holderIdentity="me"))
    assert (answer.status, answer.json["spec"]) == (201, {"holderIdentity": "me"})
    assert (await k.ok("GET", f"{LEASES}/a"))["metadata"]["uid"] == answer.json["metadata"]["uid"]


@case()
async def an_event_is_created_by_a_replacement(k: Conformance) -> None:
    assert (await k.call("PUT", f"{EVENTS}/e", event("e"))).status == 201


@case()
async def a_lease_is_replaced_only_under_its_version(k: Conformance) -> None:
    made = await k.ok("POST", LEASES, lease("a"))
    assert (await k.call("PUT", f"{LEASES}/a", made)).status == 200
    await k.refused(
        "PUT",
        f"{LEASES}/a",
        lease("a", holderIdentity="me"),
        code=422,
        reason="Invalid",
        message='leases.coordination.k8s.io "a" is invalid: metadata.resourceVersion: '
        "Invalid value: 0x0: must be specified for an update",
    )


@case()
async def a_custom_object_is_replaced_only_under_its_version(k: Conformance) -> None:
    await k.serves_widgets()
    made = await k.ok("POST", WIDGETS, widget("a", size=1))
    await k.refused(
        "PUT",
        f"{WIDGETS}/a",
        widget("a", size=2),
        code=422,
        reason="Invalid",
        message='widgets.c{unique}.example.com "a" is invalid: metadata.resourceVersion: '
        "Invalid value: 0x0: must be specified for an update",
    )
    made["spec"]["size"] = 2
    assert (await k.ok("PUT", f"{WIDGETS}/a", made))["spec"] == {"size": 2}


@case()
async def a_service_keeps_the_address_that_a_replacement_leaves_out(k: Conformance) -> None:
    made = await k.ok("POST", SERVICES, service("web"))
    after = await k.ok("PUT", f"{SERVICES}/web", service("web", ports=[{"port": 81}]))
    assert after["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert after["spec"]["ports"][0]["port"] == 81


@case()
async def only_a_changed_spec_counts_the_generation(k: Conformance) -> None:
    made = await k.ok("POST", DEPLOYMENTS, deployment("web"))
    assert made["metadata"]["generation"] == 1
    body = deployment("web")
    body["metadata"]["labels"] = {"app": "web"}
    assert (await k.ok("PUT", f"{DEPLOYMENTS}/web", body))["metadata"]["generation"] == 1
    body["spec"]["paused"] = True
    body["metadata"]["generation"] = 9
    assert (await k.ok("PUT", f"{DEPLOYMENTS}/web", body))["metadata"]["generation"] == 2


@case()
async def an_immutable_secret_keeps_its_data(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("s", data={"a": "YQ=="}, immutable=True))
    changed = secret("s", data={"a": "Yg=="}, immutable=True)
    await k.refused(
        "PUT",
        f"{SECRETS}/s",
        changed,
        code=422,
        message='Secret "s" is invalid: data: Forbidden: field is immutable when `immutable` '
        "is set",
        causes=[
            {
                "reason": "FieldValueForbidden",
                "message": "Forbidden: field is immutable when `immutable` is set",
                "field": "data",
            }
        ],
    )


@case()
async def an_immutable_config_map_stays_immutable(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a", x="1") | {"immutable": True})
    await k.refused(
        "PUT",
        f"{CONFIG_MAPS}/a",
        config_map("a", x="1"),
        code=422,
        message='ConfigMap "a" is invalid: immutable: Forbidden: field is immutable when '
        "`immutable` is set",
    )


@case()
async def the_type_of_a_secret_is_immutable(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("s", type="Opaque"))
    await k.refused(
        "PUT",
        f"{SECRETS}/s",
        secret("s", type="example.com/other"),
        code=422,
        message='Secret "s" is invalid: type: Invalid value: "example.com/other": field is '
        "immutable",
    )


@case()
async def the_selector_of_a_deployment_is_immutable(k: Conformance) -> None:
    await k.ok("POST", DEPLOYMENTS, deployment("web"))
    labels = {"app": "web", "tier": "front"}
    body = deployment("web", selector={"matchLabels": labels})
    body["spec"]["template"]["metadata"]["labels"] = labels
    status = await k.refused("PUT", f"{DEPLOYMENTS}/web", body, code=422, words="spec.selector: ")
    assert status["message"].endswith("field is immutable")


@case()
async def the_command_of_a_pod_is_immutable(k: Conformance) -> None:
    await k.ok("POST", PODS, pod("p"))
    body = pod("p")
    body["spec"]["containers"][0]["command"] = ["sleep"]
    await k.refused(
        "PUT",
        f"{PODS}/p",
        body,
        code=422,
        words='Pod "p" is invalid: spec: Forbidden: pod updates may not change fields other than ',
    )


@case()
async def the_image_of_a_pod_may_change(k: Conformance) -> None:
    made = await k.ok("POST", PODS, pod("p"))
    made["spec"]["containers"][0]["image"] = "example.com/web:v2"
    after = await k.ok("PUT", f"{PODS}/p", made)
    assert after["spec"]["containers"][0]["image"] == "example.com/web:v2"


refusal(
    "an_absent_object_is_not_replaced",
    "PUT",
    f"{CONFIG_MAPS}/a",
    config_map("a"),
    code=404,
    reason="NotFound",
    message='configmaps "a" not found',
    details={"name": "a", "kind": "configmaps"},
)
refusal(
    "a_replacement_has_the_name_of_its_address",
    "PUT",
    f"{CONFIG_MAPS}/a",
    config_map("b"),
    before=[(CONFIG_MAPS, config_map("a"))],
    code=400,
    reason="BadRequest",
    message="the name of the object (b) does not match the name on the URL (a)",
)
refusal(
    "a_replacement_has_a_name",
    "PUT",
    f"{CONFIG_MAPS}/a",
    {"metadata": {}},
    before=[(CONFIG_MAPS, config_map("a"))],
    code=400,
    reason="BadRequest",
    message="the name of the object (a based on URL) was undeterminable: name must be provided",
)
refusal(
    "a_replacement_has_the_namespace_of_its_address",
    "PUT",
    f"{CONFIG_MAPS}/a",
    {"metadata": {"name": "a", "namespace": "other"}},
    before=[(CONFIG_MAPS, config_map("a"))],
    code=400,
    reason="BadRequest",
    words="the namespace of the ",
)
refusal(
    "unknown_options_of_a_replacement_are_refused",
    "PUT",
    f"{CONFIG_MAPS}/a",
    config_map("a"),
    query={"fieldValidation": "Maybe"},
    code=422,
    words='UpdateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Maybe"',
)
refusal(
    "a_collection_is_not_replaced",
    "PUT",
    CONFIG_MAPS,
    config_map("a"),
    code=405,
    reason="MethodNotAllowed",
    message="the server does not allow this method on the requested resource",
    details={},
)

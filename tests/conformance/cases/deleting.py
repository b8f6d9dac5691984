"""Deleting: answers, finalizers, propagation, preconditions, whole collections."""

from __future__ import annotations

from conformance.case import case, refusal
from conformance.handle import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    MERGE,
    NAMESPACES,
    PODS,
    SECRETS,
    SERVICES,
    Conformance,
    Json,
)
from conformance.objects import config_map, deployment, pod, secret, service


def held(name: str) -> Json:
    """A ConfigMap that a finalizer holds."""
    body = config_map(name)
    body["metadata"]["finalizers"] = ["example.com/wait"]
    return body


@case()
async def a_deletion_is_answered_by_a_status(k: Conformance) -> None:
    made = await k.ok("POST", CONFIG_MAPS, config_map("a"))
    answer = await k.call("DELETE", f"{CONFIG_MAPS}/a")
    assert (answer.status, answer.json) == (
        200,
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]},
        },
    )
    await k.refused("GET", f"{CONFIG_MAPS}/a", code=404)


@case()
async def the_status_of_a_deletion_names_the_group(k: Conformance) -> None:
    made = await k.ok("POST", DEPLOYMENTS, deployment("web"))
    details = (await k.ok("DELETE", f"{DEPLOYMENTS}/web"))["details"]
    assert details == {
        "name": "web",
        "group": "apps",
        "kind": "deployments",
        "uid": made["metadata"]["uid"],
    }


@case()
async def a_deleted_pod_is_returned(k: Conformance) -> None:
    await k.ok("POST", PODS, pod("p"))
    found = await k.ok("DELETE", f"{PODS}/p")
    assert (found["kind"], found["metadata"]["name"]) == ("Pod", "p")
    await k.refused("GET", f"{PODS}/p", code=404)


@case()
async def a_deleted_service_is_returned(k: Conformance) -> None:
    await k.ok("POST", SERVICES, service("web"))
    assert (await k.ok("DELETE", f"{SERVICES}/web"))["kind"] == "Service"


@case()
async def a_finalizer_holds_an_object(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, held("a"))
    marked = (await k.ok("DELETE", f"{CONFIG_MAPS}/a"))["metadata"]
    assert marked["deletionTimestamp"].endswith("Z")
    assert marked["deletionGracePeriodSeconds"] == 0
    again = (await k.ok("DELETE", f"{CONFIG_MAPS}/a"))["metadata"]
    assert again["deletionTimestamp"] == marked["deletionTimestamp"]
    patch = {"metadata": {"finalizers": None}}
    assert (await k.call("PATCH", f"{CONFIG_MAPS}/a", patch, **MERGE)).status == 200
    await k.refused("GET", f"{CONFIG_MAPS}/a", code=404)


@case()
async def an_object_that_is_being_deleted_can_be_changed(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, held("a"))
    await k.ok("DELETE", f"{CONFIG_MAPS}/a")
    after = await k.ok("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "1"}}, **MERGE)
    assert (after["data"], "deletionTimestamp" in after["metadata"]) == ({"x": "1"}, True)


@case()
async def an_object_that_is_being_deleted_takes_no_finalizers(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, held("a"))
    await k.ok("DELETE", f"{CONFIG_MAPS}/a")
    await k.refused(
        "PATCH",
        f"{CONFIG_MAPS}/a",
        {"metadata": {"finalizers": ["example.com/wait", "example.com/more"]}},
        code=422,
        reason="Invalid",
        words="metadata.finalizers: Forbidden: no new finalizers can be added if the object is "
        'being deleted, found new finalizers []string{"example.com/more"}',
        **MERGE,
    )


@case()
async def a_name_under_deletion_is_taken(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, held("a"))
    await k.ok("DELETE", f"{CONFIG_MAPS}/a")
    status = await k.refused("POST", CONFIG_MAPS, config_map("a"), code=409)
    assert status["reason"] == "AlreadyExists"


@case()
async def a_deletion_of_another_uid_is_a_conflict(k: Conformance) -> None:
    uid = (await k.ok("POST", CONFIG_MAPS, config_map("a")))["metadata"]["uid"]
    await k.refused(
        "DELETE",
        f"{CONFIG_MAPS}/a",
        {"preconditions": {"uid": "other"}},
        code=409,
        reason="Conflict",
        message='Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition '
        f"(other) does not match the UID in record ({uid}). The object might have been deleted "
        "and then recreated",
        details={"name": "a", "kind": "ConfigMap"},
    )
    assert (await k.ok("DELETE", f"{CONFIG_MAPS}/a", {"preconditions": {"uid": uid}}))["status"]


@case()
async def a_deletion_of_an_old_version_is_a_conflict(k: Conformance) -> None:
    old = (await k.ok("POST", CONFIG_MAPS, config_map("a")))["metadata"]["resourceVersion"]
    after = await k.ok("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "1"}}, **MERGE)
    now = after["metadata"]["resourceVersion"]
    await k.refused(
        "DELETE",
        f"{CONFIG_MAPS}/a",
        {"preconditions": {"resourceVersion": old}},
        code=409,
        message='Operation cannot be fulfilled on ConfigMap "a": the ResourceVersion in the '
        f"precondition ({old}) does not match the ResourceVersion in record ({now}). The object "
        "might have been modified",
    )


@case()
async def a_dry_run_deletes_nothing(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a"))
    assert (await k.ok("DELETE", f"{CONFIG_MAPS}/a", {"dryRun": ["All"]}))["status"] == "Success"
    assert (await k.ok("DELETE", f"{CONFIG_MAPS}/a", query={"dryRun": "All"}))["status"]
    await k.ok("GET", f"{CONFIG_MAPS}/a")


@case()
async def an_orphaning_deletion_leaves_a_finalizer_to_the_collector(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, held("a"))
    found = await k.ok("DELETE", f"{CONFIG_MAPS}/a", {"propagationPolicy": "Orphan"})
    assert "orphan" in found["metadata"]["finalizers"]


@case()
async def a_foreground_deletion_leaves_a_finalizer_to_the_collector(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, held("a"))
    query = {"propagationPolicy": "Foreground"}
    found = await k.ok("DELETE", f"{CONFIG_MAPS}/a", query=query)
    assert "foregroundDeletion" in found["metadata"]["finalizers"]


@case()
async def a_collection_is_deleted_and_told(k: Conformance) -> None:
    for name, labels in (("a", {"app": "web"}), ("b", {"app": "web"}), ("c", {"app": "db"})):
        await k.ok("POST", SECRETS, secret(name, labels))
    told = await k.ok("DELETE", SECRETS, query={"labelSelector": "app=web"})
    assert (told["kind"], len(told["items"])) == ("SecretList", 2)
    left = await k.ok("GET", SECRETS)
    assert [item["metadata"]["name"] for item in left["items"]] == ["c"]


@case()
async def a_dry_run_deletes_no_collection(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    await k.ok("DELETE", SECRETS, query={"dryRun": "All"})
    assert len((await k.ok("GET", SECRETS))["items"]) == 1


@case()
async def a_namespace_goes_with_all_that_is_in_it(k: Conformance) -> None:
    name = "gone-" + k.unique
    await k.made(NAMESPACES, {"metadata": {"name": name}})
    await k.ok("POST", CONFIG_MAPS.replace("{ns}", name), config_map("a"))
    told = await k.ok("DELETE", f"{NAMESPACES}/{name}")
    assert told["kind"] == "Namespace"
    assert told["status"]["phase"] == "Terminating"
    await k.gone(f"{NAMESPACES}/{name}")
    await k.gone(CONFIG_MAPS.replace("{ns}", name) + "/a")


refusal(
    "an_absent_object_is_not_deleted",
    "DELETE",
    f"{CONFIG_MAPS}/a",
    code=404,
    reason="NotFound",
    message='configmaps "a" not found',
)
refusal(
    "the_default_namespace_stays",
    "DELETE",
    f"{NAMESPACES}/default",
    code=403,
    reason="Forbidden",
    message='namespaces "default" is forbidden: this namespace may not be deleted',
    details={"name": "default", "kind": "namespaces"},
)
refusal(
    "an_unknown_propagation_is_refused",
    "DELETE",
    f"{CONFIG_MAPS}/a",
    {"propagationPolicy": "Sideways"},
    before=[(CONFIG_MAPS, config_map("a"))],
    code=422,
    reason="Invalid",
    message='DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: '
    '"Sideways": supported values: "Foreground", "Background", "Orphan", "nil"',
)
refusal(
    "two_words_on_propagation_are_refused",
    "DELETE",
    f"{CONFIG_MAPS}/a",
    {"propagationPolicy": "Orphan", "orphanDependents": True},
    before=[(CONFIG_MAPS, config_map("a"))],
    code=422,
    reason="Invalid",
    words="orphanDependents and deletionPropagation cannot be both set",
)
refusal(
    "an_unknown_dry_run_of_a_deletion_is_refused",
    "DELETE",
    f"{CONFIG_MAPS}/a",
    {"dryRun": ["Some"]},
    before=[(CONFIG_MAPS, config_map("a"))],
    code=422,
    reason="Invalid",
    words='DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ',
)
refusal(
    "broken_options_of_a_deletion_are_a_bad_request",
    "DELETE",
    f"{CONFIG_MAPS}/a",
    b"{",
    before=[(CONFIG_MAPS, config_map("a"))],
    code=400,
    reason="BadRequest",
)

"""The halves of objects: status, scale; what a write of one half leaves alone."""

from __future__ import annotations

from conformance.case import case, refusal
from conformance.handle import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE,
    PODS,
    REPLICA_SETS,
    STRATEGIC,
    Conformance,
)
from conformance.objects import WIDGETS, config_map, deployment, pod, replica_set, widget

NO_PAGE = "the server could not find the requested resource"


@case()
async def a_status_is_not_taken_on_creation(k: Conformance) -> None:
    await k.serves_widgets()
    made = await k.ok("POST", WIDGETS, widget("a") | {"status": {"phase": "Done"}})
    assert "status" not in made


@case()
async def a_patch_of_the_object_leaves_the_status(k: Conformance) -> None:
    await k.serves_widgets()
    await k.ok("POST", WIDGETS, widget("a"))
    patch = {"spec": {"size": 2}, "status": {"phase": "Done"}}
    after = await k.ok("PATCH", f"{WIDGETS}/a", patch, **MERGE)
    assert (after["spec"], after.get("status")) == ({"size": 2}, None)
    assert after["metadata"]["generation"] == 2


@case()
async def a_patch_of_the_status_leaves_the_rest(k: Conformance) -> None:
    await k.serves_widgets()
    await k.ok("POST", WIDGETS, widget("a", size=1))
    patch = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"size": 2},
        "status": {"phase": "Done"},
    }
    after = await k.ok("PATCH", f"{WIDGETS}/a/status", patch, **MERGE)
    assert (after["spec"], after["status"]) == ({"size": 1}, {"phase": "Done"})
    assert "labels" not in after["metadata"]
    assert after["metadata"]["generation"] == 1


@case()
async def a_replacement_of_the_status_leaves_the_spec(k: Conformance) -> None:
    await k.serves_widgets()
    made = await k.ok("POST", WIDGETS, widget("a", size=1))
    body = made | {"spec": {"size": 5}, "status": {"phase": "Done"}}
    after = await k.ok("PUT", f"{WIDGETS}/a/status", body)
    assert (after["spec"], after["status"]) == ({"size": 1}, {"phase": "Done"})
    await k.refused("PUT", f"{WIDGETS}/a/status", body, code=409, reason="Conflict")


@case()
async def the_status_is_read_as_the_whole_object(k: Conformance) -> None:
    await k.ok("POST", PODS, pod("p"))
    assert (await k.ok("GET", f"{PODS}/p/status"))["kind"] == "Pod"


@case()
async def the_status_of_a_pod_is_patched(k: Conformance) -> None:
    await k.ok("POST", PODS, pod("p"))
    condition = {"type": "example.com/Fine", "status": "True"}
    patch = {"status": {"conditions": [condition]}}
    after = await k.ok("PATCH", f"{PODS}/p/status", patch, **STRATEGIC)
    found = [c for c in after["status"]["conditions"] if c["type"] == condition["type"]]
    assert [c["status"] for c in found] == ["True"]


@case()
async def a_dry_run_of_a_status_changes_nothing(k: Conformance) -> None:
    await k.serves_widgets()
    await k.ok("POST", WIDGETS, widget("a"))
    patch, dry = {"status": {"phase": "Done"}}, {"query": {"dryRun": "All"}}
    assert (await k.ok("PATCH", f"{WIDGETS}/a/status", patch, **MERGE, **dry))["status"]
    assert "status" not in await k.ok("GET", f"{WIDGETS}/a")


@case()
async def a_scale_shows_replicas_and_selector(k: Conformance) -> None:
    made = await k.ok("POST", DEPLOYMENTS, deployment("web"))
    scale = await k.ok("GET", f"{DEPLOYMENTS}/web/scale")
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["metadata"]["name"] == "web"
    assert scale["metadata"]["namespace"] == k.namespace
    assert scale["metadata"]["uid"] == made["metadata"]["uid"]
    assert scale["spec"].get("replicas", 0) == 0
    assert scale["status"] == {"replicas": 0, "selector": "app=web"}


@case()
async def a_patch_of_the_scale_scales(k: Conformance) -> None:
    await k.ok("POST", REPLICA_SETS, replica_set("web"))
    patch = {"spec": {"replicas": 2}}
    scale = await k.ok("PATCH", f"{REPLICA_SETS}/web/scale", patch, **MERGE)
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 2})
    found = await k.ok("GET", f"{REPLICA_SETS}/web")
    assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (2, 2)


@case()
async def a_replacement_of_the_scale_scales(k: Conformance) -> None:
    await k.ok("POST", DEPLOYMENTS, deployment("web"))
    scale = await k.ok("GET", f"{DEPLOYMENTS}/web/scale")
    scale["spec"] = {"replicas": 1}
    assert (await k.ok("PUT", f"{DEPLOYMENTS}/web/scale", scale))["spec"] == {"replicas": 1}


@case()
async def a_stale_scale_is_a_conflict(k: Conformance) -> None:
    await k.ok("POST", DEPLOYMENTS, deployment("web", paused=True))
    scale = await k.ok("GET", f"{DEPLOYMENTS}/web/scale")
    await k.ok("PATCH", f"{DEPLOYMENTS}/web", {"spec": {"minReadySeconds": 1}}, **MERGE)
    scale["spec"] = {"replicas": 1}
    await k.refused("PUT", f"{DEPLOYMENTS}/web/scale", scale, code=409, reason="Conflict")


@case()
async def a_custom_kind_scales_by_its_paths(k: Conformance) -> None:
    await k.serves_widgets()
    await k.ok("POST", WIDGETS, widget("a", replicas=3))
    assert (await k.ok("GET", f"{WIDGETS}/a/scale"))["spec"] == {"replicas": 3}
    patch = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
    await k.ok("PATCH", f"{WIDGETS}/a/scale", patch, **JSON_PATCH)
    assert (await k.ok("GET", f"{WIDGETS}/a"))["spec"] == {"replicas": 5}


@case()
async def replicas_are_not_negative(k: Conformance) -> None:
    await k.ok("POST", DEPLOYMENTS, deployment("web"))
    await k.refused(
        "PATCH",
        f"{DEPLOYMENTS}/web/scale",
        {"spec": {"replicas": -1}},
        code=422,
        reason="Invalid",
        words="spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        **MERGE,
    )


for _method, _path, _name in (
    ("GET", f"{CONFIG_MAPS}/a/status", "a_kind_without_status_has_no_such_page"),
    ("GET", f"{CONFIG_MAPS}/a/scale", "a_kind_without_scale_has_no_such_page"),
    ("GET", f"{CONFIG_MAPS}/a/colour", "an_unknown_subresource_is_no_page"),
):
    refusal(
        _name,
        _method,
        _path,
        before=[(CONFIG_MAPS, config_map("a"))],
        code=404,
        reason="NotFound",
        message=NO_PAGE,
        details={},
    )
refusal(
    "the_scale_of_an_absent_object_is_not_found",
    "GET",
    f"{DEPLOYMENTS}/web/scale",
    code=404,
    reason="NotFound",
    message='deployments.apps "web" not found',
)
refusal(
    "a_status_is_not_deleted",
    "DELETE",
    f"{DEPLOYMENTS}/web/status",
    before=[(DEPLOYMENTS, deployment("web"))],
    code=405,
    reason="MethodNotAllowed",
    message="the server does not allow this method on the requested resource",
)

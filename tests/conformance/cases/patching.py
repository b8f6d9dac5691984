"""Merge and JSON patches, and what is refused of all kinds of patches."""

from __future__ import annotations

from conformance.case import case, refusal
from conformance.handle import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE,
    PODS,
    STRATEGIC,
    Conformance,
)
from conformance.objects import WIDGETS, config_map, deployment, pod, widget

REJECTED = "the server rejected our request due to an error in our request"
A = [(CONFIG_MAPS, config_map("a", x="1"))]


@case()
async def a_merge_patch_sets_and_removes_fields(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a", {"app": "web"}, x="1", y="2"))
    patch = {"metadata": {"labels": {"app": None, "tier": "front"}}, "data": {"x": None, "z": "3"}}
    answer = await k.call("PATCH", f"{CONFIG_MAPS}/a", patch, **MERGE)
    assert (answer.status, answer.json["data"]) == (200, {"y": "2", "z": "3"})
    assert answer.json["metadata"]["labels"] == {"tier": "front"}


@case()
async def a_merge_patch_replaces_lists(k: Conformance) -> None:
    await k.serves_widgets()
    await k.ok("POST", WIDGETS, widget("a", tags=["x", "y"]))
    after = await k.ok("PATCH", f"{WIDGETS}/a", {"spec": {"tags": ["z"]}}, **MERGE)
    assert after["spec"]["tags"] == ["z"]


@case()
async def a_patch_that_changes_nothing_keeps_the_version(k: Conformance) -> None:
    made = await k.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    after = await k.ok("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "1"}}, **MERGE)
    assert after["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


@case()
async def a_patch_may_demand_a_version(k: Conformance) -> None:
    made = await k.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    version = {"resourceVersion": made["metadata"]["resourceVersion"]}
    patch = {"metadata": version, "data": {"x": "2"}}
    await k.ok("PATCH", f"{CONFIG_MAPS}/a", patch, **MERGE)
    patch["data"] = {"x": "3"}
    await k.refused("PATCH", f"{CONFIG_MAPS}/a", patch, code=409, reason="Conflict", **MERGE)


@case()
async def a_dry_run_patches_nothing(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    dry = {"query": {"dryRun": "All"}}
    told = await k.ok("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "2"}}, **MERGE, **dry)
    assert told["data"] == {"x": "2"}
    assert (await k.ok("GET", f"{CONFIG_MAPS}/a"))["data"] == {"x": "1"}


@case()
async def unknown_fields_of_a_patch_are_warned_about(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a"))
    answer = await k.call("PATCH", f"{CONFIG_MAPS}/a", {"colour": "red"}, **MERGE)
    assert answer.status == 200
    assert answer.headers["warning"] == '299 - "unknown field \\"colour\\""'


@case()
async def a_json_patch_adds_replaces_removes_moves_copies_and_tests(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a", x="1", y="2", **{"a.b": "3"}))
    patch = [
        {"op": "test", "path": "/data/x", "value": "1"},
        {"op": "replace", "path": "/data/x", "value": "9"},
        {"op": "add", "path": "/data/new", "value": "4"},
        {"op": "move", "from": "/data/y", "path": "/data/moved"},
        {"op": "copy", "from": "/data/x", "path": "/data/copied"},
        {"op": "remove", "path": "/data/new"},
    ]
    after = await k.ok("PATCH", f"{CONFIG_MAPS}/a", patch, **JSON_PATCH)
    assert after["data"] == {"x": "9", "moved": "2", "copied": "9", "a.b": "3"}


@case()
async def a_json_pointer_spells_slashes_and_tildes(k: Conformance) -> None:
    body = config_map("a")
    body["metadata"]["annotations"] = {"example.com/note": "1"}
    await k.ok("POST", CONFIG_MAPS, body)
    patch = [{"op": "remove", "path": "/metadata/annotations/example.com~1note"}]
    after = await k.ok("PATCH", f"{CONFIG_MAPS}/a", patch, **JSON_PATCH)
    assert not after["metadata"].get("annotations")


@case()
async def a_json_patch_counts_in_lists(k: Conformance) -> None:
    await k.serves_widgets()
    await k.ok("POST", WIDGETS, widget("a", tags=["x", "y"]))
    patch = [
        {"op": "add", "path": "/spec/tags/-", "value": "end"},
        {"op": "add", "path": "/spec/tags/0", "value": "start"},
        {"op": "remove", "path": "/spec/tags/1"},
    ]
    after = await k.ok("PATCH", f"{WIDGETS}/a", patch, **JSON_PATCH)
    assert after["spec"]["tags"] == ["start", "y", "end"]


@case()
async def a_json_patch_is_done_whole_or_not_at_all(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    patch = [
        {"op": "replace", "path": "/data/x", "value": "2"},
        {"op": "test", "path": "/data/x", "value": "1"},
    ]
    await k.refused("PATCH", f"{CONFIG_MAPS}/a", patch, code=422, reason="Invalid", **JSON_PATCH)
    assert (await k.ok("GET", f"{CONFIG_MAPS}/a"))["data"] == {"x": "1"}


@case()
async def a_patch_keeps_what_belongs_to_the_server(k: Conformance) -> None:
    made = await k.ok("POST", CONFIG_MAPS, config_map("a"))
    patch = {"metadata": {"creationTimestamp": "2001-01-01T00:00:00Z"}, "data": {"x": "1"}}
    after = await k.ok("PATCH", f"{CONFIG_MAPS}/a", patch, **MERGE)
    assert after["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]


for _name, _patch, _options, _wanted in (
    (
        "a_json_patch_whose_test_fails_is_refused",
        [{"op": "test", "path": "/data/x", "value": "2"}],
        JSON_PATCH,
        {"code": 422, "reason": "Invalid", "words": REJECTED, "details": {}},
    ),
    (
        "a_json_patch_finds_what_it_removes",
        [{"op": "remove", "path": "/data/y"}],
        JSON_PATCH,
        {"code": 422, "reason": "Invalid", "words": REJECTED},
    ),
    (
        "a_json_patch_finds_what_it_replaces",
        [{"op": "replace", "path": "/data/y", "value": "1"}],
        JSON_PATCH,
        {"code": 422, "reason": "Invalid", "words": REJECTED},
    ),
    (
        "a_json_patch_finds_where_it_adds",
        [{"op": "add", "path": "/none/y", "value": "1"}],
        JSON_PATCH,
        {"code": 422, "reason": "Invalid", "words": REJECTED},
    ),
    (
        "a_json_patch_knows_six_operations",
        [{"op": "turn", "path": "/data/x"}],
        JSON_PATCH,
        {"code": 422, "reason": "Invalid", "words": REJECTED},
    ),
    (
        "a_json_patch_is_a_list",
        {"data": {}},
        JSON_PATCH,
        {"code": 400, "reason": "BadRequest"},
    ),
    (
        "a_json_patch_has_10_000_operations_at_most",
        [{"op": "test", "path": "/data/x", "value": "1"}] * 10_001,
        JSON_PATCH,
        {
            "code": 413,
            "reason": "RequestEntityTooLarge",
            "message": "Request entity too large: The allowed maximum operations in a JSON patch "
            "is 10000, got 10001",
        },
    ),
    ("a_broken_merge_patch_is_a_bad_request", b"{", MERGE, {"code": 400, "reason": "BadRequest"}),
    ("a_merge_patch_is_an_object", b"[1]", MERGE, {"code": 400, "reason": "BadRequest"}),
    (
        "a_strategic_patch_is_an_object",
        b"[1]",
        STRATEGIC,
        {"code": 400, "reason": "BadRequest"},
    ),
    (
        "a_patch_cannot_rename",
        {"metadata": {"name": "b"}},
        MERGE,
        {
            "code": 400,
            "reason": "BadRequest",
            "message": "the name of the object (b) does not match the name on the URL (a)",
        },
    ),
    (
        "a_patch_cannot_move_to_another_namespace",
        {"metadata": {"namespace": "b"}},
        MERGE,
        {"code": 400, "reason": "BadRequest", "words": "the namespace of the "},
    ),
    (
        "a_patch_of_plain_json_is_refused",
        {"data": {}},
        {"content_type": "application/json"},
        {
            "code": 415,
            "reason": "UnsupportedMediaType",
            "words": "the body of the request was in an unknown format - accepted media types "
            "include: application/json-patch+json, application/merge-patch+json, "
            "application/strategic-merge-patch+json, application/apply-patch+yaml",
        },
    ),
    (
        "a_patch_checks_labels",
        {"metadata": {"labels": {"app": "b c"}}},
        MERGE,
        {"code": 422, "reason": "Invalid", "words": 'metadata.labels: Invalid value: "b c": '},
    ),
    (
        "a_patch_checks_the_uid",
        {"metadata": {"uid": "00000000-0000-4000-8000-000000000000"}},
        MERGE,
        {
            "code": 422,
            "reason": "Invalid",
            "words": "metadata.uid: Invalid value: "
            '"00000000-0000-4000-8000-000000000000": field is immutable',
        },
    ),
    (
        "only_apply_may_be_forced",
        {"data": {}},
        {"query": {"force": "true"}} | MERGE,
        {
            "code": 422,
            "message": 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be '
            "specified for non-apply patch",
        },
    ),
):
    refusal(_name, "PATCH", f"{CONFIG_MAPS}/a", _patch, before=A, **_options, **_wanted)

refusal(
    "an_absent_object_is_not_patched",
    "PATCH",
    f"{CONFIG_MAPS}/a",
    {"data": {}},
    code=404,
    message='configmaps "a" not found',
    **MERGE,
)


@case()
async def a_custom_object_takes_no_strategic_patch(k: Conformance) -> None:
    await k.serves_widgets()
    await k.ok("POST", WIDGETS, widget("a"))
    await k.refused(
        "PATCH",
        f"{WIDGETS}/a",
        {"spec": {"size": 2}},
        code=415,
        reason="UnsupportedMediaType",
        words="accepted media types include: application/json-patch+json, "
        "application/merge-patch+json, application/apply-patch+yaml",
        **STRATEGIC,
    )


@case()
async def a_strict_patch_refuses_unknown_fields(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a"))
    strict = {"query": {"fieldValidation": "Strict"}}
    await k.refused(
        "PATCH",
        f"{CONFIG_MAPS}/a",
        {"colour": "red"},
        code=422,
        reason="Invalid",
        words='strict decoding error: unknown field "colour"',
        **MERGE,
        **strict,
    )


@case()
async def a_patch_of_the_spec_counts_the_generation_once(k: Conformance) -> None:
    await k.ok("POST", DEPLOYMENTS, deployment("web"))
    patch = {"spec": {"paused": True, "minReadySeconds": 3}}
    after = await k.ok("PATCH", f"{DEPLOYMENTS}/web", patch, **MERGE)
    assert after["metadata"]["generation"] == 2


@case()
async def a_patch_cannot_change_the_command_of_a_pod(k: Conformance) -> None:
    await k.ok("POST", PODS, pod("p"))
    patch = {"spec": {"containers": [{"name": "main", "command": ["sleep"]}]}}
    await k.refused("PATCH", f"{PODS}/p", patch, code=422, reason="Invalid", **STRATEGIC)

"""Options of writes, unknown and duplicate fields."""

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
)
from conformance.objects import config_map, deployment, pod, secret, service

refusal(
    "an_unknown_dry_run_is_refused",
    "POST",
    CONFIG_MAPS,
    config_map("a"),
    query={"dryRun": "Some"},
    code=422,
    reason="Invalid",
    details={"group": "meta.k8s.io", "kind": "CreateOptions"},
    words='CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ',
)
refusal(
    "an_unknown_field_validation_is_refused",
    "POST",
    CONFIG_MAPS,
    config_map("a"),
    query={"fieldValidation": "Maybe"},
    code=422,
    message='CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: '
    '"Maybe": supported values: "", "Ignore", "Strict", "Warn"',
)
refusal(
    "a_field_manager_has_128_letters_at_most",
    "POST",
    CONFIG_MAPS,
    config_map("a"),
    query={"fieldManager": "m" * 129},
    code=422,
    words='CreateOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than '
    "128 bytes",
)
refusal(
    "the_selector_of_a_deployment_matches_its_template",
    "POST",
    DEPLOYMENTS,
    deployment("web", selector={"matchLabels": {"app": "other"}}),
    code=422,
    words="`selector` does not match template `labels`",
)
refusal(
    "a_secret_holds_base64",
    "POST",
    SECRETS,
    secret("s", data={"a": "%%%"}),
    code=400,
    reason="BadRequest",
)
refusal(
    "the_name_of_a_service_has_no_dots",
    "POST",
    SERVICES,
    service("a.b"),
    code=422,
    words='Service "a.b" is invalid: metadata.name: Invalid value: "a.b": ',
)


@case()
async def unknown_fields_are_dropped_and_warned_about(k: Conformance) -> None:
    body = config_map("a") | {"colour": "red"}
    answer = await k.call("POST", CONFIG_MAPS, body)
    assert answer.status == 201
    assert "colour" not in answer.json
    assert answer.headers["warning"] == '299 - "unknown field \\"colour\\""'


@case()
async def unknown_fields_are_dropped_silently_if_so_wanted(k: Conformance) -> None:
    body = config_map("a") | {"colour": "red"}
    answer = await k.call("POST", CONFIG_MAPS, body, query={"fieldValidation": "Ignore"})
    assert (answer.status, "warning" in answer.headers) == (201, False)


@case()
async def nested_unknown_fields_are_named_by_their_path(k: Conformance) -> None:
    body = pod("p")
    body["spec"]["containers"][0]["colour"] = "red"
    answer = await k.call("POST", PODS, body, query={"fieldValidation": "Warn"})
    assert answer.headers["warning"] == '299 - "unknown field \\"spec.containers[0].colour\\""'


refusal(
    "strict_validation_refuses_unknown_fields",
    "POST",
    CONFIG_MAPS,
    config_map("a") | {"colour": "red"},
    query={"fieldValidation": "Strict"},
    code=400,
    reason="BadRequest",
    words='ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '
    'unknown field "colour"',
)
refusal(
    "strict_validation_refuses_duplicate_fields",
    "POST",
    CONFIG_MAPS,
    b'{"metadata":{"name":"a"},"data":{"x":"1","x":"2"}}',
    query={"fieldValidation": "Strict"},
    code=400,
    message='ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '
    'duplicate field "data.x"',
)


@case()
async def duplicate_fields_are_warned_about_and_the_last_one_counts(k: Conformance) -> None:
    body = b'{"metadata":{"name":"a"},"data":{"x":"1","x":"2"}}'
    answer = await k.call("POST", CONFIG_MAPS, body, query={"fieldValidation": "Warn"})
    assert answer.json["data"] == {"x": "2"}
    assert answer.headers["warning"] == '299 - "duplicate field \\"data.x\\""'


@case()
async def nulls_in_a_body_are_as_good_as_silence(k: Conformance) -> None:
    body = {"metadata": {"name": "a", "labels": None, "annotations": None}, "data": None}
    made = await k.ok("POST", CONFIG_MAPS, body)
    assert "labels" not in made["metadata"]
    assert "data" not in made


@case()
async def a_terminating_namespace_takes_nothing_new(k: Conformance) -> None:
    name = "gone-" + k.unique
    await k.made(NAMESPACES, {"metadata": {"name": name}})
    maps = CONFIG_MAPS.replace("{ns}", name)
    held = config_map("a")
    held["metadata"]["finalizers"] = ["example.com/wait"]
    await k.ok("POST", maps, held)
    await k.ok("DELETE", f"{NAMESPACES}/{name}")
    await k.refused(
        "POST",
        maps,
        config_map("b"),
        code=403,
        reason="Forbidden",
        message=f'configmaps "b" is forbidden: unable to create new content in namespace {name} '
        "because it is being terminated",
        causes=[
            {
                "reason": "NamespaceTerminating",
                "message": f"namespace {name} is being terminated",
                "field": "metadata.namespace",
            }
        ],
    )
    await k.ok("PATCH", f"{maps}/a", {"metadata": {"finalizers": None}}, **MERGE)
    await k.gone(f"{NAMESPACES}/{name}")

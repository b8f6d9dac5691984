"""Creating what cannot be: taken names, malformed names and bodies, absent namespaces."""

from __future__ import annotations

from conformance.case import refusal
from conformance.handle import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    NAMESPACES,
)
from conformance.objects import config_map, deployment
from conformance.words import LABEL, SUBDOMAIN

refusal(
    "what_exists_is_not_created_again",
    "POST",
    CONFIG_MAPS,
    config_map("a"),
    before=[(CONFIG_MAPS, config_map("a"))],
    code=409,
    reason="AlreadyExists",
    message='configmaps "a" already exists',
    details={"name": "a", "kind": "configmaps"},
)
refusal(
    "what_exists_in_a_group_is_named_with_it",
    "POST",
    DEPLOYMENTS,
    deployment("a"),
    before=[(DEPLOYMENTS, deployment("a"))],
    code=409,
    reason="AlreadyExists",
    message='deployments.apps "a" already exists',
    details={"name": "a", "group": "apps", "kind": "deployments"},
)
refusal(
    "an_object_needs_a_name",
    "POST",
    CONFIG_MAPS,
    {"metadata": {}},
    code=422,
    reason="Invalid",
    message='ConfigMap "" is invalid: metadata.name: Required value: '
    "name or generateName is required",
    details={"kind": "ConfigMap"},
    causes=[
        {
            "reason": "FieldValueRequired",
            "message": "Required value: name or generateName is required",
            "field": "metadata.name",
        }
    ],
)
refusal(
    "a_name_is_a_subdomain",
    "POST",
    CONFIG_MAPS,
    config_map("Loud"),
    code=422,
    reason="Invalid",
    message=f'ConfigMap "Loud" is invalid: metadata.name: Invalid value: "Loud": {SUBDOMAIN}',
    details={"name": "Loud", "kind": "ConfigMap"},
    causes=[
        {
            "reason": "FieldValueInvalid",
            "message": f'Invalid value: "Loud": {SUBDOMAIN}',
            "field": "metadata.name",
        }
    ],
)
refusal(
    "a_name_has_253_letters_at_most",
    "POST",
    CONFIG_MAPS,
    config_map("a" * 254),
    code=422,
    reason="Invalid",
    words="metadata.name: Invalid value: ",
)
refusal(
    "the_name_of_a_namespace_is_a_label",
    "POST",
    NAMESPACES,
    {"metadata": {"name": "Loud_Name"}},
    code=422,
    reason="Invalid",
    message='Namespace "Loud_Name" is invalid: metadata.name: Invalid value: "Loud_Name": ' + LABEL,
)
refusal(
    "the_name_of_a_namespace_holds_no_dots",
    "POST",
    NAMESPACES,
    {"metadata": {"name": "a.b"}},
    code=422,
    reason="Invalid",
    message='Namespace "a.b" is invalid: metadata.name: Invalid value: "a.b": '
    "must not contain dots",
)
refusal(
    "the_name_of_a_namespace_has_63_letters_at_most",
    "POST",
    NAMESPACES,
    {"metadata": {"name": "n" * 64}},
    code=422,
    reason="Invalid",
    words="metadata.name: Invalid value: ",
)
refusal(
    "generate_name_is_checked_like_a_name",
    "POST",
    CONFIG_MAPS,
    {"metadata": {"generateName": "Web_"}},
    code=422,
    reason="Invalid",
    words="metadata.generateName: Invalid value: ",
)
refusal(
    "another_namespace_in_the_body_is_refused",
    "POST",
    CONFIG_MAPS,
    {"metadata": {"name": "a", "namespace": "other"}},
    code=400,
    reason="BadRequest",
    message="the namespace of the provided object does not match the namespace sent on the request",
)
refusal(
    "a_body_of_another_kind_is_refused",
    "POST",
    CONFIG_MAPS,
    {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}},
    code=400,
    reason="BadRequest",
)
refusal(
    "a_body_of_another_group_is_refused",
    "POST",
    CONFIG_MAPS,
    {"apiVersion": "apps/v1", "kind": "ConfigMap", "metadata": {"name": "a"}},
    code=400,
    reason="BadRequest",
)
refusal(
    "broken_json_is_a_bad_request",
    "POST",
    CONFIG_MAPS,
    b'{"metadata":',
    code=400,
    reason="BadRequest",
)
refusal("a_list_is_no_object", "POST", CONFIG_MAPS, b"[]", code=400, reason="BadRequest")
refusal(
    "a_field_of_another_type_is_a_bad_request",
    "POST",
    CONFIG_MAPS,
    {"metadata": {"name": "a"}, "data": {"x": 1}},
    code=400,
    reason="BadRequest",
    words='ConfigMap in version "v1" cannot be handled as a ConfigMap: ',
)
refusal(
    "a_body_over_three_megabytes_is_too_large",
    "POST",
    CONFIG_MAPS,
    b" " * (3 * 1024 * 1024 + 1),
    code=413,
    reason="RequestEntityTooLarge",
    message="Request entity too large: limit is 3145728",
)
refusal(
    "a_body_of_an_unknown_media_type_is_refused",
    "POST",
    CONFIG_MAPS,
    b"<a/>",
    content_type="text/xml",
    code=415,
    reason="UnsupportedMediaType",
    words="the body of the request was in an unknown format - accepted media types include: "
    "application/json, application/yaml",
)
refusal(
    "nothing_is_created_in_an_absent_namespace",
    "POST",
    CONFIG_MAPS.replace("{ns}", "absent-{unique}"),
    config_map("a"),
    code=404,
    reason="NotFound",
    message='namespaces "absent-{unique}" not found',
    details={"name": "absent-{unique}", "kind": "namespaces"},
)
refusal(
    "a_created_object_has_no_version_yet",
    "POST",
    CONFIG_MAPS,
    {"metadata": {"name": "a", "resourceVersion": "1"}},
    differs="own-faults-are-no-500",
    code=400,
    reason="BadRequest",
    message="resourceVersion should not be set on objects to be created",
)

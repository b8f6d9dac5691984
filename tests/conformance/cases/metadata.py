"""Labels, annotations, owners and finalizers that are malformed."""

from __future__ import annotations

from conformance.case import refusal
from conformance.handle import (
    CONFIG_MAPS,
)
from conformance.objects import config_map
from conformance.words import LABEL_VALUE, NAME_PART, SUBDOMAIN

refusal(
    "a_label_value_is_checked",
    "POST",
    CONFIG_MAPS,
    config_map("a", {"app": "b c"}),
    code=422,
    message=f'ConfigMap "a" is invalid: metadata.labels: Invalid value: "b c": {LABEL_VALUE}',
    causes=[
        {
            "reason": "FieldValueInvalid",
            "message": f'Invalid value: "b c": {LABEL_VALUE}',
            "field": "metadata.labels",
        }
    ],
)
refusal(
    "a_label_value_has_63_letters_at_most",
    "POST",
    CONFIG_MAPS,
    config_map("a", {"app": "b" * 64}),
    code=422,
    words="metadata.labels: Invalid value: ",
)
refusal(
    "a_label_key_is_checked",
    "POST",
    CONFIG_MAPS,
    config_map("a", {"-app": "b"}),
    code=422,
    message=f'ConfigMap "a" is invalid: metadata.labels: Invalid value: "-app": {NAME_PART}',
)
refusal(
    "the_prefix_of_a_label_key_is_a_subdomain",
    "POST",
    CONFIG_MAPS,
    config_map("a", {"Example/app": "b"}),
    code=422,
    message='ConfigMap "a" is invalid: metadata.labels: Invalid value: "Example/app": prefix part '
    + SUBDOMAIN,
)
refusal(
    "an_annotation_key_is_checked",
    "POST",
    CONFIG_MAPS,
    {"metadata": {"name": "a", "annotations": {"a b": "c"}}},
    code=422,
    message=f'ConfigMap "a" is invalid: metadata.annotations: Invalid value: "a b": {NAME_PART}',
)
refusal(
    "annotations_have_256_kilobytes_at_most",
    "POST",
    CONFIG_MAPS,
    {"metadata": {"name": "a", "annotations": {"a": "b" * 262144}}},
    code=422,
    causes=[
        {
            "reason": "FieldValueTooLong",
            "message": "Too long: may not be more than 262144 bytes",
            "field": "metadata.annotations",
        }
    ],
)
refusal(
    "an_owner_needs_a_name_a_kind_and_a_uid",
    "POST",
    CONFIG_MAPS,
    {
        "metadata": {
            "name": "a",
            "ownerReferences": [{"apiVersion": "v1", "kind": "", "name": "", "uid": ""}],
        }
    },
    code=422,
    message='ConfigMap "a" is invalid: ['
    'metadata.ownerReferences.kind: Invalid value: "": must not be empty, '
    'metadata.ownerReferences.name: Invalid value: "": must not be empty, '
    'metadata.ownerReferences.uid: Invalid value: "": must not be empty]',
)
refusal(
    "only_one_owner_controls_an_object",
    "POST",
    CONFIG_MAPS,
    {
        "metadata": {
            "name": "a",
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Pod", "name": n, "uid": n, "controller": True}
                for n in ("x", "y")
            ],
        }
    },
    code=422,
    words='Only one reference can have Controller set to true. Found "true" in references for '
    "Pod/x and Pod/y",
)
refusal(
    "an_event_owns_nothing",
    "POST",
    CONFIG_MAPS,
    {
        "metadata": {
            "name": "a",
            "ownerReferences": [{"apiVersion": "v1", "kind": "Event", "name": "e", "uid": "u"}],
        }
    },
    code=422,
    words="/v1, Kind=Event is disallowed from being an owner",
)
refusal(
    "a_finalizer_has_a_qualified_name",
    "POST",
    CONFIG_MAPS,
    {"metadata": {"name": "a", "finalizers": ["plain"]}},
    code=422,
    message='ConfigMap "a" is invalid: metadata.finalizers: Invalid value: "plain": '
    "name is neither a standard finalizer name nor is it fully qualified",
)

"""Two templates are one value if an API server would make the same pods of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serinus.api.hashes import pod_hash
from serinus.api.kubernetes import PodTemplateMetadata
from serinus.api.template import HASH_LABEL, Template, read_template


def template(pod: dict[str, Any] | None = None, **container: Any) -> Template:
    spec = {"containers": [{"name": "c", "image": "shop:v1", **container}], **(pod or {})}
    return read_template({"metadata": {"labels": {"app": "shop"}}, "spec": spec})


SAME = {
    "pod defaults": (
        {},
        {
            "pod": {
                "restartPolicy": "Always",
                "dnsPolicy": "ClusterFirst",
                "schedulerName": "default-scheduler",
                "terminationGracePeriodSeconds": 30,
                "securityContext": {},
            }
        },
    ),
    "container defaults": (
        {},
        {
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
            "resources": {},
        },
    ),
    "quantities": (
        {"resources": {"limits": {"cpu": "1000m", "memory": "1Gi"}}},
        {"resources": {"limits": {"cpu": 1, "memory": "1024Mi"}}},
    ),
    "ports": (
        {"ports": [{"containerPort": 8080}]},
        {"ports": [{"containerPort": 8080, "protocol": "TCP", "hostPort": 0}]},
    ),
    "probes": (
        {"readinessProbe": {"httpGet": {"port": 8080}}},
        {
            "readinessProbe": {
                "httpGet": {"port": 8080, "path": "/", "scheme": "HTTP"},
                "initialDelaySeconds": 0,
                "timeoutSeconds": 1,
                "periodSeconds": 10,
                "successThreshold": 1,
                "failureThreshold": 3,
            }
        },
    ),
    "env": (
        {"env": [{"name": "A"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]},
        {
            "env": [
                {"name": "A", "value": ""},
                {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x", "apiVersion": "v1"}}},
            ]
        },
    ),
    "volumes": (
        {"pod": {"volumes": [{"name": "v"}, {"name": "s", "secret": {"secretName": "x"}}]}},
        {
            "pod": {
                "volumes": [
                    {"name": "v", "emptyDir": {}},
                    {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}},
                ]
            }
        },
    ),
    "nulls": ({}, {"command": None, "pod": {"affinity": None}}),
}
DIFFERENT = {
    "image": ({}, {"image": "shop:v2"}),
    "a false that means something": ({}, {"securityContext": {"runAsNonRoot": False}}),
    "a zero that means something": ({}, {"securityContext": {"runAsUser": 0}}),
    "no grace": ({}, {"pod": {"terminationGracePeriodSeconds": 0}}),
    "another pull policy": ({}, {"imagePullPolicy": "Always"}),
    "order of arguments": ({"args": ["a", "b"]}, {"args": ["b", "a"]}),
    "a selector of everything": (
        {"pod": {"topologySpreadConstraints": [{"maxSkew": 1}]}},
        {"pod": {"topologySpreadConstraints": [{"maxSkew": 1, "labelSelector": {}}]}},
    ),
    "a quantity": (
        {"resources": {"limits": {"cpu": "1"}}},
        {"resources": {"limits": {"cpu": "1100m"}}},
    ),
}


@pytest.mark.parametrize(("left", "right"), SAME.values(), ids=SAME)
def test_spellings_of_the_same_pods_are_one_value(left: Any, right: Any) -> None:
    assert template(**left) == template(**right)
    assert hash(template(**left)) == hash(template(**right))
    assert pod_hash(template(**left)) == pod_hash(template(**right))


@pytest.mark.parametrize(("left", "right"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_makes_other_pods_is_another_value(left: Any, right: Any) -> None:
    assert template(**left) != template(**right)
    assert pod_hash(template(**left)) != pod_hash(template(**right))


def test_latest_and_no_tag_are_pulled_always() -> None:
    for image in ("shop", "shop:latest", "registry:5000/shop"):
        assert template(image=image) == template(image=image, imagePullPolicy="Always")
    assert template(image="s@sha256:0a") == template(
        image="s@sha256:0a", imagePullPolicy="IfNotPresent"
    )


def test_the_hash_label_and_injected_metadata_do_not_count() -> None:
    plain = read_template({"metadata": {"labels": {"app": "shop"}}, "spec": {}})
    labels = {"app": "shop", "role": "canary", HASH_LABEL: "abc"}
    annotations = {"note": "on trial"}
    created = {"metadata": {"labels": labels, "annotations": annotations}, "spec": {}}
    injected = PodTemplateMetadata(labels={"role": "canary"}, annotations=annotations)
    assert read_template(created, injected) == plain
    assert read_template(created) != plain


def test_what_was_changed_after_it_was_injected_is_part_of_the_template() -> None:
    created = {"metadata": {"labels": {"role": "mine"}}}
    injected = PodTemplateMetadata(labels={"role": "canary"})
    assert read_template(created, injected) == read_template(created)


def test_an_empty_label_value_is_no_zero() -> None:
    with_label = read_template({"metadata": {"labels": {"a": ""}}})
    assert with_label != read_template({"metadata": {"labels": {}}})


def test_the_raw_bytes_are_copied_as_they_came() -> None:
    source = b'{"spec": {"containers": [], "unheardOf": 1.0}}'
    read = read_template(msgspec.Raw(source))
    assert read.raw == source
    assert read.manifest() == {"spec": {"containers": [], "unheardOf": 1.0}}


def test_the_collision_count_changes_the_hash() -> None:
    value = template()
    assert len({pod_hash(value), pod_hash(value, 0), pod_hash(value, 1)}) == 3
    assert set(pod_hash(value)) <= set("bcdfghjklmnpqrstvwxz2456789")


def test_a_template_shows_its_value_not_an_address() -> None:
    assert repr(read_template(b'{"spec":{"dnsPolicy":"Default"}}')) == (
        'Template({"spec":{"dnsPolicy":"Default"}})'
    )


def test_what_is_no_mapping_does_not_break_the_reading() -> None:
    assert read_template({"metadata": {"labels": ["a"]}, "spec": 5}).canon == b'{"spec":5}'
    assert read_template(b"null") == read_template(b"") == read_template({})


_SCALARS = st.none() | st.booleans() | st.integers(-1, 500) | st.sampled_from(["", "1Gi", "x"])
_KEYS = st.sampled_from(
    [
        "metadata",
        "labels",
        "spec",
        "containers",
        "volumes",
        "emptyDir",
        "resources",
        "limits",
        "cpu",
        "securityContext",
        "readinessProbe",
        "httpGet",
        "path",
        "image",
        "imagePullPolicy",
        "hostPort",
        "sizeLimit",
        "serviceAccount",
        "serviceAccountName",
        "name",
        "tty",
    ]
)
_TREES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_KEYS, inner, max_size=4)
)


@given(st.dictionaries(_KEYS, _TREES, max_size=4))
def test_the_canonical_form_is_its_own_canonical_form(data: dict[str, Any]) -> None:
    once = read_template(data)
    assert read_template(once.canon).canon == once.canon

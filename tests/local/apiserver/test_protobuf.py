"""Protobuf bodies, written here byte by byte, give the objects that JSON would give."""

from __future__ import annotations

import pytest

from serinus.local.apiserver.errors import StatusError
from serinus.local.apiserver.wire.protobuf import decode_protobuf


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    value %= 2**64
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    typed = field(1, api_version.encode()) + field(2, kind.encode())
    return b"k8s\0" + field(1, typed) + field(2, raw)


def entry(key: str, value: bytes) -> bytes:
    return field(1, key.encode()) + field(2, value)


META = field(1, b"web") + field(3, b"") + field(8, b"") + field(11, entry("app", b"x"))


def test_a_deployment_is_decoded_with_its_zeros_that_are_meant() -> None:
    ports = field(6, field(3, 80))
    limits = field(8, field(1, entry("cpu", field(1, b"250m"))))
    container = field(1, b"c") + field(2, b"i:1") + field(4, b"a") + field(4, b"b") + ports + limits
    pod = field(2, container) + field(11, 0)
    template = field(1, b"") + field(2, pod)
    rolling = field(2, field(1, field(1, 1) + field(3, b"25%")))
    spec = field(1, 0) + field(2, field(1, entry("app", b"x"))) + field(3, template)
    raw = field(1, META) + field(2, spec + field(4, rolling) + field(7, 1)) + field(3, b"")
    assert decode_protobuf(body("apps/v1", "Deployment", raw)) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "x"}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "x"}},
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "c",
                            "image": "i:1",
                            "args": ["a", "b"],
                            "ports": [{"containerPort": 80}],
                            "resources": {"limits": {"cpu": "250m"}},
                        }
                    ]
                }
            },
            "strategy": {"rollingUpdate": {"maxUnavailable": "25%"}},
            "paused": True,
        },
    }


def test_a_secrets_bytes_become_base64_and_inline_parts_join_their_parent() -> None:
    raw = field(1, META) + field(2, entry("k", b"v")) + field(3, b"Opaque")
    assert decode_protobuf(body("v1", "Secret", raw))["data"] == {"k": "dg=="}
    probe = field(1, field(2, field(1, b"/up") + field(2, field(2, 80)))) + field(4, 5)
    pod = field(2, field(2, field(1, b"c") + field(11, probe)))
    spec = decode_protobuf(body("v1", "Pod", pod))["spec"]
    assert spec["containers"][0]["readinessProbe"] == {
        "httpGet": {"path": "/up", "port": 80},
        "periodSeconds": 5,
    }


def test_negative_numbers_and_times() -> None:
    meta = field(1, b"e") + field(7, -1) + field(9, field(1, 1_767_225_600))
    value = decode_protobuf(body("v1", "Namespace", field(1, meta)))
    assert value["metadata"] == {
        "name": "e",
        "generation": -1,
        "deletionTimestamp": "2026-01-01T00:00:00Z",
    }


def test_an_eviction_brings_the_options_of_its_delete() -> None:
    options = field(1, 0) + field(2, field(1, b"u")) + field(4, b"Foreground") + field(5, b"All")
    raw = field(1, field(1, b"web")) + field(2, options)
    assert decode_protobuf(body("policy/v1", "Eviction", raw)) == {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "web"},
        "deleteOptions": {
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": "u"},
            "propagationPolicy": "Foreground",
            "dryRun": ["All"],
        },
    }


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (body("rbac.authorization.k8s.io/v1", "Role", b""), 415, "kubectl create -f"),
        (b"{}", 400, "does not begin"),
        (b"k8s\0\x0a\xff", 400, "cannot be read"),
        (body("v1", "ConfigMap", b"\x0a\x05abc"), 400, "longer than its message"),
        (body("v1", "ConfigMap", b"\x0b"), 400, "wire type"),
        (body("v1", "ConfigMap", field(1, 5)), 400, "a number stands where text"),
        (body("v1", "ConfigMap", field(1, field(1, b"\xff\xfe"))), 400, "cannot be read"),
    ],
)
def test_what_is_no_known_message_is_refused_in_words(data: bytes, code: int, words: str) -> None:
    with pytest.raises(StatusError, match=words) as refused:
        decode_protobuf(data)
    assert refused.value.code == code

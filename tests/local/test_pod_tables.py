"""What a pod's process is given, and what becomes of its image: tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import pytest

from serinus.api.wire import decode
from serinus.local.environment import command_line, environment, expanded, lookups
from serinus.local.images import ImageTableError, Program, Refused, image_table, read_table
from serinus.local.podspec import NodeContainer, NodePod


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("ghcr.io/acme/checkout-service:v3.error-every-20", "v3.error-every-20"),
        ("ghcr.io/acme/checkout-service:PLACEHOLDER", "PLACEHOLDER"),
        ("nginx", "latest"),
        ("localhost:5000/a/b", "latest"),
        ("a/b:v1@sha256:" + "ab" * 32, "v1"),
        ("a/b@sha256:" + "ab" * 32, "ab" * 6),
    ],
)
def test_an_image_that_nobody_mapped_is_the_sample_service_with_its_tag(
    image: str, version: str
) -> None:
    program = image_table().program(image)
    assert isinstance(program, Program)
    assert program.sample
    assert program.command[0] == sys.executable
    assert program.env == {"SAMPLE_VERSION": version}


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("acme/x:does-not-exist", "ErrImagePull"),
        ("acme/does-not-exist:v1", "ErrImagePull"),
        ("Not An Image", "InvalidImageName"),
        ("", "InvalidImageName"),
        ("acme/x:", "InvalidImageName"),
    ],
)
def test_some_images_cannot_be_had(image: str, reason: str) -> None:
    refused = image_table().program(image)
    assert isinstance(refused, Refused)
    assert refused.reason == reason


def test_own_rows_come_first_and_fill_in_what_is_known() -> None:
    rows = read_table(
        """
        images:
        - image: "*/web:*"
          command: ["{python}", "-m", "web", "--port={port}", "--tag={tag}"]
          env: {LEVEL: 1}
        """,
        "mine.yaml",
    )
    program = image_table(rows).program("acme/web:v7")
    assert program == Program(
        (sys.executable, "-m", "web", "--port=$(PORT)", "--tag=v7"), {"LEVEL": "1"}, "v7"
    )


def test_every_wrong_row_of_a_table_is_named() -> None:
    text = "images: [{image: x, sample: true, host: true}, {imag: y, refuse: z}, 3]"
    with pytest.raises(ImageTableError) as caught:
        read_table(text, "mine.yaml")
    said = str(caught.value)
    for part in (
        "mine.yaml: images[0]: say exactly one of",
        "mine.yaml: images[1]: imag: is unknown",
        "mine.yaml: images[1]: image: a glob is needed",
        "mine.yaml: images[2]: must be a mapping",
    ):
        assert part in said


POD: dict[str, Any] = {
    "metadata": {
        "name": "web-abc",
        "namespace": "shop",
        "uid": "u-1",
        "labels": {"app": "web"},
        "annotations": {"serinus.dev/port": "20007"},
    },
    "spec": {"nodeName": "local"},
}


def environment_of(
    env: list[Mapping[str, Any]],
    found: Mapping[tuple[str, str], Mapping[str, str]] | None = None,
    env_from: list[Mapping[str, Any]] | None = None,
) -> tuple[dict[str, str], tuple[str, ...]]:
    pod = decode(NodePod, POD)
    container = decode(NodeContainer, {"name": "c", "env": env, "envFrom": env_from or []})
    made = environment(pod, container, 20007, {"PATH": "/bin"}, found or {})
    return dict(made.variables), made.problems


def field(path: str) -> dict[str, Any]:
    return {"name": "F", "valueFrom": {"fieldRef": {"fieldPath": path}}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web-abc"),
        ("metadata.namespace", "shop"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app']", "web"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['serinus.dev/port']", "20007"),
        ("spec.nodeName", "local"),
        ("status.podIP", "127.0.0.1"),
    ],
)
def test_fields_of_the_pod_reach_its_process(path: str, value: str) -> None:
    variables, problems = environment_of([field(path)])
    assert (variables["F"], problems) == (value, ())


def test_host_and_port_of_the_node_win_over_the_manifest() -> None:
    variables, problems = environment_of(
        [{"name": "PORT", "value": "8080"}, {"name": "HOST", "value": "0.0.0.0"}]
    )
    assert problems == ()
    assert {key: variables[key] for key in ("PORT", "HOST", "POD_NAME", "PATH")} == {
        "PORT": "20007",
        "HOST": "127.0.0.1",
        "POD_NAME": "web-abc",
        "PATH": "/bin",
    }


def test_the_ports_of_all_containers_are_told_by_name_and_number() -> None:
    ports: list[Any] = [{"name": "http-api", "containerPort": 8080}, {"containerPort": 9090}]
    side = {"name": "d", "ports": [{"name": "x", "containerPort": 70}]}
    main = {"name": "c", "ports": ports}
    notes = {"serinus.dev/port": "20007", "serinus.dev/ports": '{"8080":20007,"9090":2,"70":3}'}
    body = {"metadata": {"annotations": notes}, "spec": {"containers": [main, side]}}
    pod = decode(NodePod, body)
    made = environment(pod, pod.spec.containers[0], 20007, {}, {}).variables
    assert {key: value for key, value in made.items() if key.startswith("PORT")} == {
        "PORT": "20007",
        "PORTS": "20007,2",
        "PORT_8080": "20007",
        "PORT_HTTP_API": "20007",
        "PORT_9090": "2",
        "PORT_70": "3",
        "PORT_X": "3",
    }


def test_values_may_refer_to_variables_that_stand_before_them() -> None:
    variables, _ = environment_of(
        [
            {"name": "A", "value": "1"},
            {"name": "B", "value": "$(A)$(C) $$(A) $(PATH)"},
            {"name": "C", "value": "x"},
        ]
    )
    assert variables["B"] == "1$(C) $(A) /bin"


def test_configmaps_and_secrets_are_read_and_what_is_missing_is_named_without_values() -> None:
    key = {"name": "s", "key": "k"}
    env: list[Mapping[str, Any]] = [
        {"name": "S", "valueFrom": {"secretKeyRef": key}},
        {"name": "N", "valueFrom": {"secretKeyRef": {"name": "s", "key": "no"}}},
        {"name": "M", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
        {"name": "O", "valueFrom": {"configMapKeyRef": key | {"optional": True}}},
        {"name": "R", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        field("spec.replicas"),
    ]
    env_from = [{"prefix": "P_", "configMapRef": {"name": "c"}}]
    found = {("Secret", "s"): {"k": "hidden"}, ("ConfigMap", "c"): {"X": "1"}}
    variables, problems = environment_of(env, found, env_from)
    assert (variables["S"], variables["P_X"]) == ("hidden", "1")
    assert problems == (
        'couldn\'t find key no in Secret "s"',
        'configmap "m" not found',
        "resourceFieldRef is not supported on this node; write the value itself",
        "fieldRef 'spec.replicas' is not a field of pods",
    )
    assert "hidden" not in str(problems)
    container = decode(NodeContainer, {"name": "c", "env": env, "envFrom": env_from})
    assert set(lookups(container)) == {
        ("ConfigMap", "c"),
        ("ConfigMap", "m"),
        ("ConfigMap", "s"),
        ("Secret", "s"),
    }


@pytest.mark.parametrize(
    ("container", "wanted"),
    [
        ({}, ("image", "program")),
        ({"args": ["--port=$(PORT)"]}, ("image", "program", "--port=20007")),
        ({"command": ["sh", "-c"], "args": ["echo $(NO)"]}, ("sh", "-c", "echo $(NO)")),
    ],
)
def test_the_command_is_the_containers_or_the_images_with_the_args_behind(
    container: dict[str, Any], wanted: tuple[str, ...]
) -> None:
    program = Program(("image", "program"), {}, "v1")
    assert command_line(decode(NodeContainer, container), program, {"PORT": "20007"}) == wanted


def test_a_doubled_sign_stands_for_itself() -> None:
    assert expanded("$$(A) $(A) $A", {"A": "1"}) == "$(A) 1 $A"

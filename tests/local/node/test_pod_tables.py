"""What a pod's process is given, and what becomes of its image: tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from serinus.api.wire import decode
from serinus.local.node.environment import (
    Surroundings,
    command_line,
    environment,
    expanded,
    lookups,
    resource_value,
)
from serinus.local.node.images import ImageTableError, Program, Refused, image_table, read_table
from serinus.local.node.mounts import NO_MOUNTS, Mounts
from serinus.local.node.podspec import NodeContainer, NodePod


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


def surroundings(mounts: Mounts = NO_MOUNTS) -> Surroundings:
    return Surroundings(20007, {"PATH": "/bin"}, mounts, {"cpu": "4", "memory": "8Gi"})


def environment_of(
    env: list[Mapping[str, Any]],
    found: Mapping[tuple[str, str], Mapping[str, str]] | None = None,
    env_from: list[Mapping[str, Any]] | None = None,
) -> tuple[dict[str, str], tuple[str, ...]]:
    container = decode(NodeContainer, {"name": "c", "env": env, "envFrom": env_from or []})
    base = decode(NodePod, POD)
    pod = replace(base, spec=replace(base.spec, containers=(container,)))
    made = environment(pod, container, surroundings(), found or {})
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
    made = environment(pod, pod.spec.containers[0], surroundings(), {}).variables
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
        {"name": "R", "valueFrom": {"resourceFieldRef": {"resource": "limits.disk"}}},
        field("spec.replicas"),
    ]
    env_from = [{"prefix": "P_", "configMapRef": {"name": "c"}}]
    found = {("Secret", "s"): {"k": "hidden"}, ("ConfigMap", "c"): {"X": "1"}}
    variables, problems = environment_of(env, found, env_from)
    assert (variables["S"], variables["P_X"]) == ("hidden", "1")
    assert problems == (
        "couldn't find key no in Secret shop/s",
        'configmap "m" not found',
        "resourceFieldRef 'limits.disk' of container 'c'",
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
    made = command_line(decode(NodeContainer, container), program, NO_MOUNTS, {"PORT": "20007"})
    assert made == wanted


def test_a_doubled_sign_stands_for_itself() -> None:
    assert expanded("$$(A) $(A) $A", {"A": "1"}) == "$(A) 1 $A"


@pytest.mark.parametrize(
    ("resource", "divisor", "value"),
    [
        ("limits.cpu", "", "1"),
        ("limits.cpu", "1m", "250"),
        ("requests.cpu", "1m", "100"),
        ("limits.memory", "1Mi", "8192"),
        ("requests.memory", "1Mi", "0"),
        ("limits.memory", "0", str(8 << 30)),
        ("limits.disk", "", None),
        ("cpu", "", None),
    ],
)
def test_limits_and_requests_are_told_in_the_unit_that_is_asked_for(
    resource: str, divisor: str, value: str | None
) -> None:
    asked = {"limits": {"cpu": "250m"}, "requests": {"cpu": 0.1}}
    spec = decode(NodeContainer, {"name": "c", "resources": asked})
    assert resource_value(spec, resource, divisor, {"cpu": "4", "memory": "8Gi"}) == value


def test_mount_paths_become_real_ones_in_commands_and_variables_but_not_in_secrets() -> None:
    mounts = Mounts({"/etc/app": "/real/app", "/etc/app/tls": "/real/tls"}, {"WHERE": "/real/app"})
    env = [
        {"name": "A", "value": "-c=/etc/app/x.yaml:/etc/app/tls"},
        {"name": "M", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
        {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    spec = decode(
        NodeContainer, {"command": ["cat"], "args": ["/etc/app/$(A)", "$(A)"], "env": env}
    )
    held = {("ConfigMap", "m"): {"k": "/etc/app"}, ("Secret", "s"): {"k": "/etc/app"}}
    made = environment(decode(NodePod, POD), spec, surroundings(mounts), held).variables
    assert {key: made[key] for key in ("A", "M", "S", "WHERE")} == {
        "A": "-c=/real/app/x.yaml:/real/tls",
        "M": "/real/app",
        "S": "/etc/app",
        "WHERE": "/real/app",
    }
    program = Program(("x",), {}, "v1")
    assert command_line(spec, program, mounts, made) == (
        "cat", "/real/app/-c=/real/app/x.yaml:/real/tls", "-c=/real/app/x.yaml:/real/tls",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "real"),
    [
        ("/data", "/r"),
        ("/data/", "/r/"),
        ("sh -c 'cat /data/x; ls \"/data\"'", "sh -c 'cat /r/x; ls \"/r\"'"),
        ("--dir=/data", "--dir=/r"),
        ("a:/data:/data/b", "a:/r:/r/b"),
        ("/database", "/database"),
        ("/data.old", "/data.old"),
        ("/data-2", "/data-2"),
        ("/srv/data", "/srv/data"),
        ("$HOME/data", "$HOME/data"),
        ("${X}/data", "${X}/data"),
        ("$(X)/data", "$(X)/data"),
        ("http://host/data", "http://host/data"),
        ("./data", "./data"),
    ],
)
def test_a_path_is_replaced_only_where_it_stands_for_itself(text: str, real: str) -> None:
    assert Mounts({"/data": "/r"}, {}).real(text) == real

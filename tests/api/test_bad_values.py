"""Every field of every kind, set to each of some bad values: nobody stumbles, and all say the same.

Who lints, who admits and who reconciles ask one validation; here they are held against each other.
"""

from __future__ import annotations

import copy
import itertools
import json
import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path as Pages
from typing import Any

import msgspec
import pytest
import yaml

from api.worlds import SOUND, World
from serinus.api.fields import fields_of, item_of, struct_in
from serinus.api.linting import lint
from serinus.api.reading import read
from serinus.api.reviewing import answer
from serinus.api.validation.check import KINDS, check
from serinus.core.analysis.checks import LANGUAGE

Json = dict[str, Any]
Path = tuple[str | int, ...]

BAD: tuple[Any, ...] = (
    *(None, "", "5 minutes", "-1", -1, 0, 1.5, 2**63, 1e300, "99999999999999h", True),
    *([], {}, [None], ["x", "x"], {"x": None}, "\u0663", "[", "a" * 300, "{{args.x}}"),
)
MORE = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: run, namespace: prod}
spec:
  metrics:
  - {name: errors, provider: {prometheus: {address: "http://p:9090", query: up}}}
---
apiVersion: argoproj.io/v1alpha1
kind: Experiment
metadata: {name: trial, namespace: prod}
spec:
  templates:
  - name: a
    selector: {matchLabels: {app: shop}}
    template:
      metadata: {labels: {app: shop}}
      spec: {containers: [{name: c, image: i}]}
"""
PODS = """
metadata: {labels: {app: shop}}
spec:
  volumes: [{name: v, emptyDir: {}}]
  tolerations: [{key: a, operator: Exists}]
  containers:
  - name: shop
    image: shop:v1
    env: [{name: A, value: b}, {name: C, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
    ports: [{name: http, containerPort: 8080}]
    resources: {requests: {cpu: 100m}}
    volumeMounts: [{name: v, mountPath: /v}]
    readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 5}
"""
SPOKEN_BY_PYTHON = ("NoneType", "Traceback", "<class", "Expected `", "cannot be read", "object at")


def of_schema(struct: type[msgspec.Struct], above: Path = ()) -> Iterator[Path]:
    """Every field below `struct`, in lists and maps of one entry."""
    for name, annotation in fields_of(struct).items():
        here: Path = (*above, name)
        if not above and name != "spec":
            continue
        yield here
        item, entry = item_of(annotation, tuple), item_of(annotation, Mapping)
        inner = struct_in(item if item is not None else entry or annotation)
        below: Path = here + ((0,) if item is not None else ("k",) if entry is not None else ())
        if below != here:
            yield below
        if inner is not None:
            yield from of_schema(inner, below)


def of_value(value: Any, above: Path) -> Iterator[Path]:
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in entries:
        yield (*above, key)
        if isinstance(one, dict | list):
            yield from of_value(one, (*above, key))


def put(document: Json, path: Path, value: Any) -> None:
    inner: Any = document
    for part, after in itertools.pairwise(path):
        empty: Any = [] if isinstance(after, int) else {}
        if isinstance(inner, list):
            inner += [empty] * (int(part) + 1 - len(inner))
        elif inner.get(part) is None:
            inner[part] = empty
        inner = inner[part]
    last = path[-1]
    if isinstance(inner, list):
        inner += [None] * (int(last) + 1 - len(inner))
    inner[last] = copy.deepcopy(value)


def told_by_all(world: World, document: Json) -> list[str]:
    """What is found, by whoever is asked; they have to agree."""
    reading = read(KINDS[document["kind"]], document)
    found = check(reading, world, LANGUAGE)
    texts = [" ".join(str(p).split()) for p in (*found.errors, *found.missing, *found.warnings)]
    request = {"uid": "u", "namespace": "prod", "object": document}
    response = answer(request, world, LANGUAGE)["response"]
    said = response.get("status", {}).get("message", "") + " ".join(response.get("warnings", ()))
    said = " ".join(said.split())
    assert [text for text in texts if text[:200] not in said] == []
    return texts


def told_by_lint(world: World, document: Json) -> set[str]:
    text = "\n---\n".join(json.dumps(one) for one in world.documents)
    name = document["metadata"]["name"]
    return {
        f"{remark.path}: {remark.message}"
        for remark in lint([("f.yaml", text)], LANGUAGE).remarks
        if (remark.kind, remark.name) == (document["kind"], name)
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_bad_values_everywhere_are_named_in_the_words_of_the_object(kind: str) -> None:
    documents = [*yaml.safe_load_all(SOUND), *yaml.safe_load_all(MORE)]
    template = next(one for one in documents if one["kind"] == "AnalysisTemplate")
    documents.append({**template, "kind": "ClusterAnalysisTemplate", "metadata": {"name": "all"}})
    index = next(i for i, one in enumerate(documents) if one["kind"] == kind)
    paths = dict.fromkeys(of_schema(KINDS[kind]))
    for number, (path, value) in enumerate((p, v) for p in paths for v in BAD):
        if kind == "Rollout" and number % 3:
            continue  # the largest; the values take turns
        world = World("")
        world.documents = copy.deepcopy(documents)
        document = world.documents[index]
        put(document, path, value)
        texts = told_by_all(world, document)
        assert not any(word in text for word in SPOKEN_BY_PYTHON for text in texts), (path, texts)
        if number % 397 == 0 and value != 1e300:
            held = {text.replace("waiting for ", "") for text in texts}
            linted = {
                text.replace(" is not in these files", "") for text in told_by_lint(world, document)
            }
            assert linted == held, (path, value)


def test_the_types_of_pods_are_those_of_the_definitions() -> None:
    root = Pages(__file__).resolve().parents[2]
    made = runpy.run_path(str(root / "scripts" / "make_pod_types.py"))
    definitions = json.loads(made["SOURCE"].read_text())
    assert made["OUTPUT"].read_text() == made["written"](made["types_of"](definitions))


def test_a_value_of_a_wrong_type_in_a_pod_is_named_before_its_replica_set_is_made() -> None:
    pods = yaml.safe_load(PODS)
    for path in of_value(pods["spec"], ("spec", "template", "spec")):
        world = World()
        world.rollout["spec"]["template"] = copy.deepcopy(pods)
        assert world.told() == []
        put(world.rollout, path, [[object.__name__]])
        assert any(text.startswith("spec.template.spec") for text in world.told()), path


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("env", 0, "value"), 5, "env[0].value: must be text; put the value in quotes"),
        (("env", 0, "value"), True, "env[0].value: must be text; put the value in quotes"),
        (("env", 0, "name"), None, "env[0].name: is missing"),
        (("ports", 0, "containerPort"), "80", "ports[0].containerPort: must be a whole number"),
        (("command",), "run", "command: must be a list"),
        (("command",), ["run", 5], "command[1]: must be text; put the value in quotes"),
        (("args",), [None], "args[0]: is null; remove it"),
        (("resources", "limits"), {"memory": -1}, "resources.limits.memory: -1 must be 0"),
        (("readinessProbe",), {"periodSeconds": 5}, "readinessProbe: needs one of exec, httpGet"),
        (("livenessProbe",), {"tcpSocket": {}}, "livenessProbe.tcpSocket.port: is missing"),
        (("volumeMounts", 0, "name"), ["v"], "volumeMounts[0].name: must be text"),
    ],
)
def test_what_a_container_gets_wrong(path: Path, value: Any, expected: str) -> None:
    world = World()
    world.rollout["spec"]["template"] = yaml.safe_load(PODS)
    put(world.rollout["spec"]["template"]["spec"]["containers"][0], path, value)
    assert [f"spec.template.spec.containers[0].{expected}"] == [
        text[: len(expected) + 33] for text in world.told()
    ]


def test_numbers_have_32_bits_and_durations_end() -> None:
    world = World()
    put(world.rollout, ("spec", "progressDeadlineSeconds"), 10**12)
    pause: Path = ("spec", "strategy", "canary", "steps", 1, "pause")
    put(world.rollout, pause, {"duration": "9e9h"})
    put(world.rollout, ("spec", "strategy", "canary", "maxSurge"), "\u0665\u0660%")
    told = world.told()
    assert (
        "spec.progressDeadlineSeconds: must be at most 2147483647 and at least -2147483647, not "
        "1000000000000" in told
    )
    assert len(told) == 3
    put(
        world.rollout, ("spec", "strategy", "canary", "steps", 1, "pause"), {"duration": "3000000h"}
    )
    assert any("'3000000h' is longer than 2562047 hours" in text for text in world.told())


def test_a_password_of_a_wrong_type_is_not_shown() -> None:
    world = World()
    login = {"basicAuth": {"username": "u", "password": 12345678}}
    metric: Path = ("spec", "metrics", 0, "provider", "prometheus")
    put(world.of("AnalysisTemplate"), (*metric, "authentication"), login)
    put(world.of("AnalysisTemplate"), (*metric, "headers"), [{"key": "X-Token", "value": 8765432}])
    found = told_by_all(world, world.of("AnalysisTemplate"))
    here = "spec.metrics[0].provider.prometheus"
    assert f"{here}.authentication.basicAuth.password: must be text" in found
    assert f"{here}.headers[0].value: must be text" in found
    assert not any(secret in text for secret in ("12345678", "8765432") for text in found)

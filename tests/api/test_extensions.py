"""Which fields are ours alone, and which of them a cluster's definitions would drop."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from serinus.api import crds
from serinus.api.extensions import EXTENSIONS, LAST_APPLIED, pruned_by, wished

REFERENCE = Path(os.environ.get("SERINUS_REFERENCE", "../shared")) / "crds"
OURS = {d["spec"]["names"]["plural"]: d for d in map(yaml.safe_load, crds.documents())}


def marked(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The fields whose description says that they are ours."""
    for name, inner in (schema.get("properties") or {}).items():
        here = f"{path}.{name}" if path else name
        if inner.get("description", "").startswith("Serinus:"):
            yield here
        if "items" in inner:
            yield from marked(inner["items"], f"{here}[]")
        else:
            yield from marked(inner, here)


def schema_of(definition: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def test_the_table_has_every_field_that_our_definitions_call_ours() -> None:
    found = {plural: tuple(marked(schema_of(d))) for plural, d in OURS.items()}
    assert {plural: set(fields) for plural, fields in found.items() if fields} == {
        plural: set(fields) for plural, fields in EXTENSIONS.items()
    }


@pytest.mark.parametrize("plural", sorted(OURS))
def test_our_definitions_drop_nothing(plural: str) -> None:
    assert pruned_by(OURS[plural]) == ()


@pytest.mark.parametrize(
    "name", ["rollout", "analysis-run", "analysis-template", "cluster-analysis-template"]
)
def test_the_original_definitions_drop_every_field_of_ours(name: str) -> None:
    if not REFERENCE.is_dir():
        pytest.skip("the reference schemas are not here (SERINUS_REFERENCE)")
    definition = yaml.safe_load((REFERENCE / f"argo-rollouts.{name}.yaml").read_text())
    assert pruned_by(definition) == EXTENSIONS[definition["spec"]["names"]["plural"]]


def definition(metric: dict[str, Any], **spec: Any) -> dict[str, Any]:
    metrics = {"type": "array", "items": {"type": "object", **metric}}
    inner = {"type": "object", "properties": {"metrics": metrics}}
    schema = {"type": "object", "properties": {"spec": inner}}
    version = {"name": "v1alpha1", "schema": {"openAPIV3Schema": schema}}
    return {"spec": {"names": {"plural": "analysistemplates"}, "versions": [version], **spec}}


@pytest.mark.parametrize(
    ("found", "pruned"),
    [
        (definition({"properties": {"name": {}}}), EXTENSIONS["analysistemplates"]),
        (definition({"properties": {"onNoData": {}}}), ("spec.metrics[].noDataLimit",)),
        (definition({"x-kubernetes-preserve-unknown-fields": True}), ()),
        (definition({}, preserveUnknownFields=True), ()),
        (definition({}, versions=[{"name": "v1alpha1"}]), ()),
        (definition({}, names={"plural": "experiments"}), ()),
        ({}, ()),
    ],
)
def test_what_a_schema_drops(found: dict[str, Any], pruned: tuple[str, ...]) -> None:
    assert pruned_by(found) == pruned


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        (
            {"spec": {"metrics": [{"name": "m"}, {"onNoData": "fail"}]}},
            ("spec.metrics[].onNoData",),
        ),
        ({"spec": {"metrics": [{"name": "m", "noDataLimit": None}]}}, ()),
        ({"spec": {"metrics": {"onNoData": "fail"}}}, ()),
        ({"spec": "odd"}, ()),
        ([], ()),
    ],
)
def test_what_the_author_wrote_is_in_the_note_of_kubectl(
    noted: Any, expected: tuple[str, ...]
) -> None:
    fields = EXTENSIONS["analysistemplates"]
    assert wished({LAST_APPLIED: json.dumps(noted)}, fields) == expected
    assert wished({}, fields) == wished({LAST_APPLIED: "{"}, fields) == ()

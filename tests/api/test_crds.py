"""Our definitions have every field of the original's, and every field that our Structs read."""

from __future__ import annotations

import os
import runpy
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
import yaml

from serinus.api import analysis, argo, crds, experiment
from serinus.api.kubernetes import ObjectMeta

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = Path(os.environ.get("SERINUS_REFERENCE", ROOT.parent / "shared")) / "crds"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
OURS = {d["spec"]["names"]["kind"]: d for d in (yaml.load(t, _LOADER) for t in crds.documents())}
STRUCTS = {
    "Rollout": (argo.Rollout, "rollout"),
    "AnalysisTemplate": (analysis.AnalysisTemplate, "analysis-template"),
    "ClusterAnalysisTemplate": (analysis.ClusterAnalysisTemplate, "cluster-analysis-template"),
    "AnalysisRun": (analysis.AnalysisRun, "analysis-run"),
    "Experiment": (experiment.Experiment, "experiment"),
}
#: Fields that are ours, and that the original's schemas do not have.
EXTENSIONS = {"noDataLimit", "onNoData", "consecutiveNoData", "surgeLimit", "passedStepsHash"}
#: Kept as it came, so its schema is not ours to repeat.
KEPT = (".template.spec", ".template.metadata", ".job.spec")


def version(document: Mapping[str, Any]) -> Any:
    return document["spec"]["versions"][0]


def facts(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Each field with all that decides whether a value fits."""
    if path.endswith(KEPT):
        return
    names = ("type", "format", "enum", "default", "x-kubernetes-int-or-string", "minimum")
    names += ("x-kubernetes-list-type", "x-kubernetes-map-type")
    yield path, {name: schema[name] for name in names if name in schema}
    for name, inner in schema.get("properties", {}).items():
        yield from facts(inner, f"{path}.{name}")
        yield f"{path}.{name} required", name in schema.get("required", ())
    for word, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(word), dict):
            yield from facts(schema[word], path + mark)


def test_the_files_are_what_the_tables_say() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "make_crds.py"))
    written = {path.name: path.read_text() for path in made["TARGET"].glob("*.yaml")}
    assert made["files"]() == written


def test_all_five_kinds_are_there_and_each_fits_a_client_side_apply() -> None:
    assert set(OURS) == set(STRUCTS)
    assert [len(text) for text in crds.documents() if len(text) >= 100_000] == []


@pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"no reference schemas in {REFERENCE}")
@pytest.mark.parametrize("kind", STRUCTS)
def test_every_field_of_the_original_has_the_same_type(kind: str) -> None:
    text = (REFERENCE / f"argo-rollouts.{STRUCTS[kind][1]}.yaml").read_bytes()
    theirs = yaml.load(text, _LOADER)
    their_facts = dict(facts(version(theirs)["schema"]["openAPIV3Schema"]))
    our_facts = dict(facts(version(OURS[kind])["schema"]["openAPIV3Schema"]))
    assert len(their_facts) > 50
    assert {k: our_facts.get(k) for k in their_facts} == their_facts
    more = {key.split(".")[-1].split()[0] for key in our_facts.keys() - their_facts.keys()}
    assert more <= EXTENSIONS
    columns = [(c["name"], c["type"], c["jsonPath"]) for c in columns_of(theirs)]
    assert [(c["name"], c["type"], c["jsonPath"]) for c in columns_of(OURS[kind])] == columns
    assert version(OURS[kind])["subresources"] == version(theirs)["subresources"]
    assert names_of(OURS[kind]) == names_of(theirs)


def columns_of(document: Mapping[str, Any]) -> Any:
    return version(document).get("additionalPrinterColumns", [])


def names_of(document: Mapping[str, Any]) -> Any:
    spec = document["spec"]
    return spec["group"], spec["scope"], spec["names"], document["metadata"]["name"]


def struct_paths(type_: Any, path: str = "") -> Iterator[str]:
    """The path of every field that a Struct reads."""
    origin = get_origin(type_)
    if origin in (Union, types.UnionType):
        for option in get_args(type_):
            yield from struct_paths(option, path)
    elif origin is tuple:
        yield from struct_paths(get_args(type_)[0], path + "[]")
    elif origin is Mapping:
        yield from struct_paths(get_args(type_)[1], path + "{}")
    elif isinstance(type_, type) and issubclass(type_, msgspec.Struct) and type_ is not ObjectMeta:
        hints = get_type_hints(type_)
        for field in msgspec.structs.fields(type_):
            yield f"{path}.{field.encode_name}"
            yield from struct_paths(hints[field.name], f"{path}.{field.encode_name}")


#: The Structs of kinds share these; where a kind does not have one, the Struct just never sees it.
SHARED = {
    ".spec.strategy.canary.steps[].analysis.startingStep",
    ".spec.strategy.blueGreen.prePromotionAnalysis.startingStep",
    ".spec.strategy.blueGreen.postPromotionAnalysis.startingStep",
    ".status.conditions[].lastProbeTime",
    ".status.conditions[].observedGeneration",
}


@pytest.mark.parametrize("kind", STRUCTS)
def test_every_field_of_a_struct_is_in_the_definition(kind: str) -> None:
    known = dict(facts(version(OURS[kind])["schema"]["openAPIV3Schema"]))
    read = {path for path in struct_paths(STRUCTS[kind][0]) if not path.endswith(KEPT)} - SHARED
    assert len(read) > 50
    assert sorted(read - known.keys()) == []


@pytest.mark.parametrize("kind", STRUCTS)
def test_every_field_of_a_definition_is_in_a_struct(kind: str) -> None:
    """Routers and providers that have no adapter yet are unread below their name."""
    read = set(struct_paths(STRUCTS[kind][0]))
    unread = ("trafficRouting.", "provider.", ".template", ".job", "{}", "antiAffinity")
    missing = [
        path
        for path in dict(facts(version(OURS[kind])["schema"]["openAPIV3Schema"]))
        if path and not path.endswith(("[]", "required", "{}"))
        if not path.startswith(".metadata")
        if path not in read and not any(part in path for part in unread)
    ]
    assert missing == []


def test_unknown_fields_are_kept_where_people_misplace_them() -> None:
    rollout = version(OURS["Rollout"])["schema"]["openAPIV3Schema"]["properties"]["spec"]
    canary = rollout["properties"]["strategy"]["properties"]["canary"]
    kept = [
        rollout,
        rollout["properties"]["strategy"],
        canary,
        canary["properties"]["steps"]["items"],
        canary["properties"]["analysis"],
        rollout["properties"]["template"],
    ]
    assert all(schema["x-kubernetes-preserve-unknown-fields"] for schema in kept)

"""The kinds of gateways and meshes: accepted by the API server, true to the published schemas."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.apiserver.api import Api, story
from serinus.local.crds import gateway_api
from serinus.local.crds.catalogue import GATEWAY_CLASS, KINDS, definitions
from serinus.local.crds.words import Kind, definition

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = Path(os.environ.get("SERINUS_REFERENCE", ROOT.parent / "shared")) / "crds"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GATEWAY_API = f"/apis/{gateway_api.GROUP}/v1"
FACTS = ("type", "default", "enum", "minimum", "maximum", "maxItems", "minItems", "format")
LISTS = ("x-kubernetes-list-type", "x-kubernetes-list-map-keys")


async def define(api: Api) -> None:
    for document in definitions():
        await api.ok("POST", CRDS, document)


def test_every_kind_is_established_and_listed() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        stored = (await api.ok("GET", CRDS))["items"]
        assert len(stored) == len(KINDS)
        for item in stored:
            conditions = {row["type"]: row["status"] for row in item["status"]["conditions"]}
            assert conditions["Established"] == "True", item["metadata"]["name"]
        for kind in KINDS:
            for version in kind.versions:
                listed = await api.ok("GET", f"/apis/{kind.group}/{version}/{kind.plural}")
                assert listed["items"] == []

    story(tell)


def test_a_route_as_people_write_it_gets_the_published_defaults() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        body = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "web"},
            "spec": {
                "parentRefs": [{"name": "gw"}],
                "rules": [{"backendRefs": [{"name": "a", "port": 80}]}],
            },
        }
        made = await api.ok("POST", f"{GATEWAY_API}/namespaces/default/httproutes", body)
        assert made["spec"] == {
            "parentRefs": [{"group": gateway_api.GROUP, "kind": "Gateway", "name": "gw"}],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    "backendRefs": [
                        {"group": "", "kind": "Service", "name": "a", "port": 80, "weight": 1}
                    ],
                }
            ],
        }

    story(tell)


def test_a_class_waits_for_its_controller_until_that_says_something() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        made = await api.ok("POST", f"{GATEWAY_API}/gatewayclasses", GATEWAY_CLASS)
        assert [(c["type"], c["status"]) for c in made["status"]["conditions"]] == [
            ("Accepted", "Unknown")
        ]

    story(tell)


@pytest.mark.parametrize(
    ("kind", "spec", "field"),
    [
        ("httproutes", {"rules": [{"backendRefs": [{"name": "a", "weight": -1}]}]}, "weight"),
        ("httproutes", {"rules": [{"backendRefs": [{"weight": 1}]}]}, "name"),
        ("gateways", {"gatewayClassName": "traefik", "listeners": []}, "listeners"),
    ],
)
def test_what_no_gateway_would_take_is_refused(kind: str, spec: Any, field: str) -> None:
    async def tell(api: Api) -> None:
        await define(api)
        name = {"httproutes": "HTTPRoute", "gateways": "Gateway"}[kind]
        body = {
            "apiVersion": f"{gateway_api.GROUP}/v1",
            "kind": name,
            "metadata": {"name": "x"},
            "spec": spec,
        }
        refused = await api.refused("POST", f"{GATEWAY_API}/namespaces/default/{kind}", body)
        assert refused["code"] == 422
        assert field in refused["message"]

    story(tell)


def facts(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Each fact of a schema by its path; the keys of lists count only where they are named."""
    for fact in FACTS:
        if fact in schema:
            yield f"{path} {fact}", schema[fact]
    if schema.get(LISTS[0]) == "map":
        yield from ((f"{path} {fact}", schema[fact]) for fact in LISTS)
    for name, part in (schema.get("properties") or {}).items():
        yield from facts(part, f"{path}.{name}")
    if isinstance(schema.get("items"), Mapping):
        yield from facts(schema["items"], f"{path}[]")


def spec_of(document: Mapping[str, Any], version: str) -> Any:
    found = next(v for v in document["spec"]["versions"] if v["name"] == version)
    return found["schema"]["openAPIV3Schema"]["properties"]["spec"]


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="SERINUS_REFERENCE is not there")
@pytest.mark.parametrize(
    "kind",
    [
        gateway_api.GATEWAY_CLASS,
        gateway_api.GATEWAY,
        gateway_api.HTTP_ROUTE,
        gateway_api.GRPC_ROUTE,
    ],
    ids=lambda kind: kind.name,
)
def test_what_is_defined_here_is_what_was_published(kind: Kind) -> None:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (REFERENCE / f"gateway-api.{kind.plural}.yaml").read_text()
    published = dict(facts(spec_of(yaml.load(text, loader), "v1")))
    ours = dict(facts(spec_of(definition(kind), "v1")))
    assert {path: value for path, value in ours.items() if published.get(path) != value} == {}
    assert len(ours) > 2

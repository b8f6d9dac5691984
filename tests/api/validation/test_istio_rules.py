"""Rules of trafficRouting.istio: its fields, and the objects that it names."""

from __future__ import annotations

from typing import Any

import pytest

from api.worlds import SOUND, World, put
from serinus.api.findings import Missing

C = "spec.strategy.canary."
T = C + "trafficRouting.istio."
OBJECTS = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: prod}
spec:
  hosts: [shop.example.com]
  http:
  - name: primary
    route:
    - {destination: {host: shop-stable}, weight: 100}
    - {destination: {host: shop-canary}, weight: 0}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: parts, namespace: edge}
spec:
  hosts: [shop]
  http:
  - route:
    - {destination: {host: shop.prod.svc.cluster.local, subset: old}, weight: 100}
    - {destination: {host: shop.prod.svc.cluster.local, subset: new}, weight: 0}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop, namespace: prod}
spec:
  host: shop
  subsets:
  - {name: old, labels: {app: shop}}
  - {name: new, labels: {app: shop, rollouts-pod-template-hash: abc}}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: prod}
spec: {selector: {app: shop}, ports: [{port: 80}]}
"""
BY_HOST = {"virtualService": {"name": "shop"}}
RULE = {"name": "shop", "canarySubsetName": "new", "stableSubsetName": "old"}
BY_SUBSET = {"virtualServices": [{"name": "parts.edge"}], "destinationRule": RULE}


def world(istio: dict[str, Any], *, services: bool = True) -> World:
    made = World("---".join((SOUND, OBJECTS)))
    put(made.rollout, C + "trafficRouting", {"istio": istio})
    if not services:
        put(made.rollout, C + "canaryService", ...)
        put(made.rollout, C + "stableService", ...)
    return made


@pytest.mark.parametrize(
    "made",
    [
        world(BY_HOST),
        world(BY_SUBSET, services=False),
        world(BY_SUBSET),
        world({"virtualService": {"name": "shop", "routes": ["primary"]}}),
        world({"virtualServices": [{"name": "shop.prod"}]}),
    ],
)
def test_what_fits_together_is_sound(made: World) -> None:
    assert made.told() == []


@pytest.mark.parametrize(
    ("istio", "told"),
    [
        ({}, "virtualService: is missing; name the VirtualService that splits"),
        ({"virtualService": {"name": ""}}, "virtualService.name: is missing"),
        (
            {"virtualServices": [{"name": "a.b.c"}]},
            "virtualServices[0].name: 'a.b.c' is neither a name nor name.namespace",
        ),
        (
            {"virtualServices": [{"name": "shop"}, {"name": "shop"}]},
            "virtualServices[1].name: 'shop' is named twice",
        ),
        (
            {**BY_SUBSET, "destinationRule": {**RULE, "stableSubsetName": ""}},
            "destinationRule.stableSubsetName: is missing",
        ),
        (
            {**BY_SUBSET, "destinationRule": {**RULE, "stableSubsetName": "new"}},
            "destinationRule.canarySubsetName: 'new' is stableSubsetName too",
        ),
        (
            {**BY_SUBSET, "destinationRule": {**RULE, "additionalSubsetNames": ["old"]}},
            "destinationRule.additionalSubsetNames[0]: 'old' is a subset of this Rollout's own",
        ),
    ],
)
def test_fields_that_cannot_work_are_told(istio: dict[str, Any], told: str) -> None:
    assert any(text.startswith(T + told) for text in world(istio).told())


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("VirtualService", "parts", "virtualServices[0].name"),
        ("DestinationRule", "shop", "destinationRule.name"),
        ("Service", "shop", "destinationRule.name"),
    ],
)
def test_what_is_not_there_is_waited_for(kind: str, name: str, path: str) -> None:
    made = world(BY_SUBSET, services=False)
    made.remove(kind, name)
    namespace = "edge" if kind == "VirtualService" else "prod"
    waiting = Missing(T + path, f"waiting for {kind} {name} in namespace {namespace}")
    assert waiting in made.findings().missing
    assert made.findings().errors == ()


@pytest.mark.parametrize(
    ("kind", "path", "value", "told"),
    [
        (
            "VirtualService",
            "spec.http.0.route.1.destination.host",
            "cart",
            "virtualService.name: VirtualService shop route 'primary' has no destination to the "
            "host shop-canary; it has host shop-stable, host cart",
        ),
        (
            "VirtualService",
            "spec.http.0.route.1.weight",
            "lots",
            "virtualService.name: VirtualService shop has the weight 'lots'",
        ),
        (
            "VirtualService",
            "spec.http",
            [{"name": "a"}, {"name": "b"}],
            "virtualService.name: VirtualService shop has several http routes (route 'a', "
            "route 'b'): name those to split in routes",
        ),
    ],
)
def test_a_virtual_service_that_cannot_be_split_is_told(
    kind: str, path: str, value: Any, told: str
) -> None:
    made = world(BY_HOST)
    put(made.of(kind), path, value)
    assert any(text.startswith(T + told) for text in made.told()), made.told()


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (
            "spec.subsets.1.name",
            "v2",
            "destinationRule.canarySubsetName: DestinationRule shop has no subset 'new'; it has "
            "old, v2",
        ),
        (
            "spec.subsets.0.labels",
            {"app": "shop", "version": "v1"},
            "destinationRule.stableSubsetName: the subset old selects version=v1, which the pods",
        ),
        (
            "spec.host",
            "shop.other",
            "destinationRule.name: DestinationRule shop is for the host 'shop.other'; it must be "
            "a Service of namespace prod",
        ),
    ],
)
def test_a_destination_rule_that_cannot_work_is_told(path: str, value: Any, told: str) -> None:
    made = world(BY_SUBSET, services=False)
    put(made.of("DestinationRule"), path, value)
    assert any(text.startswith(T + told) for text in made.told()), made.told()


def test_a_rule_may_not_divide_a_service_that_selects_one_revision() -> None:
    made = world(BY_SUBSET)
    put(made.of("DestinationRule"), "spec.host", "shop-stable")
    assert any(
        "divides the Service shop-stable, which selects one revision" in t for t in made.told()
    )


def test_managed_routes_do_not_make_a_virtual_service_ambiguous() -> None:
    made = world(BY_HOST)
    put(made.rollout, C + "trafficRouting.managedRoutes", [{"name": "testers"}])
    http = made.of("VirtualService")["spec"]["http"]
    http.insert(0, {"name": "testers", "route": [{"destination": {"host": "shop-canary"}}]})
    assert made.told() == []


def test_a_service_beside_its_rule_needs_no_partner() -> None:
    """A canaryService alone, for analyses, with the traffic split by subset."""
    made = world(BY_SUBSET)
    put(made.rollout, C + "stableService", ...)
    assert made.told() == []


def test_the_services_of_ping_pong_are_those_that_a_route_must_have() -> None:
    made = world(BY_HOST, services=False)
    services = {"pingService": "shop-stable", "pongService": "shop-canary"}
    put(made.rollout, C + "pingPong", services)
    assert not any("virtualService" in text for text in made.told())
    put(made.rollout, C + "pingPong.pongService", "pong")
    assert any("no destination to the host pong" in text for text in made.told())


def test_a_part_of_somebody_else_is_a_warning_that_names_it() -> None:
    made = world(BY_HOST)
    service = made.of("VirtualService")
    cart = {"destination": {"host": "cart"}, "weight": 5}
    service["spec"]["http"][0]["route"].append(cart)
    found = made.findings()
    assert found.problems() == ()
    assert [str(one) for one in found.warnings] == [
        T + "virtualService.name: VirtualService shop: route 'primary' gives 5 to host cart, which "
        "is not this Rollout's: set that weight to 0, or list its subset in additionalSubsetNames"
    ]
    put(service, "metadata.annotations", {"serinus.dev/added-destinations": "trial,cart"})
    assert made.told() == []

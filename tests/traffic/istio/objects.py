"""VirtualServices and DestinationRules as a cluster may hold them, and a route to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from serinus.api.argo import IstioDestinationRule, IstioTrafficRouting, IstioVirtualService
from serinus.core.routing import RouterSeen, Routing
from serinus.traffic.istio.router import IstioRouter
from serinus.traffic.router import ObjectRef, Patch, Route
from traffic.laws import NOON, World

Json = dict[str, Any]
ROUTER = IstioRouter()
RULE = IstioDestinationRule(
    name="web-rule",
    canary_subset_name="canary",
    stable_subset_name="stable",
    additional_subset_names=("beta",),
)


def vs_ref(name: str = "web", namespace: str = "shop") -> ObjectRef:
    api = "networking.istio.io/v1"
    return ObjectRef(api, "virtualservices", "VirtualService", namespace, name)


def rule_ref() -> ObjectRef:
    api = "networking.istio.io/v1"
    return ObjectRef(api, "destinationrules", "DestinationRule", "shop", "web-rule")


def route(
    *names: str | IstioVirtualService,
    rule: IstioDestinationRule | None = None,
    services: bool = True,
    managed: Sequence[str] = ("testers", "shadow"),
) -> Route:
    named = [one if isinstance(one, IstioVirtualService) else virtual(one) for one in names]
    return Route(
        owner_name="checkout",
        owner_uid="uid-1",
        namespace="shop",
        stable_service="web-stable" if services else "",
        canary_service="web-canary" if services else "",
        spec=IstioTrafficRouting(
            virtual_services=tuple(named or [virtual("web")]), destination_rule=rule
        ),
        managed=tuple(managed),
    )


def virtual(name: str = "web", **fields: Any) -> IstioVirtualService:
    return IstioVirtualService(name=name, **fields)


def to(host: str, weight: int | None = None, **destination: Any) -> Json:
    """One destination of a route."""
    made: Json = {"destination": {"host": host, **destination}}
    return made if weight is None else {**made, "weight": weight}


def http(name: str = "", *destinations: Json, **fields: Any) -> Json:
    rows = destinations or (to("web-stable", 100), to("web-canary", 0))
    return {**({"name": name} if name else {}), **fields, "route": list(rows)}


def by_subset(name: str = "", weight: int = 0) -> Json:
    stable, canary = to("web", 100 - weight, subset="stable"), to("web", weight, subset="canary")
    return http(name, stable, canary)


def service(*routes: Json, name: str = "web", namespace: str = "shop", **spec: Any) -> Json:
    found = {"http": list(routes)} if routes else {} if spec else {"http": [http()]}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace, "resourceVersion": "7"},
        "spec": {"hosts": ["shop.example.com"], **found, **spec},
    }


def rule(**hashes: str) -> Json:
    """A DestinationRule whose subsets carry these hashes, and one that is somebody else's."""
    subsets = [
        {
            "name": name,
            "labels": {
                "app": "web",
                **({"rollouts-pod-template-hash": hashes[name]} if name in hashes else {}),
            },
        }
        for name in ("stable", "canary")
    ]
    others = [{"name": "beta", "labels": {"beta": "yes"}, "trafficPolicy": {"tls": {}}}]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "web-rule", "namespace": "shop", "resourceVersion": "4"},
        "spec": {
            "host": "web",
            "trafficPolicy": {"tls": {"mode": "SIMPLE"}},
            "subsets": subsets + others,
        },
    }


def world(*objects: Mapping[str, Any], to: Route | None = None) -> World:
    found = objects or (service(),)
    held = {}
    for one in found:
        metadata = one["metadata"]
        is_rule = one["kind"] == "DestinationRule"
        ref = rule_ref() if is_rule else vs_ref(metadata["name"], metadata["namespace"])
        held[ref] = one
    return World(to or route(), held)


def seen(at: World) -> RouterSeen:
    return ROUTER.read(at.route, at.read(ROUTER))


def write(at: World, routing: Routing, when: datetime = NOON) -> list[Any]:
    return list(ROUTER.write(at.route, at.read(ROUTER), routing, when))


def patch(at: World, routing: Routing) -> Json:
    """The spec that the only write asks for."""
    (only,) = write(at, routing)
    assert isinstance(only, Patch)
    return dict(only.patch.get("spec", {}))


def weights(at: World, name: str = "web", section: str = "http") -> list[list[tuple[str, Any]]]:
    """Host or subset and weight of every destination, route by route."""
    return [
        [
            (row["destination"].get("subset") or row["destination"]["host"], row.get("weight"))
            for row in one["route"]
        ]
        for one in at.objects[vs_ref(name)]["spec"][section]
    ]

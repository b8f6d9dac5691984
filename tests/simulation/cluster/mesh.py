"""The shop behind a mesh: two VirtualServices divide, the subsets of a DestinationRule choose pods.

What the objects in the store say, as a router and as Services of a world. Knows no controller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serinus.api import names
from serinus.local.apiserver.admission import StoreView
from simulation.model import Service
from simulation.parts import Order, Router
from support.cluster import NAMESPACE

VIEWS = ("web", "web-inner")
_VIEW = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME, namespace: shop}
spec:
  hosts: [NAME]
  http:
  - name: primary
    route:
    - {destination: {host: web, subset: stable}, weight: 100}
    - {destination: {host: web, subset: canary}, weight: 0}
"""
_RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets:
  - {name: stable, labels: {app: web}}
  - {name: canary, labels: {app: web}}
"""
_SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""
OBJECTS = "---".join((_SERVICE, *(_VIEW.replace("NAME", name) for name in VIEWS), _RULE))
STRATEGY = (
    "      trafficRouting: {istio: {virtualServices: [{name: web}, {name: web-inner}], "
    "destinationRule: {name: web, stableSubsetName: stable, canarySubsetName: canary}}}\n"
)


def _found(view: StoreView, plural: str, name: str) -> Mapping[str, Any]:
    found = view.get("networking.istio.io", plural, name, NAMESPACE)
    assert found is not None
    return found


def router(view: StoreView) -> Router:
    """What both VirtualServices say; `apart` where the second differs."""
    first, second = (_weight(_found(view, "virtualservices", name)) for name in VIEWS)
    return Router(weight=first, apart=None if first == second else Order(second))


def _weight(item: Mapping[str, Any]) -> int:
    rows: Iterator[Mapping[str, Any]] = iter(item["spec"]["http"][0]["route"])
    return sum(row.get("weight", 0) for row in rows if row["destination"]["subset"] == "canary")


def side(view: StoreView, name: str) -> Service:
    """Whom a subset chooses: its endpoints follow at once, the proxies do not."""
    rule = _found(view, "destinationrules", "web")
    (subset,) = (one for one in rule["spec"]["subsets"] if one["name"] == name)
    selector = str(subset["labels"].get(names.POD_HASH, ""))
    return Service(selector, shown=selector)

"""A shop behind a mesh: its requests are split by a VirtualService, in one of the usual ways."""

from __future__ import annotations

from typing import Any

from serinus.api.names import POD_HASH
from serinus.control.kinds import DESTINATION_RULES, VIRTUAL_SERVICES
from serinus.kube.resource import CRDS, REPLICASETS
from serinus.local.crds.meshes import ISTIO
from serinus.local.crds.words import definition
from support import shop
from support.cluster import NAMESPACE, PaperCluster

Json = dict[str, Any]

ROLLOUT = shop.rollout(
    "canary",
    """scaleDownDelaySeconds: 10
SERVICES
trafficRouting: {istio: {virtualService: {name: web, routes: [primary]} RULE}}
steps:
- setWeight: 50
- pause: {}
""",
)
SERVICES = "canaryService: web-canary\n      stableService: web-stable"
RULE = ", destinationRule: {name: web, canarySubsetName: canary, stableSubsetName: stable}"
ROOT_SERVICE = shop.service("web")

BY_HOST = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example.com]
  http:
  - name: primary
    timeout: 5s
    route:
    - {destination: {host: web-stable}, weight: 100}
    - {destination: {host: web-canary}, weight: 0}
"""
BY_SUBSET = """
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - name: primary
    route:
    - {destination: {host: web, subset: stable}, weight: 100}
    - {destination: {host: web, subset: canary}, weight: 0}
"""
DESTINATION_RULE = """
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets:
  - {name: stable, labels: {app: web}}
  - {name: canary, labels: {app: web}}
  - {name: beta, labels: {app: web, track: beta}}
"""

_BOTH_SERVICES = (shop.STABLE_SERVICE, shop.CANARY_SERVICE)
_SUBSETS = (ROOT_SERVICE, BY_SUBSET, DESTINATION_RULE)


def rollout(*, services: bool, rule: bool) -> str:
    made = ROLLOUT.replace("SERVICES", SERVICES if services else "maxSurge: 1")
    return made.replace("RULE", RULE if rule else "")


HOSTS = "---".join((rollout(services=True, rule=False), *_BOTH_SERVICES, BY_HOST))
"""Two Services, split by host."""
SUBSETS = "---".join((rollout(services=False, rule=True), *_SUBSETS))
"""One Service, split by subsets."""
BOTH = "---".join((rollout(services=True, rule=True), *_BOTH_SERVICES, *_SUBSETS))
"""Split by subsets, and two Services that follow beside them."""
WAYS = {"hosts": HOSTS, "subsets": SUBSETS, "both": BOTH}


async def serve(cluster: PaperCluster) -> None:
    """The cluster gets Istio's kinds."""
    for kind in ISTIO:
        await cluster.admin.create(CRDS, definition(kind))


async def virtual_service(cluster: PaperCluster) -> Json:
    return dict((await cluster.admin.get(VIRTUAL_SERVICES, "web", NAMESPACE))["spec"])


async def weights(cluster: PaperCluster) -> tuple[int, int]:
    """Of stable and canary, as the route says."""
    spec = await virtual_service(cluster)
    (route,) = (one for one in spec["http"] if one.get("name") == "primary")
    return tuple(row.get("weight", 0) for row in route["route"])  # type: ignore[return-value]


async def subsets(cluster: PaperCluster) -> Json:
    """The image that each subset of the rule selects; "" for all of them."""
    rule = await cluster.admin.get(DESTINATION_RULES, "web", NAMESPACE)
    images = await images_by_hash(cluster)
    return {
        one["name"]: images.get(one["labels"].get(POD_HASH, ""), "")
        for one in rule["spec"]["subsets"]
    }


async def images_by_hash(cluster: PaperCluster) -> dict[str, str]:
    sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
    return {
        one["metadata"]["labels"][POD_HASH]: one["spec"]["template"]["spec"]["containers"][0][
            "image"
        ]
        for one in sets
    }

"""All definitions that every embedded cluster has, and the class that Gateways name."""

from __future__ import annotations

from typing import Any

from serinus.local.crds import gateway_api, meshes, traefik
from serinus.local.crds.words import definition

KINDS = (*gateway_api.KINDS, *traefik.KINDS, *meshes.KINDS)
GATEWAY_CLASS = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "GatewayClass",
    "metadata": {"name": "traefik"},
    "spec": {"controllerName": "traefik.io/gateway-controller"},
}


def definitions() -> tuple[dict[str, Any], ...]:
    """The CustomResourceDefinitions, as one applies them."""
    return tuple(definition(kind) for kind in KINDS)

"""Traefik's configuration, what it is shown, and where it tells what it does. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INGRESS_CLASS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {
        "name": "nginx",
        "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"},
    },
    "spec": {"controller": "k8s.io/ingress-nginx"},
}
BUCKETS_SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3),
    *(0.4, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0),
)
RETRY = {"attempts": 5, "initialInterval": "10ms"}
"""Five, because a try may meet the dead server again; only what found no server is sent again."""


@dataclass(frozen=True, slots=True)
class GatewayPorts:
    """Where the gateway listens on the loopback: requests of users, and its own API and metrics."""

    web: int
    api: int


def static_config(endpoint: str, ports: GatewayPorts, routes_file: str) -> dict[str, Any]:
    """The configuration that Traefik starts with; `endpoint` carries the caller's secret."""
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        # not INFO: at that level it logs the endpoint, which carries the secret
        "log": {"level": "WARN", "format": "json"},
        "entryPoints": {
            "web": {
                "address": f"127.0.0.1:{ports.web}",
                "http": {"middlewares": ["again@file"]},
            },
            "traefik": {"address": f"127.0.0.1:{ports.api}"},
        },
        "api": {"insecure": True, "dashboard": False},
        "ping": {},
        "metrics": {
            "prometheus": {
                "addServicesLabels": True,
                "addEntryPointsLabels": True,
                "buckets": list(BUCKETS_SECONDS),
                "entryPoint": "traefik",
            }
        },
        "providers": {
            "providersThrottleDuration": "50ms",
            "file": {"filename": routes_file, "watch": False},
            "kubernetesIngressNGINX": {
                "endpoint": endpoint,
                "throttleDuration": "50ms",
                "watchIngressWithoutClass": True,
            },
            "kubernetesGateway": {"endpoint": endpoint, "throttleDuration": "50ms"},
            "kubernetesCRD": {
                "endpoint": endpoint,
                "throttleDuration": "50ms",
                # else one Service without endpoints takes its whole route down, at any weight
                "allowEmptyServices": True,
                "safeNaming": False,
            },
        },
    }


def listener_view(stored: Mapping[str, Any], port: int) -> Mapping[str, Any]:
    """A Gateway as Traefik is shown it: whatever port an HTTP listener names, it is `port`.

    Traefik joins a listener to the entry point of the same port; here there is one, at a port that
    was free.
    """
    spec = stored.get("spec") or {}
    shown = [
        {**listener, "port": port} if listener.get("protocol") == "HTTP" else listener
        for listener in spec.get("listeners") or ()
    ]
    return {**stored, "spec": {**spec, "listeners": shown}}


def routes_config() -> dict[str, Any]:
    """What no object of the cluster says: requests that found no server are sent again."""
    return {"http": {"middlewares": {"again": {"retry": RETRY}}}}


def weights_of(service: dict[str, Any]) -> dict[str, int]:
    """The weights in force in one of Traefik's weighted services, by the name of each part."""
    parts = (service.get("weighted") or {}).get("services") or []
    return {str(part["name"]): int(part.get("weight", 1)) for part in parts}


def service_name(namespace: str, ingress: str, service: str, port: int | str) -> str:
    """Traefik's name for what gets an Ingress's traffic to `service` where nothing splits it."""
    return f"{namespace}-{ingress}-{service}-{port}@kubernetesingressnginx"


def traefik_service_name(namespace: str, name: str) -> str:
    """Traefik's name for a TraefikService."""
    return f"{namespace}-{name}@kubernetescrd"


def http_route_prefix(namespace: str, name: str) -> str:
    """How Traefik's names for the splits of an HTTPRoute begin; HTTP_ROUTE_END is their end."""
    return f"httproute-{namespace}-{name}-gw-"


HTTP_ROUTE_END = "-wrr@kubernetesgateway"
_RULE = re.compile(r"-ep-.+-([0-9]+)-[0-9a-f]{20}$")
_PART = re.compile(r"-svc-(.+)-[0-9]+$")


def rule_of(name: str) -> int | None:
    """Which rule of its HTTPRoute one of Traefik's splits is for, from 0; None: it does not say."""
    found = _RULE.search(name.removesuffix(HTTP_ROUTE_END))
    return int(found[1]) if found else None


def backends_of(service: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    """`namespace-name` and weight of each backend of such a split, in order; "" for no Service."""
    parts = weights_of(service).items()
    named = ((_PART.search(name), weight) for name, weight in parts)
    return tuple((found[1] if found else "", weight) for found, weight in named)


def weighted_service_name(namespace: str, ingress: str, service: str, port: int | str) -> str:
    """Traefik's name for the split of an Ingress's traffic to `service`."""
    return f"{namespace}-{ingress}-{service}-{port}-wrr@kubernetesingressnginx"

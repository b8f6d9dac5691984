"""Service names inside the process: `checkout.shop`, `prometheus.monitoring:9090`.

There is no cluster DNS on one machine; who opens connections asks here first. The usual names of a
Prometheus lead to the embedded one unless the user runs a Service of that name.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs

from serinus.local.slices import SERVICE_NAME_LABEL

Address = tuple[str, int]
Message = MutableMapping[str, Any]
Object = Mapping[str, Any]
PROMETHEUS_NAMES = frozenset(
    {
        "prometheus",
        "prometheus-server",
        "prometheus-operated",
        "prometheus-k8s",
        "prometheus-kube-prometheus-prometheus",
        "kube-prometheus-stack-prometheus",
        "kube-prometheus-kube-prome-prometheus",
    }
)
_ENDINGS = (".svc.cluster.local", ".svc")
RESOLVE_PATH = "/resolve"


class Objects(Protocol):
    """The stored objects, as the API server shows them inside the process."""

    def get(self, group: str, plural: str, name: str, namespace: str = "") -> Object | None: ...
    def list(self, group: str, plural: str, namespace: str | None = None) -> tuple[Object, ...]: ...


@dataclass(frozen=True, slots=True)
class ServiceName:
    """What a host names; the namespace is empty for a bare name."""

    name: str
    namespace: str = ""


def service_name(host: str) -> ServiceName | None:
    """The Service that a host may name: `a`, `a.ns`, `a.ns.svc`, `a.ns.svc.cluster.local`."""
    host = host.removesuffix(".").lower()
    for ending in _ENDINGS:
        if host.endswith(ending):
            host = host.removesuffix(ending)
            break
    parts = host.split(".")
    if not all(parts) or len(parts) > 2:
        return None
    return ServiceName(*parts)


def ready_addresses(
    service: Object, slices: Iterator[Object] | tuple[Object, ...], port: int
) -> list[Address]:
    """Where requests to a port of a Service can go now; empty if it has no such port."""
    ports = service.get("spec", {}).get("ports") or ()
    name = next((p.get("name", "") for p in ports if p.get("port") == port), None)
    if name is None:
        return []
    label = service["metadata"]["name"]
    return [
        (address, int(part_port["port"]))
        for part in slices
        if (part["metadata"].get("labels") or {}).get(SERVICE_NAME_LABEL) == label
        for part_port in part.get("ports") or ()
        if part_port.get("name", "") == name
        for endpoint in part.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready", True)
        for address in endpoint["addresses"]
    ]


class Resolver:
    """Addresses of names, turn by turn over the ready pods of a Service."""

    def __init__(self, objects: Objects, prometheus: Address) -> None:
        self._objects = objects
        self._prometheus = prometheus
        self._turn = 0

    def resolve(self, host: str, port: int) -> Address:
        """Where to connect for `host:port`; names that are not the cluster's stay as they are."""
        wanted = service_name(host)
        if wanted is None:
            return host, port
        service = None
        if wanted.namespace:
            service = self._objects.get("", "services", wanted.name, wanted.namespace)
        if service is not None:
            slices = self._objects.list("discovery.k8s.io", "endpointslices", wanted.namespace)
            addresses = ready_addresses(service, slices, port)
            if addresses:
                self._turn += 1
                return addresses[self._turn % len(addresses)]
        elif wanted.name in PROMETHEUS_NAMES:
            return self._prometheus
        return host, port


def with_resolver(
    app: Callable[..., Awaitable[None]], resolve: Callable[[str, int], Address]
) -> Callable[..., Awaitable[None]]:
    """`app`, and `GET /resolve?host=H&port=P` -> `{"host", "port"}` for other processes."""

    async def serve(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != RESOLVE_PATH:
            await app(scope, receive, send)
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        host, port = query.get("host", [""])[0], query.get("port", [""])[0]
        if not host or not port.isdecimal():
            await _answer(send, 400, {"error": "ask as /resolve?host=NAME&port=NUMBER"})
            return
        found = resolve(host, int(port))
        await _answer(send, 200, {"host": found[0], "port": found[1]})

    return serve


async def _answer(send: Any, status: int, body: Mapping[str, Any]) -> None:
    data = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})

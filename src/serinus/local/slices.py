"""Which EndpointSlices a Service should have, and how the gateway is shown them. Pure.

One slice per pod, since every pod has ports of its own. The stored slices are plain: 127.0.0.1 and
the pod's ports. Traefik drops every endpoint whose address text it already has, whatever its port;
so the gateway's view spells each pod's address differently (`spelled_address`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from serinus.api.kubernetes import Service, ServicePort
from serinus.local.node.environment import HOST
from serinus.local.node.podspec import NodePod

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
HEADLESS_LABEL = "service.kubernetes.io/headless"
MANAGED_BY = "endpointslice-controller.k8s.io"


def is_kept(service: Service) -> bool:
    """Whether slices are kept for a Service: it selects pods, and is no name from elsewhere."""
    return bool(service.spec.selector) and service.spec.type != "ExternalName"


def is_selected(service: Service, pod: NodePod) -> bool:
    """Whether the Service's selector is not empty and matches the pod's labels."""
    selector = service.spec.selector
    labels = pod.metadata.labels
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def wanted_slices(service: Service, pods: Iterable[NodePod]) -> dict[str, dict[str, Any]]:
    """The slices by name: one for each selected pod that has a port, lives and is to stay.

    A pod that is being deleted has no endpoint from that moment on; one that is not ready has one
    that says so.
    """
    found: dict[str, dict[str, Any]] = {}
    if service.spec.type == "ExternalName":
        return found  # a name elsewhere: nothing here stands behind it
    for pod in pods:
        over = pod.metadata.deletion_timestamp or pod.status.phase in ("Succeeded", "Failed")
        bound = pod.port() is not None
        if bound and not over and pod.status.pod_ip and is_selected(service, pod):
            made = _slice(service, pod)
            found[made["metadata"]["name"]] = made
    return found


def routed_ports(service: Service, pod: NodePod) -> tuple[tuple[ServicePort, int], ...]:
    """The Service's ports that lead to this pod, each with the loopback port behind it.

    `targetPort` names a declared port by name or number. A number that no container declares (in
    a cluster a process may serve it all the same) leads to the pod's first port if the Service has
    no other one.
    """
    found = ((port, _target(port, pod)) for port in service.spec.ports)
    routed = tuple((port, target) for port, target in found if target is not None)
    wanted, first = service.spec.ports[:1], pod.port()
    if routed or first is None or any(isinstance(port.target_port, str) for port in wanted):
        return routed
    return tuple((port, first) for port in wanted)


def _target(port: ServicePort, pod: NodePod) -> int | None:
    wanted = port.port if port.target_port is None else port.target_port
    protocol = port.protocol or "TCP"
    for declared in pod.spec.declared_ports():
        names = (declared.container_port, str(declared.container_port), declared.name)
        if wanted in names and (declared.protocol or "TCP") == protocol:
            return pod.served(declared)
    return None


def spelled_address(port: int) -> str:
    """127.0.0.1 as v4-mapped IPv6 text in one of 65,536 spellings, one for each port.

    The bits of the port choose the zero padding of six groups and the case of `ffff`.
    """
    digits = [(port >> shift) & 3 for shift in range(0, 12, 2)]
    zeros = [(digit + 1) * "0" for digit in digits[:5]]
    mapped = "".join("F" if (port >> (12 + bit)) & 1 else "f" for bit in range(4))
    return ":".join([*zeros, mapped, "7f00", digits[5] * "0" + "1"])


def gateway_view(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """An EndpointSlice as the gateway sees it; slices that others wrote are left as they are."""
    ports = stored.get("ports") or ()
    addresses = [a for e in stored.get("endpoints") or () for a in e.get("addresses") or ()]
    if not ports or addresses != [HOST]:
        return stored
    address = spelled_address(int(ports[0].get("port") or 0))
    endpoints = [{**endpoint, "addresses": [address]} for endpoint in stored["endpoints"]]
    return {**stored, "addressType": "IPv6", "endpoints": endpoints}


def _slice(service: Service, pod: NodePod) -> dict[str, Any]:
    serving = pod.ready()
    ready = serving or service.spec.publish_not_ready_addresses
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service.metadata.name}-{pod.metadata.name}"[:253].rstrip("-."),
            "namespace": service.metadata.namespace,
            "labels": {
                SERVICE_NAME_LABEL: service.metadata.name,
                MANAGED_BY_LABEL: MANAGED_BY,
            }
            | ({HEADLESS_LABEL: ""} if service.spec.cluster_ip == "None" else {}),
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "name": service.metadata.name,
                    "uid": service.metadata.uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": [HOST],
                "conditions": {"ready": ready, "serving": serving, "terminating": False},
                "nodeName": pod.spec.node_name,
                "targetRef": {
                    "kind": "Pod",
                    "namespace": pod.metadata.namespace,
                    "name": pod.metadata.name,
                    "uid": pod.metadata.uid,
                },
            }
        ],
        # an unnamed port must carry the empty name: a missing one is no match for Traefik
        "ports": [
            {"name": wanted.name, "port": port, "protocol": wanted.protocol or "TCP"}
            for wanted, port in routed_ports(service, pod)
        ],
    }

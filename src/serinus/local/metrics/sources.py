"""Pure: objects of the cluster -> what is scraped, and the gauges that a usual cluster exports.

The labels are those of a usual Prometheus on Kubernetes: `namespace`, `pod`, `service`, `job` (the
Service's name), `container`, `instance` and the pod's own labels. A pod behind two Services is
scraped once for each, as it is there: sums without `job` or `service` count it twice, ratios and
quantiles do not change. Reads no clock, opens no connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from serinus.base.quantity import parse_quantity
from serinus.local.metrics.samples import Sample

SERVICE_NAME = "kubernetes.io/service-name"
_NOT_WORD = re.compile(r"[^a-zA-Z0-9_]")
_UNITS = {"memory": "byte", "ephemeral-storage": "byte", "cpu": "core"}
_CONDITIONS = ("true", "false", "unknown")
_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """One address that is scraped, and the labels that its series get."""

    url: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """What one running container has used: resident bytes, and CPU seconds of the wall so far."""

    namespace: str
    pod: str
    container: str
    memory_bytes: float
    cpu_seconds: float


def scrape_targets(pods: Iterable[Object], slices: Iterable[Object]) -> list[Target]:
    """A target per pod and Service that selects it, ready or not, in a stable order.

    Addresses come from the EndpointSlices (first port of each); pods that no slice names are not
    scraped. Objects are in the form of the API (JSON).
    """
    by_name = {_place(pod): pod for pod in pods}
    targets: dict[tuple[str, str, str], Target] = {}
    for part in slices:
        namespace = part["metadata"]["namespace"]
        service = _labels(part).get(SERVICE_NAME, "")
        port = next((p["port"] for p in part.get("ports") or () if p.get("port")), None)
        for endpoint in part.get("endpoints") or ():
            name = (endpoint.get("targetRef") or {}).get("name", "")
            pod = by_name.get((namespace, name))
            addresses = endpoint.get("addresses") or ()
            if pod is None or port is None or not service or not addresses:
                continue
            instance = f"{addresses[0]}:{port}"
            targets[namespace, service, instance] = Target(
                f"http://{instance}/metrics", _target_labels(pod, service, instance)
            )
    return [targets[key] for key in sorted(targets)]


def _target_labels(pod: Object, service: str, instance: str) -> dict[str, str]:
    namespace, name = _place(pod)
    containers = pod.get("spec", {}).get("containers") or ()
    own = {_NOT_WORD.sub("_", key): value for key, value in _labels(pod).items()}
    fixed = {
        "namespace": namespace,
        "pod": name,
        "service": service,
        "job": service,
        "container": containers[0]["name"] if containers else "",
        "instance": instance,
    }
    return {**own, **fixed}


def usage_gauges(usage: Iterable[ContainerUsage], speed: float) -> Iterator[Sample]:
    """What cAdvisor exports about running containers.

    CPU seconds are multiplied by the clock's `speed`: a rate divides by seconds of the clock, and
    so reads cores again.
    """
    for used in usage:
        labels = {
            "namespace": used.namespace,
            "pod": used.pod,
            "container": used.container,
            "job": "kubelet",
        }
        yield Sample("container_memory_working_set_bytes", labels, used.memory_bytes)
        yield Sample("container_memory_rss", labels, used.memory_bytes)
        yield Sample("container_cpu_usage_seconds_total", labels, used.cpu_seconds * speed)


def object_gauges(pods: Iterable[Object]) -> Iterator[Sample]:
    """What kube-state-metrics exports about pods and their containers."""
    for pod in pods:
        namespace, name = _place(pod)
        labels = {"namespace": namespace, "pod": name, "job": "kube-state-metrics"}
        own = {f"label_{_NOT_WORD.sub('_', k)}": v for k, v in _labels(pod).items()}
        yield Sample("kube_pod_labels", {**labels, **own}, 1)
        yield from _status_gauges(pod.get("status") or {}, labels)
        for container in pod.get("spec", {}).get("containers") or ():
            yield from _resource_gauges(container, labels)


def _status_gauges(status: Object, labels: Mapping[str, str]) -> Iterator[Sample]:
    conditions = {c["type"]: c.get("status", "Unknown") for c in status.get("conditions") or ()}
    ready = conditions.get("Ready", "False").lower()
    for condition in _CONDITIONS:
        shown = {**labels, "condition": condition}
        yield Sample("kube_pod_status_ready", shown, float(ready == condition))
    for phase in _PHASES:
        shown = {**labels, "phase": phase}
        yield Sample("kube_pod_status_phase", shown, float(status.get("phase") == phase))
    for container in status.get("containerStatuses") or ():
        shown = {**labels, "container": container["name"]}
        restarts = float(container.get("restartCount") or 0)
        yield Sample("kube_pod_container_status_restarts_total", shown, restarts)


def _resource_gauges(container: Object, labels: Mapping[str, str]) -> Iterator[Sample]:
    for kind in ("requests", "limits"):
        for resource, quantity in ((container.get("resources") or {}).get(kind) or {}).items():
            shown = {
                **labels,
                "container": container["name"],
                "resource": _NOT_WORD.sub("_", resource),
                "unit": _UNITS.get(resource, "integer"),
            }
            amount = float(parse_quantity(quantity))
            yield Sample(f"kube_pod_container_resource_{kind}", shown, amount)


def _place(thing: Object) -> tuple[str, str]:
    return thing["metadata"]["namespace"], thing["metadata"]["name"]


def _labels(thing: Object) -> Mapping[str, str]:
    return thing["metadata"].get("labels") or {}

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

from serinus.api.kubernetes import Container, EndpointSlice, Pod, PodStatus
from serinus.base.quantity import parse_quantity
from serinus.local.metrics.samples import Sample
from serinus.local.node.podspec import NodeContainer, NodePod

SERVICE_NAME = "kubernetes.io/service-name"
_NOT_WORD = re.compile(r"[^a-zA-Z0-9_]")
_UNITS = {"memory": "byte", "ephemeral-storage": "byte", "cpu": "core"}
_CONDITIONS = ("true", "false", "unknown")
AnyPod = Pod | NodePod
_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")


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


def scrape_targets(pods: Iterable[AnyPod], slices: Iterable[EndpointSlice]) -> list[Target]:
    """A target per pod and Service that selects it, ready or not, in a stable order.

    Addresses come from the EndpointSlices: the port whose name says that it has metrics, else the
    first. Pods that no slice names are not scraped.
    """
    by_name = {(pod.metadata.namespace, pod.metadata.name): pod for pod in pods}
    targets: dict[tuple[str, str, str], Target] = {}
    for part in slices:
        namespace = part.metadata.namespace
        service = part.metadata.labels.get(SERVICE_NAME, "")
        ports = sorted(part.ports, key=lambda port: "metrics" not in (port.name or ""))
        port = next((port.port for port in ports if port.port), None)
        for endpoint in part.endpoints:
            name = endpoint.target_ref.name if endpoint.target_ref else ""
            pod = by_name.get((namespace, name))
            if pod is None or port is None or not service or not endpoint.addresses:
                continue
            instance = f"{endpoint.addresses[0]}:{port}"
            targets[namespace, service, instance] = Target(
                f"http://{instance}/metrics", _target_labels(pod, service, instance)
            )
    return [targets[key] for key in sorted(targets)]


def _target_labels(pod: AnyPod, service: str, instance: str) -> dict[str, str]:
    own = {_NOT_WORD.sub("_", key): value for key, value in pod.metadata.labels.items()}
    fixed = {
        "namespace": pod.metadata.namespace,
        "pod": pod.metadata.name,
        "service": service,
        "job": service,
        "container": pod.spec.containers[0].name if pod.spec.containers else "",
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


def object_gauges(pods: Iterable[AnyPod]) -> Iterator[Sample]:
    """What kube-state-metrics exports about pods and their containers."""
    for pod in pods:
        labels = {
            "namespace": pod.metadata.namespace,
            "pod": pod.metadata.name,
            "job": "kube-state-metrics",
        }
        own = {f"label_{_NOT_WORD.sub('_', k)}": v for k, v in pod.metadata.labels.items()}
        yield Sample("kube_pod_labels", {**labels, **own}, 1)
        yield from _status_gauges(pod.status, labels)
        for container in pod.spec.containers:
            yield from _resource_gauges(container, labels)


def _status_gauges(status: PodStatus, labels: Mapping[str, str]) -> Iterator[Sample]:
    ready = next((c.status.lower() for c in status.conditions if c.type == "Ready"), "false")
    for condition in _CONDITIONS:
        shown = {**labels, "condition": condition}
        yield Sample("kube_pod_status_ready", shown, float(ready == condition))
    for phase in _PHASES:
        shown = {**labels, "phase": phase}
        yield Sample("kube_pod_status_phase", shown, float(status.phase == phase))
    for container in status.container_statuses:
        shown = {**labels, "container": container.name}
        restarts = float(container.restart_count)
        yield Sample("kube_pod_container_status_restarts_total", shown, restarts)


def _resource_gauges(
    container: Container | NodeContainer, labels: Mapping[str, str]
) -> Iterator[Sample]:
    """Requests and limits; a quantity that cannot be read exports nothing."""
    resources = container.resources
    for kind, quantities in (("requests", resources.requests), ("limits", resources.limits)):
        for resource, quantity in quantities.items():
            shown = {
                **labels,
                "container": container.name,
                "resource": _NOT_WORD.sub("_", resource),
                "unit": _UNITS.get(resource, "integer"),
            }
            try:
                amount = float(parse_quantity(quantity))
            except ValueError:
                continue
            yield Sample(f"kube_pod_container_resource_{kind}", shown, amount)

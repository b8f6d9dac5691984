"""What is scraped and exported, from objects alone."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from serinus.api.kubernetes import EndpointSlice, Pod
from serinus.api.wire import decode
from serinus.local.metrics.sources import (
    ContainerUsage,
    Target,
    object_gauges,
    scrape_targets,
    usage_gauges,
)


def pod(name: str, **changes: Any) -> Pod:
    body: dict[str, Any] = {
        "metadata": {
            "name": name,
            "namespace": "production",
            "labels": {"app": "shop", "app.kubernetes.io/part-of": "eshop"},
        },
        "spec": {
            "containers": [
                {
                    "name": "web",
                    "resources": {
                        "limits": {"cpu": "250m", "memory": "1Gi"},
                        "requests": {"memory": "64Mi", "nvidia.com/gpu": 1},
                    },
                },
                {"name": "side", "resources": {"limits": {"cpu": "much"}}},
            ]
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "web", "restartCount": 2}],
        },
    }
    return decode(Pod, {**body, **changes})


def slice_of(
    service: str, *places: tuple[str, int], namespace: str = "production"
) -> EndpointSlice:
    return decode(
        EndpointSlice,
        {
            "metadata": {
                "name": f"{service}-x",
                "namespace": namespace,
                "labels": {"kubernetes.io/service-name": service},
            },
            "ports": [{"name": "", "port": places[0][1]}],
            "endpoints": [
                {
                    "addresses": ["127.0.0.1"],
                    "conditions": {"ready": False},
                    "targetRef": {"kind": "Pod", "name": name},
                }
                for name, _ in places
            ],
        },
    )


def test_a_pod_is_a_target_once_for_each_service_that_selects_it() -> None:
    found = scrape_targets(
        [pod("a"), pod("lonely")],
        [slice_of("shop-stable", ("a", 4001)), slice_of("shop", ("a", 4001), ("gone", 4001))],
    )
    labels = {
        "app": "shop",
        "app_kubernetes_io_part_of": "eshop",
        "namespace": "production",
        "pod": "a",
        "container": "web",
        "instance": "127.0.0.1:4001",
    }
    assert found == [
        Target("http://127.0.0.1:4001/metrics", {**labels, "service": name, "job": name})
        for name in ("shop", "shop-stable")
    ]


@pytest.mark.parametrize(
    ("names", "scraped"),
    [(("http", "http-metrics"), 2), (("metrics", "http"), 1), (("", "x"), 1)],
)
def test_the_port_that_says_metrics_is_scraped_else_the_first(
    names: tuple[str, str], scraped: int
) -> None:
    ports = [{"name": name, "port": number} for number, name in enumerate(names, 1)]
    one = slice_of("shop", ("a", 1))
    ports_read = decode(EndpointSlice, {"ports": ports}).ports
    (target,) = scrape_targets([pod("a")], [replace(one, ports=ports_read)])
    assert target.url == f"http://127.0.0.1:{scraped}/metrics"


def test_a_slice_of_another_namespace_selects_nothing_here() -> None:
    assert scrape_targets([pod("a")], [slice_of("shop", ("a", 1), namespace="other")]) == []


def test_cpu_seconds_are_stretched_so_that_rates_of_a_fast_clock_read_cores() -> None:
    used = ContainerUsage("production", "a", "web", 32 * 2**20, 1.5)
    found = {sample.name: sample for sample in usage_gauges([used], speed=30)}
    assert found["container_cpu_usage_seconds_total"].value == 45.0
    assert found["container_memory_working_set_bytes"].value == 32 * 2**20
    assert found["container_memory_working_set_bytes"].labels == {
        "namespace": "production",
        "pod": "a",
        "container": "web",
        "job": "kubelet",
    }


def test_the_state_of_pods_is_exported_as_kube_state_metrics_does() -> None:
    found = {
        (s.name, *(s.labels.get(k, "") for k in ("container", "resource", "unit", "condition"))): (
            s.value
        )
        for s in object_gauges([pod("a")])
        if s.name != "kube_pod_status_phase"
    }
    assert found == {
        ("kube_pod_labels", "", "", "", ""): 1,
        ("kube_pod_status_ready", "", "", "", "true"): 1.0,
        ("kube_pod_status_ready", "", "", "", "false"): 0.0,
        ("kube_pod_status_ready", "", "", "", "unknown"): 0.0,
        ("kube_pod_container_status_restarts_total", "web", "", "", ""): 2.0,
        ("kube_pod_container_resource_limits", "web", "cpu", "core", ""): 0.25,
        ("kube_pod_container_resource_limits", "web", "memory", "byte", ""): 2.0**30,
        ("kube_pod_container_resource_requests", "web", "memory", "byte", ""): 64 * 2.0**20,
        ("kube_pod_container_resource_requests", "web", "nvidia_com_gpu", "integer", ""): 1.0,
    }


@pytest.mark.parametrize("phase", ["Pending", "Running", "Failed"])
def test_exactly_the_phase_of_a_pod_is_1(phase: str) -> None:
    shown = object_gauges([pod("a", status={"phase": phase})])
    assert [
        s.labels["phase"] for s in shown if s.name == "kube_pod_status_phase" and s.value == 1
    ] == [phase]


def test_the_labels_of_a_pod_are_exported_with_a_prefix() -> None:
    found = next(s for s in object_gauges([pod("a")]) if s.name == "kube_pod_labels")
    assert found.labels["label_app_kubernetes_io_part_of"] == "eshop"

"""Services to endpoint slices, and the gateway's way to see them."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from serinus.api.kubernetes import Service
from serinus.api.wire import decode
from serinus.local.node.podspec import NodePod
from serinus.local.slices import gateway_view, spelled_address, wanted_slices


def pod(name: str = "p", port: int | None = 20001, **changes: Any) -> NodePod:
    annotations = {} if port is None else {"serinus.dev/port": str(port)}
    metadata = {"name": name, "namespace": "n", "uid": f"u-{name}", "labels": {"app": "web"}}
    status: dict[str, Any] = {"podIP": "127.0.0.1", "phase": "Running"}
    status["conditions"] = [{"type": "Ready", "status": changes.pop("ready", "True")}]
    ports = changes.pop("ports", [{"name": "http", "containerPort": 8080}])
    return decode(
        NodePod,
        {
            "metadata": metadata | {"annotations": annotations} | changes.pop("metadata", {}),
            "spec": {"nodeName": "local", "containers": [{"name": "c", "ports": ports}]},
            "status": status | changes,
        },
    )


def two_ports(mapped: bool = True) -> NodePod:
    ports = [{"name": "http", "containerPort": 8080}, {"name": "admin", "containerPort": 9090}]
    notes = {"serinus.dev/port": "20001", "serinus.dev/ports": '{"8080":20001,"9090":20002}'}
    if not mapped:
        del notes["serinus.dev/ports"]
    return pod(ports=ports, metadata={"annotations": notes})


def service(*ports: dict[str, Any], selector: dict[str, str] | None = None) -> Service:
    return decode(
        Service,
        {
            "metadata": {"name": "svc", "namespace": "n", "uid": "u-svc"},
            "spec": {
                "selector": {"app": "web"} if selector is None else selector,
                "ports": list(ports) or [{"port": 80, "targetPort": 8080}],
            },
        },
    )


def test_a_slice_carries_one_pods_address_port_and_conditions() -> None:
    (made,) = wanted_slices(service(), [pod()]).values()
    assert made["metadata"]["name"] == "svc-p"
    assert made["metadata"]["labels"]["kubernetes.io/service-name"] == "svc"
    assert made["addressType"] == "IPv4"
    assert made["ports"] == [{"name": "", "port": 20001, "protocol": "TCP"}]
    assert made["endpoints"] == [
        {
            "addresses": ["127.0.0.1"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": "local",
            "targetRef": {"kind": "Pod", "namespace": "n", "name": "p", "uid": "u-p"},
        }
    ]


@pytest.mark.parametrize(
    ("made", "slices"),
    [
        (pod(), 1),
        (pod(ready="False"), 1),
        (pod(port=None), 0),
        (pod(podIP=""), 0),
        (pod(phase="Failed"), 0),
        (pod(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}), 0),
        (pod(metadata={"labels": {"app": "other"}}), 0),
    ],
)
def test_only_pods_that_can_serve_and_are_to_stay_have_an_endpoint(
    made: NodePod, slices: int
) -> None:
    assert len(wanted_slices(service(), [made])) == slices


def test_a_pod_that_is_not_ready_has_an_endpoint_that_says_so() -> None:
    (made,) = wanted_slices(service(), [pod(ready="False")]).values()
    assert made["endpoints"][0]["conditions"]["ready"] is False


def test_a_service_without_selector_selects_nothing() -> None:
    assert wanted_slices(service(selector={}), [pod()]) == {}


@pytest.mark.parametrize(
    ("ports", "names"),
    [
        ([{"name": "web", "port": 80, "targetPort": "http"}], ["web"]),
        ([{"name": "web", "port": 80, "targetPort": 9}], ["web"]),
        ([{"name": "m", "port": 9090}, {"name": "w", "port": 80, "targetPort": 8080}], ["w"]),
        ([{"name": "m", "port": 9090}, {"name": "w", "port": 80, "targetPort": "http"}], ["w"]),
        ([{"name": "a", "port": 8080}, {"name": "b", "port": 80, "targetPort": 8080}], ["a", "b"]),
        ([{"name": "a", "port": 1}, {"name": "b", "port": 2}], ["a"]),
    ],
)
def test_the_ports_that_lead_to_the_served_port_are_in_the_slice(
    ports: list[dict[str, Any]], names: list[str]
) -> None:
    (made,) = wanted_slices(service(*ports), [pod()]).values()
    assert [(port["name"], port["port"]) for port in made["ports"]] == [(n, 20001) for n in names]


@pytest.mark.parametrize(
    ("ports", "routed"),
    [
        ([{"port": 80, "targetPort": 9090}], [("", 20002)]),
        ([{"port": 80, "targetPort": "admin"}], [("", 20002)]),
        ([{"port": 80, "targetPort": "http"}], [("", 20001)]),
        ([{"port": 9090}], [("", 20002)]),
        (
            [{"name": "a", "port": 9090}, {"name": "w", "port": 80, "targetPort": "http"}],
            [("a", 20002), ("w", 20001)],
        ),
        ([{"port": 80, "targetPort": 7777}], [("", 20001)]),
        ([{"port": 80, "targetPort": "none"}], []),
        ([{"port": 9090, "protocol": "UDP", "targetPort": "admin"}], []),
        (
            [{"name": "x", "port": 80, "targetPort": "none"}, {"name": "a", "port": 9090}],
            [("a", 20002)],
        ),
    ],
)
def test_each_port_of_a_service_leads_to_the_declared_port_that_it_targets(
    ports: list[dict[str, Any]], routed: list[tuple[str, int]]
) -> None:
    (made,) = wanted_slices(service(*ports), [two_ports()]).values()
    assert [(port["name"], port["port"]) for port in made["ports"]] == routed


def test_a_pod_without_a_map_of_ports_serves_all_of_them_at_its_one() -> None:
    (made,) = wanted_slices(service({"port": 9090}), [two_ports(mapped=False)]).values()
    assert [port["port"] for port in made["ports"]] == [20001]


def test_every_port_has_its_own_spelling_of_the_one_address() -> None:
    spelled = {spelled_address(port) for port in range(65536)}
    assert len(spelled) == 65536
    for text in (spelled_address(0), spelled_address(20001), spelled_address(65535)):
        assert ipaddress.IPv6Address(text).ipv4_mapped == ipaddress.IPv4Address("127.0.0.1")


def test_the_gateway_sees_spelled_addresses_and_everything_else_unchanged() -> None:
    (stored,) = wanted_slices(service(), [pod()]).values()
    seen = gateway_view(stored)
    assert seen["addressType"] == "IPv6"
    assert seen["endpoints"][0]["addresses"] == [spelled_address(20001)]
    assert seen["ports"] == stored["ports"]
    assert stored["endpoints"][0]["addresses"] == ["127.0.0.1"]


def test_slices_of_others_are_shown_as_they_are() -> None:
    foreign = {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": []}
    assert gateway_view(foreign) is foreign

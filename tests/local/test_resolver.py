"""Service names to addresses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from serinus.local.resolver import Resolver, ServiceName, service_name, with_resolver
from support.steady import run_steady

PROMETHEUS = ("127.0.0.1", 9999)


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("web", ServiceName("web")),
        ("web.shop", ServiceName("web", "shop")),
        ("web.shop.svc", ServiceName("web", "shop")),
        ("web.shop.svc.cluster.local", ServiceName("web", "shop")),
        ("Web.Shop.svc.cluster.local.", ServiceName("web", "shop")),
        ("api.datadoghq.com", None),
        ("127.0.0.1", None),
        ("", None),
    ],
)
def test_hosts_that_may_name_a_service(host: str, wanted: ServiceName | None) -> None:
    assert service_name(host) == wanted


class Stored:
    """Two pods behind `web.shop`, one of them not ready; an empty `prometheus.own`."""

    def get(self, group: str, plural: str, name: str, namespace: str = "") -> Any:
        ports = [{"port": 80, "name": "http"}, {"port": 90, "name": "other"}]
        known = {("web", "shop"): ports, ("prometheus", "own"): ports}
        held = known.get((name, namespace))
        return held and {"metadata": {"name": name}, "spec": {"ports": held}}

    def list(self, group: str, plural: str, namespace: str | None = None) -> Any:
        return tuple(
            {
                "metadata": {"labels": {"kubernetes.io/service-name": "web"}},
                "ports": [{"name": "http", "port": port}],
                "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": ready}}],
            }
            for port, ready in ((20001, True), (20002, False), (20003, True))
        )


@pytest.mark.parametrize(
    ("host", "port", "wanted"),
    [
        ("prometheus.monitoring", 9090, PROMETHEUS),
        ("prometheus.monitoring.svc.cluster.local", 9090, PROMETHEUS),
        ("kube-prometheus-stack-prometheus.observability", 9090, PROMETHEUS),
        ("prometheus", 80, PROMETHEUS),
        ("prometheus.own", 80, ("prometheus.own", 80)),
        ("web.shop", 81, ("web.shop", 81)),
        ("web.shop", 90, ("web.shop", 90)),
        ("web.other", 80, ("web.other", 80)),
        ("example.com", 443, ("example.com", 443)),
    ],
)
def test_names_lead_to_the_cluster_or_stay_as_they_are(
    host: str, port: int, wanted: tuple[str, int]
) -> None:
    assert Resolver(Stored(), PROMETHEUS).resolve(host, port) == wanted


def test_a_service_leads_to_its_ready_pods_in_turn() -> None:
    resolver = Resolver(Stored(), PROMETHEUS)
    found = Counter(resolver.resolve("web.shop.svc", 80) for _ in range(10))
    assert found == {("127.0.0.1", 20001): 5, ("127.0.0.1", 20003): 5}


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        (b"host=prometheus.x&port=9090", 200, {"host": "127.0.0.1", "port": 9999}),
        (b"host=example.com&port=1", 200, {"host": "example.com", "port": 1}),
        (b"host=x", 400, {"error": "ask as /resolve?host=NAME&port=NUMBER"}),
    ],
)
def test_other_processes_ask_over_http(query: bytes, status: int, body: Mapping[str, Any]) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def other(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("not for the application behind")

    app = with_resolver(other, Resolver(Stored(), PROMETHEUS).resolve)
    scope = {"type": "http", "path": "/resolve", "query_string": query}
    run_steady(app(scope, None, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == status
    assert json.loads(sent[1]["body"]) == body

"""Traffic by the Gateway API and by Traefik's own kinds: real Traefik, real pods, real requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from local.whole import HOST, cluster, needs_traefik, plan, routed, service, workload
from serinus.kube.client import Client
from serinus.kube.resource import REPLICASETS, SERVICES, Resource
from serinus.local.cluster import Cluster
from serinus.local.gateway.config import listener_view
from serinus.local.load.report import Tally
from serinus.local.load.sender import Sender
from support.steady import run_steady

GATEWAY_API = "gateway.networking.k8s.io"
GATEWAYS = Resource(GATEWAY_API, "v1", "gateways", "Gateway")
HTTP_ROUTES = Resource(GATEWAY_API, "v1", "httproutes", "HTTPRoute")
INGRESS_ROUTES = Resource("traefik.io", "v1alpha1", "ingressroutes", "IngressRoute")
TRAEFIK_SERVICES = Resource("traefik.io", "v1alpha1", "traefikservices", "TraefikService")
Json = dict[str, Any]
Weigh = Callable[[Client, int], Any]


def manifest(resource: Resource, name: str, spec: Json) -> Json:
    group = f"{resource.group}/{resource.version}"
    return {"apiVersion": group, "kind": resource.kind, "metadata": {"name": name}, "spec": spec}


def backends(share: int) -> list[Json]:
    return [
        {"name": "old", "port": 80, "weight": 100 - share},
        {"name": "new", "port": 80, "weight": share},
    ]


async def http_route(client: Client) -> Weigh:
    listener = {"name": "web", "port": 80, "protocol": "HTTP"}
    gateway = {"gatewayClassName": "traefik", "listeners": [listener]}
    await client.create(GATEWAYS, manifest(GATEWAYS, "gw", gateway), "default")
    rules = [{"backendRefs": backends(0)}]
    spec = {"parentRefs": [{"name": "gw"}], "hostnames": [HOST], "rules": rules}
    await client.create(HTTP_ROUTES, manifest(HTTP_ROUTES, "web", spec), "default")

    async def weigh(client: Client, share: int) -> None:
        patch = {"spec": {"rules": [{"backendRefs": backends(share)}]}}
        await client.patch(HTTP_ROUTES, "web", patch, "default")

    return weigh


async def traefik_service(client: Client) -> Weigh:
    weighted = {"weighted": {"services": backends(0)}}
    await client.create(TRAEFIK_SERVICES, manifest(TRAEFIK_SERVICES, "split", weighted), "default")
    to = [{"name": "split", "kind": "TraefikService"}]
    rule = {"kind": "Rule", "match": f"Host(`{HOST}`)", "services": to}
    spec = {"entryPoints": ["web"], "routes": [rule]}
    await client.create(INGRESS_ROUTES, manifest(INGRESS_ROUTES, "web", spec), "default")

    async def weigh(client: Client, share: int) -> None:
        patch = {"spec": {"weighted": {"services": backends(share)}}}
        await client.patch(TRAEFIK_SERVICES, "split", patch, "default")

    return weigh


ROUTES = {"HTTPRoute": http_route, "TraefikService": traefik_service}


async def until(made: Cluster, holds: Callable[[Mapping[str, int]], bool]) -> Mapping[str, int]:
    """Requests per version of the first short load of which `holds` is true."""
    while True:
        tally = await Sender(plan(made, for_seconds=0.1), made.clock).run(asyncio.Event())
        seen = {name: version.requests for name, version in tally.versions.items()}
        if holds(seen):
            return seen


async def moved(kind: str) -> tuple[Tally, list[set[str]]]:
    """The share of the new version: none, a half, all of it, none; under steady load."""
    async with cluster() as (made, client, pods):
        for name, tag in (("old", "v1"), ("new", "v2")):
            labels = {"app": name}
            replicas = workload(name, f"acme/web:{tag}", 2, labels)
            await client.create(REPLICASETS, replicas, "default")
            await client.create(SERVICES, service(name, labels), "default")
        await pods.ready(4)
        weigh = await ROUTES[kind](client)
        await routed(made, 10)
        stop = asyncio.Event()
        sending = asyncio.create_task(Sender(plan(made), made.clock).run(stop))
        seen = []
        for share, versions in ((50, {"v1", "v2"}), (100, {"v2"}), (0, {"v1"})):
            await weigh(client, share)
            seen.append(set(await until(made, lambda got, want=versions: set(got) == want)))
        stop.set()
        return await sending, seen


@needs_traefik
@pytest.mark.parametrize("kind", ROUTES)
def test_weights_are_obeyed_and_no_request_is_lost(kind: str) -> None:
    tally, seen = run_steady(moved(kind))
    assert tally.lost == []
    assert seen == [{"v1", "v2"}, {"v2"}, {"v1"}]


@needs_traefik
def test_a_part_without_endpoints_and_without_weight_takes_nothing_down() -> None:
    """Traefik leaves such a route out altogether, if it is not told to keep it."""

    async def story() -> Mapping[str, int]:
        async with cluster() as (made, client, pods):
            labels = {"app": "old"}
            replicas = workload("old", "acme/web:v1", 1, labels)
            await client.create(REPLICASETS, replicas, "default")
            for name in ("old", "new"):
                await client.create(SERVICES, service(name, {"app": name}), "default")
            await pods.ready(1)
            await traefik_service(client)
            return await until(made, lambda seen: set(seen) == {"v1"})

    assert run_steady(story())["v1"] > 0


@needs_traefik
def test_the_gateway_tells_in_status_that_it_has_taken_a_route() -> None:
    async def story() -> tuple[Json, Json]:
        async with cluster() as (made, client, pods):
            labels = {"app": "old"}
            replicas = workload("old", "acme/web:v1", 1, labels)
            await client.create(REPLICASETS, replicas, "default")
            for name in ("old", "new"):
                await client.create(SERVICES, service(name, labels), "default")
            await pods.ready(1)
            await http_route(client)
            await routed(made, 5)
            while True:
                route = await client.get(HTTP_ROUTES, "web", "default")
                gateway = await client.get(GATEWAYS, "gw", "default")
                parents = (route.get("status") or {}).get("parents")
                if parents and gateway["status"].get("listeners"):
                    return parents[0], gateway
                await made.clock.sleep_wall(0.05)

    parent, gateway = run_steady(story())
    assert parent["controllerName"] == "traefik.io/gateway-controller"
    conditions = {item["type"]: item["status"] for item in parent["conditions"]}
    assert conditions == {"Accepted": "True", "ResolvedRefs": "True"}
    # what is stored is what its author wrote; only the gateway is shown another port
    assert gateway["spec"]["listeners"][0]["port"] == 80
    assert gateway["status"]["listeners"][0]["attachedRoutes"] == 1


def test_only_listeners_of_plain_http_are_shown_at_the_port_of_the_entry_point() -> None:
    plain = {"name": "web", "port": 80, "protocol": "HTTP"}
    secure = {"name": "tls", "port": 443, "protocol": "HTTPS"}
    stored = {"metadata": {"name": "gw"}, "spec": {"listeners": [plain, secure]}}
    shown = listener_view(stored, 31000)
    assert [listener["port"] for listener in shown["spec"]["listeners"]] == [31000, 443]
    assert stored["spec"]["listeners"][0]["port"] == 80

"""The weights that the embedded gateway has in force, as the controller asks for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local.gateway.test_providers import backends, http_route, traefik_service
from local.whole import cluster, ingress, needs_traefik, routed, service, workload
from serinus.api.argo import NginxTrafficRouting, TraefikTrafficRouting
from serinus.cli.verifying import is_obeyed, verify_by
from serinus.control.looking.in_force import Question
from serinus.core.routing import Routing
from serinus.kube.resource import INGRESSES, REPLICASETS, SERVICES
from serinus.local.cluster import Cluster
from serinus.traffic.gatewayapi.router import GatewayApiRouter
from serinus.traffic.nginx import NginxRouter
from serinus.traffic.router import Route, Router
from serinus.traffic.traefik import TraefikRouter
from support.steady import run_steady

ROUTE = Route(
    owner_name="web",
    owner_uid="u",
    namespace="default",
    stable_service="old",
    canary_service="new",
    spec=NginxTrafficRouting(stable_ingress="web"),
)
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"


@pytest.mark.parametrize(
    ("parts", "routing", "obeyed"),
    [
        ({"a-old-80@x": 1}, Routing(0), True),
        ({"a-old-80@x": 1}, Routing(5), False),
        ({"a-old-80@x": 95, "a-old-80-canary@x": 5}, Routing(5), True),
        ({"a-old-80@x": 95, "a-old-80-canary@x": 5}, Routing(0), False),
        ({"a-old-80@x": 0, "a-old-80-canary@x": 100}, Routing(100), True),
        ({"a-old-80@x": 750, "a-old-80-canary@x": 250}, Routing(250, 1000), True),
        ({"a-old-80@x": 750, "a-old-80-canary@x": 250}, Routing(250), False),
    ],
)
def test_a_weight_is_obeyed_if_the_parts_are_in_its_ratio(
    parts: dict[str, int], routing: Routing, obeyed: bool
) -> None:
    assert is_obeyed(parts, routing) is obeyed


def question(weight: int, stable: dict[str, Any], router: str = "nginx") -> Question:
    (ref, _) = NginxRouter().references(ROUTE)
    return Question(router, ROUTE, {ref: stable}, Routing(weight))


@needs_traefik
def test_traefik_confirms_the_weight_that_it_has_in_force_and_no_other() -> None:
    async def until(made: Cluster, asked: Question) -> None:
        while await verify_by(made.gateway)(asked) is not True:
            await made.clock.sleep_wall(0.02)

    async def story() -> list[bool | None]:
        async with cluster() as (made, client, pods):
            verify = verify_by(made.gateway)
            for name in ("old", "new"):
                labels = {"app": name}
                manifest = workload(name, f"acme/web:{name}", 1, labels)
                await client.create(REPLICASETS, manifest, "default")
                await client.create(SERVICES, service(name, labels), "default")
            stable = ingress("web", "old")
            before = await verify(question(0, stable))
            await client.create(INGRESSES, stable, "default")
            await pods.ready(2)
            await routed(made, 3)
            await until(made, question(0, stable))
            marks = {"canary": "true", "canary-weight": "50"}
            await client.create(INGRESSES, ingress("web-web-canary", "new", marks), "default")
            await until(made, question(50, stable))
            now = [await verify(question(weight, stable)) for weight in (0, 50, 100)]
            patch = {"metadata": {"annotations": {WEIGHT: "0"}}}
            await client.patch(INGRESSES, "web-web-canary", patch, "default")
            await until(made, question(0, stable))
            now.append(await verify(question(50, stable)))
            now.append(await verify(question(50, stable, router="istio")))
        return [before, *now, await verify(question(0, stable))]

    assert run_steady(story()) == [None, False, True, False, False, None, None]


def asked(router: Router, spec: Any, body: dict[str, Any], weight: int) -> Question:
    route = replace(ROUTE, spec=spec)
    (ref,) = router.references(route)
    return Question(router.name, route, {ref: body}, Routing(weight))


def split_by(kind: str) -> tuple[Router, Any, Any]:
    """A router, its spec, and how an object that splits is made."""
    if kind == "TraefikService":
        spec = TraefikTrafficRouting(weighted_traefik_service_name="split")
        return TraefikRouter(), spec, traefik_service
    return GatewayApiRouter(), {"httpRoute": "web"}, http_route


@needs_traefik
@pytest.mark.parametrize("kind", ["TraefikService", "HTTPRoute"])
def test_so_it_does_for_its_own_kind_and_for_routes_of_the_gateway_api(kind: str) -> None:
    router, spec, made_by = split_by(kind)

    async def story() -> list[bool | None]:
        async with cluster() as (made, client, pods):
            verify = verify_by(made.gateway)
            for name in ("old", "new"):
                labels = {"app": name}
                manifest = workload(name, f"acme/web:{name}", 1, labels)
                await client.create(REPLICASETS, manifest, "default")
                await client.create(SERVICES, service(name, labels), "default")
            await pods.ready(2)
            body = {"spec": body_of(kind, 0)}
            answers = [await verify(asked(router, spec, body, 0))]
            weigh = await made_by(client)
            await routed(made, 3)
            for weight in (0, 50, 0):
                await weigh(client, weight)
                body = {"spec": body_of(kind, weight)}
                while await verify(asked(router, spec, body, weight)) is not True:
                    await made.clock.sleep_wall(0.02)
                other = {"spec": body_of(kind, 100)}
                answers.append(await verify(asked(router, spec, other, 100)))
            return answers

    assert run_steady(story()) == [None, False, False, False]


def body_of(kind: str, share: int) -> dict[str, Any]:
    if kind == "TraefikService":
        return {"weighted": {"services": backends(share)}}
    return {"rules": [{"backendRefs": backends(share)}]}

"""The plugin argoproj-labs/gatewayAPI is built in; what it does not do here is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from api.worlds import World, put

C = "spec.strategy.canary."
PLUGIN = "argoproj-labs/gatewayAPI"
HERE = f"{C}trafficRouting.plugins[{PLUGIN}]"
HEADER = {"name": "r", "match": [{"headerName": "x", "headerValue": {"exact": "y"}}]}
MIRROR = {"name": "r", "match": [{"path": {"prefix": "/"}}]}


ROUTES = "---".join(
    f"""
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}, namespace: {namespace}}}
"""
    for kind in ("HTTPRoute", "GRPCRoute", "TCPRoute")
    for name in ("web", "api", "raw", "w")
    for namespace in ("prod", "edge")
)


def told(plugins: Any, *steps: dict[str, Any], **canary: Any) -> list[str]:
    world = World()
    world.add(ROUTES)
    routing = {"managedRoutes": [{"name": "r"}], "plugins": plugins}
    put(world.rollout, C + "trafficRouting", routing)
    put(world.rollout, C + "steps", [*steps, {"setWeight": 20}])
    for name, value in canary.items():
        put(world.rollout, C + name, value)
    return list(world.told())


@pytest.mark.parametrize(
    "config",
    [
        {"httpRoute": "web"},
        {"httpRoute": "web", "namespace": "edge", "configMap": "any"},
        {"httpRoutes": [{"name": "web", "useHeaderRoutes": True}, {"name": "api"}]},
        {"grpcRoute": "web", "tcpRoute": "raw", "disableInProgressLabel": True},
    ],
)
def test_a_configuration_of_the_plugin_is_taken_as_it_is(config: dict[str, Any]) -> None:
    assert told({PLUGIN: config}, {"setHeaderRoute": HEADER}) == []


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, HERE + ".httpRoute: is missing"),
        (None, HERE + ".httpRoute: is missing"),
        ([], HERE + ": must be an object"),
        ({"httpRoute": {}}, HERE + ": Expected `str`"),
        ({"httpRoutes": [{}]}, HERE + ".httpRoutes[0].name: is missing"),
        ({"httpRouts": "web"}, HERE + ".httpRouts: is no field of this plugin"),
        ({"httpRouteSelector": {}}, HERE + ".httpRouteSelector: is not supported yet"),
        ({"grpcRouteSelector": {}}, HERE + ".grpcRouteSelector: is not supported yet"),
        ({"httpRoute": "w", "inProgressLabelKey": "x"}, HERE + ".inProgressLabelKey: is not"),
        ({"httpRoutes": [{"name": "web"}]}, HERE + ": no route takes the header routes"),
        (
            {"tcpRoutes": [{"name": "raw", "useHeaderRoutes": True}]},
            HERE + ".tcpRoutes[0].useHeaderRoutes: a TCPRoute has no headers",
        ),
    ],
)
def test_what_the_plugin_does_not_take_is_named(config: Any, expected: str) -> None:
    found = told({PLUGIN: config}, {"setHeaderRoute": HEADER})
    assert any(text.startswith(expected) for text in found), found


def test_a_mirror_is_refused_and_both_services_are_needed() -> None:
    found = told({PLUGIN: {"httpRoute": "web"}}, {"setMirrorRoute": MIRROR}, canaryService="")
    assert any("setMirrorRoute: works only with istio" in text for text in found)
    assert any(text.startswith(C + "canaryService: is missing") for text in found)


def test_another_plugin_is_refused_by_name_with_the_one_that_is_built_in() -> None:
    (found,) = told({"argoproj-labs/contour": {"httpProxy": "web"}})
    assert found == (
        f"{C}trafficRouting.plugins[argoproj-labs/contour]: plugins of Argo Rollouts are Go "
        f"programs, which Serinus cannot load; built in is: {PLUGIN}"
    )


@pytest.mark.parametrize(
    ("config", "field", "text"),
    [
        ({"httpRoute": "gone"}, "httpRoute", "HTTPRoute gone in namespace prod"),
        (
            {"httpRoute": "gone", "namespace": "edge"},
            "httpRoute",
            "HTTPRoute gone in namespace edge",
        ),
        (
            {"httpRoutes": [{"name": "web"}, {"name": "gone"}]},
            "httpRoutes[1].name",
            "HTTPRoute gone in namespace prod",
        ),
        ({"tlsRoute": "web"}, "tlsRoute", "TLSRoute web in namespace prod"),
    ],
)
def test_a_route_that_is_not_there_yet_is_waited_for(
    config: dict[str, Any], field: str, text: str
) -> None:
    assert told({PLUGIN: config}) == [f"{HERE}.{field}: waiting for {text}"]

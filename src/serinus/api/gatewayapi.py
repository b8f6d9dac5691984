"""The configuration of the Gateway API plugin of Argo Rollouts, which is a router of our own here.

Under `trafficRouting.plugins` with the key PLUGIN. Names and types are the plugin's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from serinus.api.kubernetes import ObjectMeta
from serinus.api.wire import Wire, decode

GROUP = "gateway.networking.k8s.io"
PLUGIN = "argoproj-labs/gatewayAPI"
ROUTER = f"plugins/{PLUGIN}"


class NamedRoute(Wire, frozen=True, kw_only=True):
    """One of several routes; header routes are put into those that say so."""

    name: str = ""
    use_header_routes: bool = False


class GatewayApiRouting(Wire, frozen=True, kw_only=True):
    """`config_map` is accepted and has no use here: what is ours is noted on the route itself."""

    http_route: str = ""
    grpc_route: str = ""
    tcp_route: str = ""
    tls_route: str = ""
    http_routes: tuple[NamedRoute, ...] = ()
    grpc_routes: tuple[NamedRoute, ...] = ()
    tcp_routes: tuple[NamedRoute, ...] = ()
    tls_routes: tuple[NamedRoute, ...] = ()
    namespace: str = ""
    """Of the routes; the Rollout's own if empty."""
    config_map: str = ""
    disable_in_progress_label: bool = False
    """True is how it is here in any case: no such label is written."""


class HTTPRoute(Wire, frozen=True, kw_only=True):
    metadata: ObjectMeta = ObjectMeta()


class GRPCRoute(Wire, frozen=True, kw_only=True):
    metadata: ObjectMeta = ObjectMeta()


class TCPRoute(Wire, frozen=True, kw_only=True):
    metadata: ObjectMeta = ObjectMeta()


class TLSRoute(Wire, frozen=True, kw_only=True):
    metadata: ObjectMeta = ObjectMeta()


Route = HTTPRoute | GRPCRoute | TCPRoute | TLSRoute


class RouteKind(NamedTuple):
    """A kind of route, the fields that name such routes, and whether it can match headers."""

    kind: str
    plural: str
    version: str
    one: str
    many: str
    matches_headers: bool
    wire: type[Route]
    """Whether it is there; what it says, the router reads."""


KINDS = (
    RouteKind("HTTPRoute", "httproutes", "v1", "http_route", "http_routes", True, HTTPRoute),
    RouteKind("GRPCRoute", "grpcroutes", "v1", "grpc_route", "grpc_routes", True, GRPCRoute),
    RouteKind("TCPRoute", "tcproutes", "v1alpha2", "tcp_route", "tcp_routes", False, TCPRoute),
    RouteKind("TLSRoute", "tlsroutes", "v1alpha2", "tls_route", "tls_routes", False, TLSRoute),
)


def read_gateway_api(told: Mapping[str, Any] | None) -> GatewayApiRouting:
    """The configuration as it stands in the Rollout.

    Raises msgspec.ValidationError (a ValueError) with the path of the first misfit.
    """
    return decode(GatewayApiRouting, told or {})


def named_routes(spec: GatewayApiRouting) -> Iterator[tuple[RouteKind, NamedRoute]]:
    """Every route that is named, once; one that is named alone takes header routes."""
    for kind in KINDS:
        alone = getattr(spec, kind.one)
        found = [NamedRoute(name=alone, use_header_routes=True)] if alone else []
        by_name = {route.name: route for route in (*getattr(spec, kind.many), *found)}
        yield from ((kind, route) for route in by_name.values() if route.name)

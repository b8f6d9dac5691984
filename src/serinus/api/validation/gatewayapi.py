"""Rules of the Gateway API plugin's configuration (`trafficRouting.plugins`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serinus.api.argo import CanaryStrategy
from serinus.api.gatewayapi import (
    KINDS,
    PLUGIN,
    GatewayApiRouting,
    named_routes,
    read_gateway_api,
)
from serinus.api.validation.lookup import Lookup, find
from serinus.base.errors import FieldProblem

_SELECTORS = tuple(f"{kind.kind[:-5].lower()}RouteSelector" for kind in KINDS)
_LABELS = ("inProgressLabelKey", "inProgressLabelValue")


def validate_gateway_api(canary: CanaryStrategy, path: str) -> Iterator[FieldProblem]:
    """`path` is that of trafficRouting; nothing for a canary without this plugin."""
    plugins = canary.traffic_routing.plugins if canary.traffic_routing else None
    told = (plugins or {}).get(PLUGIN)
    here = f"{path}.plugins[{PLUGIN}]"
    if told is None:
        if PLUGIN in (plugins or {}):
            yield FieldProblem(f"{here}.httpRoute", "is missing; name the HTTPRoute that splits")
        return
    if not isinstance(told, Mapping):
        yield FieldProblem(here, "must be an object")
        return
    yield from _fields(told, here)
    try:
        spec = read_gateway_api(told)
    except ValueError as error:
        yield FieldProblem(here, str(error))
        return
    yield from _routes(spec, canary, here)
    for name, value in (
        ("canaryService", canary.canary_service),
        ("stableService", canary.stable_service),
    ):
        if not value and canary.ping_pong is None:
            where = f"{path.removesuffix('.trafficRouting')}.{name}"
            yield FieldProblem(where, f"is missing; the plugin {PLUGIN} needs it")


def validate_route_objects(
    canary: CanaryStrategy, namespace: str, lookup: Lookup, path: str
) -> Iterator[FieldProblem]:
    """The routes that are named have to be there; `path` is that of trafficRouting."""
    plugins = canary.traffic_routing.plugins if canary.traffic_routing else None
    told = (plugins or {}).get(PLUGIN)
    if not isinstance(told, Mapping):
        return
    try:
        spec = read_gateway_api(told)
    except ValueError:
        return  # an error says so
    for kind, route in named_routes(spec):
        words = kind.kind[:-5].lower()
        alone = getattr(spec, kind.one) == route.name
        names = [one.name for one in getattr(spec, kind.many)]
        field = f"{words}Route" if alone else f"{words}Routes[{names.index(route.name)}].name"
        where = f"{path}.plugins[{PLUGIN}].{field}"
        found = find(lookup, kind.wire, spec.namespace or namespace, route.name, where)
        if isinstance(found, FieldProblem):
            yield found


def _fields(told: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    known = GatewayApiRouting.__struct_encode_fields__
    for name in told:
        if name in _SELECTORS:
            instead = name.replace("RouteSelector", "Routes")
            yield FieldProblem(f"{path}.{name}", f"is not supported yet; list them in {instead}")
        elif name in _LABELS:
            yield FieldProblem(f"{path}.{name}", "is not supported yet; no such label is written")
        elif name not in known:
            message = f"is no field of this plugin; it has {', '.join(known)}"
            yield FieldProblem(f"{path}.{name}", message)


def _routes(spec: GatewayApiRouting, canary: CanaryStrategy, path: str) -> Iterator[FieldProblem]:
    found = list(named_routes(spec))
    if not found:
        yield FieldProblem(f"{path}.httpRoute", "is missing; name the HTTPRoute that splits")
    for kind in KINDS:
        many = f"{kind.kind[:-5].lower()}Routes"
        for index, route in enumerate(getattr(spec, kind.many)):
            where = f"{path}.{many}[{index}]"
            if not route.name:
                yield FieldProblem(f"{where}.name", "is missing")
            if route.use_header_routes and not kind.matches_headers:
                yield FieldProblem(f"{where}.useHeaderRoutes", f"a {kind.kind} has no headers")
    asks = any(step.set_header_route is not None for step in canary.steps)
    if found and asks and not any(k.matches_headers and r.use_header_routes for k, r in found):
        message = "no route takes the header routes of the steps; set useHeaderRoutes: true on one"
        yield FieldProblem(path, message)

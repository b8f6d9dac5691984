"""Rules of `strategy.canary.trafficRouting`: which router can do what, and what each needs.

Routers that are kept unread are looked at as plain data, as far as the original looks at them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from serinus.api.ambassador import canary_mapping_name
from serinus.api.argo import (
    AmbassadorTrafficRouting,
    CanaryStrategy,
    NginxTrafficRouting,
    TrafficRouting,
)
from serinus.api.gatewayapi import ROUTER as GATEWAY_API
from serinus.api.validation.alb import validate_alb
from serinus.api.validation.apisix import validate_apisix
from serinus.api.validation.gatewayapi import validate_gateway_api
from serinus.api.validation.istio import validate_istio
from serinus.api.validation.labels import validate_key
from serinus.api.validation.later import ROUTERS
from serinus.base.errors import FieldProblem

SPLIT_EXPERIMENTS = ("smi", "alb", "istio", GATEWAY_API)
"""Routers that can give an experiment's templates a weight."""
MATCH_HEADERS = ("istio", "alb", "apisix", GATEWAY_API)
MIRROR = ("istio",)
"""Of plugins only those that are built in, by their names in `TrafficRouting.parts`."""
PING_PONG = ("alb", "istio", "plugins")
OTHER_TOTALS = ("nginx", "plugins")
"""Routers whose weights may add up to something else than 100."""

_Read = Mapping[str, Any]
# router, field, what it names
_NEEDED = (("appMesh", "virtualService", "the VirtualService whose router splits"),)


def routers_of(canary: CanaryStrategy) -> tuple[str, ...]:
    """The routers of a canary, under their JSON names; none for a canary without one."""
    return canary.traffic_routing.routers() if canary.traffic_routing else ()


def is_able(canary: CanaryStrategy, able: Sequence[str]) -> bool:
    """One of the routers, or of the plugins, of a canary is among `able`."""
    routing = canary.traffic_routing
    return routing is not None and bool(set(routing.parts()) & set(able))


def only_with(able: Sequence[str]) -> str:
    """What to say where no router of a canary is among `able`; names those of this version."""
    here = [name for name in ROUTERS if name in able or name.partition("/")[0] in able]
    return f"works only with {' or '.join(here)}; use that, or remove it"


def validate_routing(canary: CanaryStrategy, path: str) -> Iterator[FieldProblem]:
    """`path` is that of the strategy."""
    yield from _services(canary, path)
    yield from _ping_pong(canary, path)
    routing = canary.traffic_routing
    if routing is None:
        return
    here = f"{path}.trafficRouting"
    if not routing.routers():
        message = "names no router; name one, or leave it out: then the pods divide the traffic"
        yield FieldProblem(here, message)
    if routing.nginx is not None:
        yield from _nginx(routing.nginx, f"{here}.nginx")
    if routing.istio is not None:
        yield from validate_istio(routing.istio, f"{here}.istio")
    if routing.alb is not None:
        yield from validate_alb(routing.alb, canary, here)
    if routing.traefik is not None and not routing.traefik.weighted_traefik_service_name:
        where = f"{here}.traefik.weightedTraefikServiceName"
        yield FieldProblem(where, "is missing; name the TraefikService that splits")
    smi = routing.smi
    if smi is not None and smi.root_service and smi.root_service == canary.canary_service:
        message = f"{smi.root_service!r} is the canaryService too; name what clients ask"
        yield FieldProblem(f"{here}.smi.rootService", message)
    yield from validate_apisix(routing, here)
    if routing.ambassador is not None:
        yield from _mappings(routing.ambassador, f"{here}.ambassador.mappings")
    yield from validate_gateway_api(canary, here)
    yield from _total(routing, here)
    for index, route in enumerate(routing.managed_routes):
        if not route.name:
            yield FieldProblem(f"{here}.managedRoutes[{index}].name", "is missing")
    yield from _unread(routing, here)


def _services(canary: CanaryStrategy, path: str) -> Iterator[FieldProblem]:
    user = next((name for name in routers_of(canary) if _needs_services(canary, name)), None)
    if user is not None:
        for name, value in (
            ("canaryService", canary.canary_service),
            ("stableService", canary.stable_service),
        ):
            if not value:
                yield FieldProblem(f"{path}.{name}", f"is missing; the {user} router needs it")
    if canary.canary_service and canary.canary_service == canary.stable_service:
        yield FieldProblem(
            f"{path}.canaryService", f"{canary.canary_service!r} is the stableService too"
        )


def _needs_services(canary: CanaryStrategy, router: str) -> bool:
    if router == "plugins" or (canary.ping_pong is not None and router in PING_PONG):
        return False
    return router != "istio" or not _moves_subsets(canary)


def _moves_subsets(canary: CanaryStrategy) -> bool:
    istio = canary.traffic_routing.istio if canary.traffic_routing else None
    return istio is not None and istio.destination_rule is not None


def _ping_pong(canary: CanaryStrategy, path: str) -> Iterator[FieldProblem]:
    services = canary.ping_pong
    if services is None:
        return
    here = f"{path}.pingPong"
    if not services.ping_service or not services.pong_service:
        yield FieldProblem(here, "needs both pingService and pongService")
    elif services.ping_service == services.pong_service:
        yield FieldProblem(f"{here}.pongService", f"{services.pong_service!r} is pingService too")
    found = routers_of(canary)
    if _moves_subsets(canary):
        yield FieldProblem(here, "swaps Services, not subsets; remove istio.destinationRule")
    if not found or not set(found) <= set(PING_PONG):
        yield FieldProblem(here, only_with(PING_PONG))
    alb = canary.traffic_routing.alb if canary.traffic_routing else None
    if alb is not None and not alb.root_service:
        yield FieldProblem(
            f"{path}.trafficRouting.alb.rootService", "is missing; pingPong needs it with alb"
        )


def _total(routing: TrafficRouting, path: str) -> Iterator[FieldProblem]:
    total = routing.max_traffic_weight
    if total is None:
        return
    if total < 1:
        yield FieldProblem(f"{path}.maxTrafficWeight", "must be 1 or more")
    others = [name for name in routing.routers() if name not in OTHER_TOTALS]
    if others:
        yield FieldProblem(
            f"{path}.maxTrafficWeight",
            f"works only with {' and '.join(OTHER_TOTALS)}; {', '.join(others)} divides 100",
        )


def _nginx(nginx: NginxTrafficRouting, path: str) -> Iterator[FieldProblem]:
    if nginx.stable_ingress and nginx.stable_ingresses:
        yield FieldProblem(
            f"{path}.stableIngresses", "and stableIngress are both set; put all into the list"
        )
    if not nginx.stable_ingress and not nginx.stable_ingresses:
        yield FieldProblem(
            f"{path}.stableIngress", "is missing; name the Ingress that routes to stableService"
        )
    names = nginx.stable_ingresses
    for index, name in enumerate(names):
        if not name or name in names[:index]:
            yield FieldProblem(f"{path}.stableIngresses[{index}]", f"{name!r} is empty or repeated")
    if nginx.annotation_prefix:
        yield from validate_key(f"{nginx.annotation_prefix}/x", f"{path}.annotationPrefix")


def _mappings(ambassador: AmbassadorTrafficRouting, path: str) -> Iterator[FieldProblem]:
    if not ambassador.mappings:
        yield FieldProblem(path, "is missing; name the Mappings that route to stableService")
    known: dict[str, str] = {}
    for index, name in enumerate(ambassador.mappings):
        other = known.setdefault(canary_mapping_name(name), name)
        if not name or name in ambassador.mappings[:index]:
            yield FieldProblem(f"{path}[{index}]", f"{name!r} is empty or repeated")
        elif other != name:
            message = f"its canary Mapping would be called like that of {other}; rename one"
            yield FieldProblem(f"{path}[{index}]", message)


def _unread(routing: TrafficRouting, path: str) -> Iterator[FieldProblem]:
    found = routing.routers()
    for router, field, what in _NEEDED:
        if router in found and not _part(routing, router).get(field):
            yield FieldProblem(f"{path}.{router}.{field}", f"is missing; name {what}")


def _part(routing: TrafficRouting | None, router: str) -> _Read:
    """A router's own fields as they came, by its JSON name."""
    rows = zip(
        TrafficRouting.__struct_encode_fields__, TrafficRouting.__struct_fields__, strict=True
    )
    names = dict(rows)
    found = getattr(routing, names[router], None)
    return found if isinstance(found, Mapping) else {}

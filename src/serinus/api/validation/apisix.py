"""Rules of `trafficRouting.apisix`: what it names, and that header routes can be objects."""

from __future__ import annotations

import re
from collections.abc import Iterator

from serinus.api.apisix import ApisixRoute
from serinus.api.argo import CanaryStrategy, TrafficRouting
from serinus.api.validation.lookup import Lookup, find
from serinus.base.errors import FieldProblem

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def validate_apisix(routing: TrafficRouting, path: str) -> Iterator[FieldProblem]:
    """`path` is that of trafficRouting. A header route is an ApisixRoute with its name."""
    if routing.apisix is None:
        return
    here, route = f"{path}.apisix.route", routing.apisix.route
    if route is None or not route.name:
        where = here if route is None else f"{here}.name"
        yield FieldProblem(where, "is missing; name the ApisixRoute that splits")
        return
    for index, rule in enumerate(route.rules):
        if not rule or rule in route.rules[:index]:
            yield FieldProblem(f"{here}.rules[{index}]", f"{rule!r} is empty or repeated")
    for index, managed in enumerate(routing.managed_routes):
        where = f"{path}.managedRoutes[{index}].name"
        if managed.name == route.name:
            message = f"{managed.name!r} is the ApisixRoute that splits; name the route otherwise"
            yield FieldProblem(where, message)
        elif managed.name and not _NAME.fullmatch(managed.name):
            yield FieldProblem(
                where,
                f"{managed.name!r} cannot name an ApisixRoute, which a header route becomes; use "
                "small letters, digits, '-', '.'",
            )


def validate_apisix_route(
    canary: CanaryStrategy, namespace: str, lookup: Lookup, path: str
) -> Iterator[FieldProblem]:
    """The ApisixRoute is there."""
    apisix = canary.traffic_routing.apisix if canary.traffic_routing else None
    if apisix is None or apisix.route is None or not apisix.route.name:
        return
    where = f"{path}.apisix.route.name"
    found = find(lookup, ApisixRoute, namespace, apisix.route.name, where)
    if isinstance(found, FieldProblem):
        yield found

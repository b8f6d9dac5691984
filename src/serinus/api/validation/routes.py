"""Rules of the steps setHeaderRoute and setMirrorRoute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serinus.api.argo import (
    CanaryStrategy,
    RouteMatch,
    SetHeaderRoute,
    SetMirrorRoute,
    StringMatch,
)
from serinus.api.validation.numbers import within
from serinus.api.validation.routers import MATCH_HEADERS, MIRROR, is_able, only_with, routers_of
from serinus.base.errors import FieldProblem

_WAYS = ("exact", "prefix", "regex")


def validate_header_route(
    route: SetHeaderRoute, canary: CanaryStrategy, path: str
) -> Iterator[FieldProblem]:
    """Without a match it removes the route, which must be a managed one all the same."""
    yield from _name(route.name, canary, MATCH_HEADERS, path)
    only_exact = "alb" in routers_of(canary)
    for index, match in enumerate(route.match):
        here = f"{path}.match[{index}]"
        if not match.header_name:
            yield FieldProblem(f"{here}.headerName", "is missing")
        value = match.header_value or StringMatch()
        yield from _one_way(value, f"{here}.headerValue")
        if only_exact and (value.prefix or value.regex):
            yield FieldProblem(f"{here}.headerValue", "the alb router can only match exactly")


def validate_mirror_route(
    route: SetMirrorRoute, canary: CanaryStrategy, path: str
) -> Iterator[FieldProblem]:
    """As a header route; headers and the percentage are looked at too, which the original omits."""
    yield from _name(route.name, canary, MIRROR, path)
    yield from within(route.percentage, 0, 100, f"{path}.percentage")
    for index, match in enumerate(route.match):
        yield from _match(match, f"{path}.match[{index}]")


def _match(match: RouteMatch, path: str) -> Iterator[FieldProblem]:
    if match.method is None and match.path is None and not match.headers:
        yield FieldProblem(path, "is empty; set method, path or headers")
    for name, value in (("method", match.method), ("path", match.path)):
        if value is not None:
            yield from _one_way(value, f"{path}.{name}")
    for header, value in match.headers.items():
        yield from _one_way(value, f"{path}.headers.{header}")


def _one_way(value: StringMatch, path: str) -> Iterator[FieldProblem]:
    found = [way for way in _WAYS if getattr(value, way)]
    if len(found) != 1:
        what = " and ".join(found) or "none"
        yield FieldProblem(path, f"needs exactly one of {', '.join(_WAYS)}, has {what}")


def _name(
    name: str, canary: CanaryStrategy, able: Sequence[str], path: str
) -> Iterator[FieldProblem]:
    if not is_able(canary, able):
        yield FieldProblem(path, only_with(able))
    routing = canary.traffic_routing
    managed = [route.name for route in routing.managed_routes] if routing else []
    if not name:
        yield FieldProblem(f"{path}.name", "is missing")
    elif name not in managed:
        yield FieldProblem(
            f"{path}.name",
            f"{name!r} is not in trafficRouting.managedRoutes; add `- name: {name}` there",
        )

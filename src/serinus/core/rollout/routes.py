"""The routes that steps have set, and what it means that one routing gives more than another.

Pure arithmetic on routings: knows no endpoints and no safety.
"""

from __future__ import annotations

from dataclasses import replace

from serinus.api.argo import CanaryStrategy, RouteMatch, SetHeaderRoute, SetMirrorRoute, StringMatch
from serinus.core.routing import (
    Ability,
    HeaderRoute,
    MirrorMatch,
    MirrorRoute,
    RouterSeen,
    Routing,
    Unknown,
)

_Route = HeaderRoute | MirrorRoute
FULL_MIRROR = 100
"""The original's default of setMirrorRoute.percentage."""


def routes_at(strategy: CanaryStrategy, index: int, total: int = 100) -> Routing:
    """The routes that were set at or before step `index`, with weight 0; none after the last step.

    A later step of the same name replaces a route, one without a match takes it away.
    """
    routes: dict[str, _Route | None] = {}
    if index < len(strategy.steps):
        for step in strategy.steps[: index + 1]:
            if step.set_header_route is not None:
                routes[step.set_header_route.name] = _header_route(step.set_header_route)
            if step.set_mirror_route is not None:
                routes[step.set_mirror_route.name] = _mirror_route(step.set_mirror_route)
    routing = strategy.traffic_routing
    managed = [route.name for route in routing.managed_routes] if routing else []
    found = [routes[name] for name in dict.fromkeys(managed) if routes.get(name)]
    return Routing(
        0,
        total,
        header_routes=tuple(route for route in found if isinstance(route, HeaderRoute)),
        mirror_routes=tuple(route for route in found if isinstance(route, MirrorRoute)),
    )


def _header_route(step: SetHeaderRoute) -> HeaderRoute | None:
    names = [match.header_name for match in step.match]
    matches = tuple(
        (match.header_name, *_way(match.header_value or StringMatch()))
        for match in sorted(step.match, key=lambda match: names.index(match.header_name))
    )
    return HeaderRoute(step.name, matches) if matches else None


def _mirror_route(step: SetMirrorRoute) -> MirrorRoute | None:
    percentage = FULL_MIRROR if step.percentage is None else step.percentage
    matches = tuple(_mirror_match(match) for match in step.match)
    return MirrorRoute(step.name, matches, percentage) if matches else None


def _mirror_match(match: RouteMatch) -> MirrorMatch:
    return MirrorMatch(
        method=_way(match.method) if match.method else None,
        path=_way(match.path) if match.path else None,
        headers=tuple((name, *_way(value)) for name, value in sorted(match.headers.items())),
    )


def _way(value: StringMatch) -> tuple[str, str]:
    """The one way to match that is set (validation sees to it that it is one)."""
    if value.exact:
        return "exact", value.exact
    return ("prefix", value.prefix) if value.prefix else ("regex", value.regex)


# --- What one router is asked for ----------------------------------------------------------------


def within_abilities(seen: RouterSeen, wanted: Routing) -> Routing:
    """The part of a routing that a router can be told."""
    able = seen.able
    return replace(
        wanted,
        header_routes=wanted.header_routes if Ability.HEADERS in able else (),
        mirror_routes=wanted.mirror_routes if Ability.MIRRORS in able else (),
        additional=wanted.additional if Ability.EXPERIMENTS in able else (),
    )


def same_routing(seen: Routing, wanted: Routing) -> bool:
    """Nothing is nothing, whatever the total."""
    nothing = not seen.weight and not wanted.weight
    return seen == wanted or (nothing and replace(seen, total=wanted.total) == wanted)


def same_for_canary(seen: Routing, wanted: Routing) -> bool:
    """The same but for what experiments get."""
    return same_routing(replace(seen, additional=wanted.additional), wanted)


def shows(seen: RouterSeen, wanted: Routing) -> bool:
    """A router shows the routes of `wanted`, as far as it is able, and its data plane agrees."""
    if isinstance(seen.routing, Unknown) or seen.verified is False:
        return False
    asked = within_abilities(seen, wanted)
    now = seen.routing
    return (now.header_routes, now.mirror_routes) == (asked.header_routes, asked.mirror_routes)


# --- More and less -------------------------------------------------------------------------------


def gives_more(seen: RouterSeen, wanted: Routing) -> bool:
    """The canary would get users, or copies of requests, that it does not get now for sure."""
    return more_weight(seen, wanted) or bool(new_routes(seen, wanted))


def more_weight(seen: RouterSeen, wanted: Routing) -> bool:
    """The weight would rise above what is seen, or above the greatest of what may be so."""
    now = seen.routing
    if isinstance(now, Unknown):
        return wanted.weight > max(seen.weights, default=0)
    return wanted.weight * now.total > now.weight * wanted.total


def new_routes(seen: RouterSeen, wanted: Routing) -> tuple[_Route, ...]:
    """The routes of `wanted` that are not seen, or match something else now."""
    now = seen if isinstance(seen.routing, Unknown) else seen.routing
    headers = [route for route in wanted.header_routes if route not in now.header_routes]
    mirrors = [route for route in wanted.mirror_routes if route not in now.mirror_routes]
    return (*headers, *mirrors)


def first_write(seen: RouterSeen, wanted: Routing) -> Routing:
    """What to write of `wanted` now: what only takes away comes before what gives.

    Of objects that differ among themselves: no more than the greatest of what they show.
    """
    now = seen.routing
    if isinstance(now, Unknown):
        least = replace(wanted, weight=min(wanted.weight, max(seen.weights)), additional=())
        return _common(seen, least)
    if now.additional != wanted.additional and not same_for_canary(now, wanted):
        kept = tuple(one for one in now.additional if one in wanted.additional)
        if gives_more(seen, wanted) and kept != now.additional:
            return replace(now, additional=kept)
        wanted = replace(wanted, additional=kept)
    falls = wanted.weight * now.total < now.weight * wanted.total
    return _common(now, wanted) if falls and new_routes(seen, wanted) else wanted


def _common(now: Routing | RouterSeen, wanted: Routing) -> Routing:
    return replace(
        wanted,
        header_routes=tuple(r for r in wanted.header_routes if r in now.header_routes),
        mirror_routes=tuple(r for r in wanted.mirror_routes if r in now.mirror_routes),
    )


def in_words(seen: RouterSeen, wanted: Routing) -> str:
    """What is asked of a router, for reasons: a new route by its name, else the weight."""
    named = [
        f"{'header' if isinstance(route, HeaderRoute) else 'mirror'} route {route.name}"
        for route in new_routes(seen, wanted)
    ]
    if more_weight(seen, wanted) or not named:
        named.insert(0, f"weight {wanted.weight}")
    return " and ".join(named)

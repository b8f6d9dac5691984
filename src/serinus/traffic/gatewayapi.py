"""Weights and header routes through the Gateway API: backendRefs and rules of the user's routes.

Pure: objects in, patches out. What the plugin argoproj-labs/gatewayAPI of Argo Rollouts does, under
its name and with its configuration. Must not know other routers, nor who does the I/O.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from serinus.api.gatewayapi import (
    GROUP,
    ROUTER,
    NamedRoute,
    RouteKind,
    named_routes,
    read_gateway_api,
)
from serinus.api.names import HEADER_ROUTES, WRITTEN_AT
from serinus.core.routing import Abilities, Ability, HeaderRoute, RouterSeen, Routing, Unknown
from serinus.traffic.router import ObjectRef, Objects, Patch, Route, RoutingError, Write

NO_ROUTE = "the plugin names no route; set httpRoute to the HTTPRoute that splits the traffic"
EVERYTHING: Mapping[str, Mapping[str, Any]] = {
    "HTTPRoute": {"path": {"type": "PathPrefix", "value": "/"}},
    "GRPCRoute": {},
}
"""What a rule without matches matches."""

_Rule = dict[str, Any]


class GatewayApiRouter:
    """The router of that plugin: `spec` is its configuration as plain data."""

    name = ROUTER
    abilities: Abilities = frozenset({Ability.HEADERS})

    def references(self, route: Route) -> Sequence[ObjectRef]:
        """Every route that the configuration names."""
        return [one.ref for one in _routes(route, {})]

    def read(self, route: Route, objects: Objects) -> RouterSeen:
        """The weight that all rules of all routes show, and the header routes that are there.

        Unknown if a route is missing or cannot be understood, or if rules or routes differ.
        """
        routes = _routes(route, objects)
        shown, problems = _all_shown(routes)
        if not routes:
            problems.append(NO_ROUTE)
        known = [one for found in shown if found for one in found.routings]
        if not problems and len(set(known)) > 1:
            problems.append(f"weights or header routes differ: {_told(routes, shown)}")
        headers = {r: None for one in known for r in one.header_routes}
        whole = bool(problems) and all(shown)
        return RouterSeen(
            router=self.name,
            routing=Unknown("; ".join(problems)) if problems else known[0],
            written_at=max((at for one in routes if (at := _written_at(one))), default=None),
            weights=tuple(sorted({_of(route.total, one) for one in known})) if whole else (),
            header_routes=tuple(headers) if whole else (),
            drifted=not problems and any(found.drifted for found in shown if found),
        )

    def write(
        self, route: Route, objects: Objects, routing: Routing, at: datetime
    ) -> Sequence[Write]:
        """One patch for each route that says something else, with all of its rules."""
        routes = _routes(route, objects)
        writes: list[Write] = []
        problems = [] if routes else [NO_ROUTE]
        if routing.header_routes and not any(one.takes_headers for one in routes):
            problems.append("no route takes header routes; set useHeaderRoutes on one")
        for one in routes:
            try:
                writes += _write(one, routing, at)
            except RoutingError as error:
                problems.append(str(error))
        if problems and _rises(routes, routing):
            raise RoutingError("; ".join(problems))
        return writes


@dataclass(frozen=True, slots=True)
class _Route:
    """One object that splits traffic, and what was read of it."""

    route: Route
    kind: RouteKind
    named: NamedRoute
    ref: ObjectRef
    live: Mapping[str, Any] | None

    @property
    def takes_headers(self) -> bool:
        return self.kind.matches_headers and self.named.use_header_routes

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.ref.name}"


@dataclass(frozen=True, slots=True)
class _Shown:
    """What one route says: a routing for each rule that splits, usually the same."""

    routings: tuple[Routing, ...]
    drifted: bool
    """Its rules of header routes are not those that would be written for them."""


def _routes(route: Route, objects: Objects) -> list[_Route]:
    try:
        spec = read_gateway_api(route.spec)
    except ValueError:  # the validation tells of it, and holds the rollout
        return []
    namespace, found = spec.namespace or route.namespace, []
    for kind, named in named_routes(spec):
        ref = ObjectRef(f"{GROUP}/{kind.version}", kind.plural, kind.kind, namespace, named.name)
        found.append(_Route(route, kind, named, ref, objects.get(ref)))
    return found


# --- Reading -------------------------------------------------------------------------------------


def _all_shown(routes: Sequence[_Route]) -> tuple[list[_Shown | None], list[str]]:
    """What each route says, None where it cannot be told, and why.

    A route that takes no header routes counts as if it had those of the others.
    """
    shown: list[_Shown | None] = []
    problems: list[str] = []
    for one in routes:
        try:
            shown.append(_shown(one))
        except RoutingError as error:
            shown.append(None)
            problems.append(str(error))
    headed = [s for one, s in zip(routes, shown, strict=True) if s and one.takes_headers]
    headers = headed[0].routings[0].header_routes if headed else ()
    for place, (one, found) in enumerate(zip(routes, shown, strict=True)):
        if found is not None and not one.takes_headers and not found.routings[0].header_routes:
            same = tuple(replace(r, header_routes=headers) for r in found.routings)
            shown[place] = replace(found, routings=same)
    return shown, problems


def _shown(one: _Route) -> _Shown:
    noted = _noted(one)
    ours, others = _sorted_out(one, noted)
    there = tuple(r for r in noted if any(_matches_for(rule, r) for rule in ours))
    weights = [_weight(one, rule) for rule in others if _splits(one, rule)]
    try:
        expected = [made for r in noted for made in _rules_for(one, r, others)]
    except RoutingError:
        expected = ours  # nothing better can be written
    return _Shown(
        routings=tuple(replace(weight, header_routes=there) for weight in dict.fromkeys(weights)),
        drifted=ours != expected,
    )


def _live(one: _Route) -> Mapping[str, Any]:
    if one.live is None:
        raise RoutingError(
            f"{one} does not exist; create it, or correct the plugin's configuration"
        )
    if (one.live.get("metadata") or {}).get("deletionTimestamp"):
        raise RoutingError(f"{one} is being deleted")
    return one.live


def _noted(one: _Route) -> tuple[HeaderRoute, ...]:
    """The header routes whose rules are ours, as the route itself remembers."""
    text = _annotations(_live(one)).get(HEADER_ROUTES)
    if not text:
        return ()
    try:
        rows = [(str(n), tuple((str(h), str(k), str(v)) for h, k, v in m)) for n, m in _rows(text)]
    except (ValueError, TypeError) as error:
        raise RoutingError(f"{one}: annotation {HEADER_ROUTES} cannot be read: {error}") from error
    order = {name: place for place, name in enumerate(one.route.managed)}
    rows.sort(key=lambda row: order.get(row[0], len(order)))
    return tuple(HeaderRoute(name, matches) for name, matches in rows)


def _rows(text: str) -> list[Any]:
    rows = json.loads(text)
    if not isinstance(rows, list):
        raise ValueError("it is not a list")
    return rows


def _sorted_out(one: _Route, noted: Sequence[HeaderRoute]) -> tuple[list[_Rule], list[_Rule]]:
    """Our own rules, in their order, and those of the user.

    A rule is ours if it leads to the canary alone and matches the headers of a route that is noted.
    """
    try:
        rules = [dict(rule) for rule in (_live(one).get("spec") or {}).get("rules") or ()]
        for rule in rules:
            if rule.get("backendRefs"):
                rule["backendRefs"] = [dict(ref) for ref in rule["backendRefs"]]
        mine = [_leads_to_canary(one, r) and any(_matches_for(r, h) for h in noted) for r in rules]
    except (AttributeError, TypeError, ValueError) as error:
        raise RoutingError(f"{one} cannot be read: {error}") from error
    ours = [rule for rule, is_ours in zip(rules, mine, strict=True) if is_ours]
    others = [rule for rule, is_ours in zip(rules, mine, strict=True) if not is_ours]
    if not any(_splits(one, rule) for rule in others):
        raise RoutingError(
            f"{one} has no rule with both Services {one.route.stable_service} and "
            f"{one.route.canary_service} in backendRefs; add the missing one with weight 0"
        )
    return ours, others


def _leads_to_canary(one: _Route, rule: _Rule) -> bool:
    refs: Sequence[Any] = rule.get("backendRefs") or ()
    return len(refs) == 1 and _is(one, refs[0], one.route.canary_service)


def _matches_for(rule: _Rule, route: HeaderRoute) -> bool:
    """Every match of the rule asks for all headers of the route."""
    wanted = [_header(*match) for match in route.matches]
    matches = rule.get("matches") or ()
    return bool(matches) and all(
        all(header in (match.get("headers") or ()) for header in wanted) for match in matches
    )


def _is(one: _Route, ref: Mapping[str, Any], service: str) -> bool:
    """A backendRef is this Service of the Rollout."""
    kind = (ref.get("group") or "", ref.get("kind") or "Service")
    where = ref.get("namespace") or one.ref.namespace
    return (kind, ref.get("name"), where) == (("", "Service"), service, one.route.namespace)


def _splits(one: _Route, rule: _Rule) -> bool:
    """A rule divides requests between the two Services; whoever else is in it keeps its weight."""
    refs: Sequence[Any] = rule.get("backendRefs") or ()
    names = (one.route.stable_service, one.route.canary_service)
    return all(any(_is(one, ref, name) for ref in refs) for name in names)


def _weight(one: _Route, rule: _Rule) -> Routing:
    parts = {}
    for service in (one.route.stable_service, one.route.canary_service):
        refs = [ref for ref in rule["backendRefs"] if _is(one, ref, service)]
        weights = [1 if ref.get("weight") is None else ref["weight"] for ref in refs]
        if len(weights) != 1 or not isinstance(weights[0], int) or weights[0] < 0:
            raise RoutingError(f"{one}: Service {service} must be once in a rule, with one weight")
        parts[service] = weights[0]
    canary, total = parts[one.route.canary_service], sum(parts.values())
    if not total:
        raise RoutingError(f"{one}: both Services have weight 0; give the stable one its weight")
    return Routing(canary, total)


def _of(total: int, shown: Routing) -> int:
    """A weight as a part of `total`, rounded up."""
    return -(-shown.weight * total // shown.total)


def _told(routes: Sequence[_Route], shown: Sequence[_Shown | None]) -> str:
    parts = []
    for one, found in zip(routes, shown, strict=True):
        for routing in found.routings if found else ():
            names = "".join(f", {r.name}" for r in routing.header_routes if one.takes_headers)
            parts.append(f"{one} says {routing.weight} of {routing.total}{names}")
    return "; ".join(parts)


def _written_at(one: _Route) -> datetime | None:
    text = _annotations(one.live or {}).get(WRITTEN_AT)
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (TypeError, ValueError):
        return None


def _annotations(live: Mapping[str, Any]) -> Mapping[str, Any]:
    return (live.get("metadata") or {}).get("annotations") or {}


def _rises(routes: Sequence[_Route], routing: Routing) -> bool:
    """Would the canary get more, or perhaps more, than now?"""
    shown, _ = _all_shown(routes)
    now = [one for found in shown if found for one in found.routings]
    if len(now) < len(routes) or None in shown or not now:
        return bool(routing.weight or routing.header_routes)
    return any(
        routing.weight * one.total > one.weight * routing.total
        or set(routing.header_routes) - set(one.header_routes)
        for one in now
    )


# --- Writing -------------------------------------------------------------------------------------


def _write(one: _Route, routing: Routing, at: datetime) -> list[Write]:
    noted = _noted(one)
    _, others = _sorted_out(one, noted)
    wanted = routing.header_routes if one.takes_headers else ()
    for rule in others:
        if _splits(one, rule):
            _weight(one, rule)
            rule["backendRefs"] = [_weighted(one, ref, routing) for ref in rule["backendRefs"]]
    rules = [*(made for route in wanted for made in _rules_for(one, route, others)), *others]
    same_rules = rules == list((_live(one).get("spec") or {}).get("rules") or ())
    if same_rules and wanted == noted:
        return []
    note = json.dumps([[r.name, r.matches] for r in wanted]) if wanted else None
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    annotations = {WRITTEN_AT: stamp, **({} if wanted == noted else {HEADER_ROUTES: note})}
    version = _live(one)["metadata"]["resourceVersion"]
    patch = {
        "metadata": {"resourceVersion": version, "annotations": annotations},
        **({} if same_rules else {"spec": {"rules": rules}}),
    }
    names = ", ".join(route.name for route in wanted)
    told = f"Updating {one} to desiredWeight '{routing.weight}'" + (
        f" and {names}" if names else ""
    )
    return [Patch(one.ref, patch, f"Patching{one.kind.kind}", told)]


def _weighted(one: _Route, ref: dict[str, Any], routing: Routing) -> dict[str, Any]:
    if _is(one, ref, one.route.canary_service):
        return ref | {"weight": routing.weight}
    if _is(one, ref, one.route.stable_service):
        return ref | {"weight": routing.total - routing.weight}
    return ref


def _rules_for(one: _Route, route: HeaderRoute, others: Sequence[_Rule]) -> list[_Rule]:
    """For each rule that splits: the same, for requests with these headers, to the canary alone.

    More specific than the rule that it copies, so it comes first whatever the order.
    """
    made = []
    for rule in others:
        if not _splits(one, rule):
            continue
        refs = [ref for ref in rule["backendRefs"] if _is(one, ref, one.route.canary_service)]
        matches = rule.get("matches") or [dict(EVERYTHING[one.kind.kind])]
        copied = {key: value for key, value in rule.items() if key != "name"}
        copied["backendRefs"] = [refs[0] | {"weight": 1}]
        copied["matches"] = [_with_headers(one, match, route) for match in matches]
        made.append(copy.deepcopy(copied))
    return made


def _with_headers(one: _Route, match: Mapping[str, Any], route: HeaderRoute) -> dict[str, Any]:
    headers = [*(match.get("headers") or ()), *(_header(*found) for found in route.matches)]
    names = [str(header.get("name")).lower() for header in headers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RoutingError(
            f"header route {route.name}: {one} can match {', '.join(twice)} only once in a rule"
        )
    return {**match, "headers": headers}


def _header(name: str, kind: str, value: str) -> dict[str, str]:
    """A prefix is a regular expression here, anchored for proxies that search anywhere."""
    if kind == "prefix":
        value = f"^{re.escape(value)}.*"
    way = "Exact" if kind == "exact" else "RegularExpression"
    return {"name": name, "type": way, "value": value}

"""Weights and header routes through the Gateway API: backendRefs and rules of the user's routes.

Pure: objects in, patches out. What the plugin argoproj-labs/gatewayAPI of Argo Rollouts does, under
its name and with its configuration. Must not know other routers, nor who does the I/O.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from serinus.api.gatewayapi import ROUTER
from serinus.api.names import ADDED_DESTINATIONS, HEADER_ROUTES, WRITTEN_AT
from serinus.core.routing import (
    Abilities,
    Ability,
    Additional,
    HeaderRoute,
    RouterSeen,
    Routing,
    Unknown,
)
from serinus.traffic.gatewayapi.headers import matches_for, rules_for
from serinus.traffic.gatewayapi.route import (
    Rule,
    Split,
    body_of,
    header_notes,
    leads_to,
    splits,
    splits_of,
    written_at,
)
from serinus.traffic.router import ObjectRef, Objects, Patch, Route, RoutingError, Write

NO_ROUTE = "the plugin names no route; set httpRoute to the HTTPRoute that splits the traffic"


class GatewayApiRouter:
    """The router of that plugin: `spec` is its configuration as plain data."""

    name = ROUTER
    abilities: Abilities = frozenset({Ability.HEADERS, Ability.EXPERIMENTS})

    def references(self, route: Route) -> Sequence[ObjectRef]:
        """Every route that the configuration names."""
        return [one.ref for one in splits_of(route, {})]

    def read(self, route: Route, objects: Objects) -> RouterSeen:
        """The weight that all rules of all routes show, and the header routes that are there.

        Unknown if a route is missing or cannot be understood, or if rules or routes differ.
        """
        routes = splits_of(route, objects)
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
            written_at=max((at for one in routes if (at := written_at(one))), default=None),
            weights=tuple(sorted({_of(route.total, one) for one in known})) if whole else (),
            header_routes=tuple(headers) if whole else (),
            drifted=not problems and any(found.drifted for found in shown if found),
        )

    def write(
        self, route: Route, objects: Objects, routing: Routing, at: datetime
    ) -> Sequence[Write]:
        """One patch for each route that says something else, with all of its rules."""
        routes = splits_of(route, objects)
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
class _Shown:
    """What one route says: a routing for each rule that splits, usually the same."""

    routings: tuple[Routing, ...]
    drifted: bool
    """Its rules of header routes are not those that would be written for them."""


# --- Reading -------------------------------------------------------------------------------------


def _all_shown(routes: Sequence[Split]) -> tuple[list[_Shown | None], list[str]]:
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


def _shown(one: Split) -> _Shown:
    noted = header_notes(one)
    ours, others = _sorted_out(one, noted)
    there = tuple(r for r in noted if any(matches_for(rule, r) for rule in ours))
    weights = [_weight(one, rule) for rule in others if splits(one, rule)]
    try:
        expected = [made for r in noted for made in rules_for(one, r, others)]
    except RoutingError:
        expected = ours  # nothing better can be written
    return _Shown(
        routings=tuple(replace(weight, header_routes=there) for weight in dict.fromkeys(weights)),
        drifted=ours != expected,
    )


def _sorted_out(one: Split, noted: Sequence[HeaderRoute]) -> tuple[list[Rule], list[Rule]]:
    """Our own rules, in their order, and those of the user.

    A rule is ours if it leads to the canary alone and matches the headers of a route that is noted.
    """
    try:
        rules = [dict(rule) for rule in (body_of(one).get("spec") or {}).get("rules") or ()]
        for rule in rules:
            if rule.get("backendRefs"):
                rule["backendRefs"] = [dict(ref) for ref in rule["backendRefs"]]
        mine = [_leads_to_canary(one, r) and any(matches_for(r, h) for h in noted) for r in rules]
    except (AttributeError, TypeError, ValueError) as error:
        raise RoutingError(f"{one} cannot be read: {error}") from error
    ours = [rule for rule, is_ours in zip(rules, mine, strict=True) if is_ours]
    others = [rule for rule, is_ours in zip(rules, mine, strict=True) if not is_ours]
    if not any(splits(one, rule) for rule in others):
        raise RoutingError(
            f"{one} has no rule with both Services {one.route.stable_service} and "
            f"{one.route.canary_service} in backendRefs; add the missing one with weight 0"
        )
    return ours, others


def _leads_to_canary(one: Split, rule: Rule) -> bool:
    refs: Sequence[Any] = rule.get("backendRefs") or ()
    return len(refs) == 1 and leads_to(one, refs[0], one.route.canary_service)


def _weight(one: Split, rule: Rule) -> Routing:
    parts = {}
    for service in (one.route.stable_service, one.route.canary_service):
        refs = [ref for ref in rule["backendRefs"] if leads_to(one, ref, service)]
        weights = [1 if ref.get("weight") is None else ref["weight"] for ref in refs]
        if len(weights) != 1 or not isinstance(weights[0], int) or weights[0] < 0:
            raise RoutingError(f"{one}: Service {service} must be once in a rule, with one weight")
        parts[service] = weights[0]
    added = tuple(
        Additional(name, 1 if ref.get("weight") is None else ref["weight"])
        for name in one.added
        for ref in rule["backendRefs"]
        if leads_to(one, ref, name)
    )
    canary = parts[one.route.canary_service]
    total = sum(parts.values()) + sum(extra.weight for extra in added)
    if not total:
        raise RoutingError(f"{one}: both Services have weight 0; give the stable one its weight")
    return Routing(canary, total, additional=added)


def _of(total: int, shown: Routing) -> int:
    """A weight as a part of `total`, rounded up."""
    return -(-shown.weight * total // shown.total)


def _told(routes: Sequence[Split], shown: Sequence[_Shown | None]) -> str:
    parts = []
    for one, found in zip(routes, shown, strict=True):
        for routing in found.routings if found else ():
            names = "".join(f", {r.name}" for r in routing.header_routes if one.takes_headers)
            parts.append(f"{one} says {routing.weight} of {routing.total}{names}")
    return "; ".join(parts)


def _rises(routes: Sequence[Split], routing: Routing) -> bool:
    """Would the canary get more, or perhaps more, than now?"""
    shown, _ = _all_shown(routes)
    now = [one for found in shown if found for one in found.routings]
    if len(now) < len(routes) or None in shown or not now:
        return bool(routing.weight or routing.header_routes or routing.additional)
    return any(
        routing.weight * one.total > one.weight * routing.total
        or set(routing.header_routes) - set(one.header_routes)
        or (routing.additional and routing.additional != one.additional)
        for one in now
    )


# --- Writing -------------------------------------------------------------------------------------


def _write(one: Split, routing: Routing, at: datetime) -> list[Write]:
    noted = header_notes(one)
    _, others = _sorted_out(one, noted)
    wanted = routing.header_routes if one.takes_headers else ()
    for rule in others:
        if splits(one, rule):
            _weight(one, rule)
            rule["backendRefs"] = _backends(one, rule["backendRefs"], routing)
    rules = [*(made for route in wanted for made in rules_for(one, route, others)), *others]
    same_rules = rules == list((body_of(one).get("spec") or {}).get("rules") or ())
    given = ",".join(extra.service for extra in routing.additional)
    if same_rules and wanted == noted and given == ",".join(one.added):
        return []
    note = json.dumps([[r.name, r.matches] for r in wanted]) if wanted else None
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    annotations = {WRITTEN_AT: stamp, **({} if wanted == noted else {HEADER_ROUTES: note})}
    if given != ",".join(one.added):
        annotations[ADDED_DESTINATIONS] = given or None
    version = body_of(one)["metadata"]["resourceVersion"]
    patch = {
        "metadata": {"resourceVersion": version, "annotations": annotations},
        **({} if same_rules else {"spec": {"rules": rules}}),
    }
    names = ", ".join(route.name for route in wanted)
    told = f"Updating {one} to desiredWeight '{routing.weight}'" + (
        f" and {names}" if names else ""
    )
    return [Patch(one.ref, patch, f"Patching{one.kind.kind}", told)]


def _backends(one: Split, refs: Sequence[dict[str, Any]], routing: Routing) -> list[dict[str, Any]]:
    """The two Services with their weights, an experiment's behind, and whoever else is there."""
    kept = [ref for ref in refs if not any(leads_to(one, ref, name) for name in one.added)]
    (model,) = [ref for ref in kept if leads_to(one, ref, one.route.canary_service)]
    made = [_weighted(one, ref, routing) for ref in kept]
    for extra in routing.additional:
        if not extra.port:
            raise RoutingError(
                f"{one}: Service {extra.service} has no port; name a containerPort in the pods"
            )
        named = {"name": extra.service, "port": extra.port, "weight": extra.weight}
        made.append({**copy.deepcopy(model), **named})
    return made


def _weighted(one: Split, ref: dict[str, Any], routing: Routing) -> dict[str, Any]:
    if leads_to(one, ref, one.route.canary_service):
        return ref | {"weight": routing.weight}
    if leads_to(one, ref, one.route.stable_service):
        others = sum(extra.weight for extra in routing.additional)
        return ref | {"weight": routing.total - routing.weight - others}
    return ref

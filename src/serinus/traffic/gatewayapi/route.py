"""One route of the Gateway API that splits traffic, as it was read: what is ours in it.

Pure. Which of its rules and backends were added is noted on the route itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from serinus.api.gatewayapi import GROUP, NamedRoute, RouteKind, named_routes, read_gateway_api
from serinus.api.names import ADDED_DESTINATIONS, HEADER_ROUTES, WRITTEN_AT
from serinus.core.routing import HeaderRoute
from serinus.traffic.router import ObjectRef, Objects, Route, RoutingError

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Split:
    """One object that splits traffic, and what was read of it."""

    route: Route
    kind: RouteKind
    named: NamedRoute
    ref: ObjectRef
    live: Mapping[str, Any] | None

    @property
    def takes_headers(self) -> bool:
        return self.kind.matches_headers and self.named.use_header_routes

    @property
    def added(self) -> tuple[str, ...]:
        """The Services that are noted as an experiment's."""
        text = str(annotations_of(self.live or {}).get(ADDED_DESTINATIONS) or "")
        return tuple(name for name in text.split(",") if name)

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.ref.name}"


def splits_of(route: Route, objects: Objects) -> list[Split]:
    """Every route that the configuration names; none if that cannot be read."""
    try:
        spec = read_gateway_api(route.spec)
    except ValueError:  # the validation tells of it, and holds the rollout
        return []
    namespace, found = spec.namespace or route.namespace, []
    for kind, named in named_routes(spec):
        ref = ObjectRef(f"{GROUP}/{kind.version}", kind.plural, kind.kind, namespace, named.name)
        found.append(Split(route, kind, named, ref, objects.get(ref)))
    return found


def body_of(one: Split) -> Mapping[str, Any]:
    """The route, if it is there and here to stay. Raises RoutingError."""
    if one.live is None:
        raise RoutingError(
            f"{one} does not exist; create it, or correct the plugin's configuration"
        )
    if (one.live.get("metadata") or {}).get("deletionTimestamp"):
        raise RoutingError(f"{one} is being deleted")
    return one.live


def header_notes(one: Split) -> tuple[HeaderRoute, ...]:
    """The header routes whose rules are ours, as the route itself remembers."""
    text = annotations_of(body_of(one)).get(HEADER_ROUTES)
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


def leads_to(one: Split, ref: Mapping[str, Any], service: str) -> bool:
    """A backendRef is this Service of the Rollout."""
    kind = (ref.get("group") or "", ref.get("kind") or "Service")
    where = ref.get("namespace") or one.ref.namespace
    return (kind, ref.get("name"), where) == (("", "Service"), service, one.route.namespace)


def splits(one: Split, rule: Rule) -> bool:
    """A rule divides requests between the two Services; whoever else is in it keeps its weight."""
    refs: Sequence[Any] = rule.get("backendRefs") or ()
    names = (one.route.stable_service, one.route.canary_service)
    return all(any(leads_to(one, ref, name) for ref in refs) for name in names)


def written_at(one: Split) -> datetime | None:
    """The instant that is noted on it; None if there is none that can be read."""
    text = annotations_of(one.live or {}).get(WRITTEN_AT)
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (TypeError, ValueError):
        return None


def annotations_of(live: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those of a route as it was read."""
    return (live.get("metadata") or {}).get("annotations") or {}

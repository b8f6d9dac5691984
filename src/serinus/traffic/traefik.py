"""Weights through a weighted TraefikService: the entries of the stable and the canary Service.

Pure: objects in, patches out. Facts of the format: Argo Rollouts, trafficRouting.traefik, and
traefik.io/v1alpha1. Must not know other routers, nor who does the I/O.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from serinus.api.argo import TraefikTrafficRouting
from serinus.api.names import WRITTEN_AT
from serinus.api.traefik import GROUP_VERSION
from serinus.core.routing import Abilities, RouterSeen, Routing, Unknown
from serinus.traffic.router import ObjectRef, Objects, Patch, Route, RoutingError, Write

TOTAL = 100
NO_OBJECT = (
    "trafficRouting.traefik names no TraefikService; set weightedTraefikServiceName to the one "
    "that splits"
)

_Entries = list[dict[str, Any]]


class TraefikRouter:
    """The router `traefik`: `spec` is strategy.canary.trafficRouting.traefik."""

    name = "traefik"
    abilities: Abilities = frozenset()

    def references(self, route: Route) -> Sequence[ObjectRef]:
        """The TraefikService, if one is named."""
        name = _name(route)
        return [_ref(route)] if name else []

    def read(self, route: Route, objects: Objects) -> RouterSeen:
        """The canary's part; Unknown if the object is missing or cannot be understood."""
        body = objects.get(_ref(route))
        routing: Routing | Unknown
        try:
            routing = _shown(route, _entries(route, objects))
        except RoutingError as error:
            routing = Unknown(str(error))
        return RouterSeen(router=self.name, routing=routing, written_at=_written_at(body or {}))

    def write(
        self, route: Route, objects: Objects, routing: Routing, at: datetime
    ) -> Sequence[Write]:
        """One patch with the whole list; entries of others keep their weight."""
        if routing.header_routes:
            raise RoutingError("traefik has no header routes; remove the steps setHeaderRoute")
        try:
            entries = _entries(route, objects)
            _shown(route, entries)
        except RoutingError:
            if routing.weight:
                raise
            return []  # what it gives cannot be told, nor changed; `read` says why
        due = {
            route.canary_service: routing.weight,
            route.stable_service: routing.total - routing.weight,
        }
        wanted = [_with_weight(one, due) if _is_ours(route, one) else one for one in entries]
        if wanted == entries:
            return []
        ref = _ref(route)
        body = objects[ref]
        assert body is not None
        patch = {
            "metadata": {
                "resourceVersion": body["metadata"]["resourceVersion"],
                "annotations": {WRITTEN_AT: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
            },
            "spec": {"weighted": {"services": wanted}},
        }
        return [Patch(ref, patch)]


def _name(route: Route) -> str:
    spec: TraefikTrafficRouting = route.spec
    return spec.weighted_traefik_service_name


def _ref(route: Route) -> ObjectRef:
    kind = "TraefikService"
    return ObjectRef(GROUP_VERSION, "traefikservices", kind, route.namespace, _name(route))


def _entries(route: Route, objects: Objects) -> _Entries:
    """All entries, copied. Raises RoutingError if the object is not there or splits nothing."""
    if not _name(route):
        raise RoutingError(NO_OBJECT)
    name, body = _name(route), objects.get(_ref(route))
    if body is None:
        raise RoutingError(f"TraefikService {name} does not exist")
    if body["metadata"].get("deletionTimestamp"):
        raise RoutingError(f"TraefikService {name} is being deleted")
    try:
        weighted = (body.get("spec") or {}).get("weighted") or {}
        return [dict(copy.deepcopy(one)) for one in weighted.get("services") or ()]
    except (AttributeError, TypeError, ValueError) as error:
        raise RoutingError(f"TraefikService {name} cannot be read: {error}") from error


def _shown(route: Route, entries: _Entries) -> Routing:
    """What the two entries say. An entry without a weight has weight 1, as Traefik reads it."""
    parts = {}
    for service in (route.stable_service, route.canary_service):
        found = [one for one in entries if _is_ours(route, one) and one["name"] == service]
        weights = [1 if one.get("weight") is None else one["weight"] for one in found]
        if len(weights) != 1 or not isinstance(weights[0], int) or weights[0] < 0:
            raise RoutingError(
                f"TraefikService {_name(route)}: Service {service} must be once in "
                "spec.weighted.services, with a weight"
            )
        parts[service] = weights[0]
    canary, total = parts[route.canary_service], sum(parts.values())
    if not total:
        raise RoutingError(
            f"TraefikService {_name(route)}: both Services have weight 0; give the stable one 100"
        )
    return Routing(canary, total)


def _is_ours(route: Route, entry: Mapping[str, Any]) -> bool:
    """An entry is one of the two Services, not a TraefikService of that name or one elsewhere."""
    kind, where = entry.get("kind") or "Service", entry.get("namespace") or route.namespace
    names = (route.stable_service, route.canary_service)
    return kind == "Service" and where == route.namespace and entry.get("name") in names


def _with_weight(entry: Mapping[str, Any], due: Mapping[str, int]) -> dict[str, Any]:
    return {**entry, "weight": due[str(entry["name"])]}


def _written_at(body: Mapping[str, Any]) -> datetime | None:
    text = ((body.get("metadata") or {}).get("annotations") or {}).get(WRITTEN_AT)
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (TypeError, ValueError):
        return None

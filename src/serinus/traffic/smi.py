"""Weights through the Service Mesh Interface: one TrafficSplit of our own.

Pure: objects in, patches out. Facts of the format: Argo Rollouts, trafficRouting.smi, and
split.smi-spec.io, where a weight is a quantity in v1alpha1 and a number since. Must not know other
routers, nor who does the I/O.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from serinus.api.argo import SmiTrafficRouting
from serinus.api.smi import GROUP, VERSION
from serinus.base.quantity import parse_quantity
from serinus.core.routing import Abilities, Ability, Additional, RouterSeen, Routing, Unknown
from serinus.traffic import owned
from serinus.traffic.router import (
    Create,
    ObjectRef,
    Objects,
    Patch,
    Route,
    RoutingError,
    Write,
)


class SmiRouter:
    """The router `smi`: `spec` is strategy.canary.trafficRouting.smi."""

    name = "smi"
    group = GROUP
    abilities: Abilities = frozenset({Ability.EXPERIMENTS})

    def __init__(self, version: str = VERSION) -> None:
        self._version = version

    def of_version(self, version: str) -> SmiRouter:
        """The same router for a cluster that is asked for that version."""
        return SmiRouter(version)

    def references(self, route: Route) -> Sequence[ObjectRef]:
        """The TrafficSplit."""
        return [self._ref(route)]

    def read(self, route: Route, objects: Objects) -> RouterSeen:
        """What the TrafficSplit says: other backends than the two are experiments'.

        Unknown if it is missing, not ours or unreadable, or if it splits another root Service. Then
        nothing is split, as far as it is known what is there: the canary gets 0, or what it says.
        """
        ref = self._ref(route)
        live = objects.get(ref)
        shown = _shown_or_none(route, ref, live)
        problem = "" if live is not None else "; it is created"
        try:
            whole = _ours(route, ref, live)
            routing: Routing | Unknown = _shown(route, ref, whole)
            if whole["spec"].get("service") != _root(route):
                raise RoutingError(f"TrafficSplit {ref.name} is not of Service {_root(route)}")
        except RoutingError as error:
            routing = Unknown(f"{error}{problem}")
        unknown = isinstance(routing, Unknown)
        weights = {0, shown.weight} if shown and live is not None else {0}
        return RouterSeen(
            router=self.name,
            routing=routing,
            written_at=owned.written_at(live),
            weights=tuple(sorted(weights)) if unknown and (shown or live is None) else (),
            drifted=bool(shown and not unknown and self._patch(route, live, shown) is not None),
        )

    def write(
        self, route: Route, objects: Objects, routing: Routing, at: datetime
    ) -> Sequence[Write]:
        """One patch with all backends; a TrafficSplit that is missing is created with weight 0."""
        if routing.header_routes:
            raise RoutingError("smi has no header routes; remove the steps setHeaderRoute")
        ref = self._ref(route)
        live = objects.get(ref)
        if live is None and route.owner_uid:
            manifest = {
                "apiVersion": ref.api_version,
                "kind": ref.kind,
                "metadata": owned.metadata(route, ref, at),
                "spec": self._spec(route, Routing(0, routing.total)),
            }
            told = f"TrafficSplit `{ref.name}` created"
            return [Create(ref, manifest, "TrafficSplitCreated", told)]
        try:
            whole = _ours(route, ref, live)
        except RoutingError:
            if routing.weight or routing.additional:
                raise
            return []  # what it gives is not ours to change; `read` says why
        patch = self._patch(route, whole, routing)
        if patch is None:
            return []
        told = f"TrafficSplit `{ref.name}` modified"
        body = owned.change(route, whole, patch, at)
        return [Patch(ref, body, "TrafficSplitModified", told)]

    def _ref(self, route: Route) -> ObjectRef:
        spec: SmiTrafficRouting = route.spec
        name = spec.traffic_split_name or route.owner_name
        version = f"{GROUP}/{self._version}"
        return ObjectRef(version, "trafficsplits", "TrafficSplit", route.namespace, name)

    def _patch(
        self, route: Route, live: Mapping[str, Any] | None, routing: Routing
    ) -> dict[str, Any] | None:
        """What of its spec differs from what is wanted; None if all is as it should be."""
        assert live is not None
        there = live.get("spec") or {}
        changed = {k: v for k, v in self._spec(route, routing).items() if there.get(k) != v}
        adopts = bool(route.owner_uid) and not owned.owners(live)
        return changed if changed or adopts else None

    def _spec(self, route: Route, routing: Routing) -> dict[str, Any]:
        given = [(extra.service, extra.weight) for extra in routing.additional]
        rest = routing.total - routing.weight - sum(weight for _, weight in given)
        parts = [(route.canary_service, routing.weight), *given, (route.stable_service, rest)]
        backends = [{"service": name, "weight": self._weight(weight)} for name, weight in parts]
        return {"service": _root(route), "backends": backends}

    def _weight(self, weight: int) -> str | int:
        """In v1alpha1 a quantity of Go's kind DecimalExponent, in its canonical form."""
        if self._version != VERSION:
            return weight
        exponent = 0
        while weight and weight % 1000 == 0:
            weight, exponent = weight // 1000, exponent + 3
        return f"{weight}e{exponent}" if exponent else str(weight)


def _root(route: Route) -> str:
    spec: SmiTrafficRouting = route.spec
    return spec.root_service or route.stable_service


def _ours(route: Route, ref: ObjectRef, live: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Ours, or one that a Rollout left which was deleted without it: it splits as we would."""
    return owned.ours(route, ref, live, orphan=live is not None and _is_orphan(route, live))


def _is_orphan(route: Route, live: Mapping[str, Any]) -> bool:
    if owned.owners(live):
        return False
    try:
        spec = live["spec"]
        names = {backend["service"] for backend in spec["backends"]}
        return bool(spec["service"] == _root(route)) and names == _both(route)
    except (KeyError, TypeError):
        return False


def _both(route: Route) -> set[str]:
    return {route.canary_service, route.stable_service}


def _shown_or_none(route: Route, ref: ObjectRef, live: Mapping[str, Any] | None) -> Routing | None:
    """What one of ours says, whatever else is wrong with it; None if that cannot be told."""
    try:
        return _shown(route, ref, _ours(route, ref, live))
    except RoutingError:
        return None


def _shown(route: Route, ref: ObjectRef, live: Mapping[str, Any]) -> Routing:
    try:
        rows = [(one["service"], one["weight"]) for one in live["spec"]["backends"]]
        shares = [(str(name), Fraction(parse_quantity(weight))) for name, weight in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise RoutingError(f"TrafficSplit {ref.name} cannot be read: {error!r}") from error
    # Quantities may be fractions; the parts of a whole are not.
    scale = math.lcm(*(share.denominator for _, share in shares))
    parts = [(name, int(share * scale)) for name, share in shares]
    names = [name for name, _ in parts]
    for service in sorted(_both(route)):
        if names.count(service) != 1:
            raise RoutingError(
                f"TrafficSplit {ref.name}: Service {service} must be once in spec.backends"
            )
    total = sum(weight for _, weight in parts)
    if total <= 0 or any(weight < 0 for _, weight in parts):
        raise RoutingError(f"TrafficSplit {ref.name}: its weights are no parts of a whole")
    given = dict(parts)
    extra = tuple(Additional(name, w) for name, w in parts if name not in _both(route))
    return Routing(given[route.canary_service], total, additional=extra)

"""By what requests get to stable and canary: Services, subsets of a router's own, or both. Pure.

What chooses the pods of one side is one ServiceSeen, whoever chooses: the same rules hold for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from serinus.api.argo import Strategy
from serinus.core.rollout.snapshot import ServiceSeen
from serinus.core.routing import Unknown
from serinus.traffic.router import Objects, Route, Router, RoutingError, Selection, SelectsPods

Routes = Mapping[str, tuple[Router, Route, Objects]]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a strategy, stable or canary, active or preview."""

    name: str
    """The key of the snapshot's `services`."""
    service: str
    """The Service that the strategy names; "" for none."""
    selections: tuple[Selection, ...] | None = ()
    """What routers themselves choose for it; None if one of them cannot be read."""

    def services(self) -> tuple[str, ...]:
        """The Services whose endpoints count."""
        others = (one.service for one in self.selections or ())
        return tuple(name for name in (self.service, *others) if name)

    def seen(self, services: Mapping[str, ServiceSeen | None]) -> ServiceSeen | None:
        """All that choose for it, as one; None if one of them is not there."""
        if self.selections is None:
            return None
        parts = [services[self.service]] if self.service else []
        parts += [subset_seen(self.name, one, services[one.service]) for one in self.selections]
        known = [part for part in parts if part is not None]
        return together(known) if known and len(known) == len(parts) else None


def sides_of(strategy: Strategy, routes: Routes) -> tuple[Side, ...]:
    """Those that a strategy has, by name each once."""
    canary, blue_green = strategy.canary, strategy.blue_green
    found: tuple[Side, ...] = ()
    if canary is not None:
        stable, other = selections(routes, canary=False), selections(routes, canary=True)
        found = (
            Side(canary.stable_entry, canary.stable_service, stable),
            Side(canary.canary_entry, canary.canary_service, other),
        )
    elif blue_green is not None:
        named = (blue_green.active_service, blue_green.preview_service)
        found = tuple(Side(name, name) for name in named)
    return tuple(side for side in found if side.name)


def selections(routes: Routes, *, canary: bool) -> tuple[Selection, ...] | None:
    """What the routers themselves choose for one side; None if one of them cannot be read."""
    found = []
    for router, route, objects in routes.values():
        if not isinstance(router, SelectsPods):
            continue
        try:
            one = router.selection(route, objects, canary=canary)
        except RoutingError:
            return None
        found += [one] if one else []
    return tuple(found)


def subset_seen(name: str, selection: Selection, service: ServiceSeen | None) -> ServiceSeen:
    """A subset: of the endpoints of its Service those that it chooses."""
    endpoints: Mapping[str, int] | Unknown
    if service is None:
        endpoints = Unknown(f"Service {selection.service} does not exist")
    elif isinstance(service.endpoints, Unknown) or not selection.hash:
        endpoints = service.endpoints
    else:
        endpoints = {h: n for h, n in service.endpoints.items() if h == selection.hash}
    return ServiceSeen(
        name=name,
        resource_version=selection.resource_version,
        selector_hash=selection.hash,
        written_at=selection.written_at,
        endpoints=endpoints,
    )


def together(parts: Sequence[ServiceSeen]) -> ServiceSeen:
    """Several that choose for the same side, as one: what any of them gets wrong is wrong.

    The first gives the name. A revision has as many endpoints as the least of those that choose it
    show; one that is left over counts where any still shows it.
    """
    first, *others = parts
    if not others:
        return first
    hashes = list(dict.fromkeys(part.selector_hash for part in parts))
    return ServiceSeen(
        name=first.name,
        resource_version=first.resource_version,
        selector_hash=hashes[0] if len(hashes) == 1 else "+".join(h or "all" for h in hashes),
        written_at=_latest(parts),
        endpoints=_endpoints(parts),
        agreed=len(hashes) == 1,
    )


def _latest(parts: Sequence[ServiceSeen]) -> datetime | None:
    return max((part.written_at for part in parts if part.written_at), default=None)


def _endpoints(parts: Sequence[ServiceSeen]) -> Mapping[str, int] | Unknown:
    shown: list[tuple[str, Mapping[str, int]]] = []
    for part in parts:
        if isinstance(part.endpoints, Unknown):
            return part.endpoints
        shown.append((part.selector_hash, part.endpoints))
    made = {}
    for one in dict.fromkeys(key for _, endpoints in shown for key in endpoints):
        choosing = [endpoints.get(one, 0) for chosen, endpoints in shown if chosen in (one, "")]
        made[one] = min(choosing) if choosing else max(e.get(one, 0) for _, e in shown)
    return {one: count for one, count in made.items() if count}

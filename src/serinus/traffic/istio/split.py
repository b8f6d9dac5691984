"""One VirtualService: what it shows of a routing, and how it has to be to show another one.

Pure. Of a route that is split only the weights of its destinations are ours, and the destinations
of an experiment that were added (their names are noted on the object); of the list of HTTP routes
only those with names of managedRoutes, which stand above the user's own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from serinus.api import istio
from serinus.api.argo import IstioVirtualService
from serinus.api.istio import Chosen, Ours, Part, Unfit
from serinus.api.names import ADDED_DESTINATIONS, WRITTEN_AT
from serinus.core.routing import Additional, HeaderRoute, MirrorRoute, Routing
from serinus.traffic.istio import managed
from serinus.traffic.router import ObjectRef, RoutingError


@dataclass(frozen=True, slots=True)
class View:
    """A VirtualService as it was read, how it is named, and whose destinations are ours."""

    ref: ObjectRef
    body: Mapping[str, Any] | None
    named: IstioVirtualService
    ours: Ours

    @property
    def spec(self) -> Mapping[str, Any]:
        return (self.body or {}).get("spec") or {}

    @property
    def added(self) -> tuple[str, ...]:
        """The Services that are noted as an experiment's."""
        text = _annotations(self.body or {}).get(ADDED_DESTINATIONS) or ""
        return tuple(name for name in text.split(",") if name)

    @property
    def written_at(self) -> datetime | None:
        return written_at(self.body or {})


@dataclass(frozen=True, slots=True)
class Shown:
    """What one VirtualService shows, as far as it can be told."""

    routing: Routing | None = None
    weights: tuple[int, ...] = ()
    """What its routes may give the canary, in hundredths, rounded up; () if that is not known."""
    header_routes: tuple[HeaderRoute, ...] = ()
    mirror_routes: tuple[MirrorRoute, ...] = ()
    has_http: bool = False
    """It splits HTTP routes, so that it can have header and mirror routes."""


def written_at(body: Mapping[str, Any]) -> datetime | None:
    """The instant that is noted on an object; None if there is none that can be read."""
    text = _annotations(body).get(WRITTEN_AT)
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (TypeError, ValueError):
        return None


def _annotations(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return (body.get("metadata") or {}).get("annotations") or {}


# --- Reading -------------------------------------------------------------------------------------


def problems_of(view: View) -> list[str]:
    """Why what it shows cannot be relied on, as sentences."""
    try:
        found = [*strangers_of(view), *_differences(view, _split(view))]
    except RoutingError as error:
        return [str(error)]
    except Unfit as error:
        return [f"{_called(view)} {error}"]
    return found


def strangers_of(view: View) -> list[str]:
    """The parts that others get: no write of ours changes that."""
    try:
        picked = _split(view)
    except RoutingError:
        return []
    return [
        f"{_called(view)}: {text}"
        for one in picked
        for text in istio.strangers(
            one,
            view.spec[one.section][one.index],
            view.ref.namespace,
            view.ours,
            view.added,
        )
    ]


def shown(view: View) -> Shown:
    """What it shows; nothing where it cannot be read."""
    try:
        picked = _split(view)
        rows = [_share(view, view.spec[one.section][one.index]) for one in picked]
        routes = managed.read(view.spec, view.ours, view.ref.namespace)
        rows += [_share(view, route) for route in routes.mirrored]
    except (RoutingError, Unfit):
        return Shown()
    weights = tuple(sorted({weight for share in rows for weight in share.weights}))
    same = len({share.key for share in rows}) == 1 and all(share.adds_up for share in rows)
    headers, mirrors = routes.header_routes, routes.mirror_routes
    routing = None
    if same and routes.readable:
        extra = tuple(Additional(name, weight) for name, weight in rows[0].added)
        routing = Routing(rows[0].canary, istio.TOTAL, headers, mirrors, extra)
    has_http = any(one.section == "http" for one in picked)
    return Shown(routing, weights, headers, mirrors, has_http)


def _split(view: View) -> list[Chosen]:
    """The routes to split, if the object is there, can be split, and is here to stay."""
    if view.body is None:
        raise RoutingError(
            f"{_called(view)} does not exist; create it, or correct virtualService.name"
        )
    if (view.body.get("metadata") or {}).get("deletionTimestamp"):
        raise RoutingError(f"{_called(view)} is being deleted")
    try:
        return istio.chosen(view.spec, view.named, view.ref.namespace, view.ours)
    except Unfit as error:
        raise RoutingError(f"{_called(view)} {error}") from error


def _called(view: View) -> str:
    return f"VirtualService {view.ref.name}"


def _differences(view: View, picked: Sequence[Chosen]) -> Iterator[str]:
    """What is not as we write it, and what a write mends."""
    shares = [_share(view, view.spec[one.section][one.index]) for one in picked]
    rows = list(zip(picked, shares, strict=True))
    for one, share in rows:
        if not share.adds_up:
            yield (
                f"{_called(view)}: {one.label} gives the canary {share.canary} and stable "
                f"{share.stable}, which should have {share.due}"
            )
    if len({share.key for share in shares}) > 1:
        told = ", ".join(f"{one.label} {share.canary}" for one, share in rows)
        yield f"{_called(view)}: its routes differ in what the canary gets: {told}"
    found = managed.read(view.spec, view.ours, view.ref.namespace)
    for text in found.problems:
        yield f"{_called(view)}: {text}"
    for route in found.mirrored:
        if _share(view, route).key != shares[0].key:
            yield f"{_called(view)}: route {route.get('name')!r} has other weights than the rest"


@dataclass(frozen=True, slots=True)
class _Share:
    """The weights of one route."""

    canary: int
    stable: int
    due: int
    """What stable should have beside the others."""
    added: tuple[tuple[str, int], ...]
    whole: int
    """All weights together."""

    @property
    def key(self) -> tuple[object, ...]:
        return self.canary, self.added

    @property
    def adds_up(self) -> bool:
        return self.stable == self.due

    @property
    def weights(self) -> tuple[int, ...]:
        """The canary's part of all requests, in hundredths, rounded up."""
        if self.adds_up:
            return (self.canary,)
        if not self.whole:  # every destination may get anything then
            return (0, istio.TOTAL)
        return (min(istio.TOTAL, -(-self.canary * istio.TOTAL // self.whole)),)


def _share(view: View, route: Mapping[str, Any]) -> _Share:
    """Raises Unfit for a weight that is none."""
    weights: dict[Part, int] = dict.fromkeys(Part, 0)
    added: dict[str, int] = {}
    for part, row in istio.parts_of(route, view.ref.namespace, view.ours):
        weight = istio.weight_of(row)
        service = _added_service(view, part, row)
        if service:
            added[service] = weight
        else:
            weights[part] += weight
    others = weights[Part.KEPT] + weights[Part.OTHER] + sum(added.values())
    due = max(0, istio.TOTAL - weights[Part.CANARY] - others)
    whole = weights[Part.CANARY] + weights[Part.STABLE] + others
    ordered = tuple((name, added[name]) for name in view.added if name in added)
    return _Share(weights[Part.CANARY], weights[Part.STABLE], due, ordered, whole)


def _added_service(view: View, part: Part, row: Mapping[str, Any]) -> str:
    """The experiment's Service that a destination is, if it is noted as one that we added."""
    if part is not Part.OTHER:
        return ""
    host = str((row.get("destination") or {}).get("host", ""))
    service = istio.service_at(host, view.ref.namespace)
    ours = service is not None and service[0] == view.ours.namespace
    return service[1] if service and ours and service[1] in view.added else ""


# --- Writing -------------------------------------------------------------------------------------


def wanted(view: View, routing: Routing) -> dict[str, Any]:
    """What of the object has to change: its spec's lists, whole, and `annotations`; {}: nothing.

    Raises RoutingError if it is missing or cannot be split.
    """
    picked = _split(view)
    lists: dict[str, list[Any]] = {}
    for one in picked:
        routes = lists.setdefault(one.section, list(copy.deepcopy(view.spec[one.section])))
        try:
            routes[one.index] = _weighted(view, routes[one.index], routing)
        except Unfit as error:
            raise RoutingError(f"{_called(view)}: {one.label} {error}") from error
    first = next((one for one in picked if one.section == "http"), None)
    if first is not None:
        model = lists["http"][first.index]
        lists["http"] = managed.arranged(
            lists["http"], model, routing, view.ours, view.ref.namespace
        )
    changed = {name: found for name, found in lists.items() if found != view.spec[name]}
    patch: dict[str, Any] = {"spec": changed} if changed else {}
    noted = ",".join(one.service for one in routing.additional)
    if noted != ",".join(view.added):
        patch["annotations"] = {ADDED_DESTINATIONS: noted or None}
    return patch


def _weighted(view: View, route: Mapping[str, Any], routing: Routing) -> dict[str, Any]:
    """The route with the weights of `routing`; what is not ours keeps its own."""
    rows = [
        (part, row)
        for part, row in istio.parts_of(route, view.ref.namespace, view.ours)
        if not _added_service(view, part, row)
    ]
    others = sum(istio.weight_of(r) for part, r in rows if part in (Part.KEPT, Part.OTHER))
    others += sum(one.weight for one in routing.additional)
    stable = max(0, istio.TOTAL - routing.weight - others)
    due = {Part.CANARY: routing.weight, Part.STABLE: stable}
    made = [_with_weight(row, due[part]) if part in due else row for part, row in rows]
    made += [
        {"destination": {"host": _host(view, one.service)}, "weight": one.weight}
        for one in routing.additional
    ]
    return {**route, "route": made}


def _with_weight(row: Mapping[str, Any], weight: int) -> Mapping[str, Any]:
    """No weight is weight 0, and then stays away."""
    return row if (row.get("weight") or 0) == weight else {**row, "weight": weight}


def _host(view: View, service: str) -> str:
    """A short name is looked for beside the VirtualService."""
    namespace = view.ours.namespace
    return (
        service if view.ref.namespace == namespace else f"{service}.{namespace}.svc.cluster.local"
    )

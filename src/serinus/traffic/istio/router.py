"""Weights and routes through Istio: VirtualServices split, a DestinationRule selects pods.

Pure: objects in, patches out. Facts of the format: Argo Rollouts, trafficRouting.istio, and
networking.istio.io/v1. Whose a destination is says `api/istio.py`, for the rules and for this.
Must not know other routers, nor who does the I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from serinus.api import istio
from serinus.api.argo import IstioTrafficRouting
from serinus.api.names import WRITTEN_AT
from serinus.core.routing import ALL_ABILITIES, Abilities, RouterSeen, Routing, Unknown
from serinus.traffic.istio import rule
from serinus.traffic.istio.split import Shown, View, problems_of, shown, strangers_of, wanted
from serinus.traffic.router import ObjectRef, Objects, Patch, Route, RoutingError, Selection, Write

T = TypeVar("T")
NO_OBJECT = (
    "trafficRouting.istio names no VirtualService; set virtualService.name to the one that splits"
)


class IstioRouter:
    """The router `istio`: `spec` is strategy.canary.trafficRouting.istio."""

    name = "istio"
    abilities: Abilities = ALL_ABILITIES

    def references(self, route: Route) -> Sequence[ObjectRef]:
        """Every VirtualService, and the DestinationRule if there is one."""
        views = _views(route, {})
        found = rule.reference(route)
        return [*(view.ref for view in views), *([found] if found else [])]

    def read(self, route: Route, objects: Objects) -> RouterSeen:
        """What all VirtualServices show alike.

        Unknown if one is missing, cannot be split as it is, or gives a part to somebody else, or
        if they differ: then the canary may get any of `weights`.
        """
        views = _views(route, objects)
        problems = [problem for view in views for problem in problems_of(view)]
        found = [shown(view) for view in views]
        alike = _alike(found)
        if not problems and views and alike is None:
            problems.append(_disagreement(views, found))
        if not views:
            problems.append(NO_OBJECT)
        weights = {weight for one in found for weight in one.weights}
        known = all(one.weights for one in found)
        return RouterSeen(
            router=self.name,
            routing=Unknown("; ".join(problems)) if problems or alike is None else alike,
            written_at=max((at for view in views if (at := view.written_at)), default=None),
            weights=tuple(sorted(weights)) if problems and known else (),
            header_routes=_every(one.header_routes for one in found) if problems else (),
            mirror_routes=_every(one.mirror_routes for one in found) if problems else (),
            drifted=not problems and alike is not None and any(wanted(v, alike) for v in views),
        )

    def write(
        self, route: Route, objects: Objects, routing: Routing, at: datetime
    ) -> Sequence[Write]:
        """One patch a VirtualService that does not say so yet; the DestinationRule stays."""
        views = _views(route, objects)
        problems = _refusals(views, routing)
        writes: list[Write] = []
        for view in views:
            try:
                patch = wanted(view, routing)
            except RoutingError as error:
                problems.append(str(error))
                continue
            if patch:
                writes.append(_stamped(view, patch, routing, at))
        if problems and _gives_more(views, routing):
            raise RoutingError("; ".join(dict.fromkeys(problems)))
        return writes

    def selection(self, route: Route, objects: Objects, *, canary: bool) -> Selection | None:
        """The subset of the canary, or of stable; None without a DestinationRule."""
        return rule.selection(route, objects, canary=canary)

    def point(
        self, route: Route, objects: Objects, pod_hash: str, at: datetime, *, canary: bool
    ) -> Sequence[Write]:
        """The subset's label, in one patch with the instant."""
        return rule.point(route, objects, pod_hash, at, canary=canary)


def _views(route: Route, objects: Objects) -> list[View]:
    spec: IstioTrafficRouting = route.spec
    ours = istio.Ours(
        namespace=route.namespace,
        stable_service=route.stable_service,
        canary_service=route.canary_service,
        rule=spec.destination_rule,
        rule_host=rule.host(route, objects),
        managed=route.managed,
    )
    views = []
    for named in spec.services():
        namespace, name = _located(named.name, route)
        ref = ObjectRef(istio.GROUP_VERSION, "virtualservices", "VirtualService", namespace, name)
        views.append(View(ref, objects.get(ref), named, ours))
    return views


def _located(name: str, route: Route) -> tuple[str, str]:
    try:
        return istio.located(name, route.namespace)
    except istio.Unfit:
        return route.namespace, name  # the rules refuse it by name; no such object exists


def _every(routes: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(route for some in routes for route in some))


def _alike(found: Sequence[Shown]) -> Routing | None:
    """The routing that all show; one without HTTP routes has no say in what only those can do."""
    if not found or any(one.routing is None for one in found):
        return None
    routings = [(one.routing, one.has_http) for one in found if one.routing is not None]
    model = next((routing for routing, http in routings if http), routings[0][0])
    bare = replace(model, header_routes=(), mirror_routes=())
    same = all(routing == (model if http else bare) for routing, http in routings)
    return model if same else None


def _disagreement(views: Sequence[View], found: Sequence[Shown]) -> str:
    told = []
    for view, one in zip(views, found, strict=True):
        routes = [r.name for r in one.header_routes] + [r.name for r in one.mirror_routes]
        with_routes = f" with the routes {', '.join(routes)}" if routes else ""
        weights = " or ".join(map(str, one.weights))
        told.append(f"{view.ref.name} gives the canary {weights}{with_routes}")
    return f"the VirtualServices differ: {', '.join(told)}"


def _refusals(views: Sequence[View], routing: Routing) -> list[str]:
    """Why this routing cannot be written, whatever the objects are like."""
    found = [] if views else [NO_OBJECT]
    if routing.total != istio.TOTAL:
        found.append(f"istio divides {istio.TOTAL}; take maxTrafficWeight out")
    routes = routing.header_routes or routing.mirror_routes
    if routes and not any(shown(view).has_http for view in views):
        found.append("header and mirror routes need an http route in a VirtualService")
    return found + [problem for view in views for problem in strangers_of(view)]


def _gives_more(views: Sequence[View], routing: Routing) -> bool:
    """Would the canary get more than it gets now for sure, or an experiment?"""
    for view in views:
        now = shown(view)
        if routing.weight > max(now.weights, default=0):
            return True
        known = {*now.header_routes, *now.mirror_routes}
        if now.has_http and not known.issuperset((*routing.header_routes, *routing.mirror_routes)):
            return True
        if routing.additional and (
            now.routing is None or now.routing.additional != routing.additional
        ):
            return True
    return not views and bool(routing.weight)


def _stamped(view: View, patch: dict[str, Any], routing: Routing, at: datetime) -> Patch:
    noted = patch.pop("annotations", {})
    assert view.body is not None
    stamp = {WRITTEN_AT: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    metadata = {
        "resourceVersion": view.body["metadata"]["resourceVersion"],
        "annotations": {**noted, **stamp},
    }
    told = f"VirtualService `{view.ref.name}` set to desiredWeight '{routing.weight}'"
    # Quirk: the only reason of an event with a space in it; notifications are subscribed by it.
    return Patch(view.ref, {"metadata": metadata, **patch}, "Updated VirtualService", told)

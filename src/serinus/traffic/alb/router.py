"""Weights and header routes through the AWS Load Balancer Controller: actions on its Ingresses.

Pure: objects in, patches out. Whether the load balancer obeys nobody is asked (the original's
verification needs AWS, and is off unless a flag asks for it). Must not know other routers, nor
who does the I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from serinus.api.alb import TOTAL
from serinus.api.names import WRITTEN_AT
from serinus.core.routing import Abilities, Ability, RouterSeen, Routing, Unknown
from serinus.traffic.alb.ingress import View, changes, obstacles, shown, views_of
from serinus.traffic.router import ObjectRef, Objects, Patch, Route, RoutingError, Write

NO_INGRESS = "trafficRouting.alb names no Ingress; set ingress to the one that leads to the action"


class AlbRouter:
    """The router `alb`: `spec` is strategy.canary.trafficRouting.alb."""

    name = "alb"
    abilities: Abilities = frozenset({Ability.HEADERS, Ability.EXPERIMENTS})

    def references(self, route: Route) -> Sequence[ObjectRef]:
        """Every Ingress that is named."""
        return [view.ref for view in views_of(route, {})]

    def read(self, route: Route, objects: Objects) -> RouterSeen:
        """What all Ingresses say alike.

        Unknown if one is missing or cannot be understood, or if they differ: then the canary may
        get any of `weights`.
        """
        views = views_of(route, objects)
        found, problems = _all_shown(views)
        if not views:
            problems.append(NO_INGRESS)
        known = [one for one in found if one is not None]
        if not problems and any(one != known[0] for one in known):
            problems.append(_disagreement(views, known))
        whole = bool(problems) and bool(known) and len(known) == len(views)
        headers = dict.fromkeys(r for one in known for r in one.header_routes)
        return RouterSeen(
            router=self.name,
            routing=Unknown("; ".join(problems)) if problems else known[0],
            written_at=max((at for view in views if (at := view.written_at)), default=None),
            weights=tuple(sorted({_of(route.total, one) for one in known})) if whole else (),
            header_routes=tuple(headers) if whole else (),
            drifted=not problems and any(changes(view, known[0]) for view in views),
        )

    def write(
        self, route: Route, objects: Objects, routing: Routing, at: datetime
    ) -> Sequence[Write]:
        """One patch for each Ingress that says something else; each has its turn."""
        views = views_of(route, objects)
        problems = [] if views else [NO_INGRESS]
        if routing.total != TOTAL:
            problems.append(f"alb divides {TOTAL}; take maxTrafficWeight out")
        writes: list[Write] = []
        for view in views:
            problems += obstacles(view, routing)
            patch = changes(view, routing)
            if patch and view.live is not None:
                writes.append(_stamped(view, patch, routing, at))
        if problems and _gives_more(views, routing):
            raise RoutingError("; ".join(dict.fromkeys(problems)))
        return writes


def _all_shown(views: Sequence[View]) -> tuple[list[Routing | None], list[str]]:
    """What each Ingress says, None where that cannot be told, and why."""
    found: list[Routing | None] = []
    problems: list[str] = []
    for view in views:
        try:
            found.append(shown(view))
        except RoutingError as error:
            found.append(None)
            problems.append(str(error))
    return found, problems


def _of(total: int, routing: Routing) -> int:
    """A weight as a part of `total`, rounded up."""
    return -(-routing.weight * total // routing.total)


def _disagreement(views: Sequence[View], known: Sequence[Routing]) -> str:
    told = []
    for view, one in zip(views, known, strict=True):
        names = "".join(f", {route.name}" for route in one.header_routes)
        told.append(f"{view.ref.name} says {one.weight} of {one.total}{names}")
    return f"the Ingresses differ: {'; '.join(told)}"


def _gives_more(views: Sequence[View], routing: Routing) -> bool:
    """Would the canary, or an experiment, get more than it gets now, or perhaps more?"""
    found, _ = _all_shown(views)
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return bool(routing.weight or routing.header_routes or routing.additional)
    return any(
        routing.weight * one.total > one.weight * routing.total
        or set(routing.header_routes) - set(one.header_routes)
        or (routing.additional and routing.additional != one.additional)
        for one in known
    )


def _stamped(view: View, patch: dict[str, object], routing: Routing, at: datetime) -> Patch:
    assert view.live is not None
    metadata = patch.get("metadata") or {}
    assert isinstance(metadata, dict)
    stamp = {WRITTEN_AT: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    patch["metadata"] = {
        "resourceVersion": view.live["metadata"]["resourceVersion"],
        "annotations": {**metadata.get("annotations", {}), **stamp},
    }
    names = "".join(f" and {route.name}" for route in routing.header_routes)
    told = f"Updating Ingress `{view.ref.name}` to desiredWeight '{routing.weight}'{names}"
    return Patch(view.ref, patch, "PatchingALBIngress", told)

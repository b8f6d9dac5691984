"""Weights and header routes through Apache APISIX.

Pure: objects in, patches out. Facts of the format: Argo Rollouts, trafficRouting.apisix, and
apisix.apache.org/v2. Must not know other routers, nor who does the I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from serinus.core.routing import Abilities, Ability, HeaderRoute, RouterSeen, Routing, Unknown
from serinus.traffic.apisix.headers import headers_of, is_stale, put, seen, taken_away
from serinus.traffic.apisix.route import (
    TOTAL,
    Base,
    base_of,
    name_of,
    reference,
    shown,
    stamp,
    weighted,
    written_at,
)
from serinus.traffic.router import (
    Delete,
    ObjectRef,
    Objects,
    Patch,
    Route,
    RoutingError,
    Write,
)


class ApisixRouter:
    """The router `apisix`: `spec` is strategy.canary.trafficRouting.apisix."""

    name = "apisix"
    abilities: Abilities = frozenset({Ability.HEADERS})

    def references(self, route: Route) -> Sequence[ObjectRef]:
        """The ApisixRoute that splits, and one for each managed route."""
        name = name_of(route)
        others = [one.ref for one in headers_of(route, {})]
        return [reference(route, name), *others] if name else []

    def read(self, route: Route, objects: Objects) -> RouterSeen:
        """The weight that all rules show, and the header routes whose objects are there.

        Unknown if an object cannot be understood or is somebody else's, or if rules differ.
        """
        found = _look(route, objects)
        problems = list(found.problems)
        if not problems and len(found.weights) > 1:
            told = ", ".join(f"{one.weight} of {one.total}" for one in found.weights)
            problems.append(f"ApisixRoute {name_of(route)}: the rules give the canary {told}")
        whole = bool(problems) and found.is_whole
        instants = [written_at(objects.get(ref)) for ref in self.references(route)]
        return RouterSeen(
            router=self.name,
            routing=Unknown("; ".join(problems))
            if problems
            else replace(found.weights[0], header_routes=found.headers),
            written_at=max((at for at in instants if at), default=None),
            weights=tuple(sorted({_of(route.total, w) for w in found.weights})) if whole else (),
            header_routes=found.headers if whole else (),
            drifted=not problems and found.drifted,
        )

    def write(
        self, route: Route, objects: Objects, routing: Routing, at: datetime
    ) -> Sequence[Write]:
        """One patch of the rules that split; a header route is created, patched or deleted."""
        problems = [f"apisix divides {TOTAL}"] if routing.total != TOTAL else []
        base: Base | None = None
        try:
            base = base_of(route, objects)
            for rule in base.rules:
                if base.splits(rule):
                    shown(base, rule)
        except RoutingError as error:
            base = None
            problems.append(str(error))
        others, refused = _header_writes(route, objects, routing, base, at)
        problems += refused
        if problems and _gives_more(_look(route, objects), routing):
            raise RoutingError("; ".join(dict.fromkeys(problems)))
        return [*_base_writes(base, routing, others, at), *others]


@dataclass(frozen=True, slots=True)
class _Found:
    """What the objects show, as far as they are understood."""

    weights: tuple[Routing, ...]
    """Of the rules that split, each different one once."""
    headers: tuple[HeaderRoute, ...]
    problems: tuple[str, ...]
    is_whole: bool
    """All of them were understood, though they may differ."""
    drifted: bool


def _look(route: Route, objects: Objects) -> _Found:
    problems: list[str] = []
    weights: tuple[Routing, ...] = ()
    base: Base | None = None
    try:
        base = base_of(route, objects)
        split = [rule for rule in base.rules if base.splits(rule)]
        weights = tuple(dict.fromkeys(shown(base, rule) for rule in split))
    except RoutingError as error:
        problems.append(str(error))
    headers: list[HeaderRoute] = []
    drifted = False
    for one in headers_of(route, objects):
        try:
            header = seen(one)
        except RoutingError as error:
            problems.append(str(error))
            continue
        if header is not None:
            headers.append(header)
            drifted |= base is not None and is_stale(one, header, base)
    return _Found(weights, tuple(headers), tuple(problems), not problems, drifted)


def _of(total: int, routing: Routing) -> int:
    """A weight as a part of `total`, rounded up."""
    return -(-routing.weight * total // routing.total)


# --- Writing -------------------------------------------------------------------------------------


def _header_writes(
    route: Route,
    objects: Objects,
    routing: Routing,
    base: Base | None,
    at: datetime,
) -> tuple[list[Write], list[str]]:
    """And why some of them cannot be made."""
    problems: list[str] = []
    wanted = {one.name: one for one in routing.header_routes}
    writes: list[Write | None] = []
    for one in headers_of(route, objects):
        header = wanted.pop(one.name, None)
        try:
            if header is None:
                writes.append(taken_away(one))
            elif base is not None:
                writes.append(put(one, header, base, at))
        except RoutingError as error:
            problems.append(str(error))
    problems += [f"header route {name} is not in managedRoutes" for name in wanted]
    return [write for write in writes if write is not None], problems


def _base_writes(
    base: Base | None, routing: Routing, others: Sequence[Write], at: datetime
) -> list[Write]:
    """A deletion carries no instant, so the object that splits does."""
    if base is None:
        return []
    rules = [
        weighted(base, rule, routing.weight) if base.splits(rule) else rule for rule in base.rules
    ]
    changed = rules != base.rules
    if not changed and not any(isinstance(write, Delete) for write in others):
        return []
    metadata = {
        "resourceVersion": base.body["metadata"]["resourceVersion"],
        "annotations": stamp(at),
    }
    return [
        Patch(base.ref, {"metadata": metadata, **({"spec": {"http": rules}} if changed else {})})
    ]


def _gives_more(found: _Found, routing: Routing) -> bool:
    """Would the canary get more than it gets now for sure?"""
    if not set(routing.header_routes) <= set(found.headers):
        return True
    if not found.weights:
        return routing.weight > 0
    return any(routing.weight * one.total > one.weight * routing.total for one in found.weights)

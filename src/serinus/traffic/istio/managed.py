"""Header and mirror routes in a VirtualService: the HTTP routes with names of managedRoutes.

Pure. They stand in the order of managedRoutes, above every route of the user's.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serinus.api import istio
from serinus.api.istio import Ours, Part, Unfit
from serinus.core.routing import HeaderRoute, MirrorMatch, MirrorRoute, Routing

_WAYS = ("exact", "prefix", "regex")


@dataclass(frozen=True, slots=True)
class Found:
    """The managed routes that a VirtualService has."""

    header_routes: tuple[HeaderRoute, ...]
    mirror_routes: tuple[MirrorRoute, ...]
    mirrored: tuple[Mapping[str, Any], ...]
    """The mirror routes as they are: each splits the requests that it copies."""
    problems: tuple[str, ...]

    @property
    def readable(self) -> bool:
        return not self.problems


def read(spec: Mapping[str, Any], ours: Ours, namespace: str) -> Found:
    """The routes that are there, in their order; what is not as we write it is a problem."""
    headers, mirrors, mirrored, problems = [], [], list[Mapping[str, Any]](), []
    for route in spec.get("http") or ():
        name = str(route.get("name") or "")
        if name not in ours.managed:
            continue
        try:
            if "mirror" in route:
                mirrors.append(_mirror_seen(name, route, ours, namespace))
                mirrored.append(route)
            else:
                headers.append(_header_seen(name, route, ours, namespace))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            problems.append(f"route {name!r} is not as it was written: {error}")
    return Found(tuple(headers), tuple(mirrors), tuple(mirrored), tuple(problems))


def arranged(
    routes: Sequence[Mapping[str, Any]],
    model: Mapping[str, Any],
    routing: Routing,
    ours: Ours,
    namespace: str,
) -> list[Mapping[str, Any]]:
    """The HTTP routes with exactly the managed ones of `routing`; `model` is a split one."""
    rows = istio.parts_of(model, namespace, ours)
    canary = next(row["destination"] for part, row in rows if part is Part.CANARY)
    made: dict[str, Mapping[str, Any]] = {}
    for header in routing.header_routes:
        made[header.name] = _header_route(header, canary)
    for mirror in routing.mirror_routes:
        made[mirror.name] = _mirror_route(mirror, canary, model)
    own = [route for route in routes if str(route.get("name") or "") not in ours.managed]
    return [*(made[name] for name in dict.fromkeys(ours.managed) if name in made), *own]


# --- Header routes -------------------------------------------------------------------------------


def _header_route(header: HeaderRoute, canary: Mapping[str, Any]) -> dict[str, Any]:
    """Each match by itself leads to the canary, as in the original."""
    return {
        "name": header.name,
        "match": [{"headers": {name: {way: value}}} for name, way, value in header.matches],
        "route": [{"destination": copy.deepcopy(dict(canary)), "weight": istio.TOTAL}],
    }


def _header_seen(name: str, route: Mapping[str, Any], ours: Ours, namespace: str) -> HeaderRoute:
    parts = [part for part, _ in istio.parts_of(route, namespace, ours)]
    if parts != [Part.CANARY]:
        raise Unfit("it does not lead to the canary alone")
    matches = []
    for match in route["match"]:
        ((header, value),) = match["headers"].items()
        if set(match) != {"headers"}:
            raise Unfit("it matches more than headers")
        matches.append((str(header), *_way(value)))
    return HeaderRoute(name, tuple(matches))


def _way(value: Mapping[str, Any]) -> tuple[str, str]:
    ((way, text),) = value.items()
    if way not in _WAYS:
        raise Unfit(f"{way!r} is no way to match")
    return way, str(text)


# --- Mirror routes -------------------------------------------------------------------------------


def _mirror_route(
    mirror: MirrorRoute, canary: Mapping[str, Any], model: Mapping[str, Any]
) -> dict[str, Any]:
    """What matches is split like the rest, and copied to the canary."""
    return {
        "name": mirror.name,
        "match": [_match(match) for match in mirror.matches],
        "route": copy.deepcopy(model["route"]),
        "mirror": copy.deepcopy(dict(canary)),
        "mirrorPercentage": {"value": mirror.percentage},
    }


def _match(match: MirrorMatch) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in (("method", match.method), ("uri", match.path)):
        if value is not None:
            made[key] = {value[0]: value[1]}
    if match.headers:
        made["headers"] = {name: {way: text} for name, way, text in match.headers}
    return made


def _mirror_seen(name: str, route: Mapping[str, Any], ours: Ours, namespace: str) -> MirrorRoute:
    if istio.part_of(route["mirror"], namespace, ours) is not Part.CANARY:
        raise Unfit("its copies do not go to the canary")
    percentage = float(route["mirrorPercentage"]["value"])
    if not percentage.is_integer():
        raise Unfit(f"mirrorPercentage {percentage} is not whole")
    return MirrorRoute(name, tuple(_match_seen(m) for m in route["match"]), int(percentage))


def _match_seen(match: Mapping[str, Any]) -> MirrorMatch:
    if set(match) - {"method", "uri", "headers"}:
        raise Unfit("it matches more than method, uri and headers")
    headers = (match.get("headers") or {}).items()
    return MirrorMatch(
        method=_way(match["method"]) if "method" in match else None,
        path=_way(match["uri"]) if "uri" in match else None,
        headers=tuple(sorted((str(header), *_way(value)) for header, value in headers)),
    )

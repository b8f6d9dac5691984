"""Weights through Ambassador (Emissary): a canary Mapping of our own beside each Mapping.

Pure: objects in, patches out. Facts of the format: Argo Rollouts, trafficRouting.ambassador, and
getambassador.io. Must not know other routers, nor who does the I/O.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from serinus.api.ambassador import GROUP, VERSION, canary_mapping_name, leads_to, parts_of
from serinus.api.argo import AmbassadorTrafficRouting
from serinus.core.routing import Abilities, RouterSeen, Routing, Unknown
from serinus.traffic import owned
from serinus.traffic.router import (
    Create,
    Delete,
    ObjectRef,
    Objects,
    Patch,
    Route,
    RoutingError,
    Write,
)

TOTAL = 100
EMPTY_FOR = timedelta(seconds=5)
"""A canary Mapping that has had weight 0 for so long is taken away."""
NO_MAPPING = (
    "trafficRouting.ambassador names no Mapping; list those that lead to the stable Service"
)


class AmbassadorRouter:
    """The router `ambassador`: `spec` is strategy.canary.trafficRouting.ambassador."""

    name = "ambassador"
    group = GROUP
    abilities: Abilities = frozenset()

    def __init__(self, version: str = VERSION) -> None:
        self._version = version

    def of_version(self, version: str) -> AmbassadorRouter:
        """The same router for a cluster that is asked for that version."""
        return AmbassadorRouter(version)

    def references(self, route: Route) -> Sequence[ObjectRef]:
        """Every Mapping and its canary Mapping."""
        return [ref for pair in self._pairs(route, {}) for ref in (pair.base_ref, pair.ref)]

    def read(self, route: Route, objects: Objects) -> RouterSeen:
        """The weight that all canary Mappings show; one that is not there gives nothing.

        Unknown if a Mapping is missing or has a weight of its own, if a canary Mapping is not ours
        or unreadable, or if they differ. One that has had nothing to give drifts: it may go.
        """
        pairs = self._pairs(route, objects)
        problems = [problem for pair in pairs for problem in _problems(pair)]
        shown = [_shown_or_none(pair) for pair in pairs]
        known = [weight for weight in shown if weight is not None]
        if not problems and len(set(known)) > 1:
            told = (
                f"{pair.ref.name} says {weight}" for pair, weight in zip(pairs, shown, strict=True)
            )
            problems.append(f"the canary Mappings differ: {', '.join(told)}")
        if not pairs:
            problems.append(NO_MAPPING)
        whole = bool(problems) and len(known) == len(shown)
        drifted = not problems and any(_drifts(pair, known[0]) for pair in pairs)
        return RouterSeen(
            router=self.name,
            routing=Unknown("; ".join(problems)) if problems else Routing(known[0], TOTAL),
            written_at=max((at for p in pairs if (at := owned.written_at(p.live))), default=None),
            weights=tuple(sorted(set(known))) if whole else (),
            drifted=drifted,
        )

    def write(
        self, route: Route, objects: Objects, routing: Routing, at: datetime
    ) -> Sequence[Write]:
        """Canary Mappings that say another weight, and away with those that have said 0 a while."""
        if routing.header_routes:
            raise RoutingError("ambassador has no header routes; remove the steps setHeaderRoute")
        pairs = self._pairs(route, objects)
        writes: list[Write] = []
        problems = [] if pairs else [NO_MAPPING]
        for pair in pairs:
            try:
                writes += _write(pair, routing.weight, at)
            except RoutingError as error:
                problems.append(str(error))
        rises = any(_rises(pair, routing.weight) for pair in pairs) if pairs else routing.weight > 0
        if problems and rises:
            raise RoutingError("; ".join(problems))
        return writes

    def _pairs(self, route: Route, objects: Objects) -> list[_Pair]:
        spec: AmbassadorTrafficRouting = route.spec
        pairs = []
        for name in dict.fromkeys(spec.mappings):
            base, canary = self._ref(route, name), self._ref(route, canary_mapping_name(name))
            pairs.append(_Pair(route, base, canary, objects.get(base), objects.get(canary)))
        return pairs

    def _ref(self, route: Route, name: str) -> ObjectRef:
        version = f"{GROUP}/{self._version}"
        return ObjectRef(version, "mappings", "Mapping", route.namespace, name)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A Mapping of the user, its canary Mapping, and what was read of both."""

    route: Route
    base_ref: ObjectRef
    ref: ObjectRef
    base: Mapping[str, Any] | None
    live: Mapping[str, Any] | None


# --- Reading -------------------------------------------------------------------------------------


def _problems(pair: _Pair) -> list[str]:
    """Why this pair cannot be relied on, as sentences."""
    found = []
    for check in (_copied_spec, _weight):
        try:
            check(pair)
        except RoutingError as error:
            found.append(str(error))
    return found


def _copied_spec(pair: _Pair) -> dict[str, Any]:
    """That of the base Mapping with the canary's Service. Raises RoutingError."""
    name, route = pair.base_ref.name, pair.route
    if pair.base is None:
        raise RoutingError(f"Mapping {name} does not exist; create it, or correct mappings")
    try:
        spec: dict[str, Any] = copy.deepcopy(dict(pair.base.get("spec") or {}))
    except (TypeError, ValueError) as error:
        raise RoutingError(f"Mapping {name} cannot be read: {error}") from error
    if spec.get("weight") is not None:
        raise RoutingError(f"Mapping {name} has a weight of its own; remove it from its spec")
    service = str(spec.get("service") or "")
    if not leads_to(service, route.stable_service, route.namespace):
        raise RoutingError(
            f"Mapping {name} leads to {service or 'nothing'}, not to the stable Service "
            f"{route.stable_service}; correct its spec.service"
        )
    before, host, behind = parts_of(service)
    host = route.canary_service + host.removeprefix(route.stable_service)
    return spec | {"service": before + host + behind}


def _weight(pair: _Pair) -> int:
    """What the canary gets: 0 where there is no canary Mapping. Raises RoutingError."""
    if pair.live is None:
        return 0
    live, name = _ours(pair), pair.ref.name
    weight = (live.get("spec") or {}).get("weight")
    if type(weight) is not int or not 0 <= weight <= TOTAL:
        raise RoutingError(
            f"Mapping {name}: spec.weight {weight!r} is not a weight from 0 to {TOTAL}; set it "
            "again, or delete that Mapping, which is then made anew"
        )
    return weight


def _ours(pair: _Pair) -> Mapping[str, Any]:
    """The canary Mapping, if it is ours. One without an owner is: so the original makes them."""
    orphan = pair.live is not None and _is_orphan(pair, pair.live)
    return owned.ours(pair.route, pair.ref, pair.live, orphan=orphan)


def _is_orphan(pair: _Pair, live: Mapping[str, Any]) -> bool:
    service, route = (live.get("spec") or {}).get("service"), pair.route
    named = leads_to(str(service or ""), route.canary_service, route.namespace)
    return named and not owned.owners(live)


def _shown_or_none(pair: _Pair) -> int | None:
    try:
        return _weight(pair)
    except RoutingError:
        return None


def _drifts(pair: _Pair, weight: int) -> bool:
    return pair.live is not None and (not weight or _changed(pair, weight) is not None)


def _rises(pair: _Pair, weight: int) -> bool:
    """Would this pair's canary get more, or perhaps more, than now?"""
    shown = _shown_or_none(pair)
    return weight > (shown or 0)


# --- Writing -------------------------------------------------------------------------------------


def _write(pair: _Pair, weight: int, at: datetime) -> list[Write]:
    told = f"Set canary mapping weight to {weight}"
    if pair.live is None:
        if not weight or not pair.route.owner_uid:
            return []
        manifest = {
            "apiVersion": pair.ref.api_version,
            "kind": pair.ref.kind,
            "metadata": owned.metadata(pair.route, pair.ref, at),
            "spec": _copied_spec(pair) | {"weight": weight},
        }
        return [Create(pair.ref, manifest, "CanaryMappingWeightUpdate", told)]
    live = _ours(pair)
    if not weight and _is_over(pair, at):
        return [Delete(pair.ref, live["metadata"]["resourceVersion"])]
    changed = _changed(pair, weight)
    if changed is None:
        return []
    body = owned.change(pair.route, live, changed, at)
    return [Patch(pair.ref, body, "CanaryMappingWeightUpdate", told)]


def _is_over(pair: _Pair, at: datetime) -> bool:
    """It has given nothing for a while, or its Rollout is gone, and nobody waits for anything."""
    written = owned.written_at(pair.live)
    rested = written is None or at - written >= EMPTY_FOR
    return not pair.route.owner_uid or (rested and _shown_or_none(pair) == 0)


def _changed(pair: _Pair, weight: int) -> dict[str, Any] | None:
    """The part of its spec that is not as it should be; None if nothing is to be written.

    Without its base nothing can be copied; what takes traffic away needs no copy.
    """
    live = _ours(pair)
    spec: Mapping[str, Any] = live.get("spec") or {}
    try:
        wanted = _copied_spec(pair) | {"weight": weight}
    except RoutingError:
        if _rises(pair, weight):
            raise
        wanted = {**spec, "weight": weight}
    adopts = not owned.owners(live)
    changed = _difference(spec, wanted)
    return changed if changed or adopts else None


def _difference(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch from one to the other."""
    made: dict[str, Any] = {key: None for key in live if key not in wanted}
    for key, value in wanted.items():
        there = live.get(key)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            if inner := _difference(there, value):
                made[key] = inner
        elif key not in live or there != value:
            made[key] = value
    return made

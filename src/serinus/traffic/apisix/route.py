"""The ApisixRoute that splits traffic, as it was read: its rules, and what they give the canary.

Pure.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from serinus.api.apisix import GROUP_VERSION
from serinus.api.argo import ApisixTrafficRouting
from serinus.api.names import WRITTEN_AT
from serinus.core.routing import Routing
from serinus.traffic.router import ObjectRef, Objects, Route, RoutingError

TOTAL = 100
DEFAULT_WEIGHT = 100
"""Of a backend without one, as APISIX reads it."""

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Base:
    """The object that splits. Both lists are copies."""

    route: Route
    ref: ObjectRef
    body: Mapping[str, Any]
    rules: list[Rule]
    """Every HTTP rule, in its order."""
    split: tuple[str, ...]
    """The names of those that split."""

    def splits(self, rule: Rule) -> bool:
        """The rule is one of those that split."""
        return rule.get("name") in self.split


def reference(route: Route, name: str) -> ObjectRef:
    """An ApisixRoute in the Rollout's namespace."""
    return ObjectRef(GROUP_VERSION, "apisixroutes", "ApisixRoute", route.namespace, name)


def name_of(route: Route) -> str:
    """That of the object that splits; "" if none is named."""
    spec: ApisixTrafficRouting = route.spec
    return spec.route.name if spec.route else ""


def base_of(route: Route, objects: Objects) -> Base:
    """Raises RoutingError if it is not there or a rule that splits is not understood."""
    spec: ApisixTrafficRouting = route.spec
    name = name_of(route)
    if spec.route is None or not name:
        raise RoutingError(
            "trafficRouting.apisix names no ApisixRoute; set route.name to the one that splits"
        )
    ref = reference(route, name)
    body = objects.get(ref)
    if body is None:
        raise RoutingError(f"ApisixRoute {name} does not exist")
    if body["metadata"].get("deletionTimestamp"):
        raise RoutingError(f"ApisixRoute {name} is being deleted")
    base = Base(route, ref, body, _rules(name, body), spec.route.split_rules())
    for rule in base.split:
        if [one.get("name") for one in base.rules].count(rule) != 1:
            raise RoutingError(
                f"ApisixRoute {name}: rule {rule} must be once in spec.http; correct it, or name "
                "others in trafficRouting.apisix.route.rules"
            )
    return base


def _rules(name: str, body: Mapping[str, Any]) -> list[Rule]:
    try:
        rules = [dict(copy.deepcopy(one)) for one in (body.get("spec") or {}).get("http") or ()]
        for rule in rules:
            if rule.get("backends"):
                rule["backends"] = [dict(one) for one in rule["backends"]]
            if not isinstance(rule.get("match") or {}, Mapping):
                raise TypeError("match is no object")
    except (AttributeError, TypeError, ValueError) as error:
        raise RoutingError(f"ApisixRoute {name} cannot be read: {error}") from error
    return rules


def backend_of(base: Base, rule: Rule, service: str) -> Mapping[str, Any]:
    """The one backend of a Service in a rule. Raises RoutingError."""
    found = [one for one in rule.get("backends") or () if one.get("serviceName") == service]
    if len(found) != 1:
        raise RoutingError(
            f"ApisixRoute {base.ref.name}, rule {rule['name']}: Service {service} must be once in "
            "its backends"
        )
    backend: Mapping[str, Any] = found[0]
    return backend


def shown(base: Base, rule: Rule) -> Routing:
    """What a rule that splits gives the canary. Raises RoutingError."""
    parts = []
    for service in (base.route.canary_service, base.route.stable_service):
        weight = backend_of(base, rule, service).get("weight")
        weight = DEFAULT_WEIGHT if weight is None else weight
        if not isinstance(weight, int) or weight < 0:
            raise RoutingError(
                f"ApisixRoute {base.ref.name}, rule {rule['name']}: weight {weight!r} of Service "
                f"{service} is not a whole number from 0"
            )
        parts.append(weight)
    if not sum(parts):
        raise RoutingError(
            f"ApisixRoute {base.ref.name}, rule {rule['name']}: both Services have weight 0; give "
            "the stable one 100"
        )
    return Routing(parts[0], sum(parts))


def weighted(base: Base, rule: Rule, weight: int) -> Rule:
    """A rule that splits, with that weight of TOTAL; backends of others keep theirs."""
    due = {base.route.canary_service: weight, base.route.stable_service: TOTAL - weight}
    backends = [
        one | {"weight": due[one["serviceName"]]} if one.get("serviceName") in due else one
        for one in rule["backends"]
    ]
    return rule | {"backends": backends}


def stamp(at: datetime) -> dict[str, str]:
    """The annotation with the instant of a write."""
    return {WRITTEN_AT: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}


def written_at(body: Mapping[str, Any] | None) -> datetime | None:
    """The instant that is noted on an object; None if there is none that can be read."""
    text = annotations_of(body).get(WRITTEN_AT)
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (TypeError, ValueError):
        return None


def annotations_of(body: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Those of an object as it was read."""
    return ((body or {}).get("metadata") or {}).get("annotations") or {}

"""Header routes: a second ApisixRoute each, named after the route and owned by the Rollout.

Its rules are those that split, for requests with the headers too, to the canary alone. Pure.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from serinus.api.names import GROUP_VERSION as ARGO
from serinus.api.names import HEADER_ROUTES
from serinus.core.routing import HeaderRoute
from serinus.traffic.apisix.route import (
    TOTAL,
    Base,
    Rule,
    annotations_of,
    backend_of,
    name_of,
    reference,
    stamp,
)
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

_ANY = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Header:
    """The object of one managed route, and what was read of it."""

    route: Route
    name: str
    rank: int
    """By how much its rules come before those that they copy: the first managed route most."""
    live: Mapping[str, Any] | None

    @property
    def ref(self) -> ObjectRef:
        return reference(self.route, self.name)

    @property
    def is_going(self) -> bool:
        return bool(((self.live or {}).get("metadata") or {}).get("deletionTimestamp"))

    @property
    def is_orphan(self) -> bool:
        """Made by us for a Rollout that was deleted without it."""
        metadata = (self.live or {}).get("metadata") or {}
        return not metadata.get("ownerReferences") and HEADER_ROUTES in annotations_of(self.live)

    @property
    def is_ours(self) -> bool:
        """It may be changed and deleted; "" as the uid: the Rollout is gone, nothing is its own."""
        owners = ((self.live or {}).get("metadata") or {}).get("ownerReferences") or []
        uid = self.route.owner_uid
        mine = bool(uid) and any(o.get("controller") and o.get("uid") == uid for o in owners)
        return mine or self.is_orphan


def headers_of(route: Route, objects: Objects) -> list[Header]:
    """One for each managed route, whether its object is there or not."""
    names = [name for name in dict.fromkeys(route.managed) if name and name != name_of(route)]
    return [
        Header(route, name, len(names) - place, objects.get(reference(route, name)))
        for place, name in enumerate(names)
    ]


def seen(one: Header) -> HeaderRoute | None:
    """The route that its object stands for, as noted on it; None if there is no such object.

    Raises RoutingError if the object is somebody else's, on its way out, or without that note.
    """
    if one.live is None:
        return None
    _check(one)
    text = annotations_of(one.live).get(HEADER_ROUTES)
    try:
        matches = tuple((str(h), str(k), str(v)) for h, k, v in json.loads(text or ""))
    except (ValueError, TypeError) as error:
        raise RoutingError(
            f"ApisixRoute {one.name}: annotation {HEADER_ROUTES} cannot be read: {error}; delete "
            "that ApisixRoute, which is then made anew"
        ) from error
    return HeaderRoute(one.name, matches)


def put(one: Header, wanted: HeaderRoute, base: Base, at: datetime) -> Write | None:
    """What makes the object stand for `wanted`; None if it does. Raises RoutingError."""
    spec = _spec(one, wanted, base)
    note = {HEADER_ROUTES: json.dumps(wanted.matches)}
    if one.live is None:
        metadata = {
            "name": one.name,
            "namespace": one.route.namespace,
            "annotations": note | stamp(at),
            "ownerReferences": [_owner(one.route)],
        }
        there = {key: value for key, value in spec.items() if value is not None}
        manifest = {"apiVersion": one.ref.api_version, "kind": one.ref.kind}
        return Create(one.ref, {**manifest, "metadata": metadata, "spec": there})
    _check(one)
    live = one.live.get("spec") or {}
    changed = {key: value for key, value in spec.items() if live.get(key) != value}
    noted = annotations_of(one.live).get(HEADER_ROUTES) == note[HEADER_ROUTES]
    if not changed and noted and not one.is_orphan:
        return None
    patched: dict[str, Any] = {
        "resourceVersion": one.live["metadata"]["resourceVersion"],
        "annotations": note | stamp(at),
    }
    if one.is_orphan:
        patched["ownerReferences"] = [_owner(one.route)]
    return Patch(one.ref, {"metadata": patched, **({"spec": changed} if changed else {})})


def taken_away(one: Header) -> Write | None:
    """What removes the object, if it is there and ours."""
    if one.live is None or one.is_going or not one.is_ours:
        return None
    return Delete(one.ref, str(one.live["metadata"]["resourceVersion"]))


def is_stale(one: Header, shown: HeaderRoute, base: Base) -> bool:
    """The object is not what would be written for its own route now."""
    try:
        return put(one, shown, base, _ANY) is not None
    except RoutingError:
        return False  # nothing better can be written


def _check(one: Header) -> None:
    if not one.is_ours:
        owners = ((one.live or {}).get("metadata") or {}).get("ownerReferences") or []
        whose = next((f"{o.get('kind')} {o.get('name')}" for o in owners), "nobody that it names")
        raise RoutingError(
            f"ApisixRoute {one.name} belongs to {whose}, not to this Rollout "
            f"{one.route.owner_name}, which needs that name for a managed route; rename one of them"
        )
    if one.is_going:
        raise RoutingError(f"ApisixRoute {one.name} is being deleted")


def _spec(one: Header, wanted: HeaderRoute, base: Base) -> dict[str, Any]:
    """None stands for a field that is to be absent."""
    rules = [_rule(one, wanted, base, rule) for rule in base.rules if base.splits(rule)]
    return {
        "ingressClassName": (base.body.get("spec") or {}).get("ingressClassName"),
        "http": rules,
    }


def _rule(one: Header, wanted: HeaderRoute, base: Base, rule: Rule) -> Rule:
    """More narrow than the rule that it copies; what that one asks for is asked for too."""
    canary = {**backend_of(base, rule, base.route.canary_service), "weight": TOTAL}
    match = dict(rule.get("match") or {})
    match["exprs"] = [*(match.get("exprs") or ()), *(_expression(*m) for m in wanted.matches)]
    made = {key: value for key, value in rule.items() if key != "upstreams"}
    made |= {"priority": (rule.get("priority") or 0) + one.rank, "match": match}
    made["backends"] = [canary]
    return copy.deepcopy(made)


def _expression(header: str, kind: str, value: str) -> dict[str, Any]:
    if kind == "prefix":
        value = f"^{re.escape(value)}.*"
    operator = "Equal" if kind == "exact" else "RegexMatch"
    return {"subject": {"scope": "Header", "name": header}, "op": operator, "value": value}


def _owner(route: Route) -> dict[str, Any]:
    return {
        "apiVersion": ARGO,
        "kind": "Rollout",
        "name": route.owner_name,
        "uid": route.owner_uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }

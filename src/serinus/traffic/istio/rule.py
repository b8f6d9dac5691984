"""A DestinationRule: its subsets of canary and stable are selectors in front of pods.

Pure. Only the pod hash in the labels of those two subsets is ours; the rest stays as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from serinus.api import istio
from serinus.api.argo import IstioTrafficRouting
from serinus.api.names import MANAGED_BY, POD_HASH, WRITTEN_AT
from serinus.traffic.istio.split import written_at
from serinus.traffic.router import ObjectRef, Objects, Patch, Route, RoutingError, Selection


def reference(route: Route) -> ObjectRef | None:
    """The DestinationRule, in the Rollout's namespace; None if the route has none."""
    spec: IstioTrafficRouting = route.spec
    if spec.destination_rule is None:
        return None
    name = spec.destination_rule.name
    return ObjectRef(
        istio.GROUP_VERSION, "destinationrules", "DestinationRule", route.namespace, name
    )


def host(route: Route, objects: Objects) -> str:
    """The host whose endpoints it divides; "" if that cannot be read."""
    ref = reference(route)
    body = objects.get(ref) if ref else None
    found = (body or {}).get("spec") or {}
    return str(found.get("host") or "")


def selection(route: Route, objects: Objects, *, canary: bool) -> Selection | None:
    """The subset of one side. Raises RoutingError if there is none."""
    ref = reference(route)
    if ref is None:
        return None
    body, subset = _found(route, objects, ref, canary=canary)
    service = istio.service_at(host(route, objects), route.namespace)
    if service is None or service[0] != route.namespace:
        raise RoutingError(
            f"DestinationRule {ref.name} is for the host {host(route, objects)!r}; "
            f"it must be a Service of namespace {route.namespace}, as the pods are there"
        )
    return Selection(
        service=service[1],
        hash=str((subset.get("labels") or {}).get(POD_HASH) or ""),
        resource_version=str(body["metadata"]["resourceVersion"]),
        written_at=written_at(body),
    )


def point(
    route: Route, objects: Objects, pod_hash: str, at: datetime, *, canary: bool
) -> Sequence[Patch]:
    """Makes the subset of one side select `pod_hash`; the list is written whole, as it was read."""
    ref = reference(route)
    if ref is None:
        return []
    body, _ = _found(route, objects, ref, canary=canary)
    subsets = copy.deepcopy(list(body["spec"]["subsets"]))
    for subset in subsets:
        if subset.get("name") == _name(route, canary=canary):
            subset["labels"] = {**(subset.get("labels") or {}), POD_HASH: pod_hash}
    shown = {
        subset.get("name"): (subset.get("labels") or {}).get(POD_HASH, "") for subset in subsets
    }
    sides = [_name(route, canary=True), _name(route, canary=False)]
    seen = ", ".join(f"{side}: {shown.get(side, '')}" for side in sides)
    told = f"DestinationRule {ref.name} subset updated ({seen})"
    metadata = {
        "resourceVersion": body["metadata"]["resourceVersion"],
        "annotations": {
            MANAGED_BY: route.owner_name,
            WRITTEN_AT: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    }
    patch = {"metadata": metadata, "spec": {"subsets": subsets}}
    return [Patch(ref, patch, "UpdatedDestinationRule", told)]


def freed(body: Mapping[str, Any]) -> dict[str, Any]:
    """The patch by which no subset is for one revision any more: whoever moved them is gone."""
    subsets = copy.deepcopy(list((body.get("spec") or {}).get("subsets") or ()))
    for subset in subsets:
        (subset.get("labels") or {}).pop(POD_HASH, None)
    annotations = {MANAGED_BY: None, WRITTEN_AT: None}
    return {"metadata": {"annotations": annotations}, "spec": {"subsets": subsets}}


def selected(body: Mapping[str, Any]) -> frozenset[str]:
    """The revisions that its subsets are for."""
    subsets = (body.get("spec") or {}).get("subsets") or ()
    return frozenset(str((one.get("labels") or {}).get(POD_HASH) or "") for one in subsets)


def _name(route: Route, *, canary: bool) -> str:
    found = route.spec.destination_rule
    return str(found.canary_subset_name if canary else found.stable_subset_name)


def _found(
    route: Route, objects: Objects, ref: ObjectRef, *, canary: bool
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The rule and its subset of one side, if both are there, once, and here to stay."""
    body = objects.get(ref)
    if body is None:
        raise RoutingError(
            f"DestinationRule {ref.name} does not exist; create it, or correct destinationRule.name"
        )
    if body["metadata"].get("deletionTimestamp"):
        raise RoutingError(f"DestinationRule {ref.name} is being deleted")
    wanted = _name(route, canary=canary)
    try:
        found = istio.subset(body.get("spec") or {}, wanted)
    except istio.Unfit as error:
        raise RoutingError(f"DestinationRule {ref.name} {error}") from error
    return body, found

"""Rules of `trafficRouting.istio`: of its own fields, and of the objects that it names.

What can be split, and whose each destination is, says `api/istio.py`, as for the router.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from serinus.api import istio
from serinus.api.argo import (
    CanaryStrategy,
    IstioDestinationRule,
    IstioTrafficRouting,
    IstioVirtualService,
)
from serinus.api.istio import DestinationRule, Ours, Unfit, VirtualService
from serinus.api.names import ADDED_DESTINATIONS, POD_HASH
from serinus.api.validation.lookup import Lookup, find
from serinus.base.errors import FieldProblem


def validate_istio(found: IstioTrafficRouting, path: str) -> Iterator[FieldProblem]:
    """The fields by themselves; `path` is that of trafficRouting.istio."""
    if found.virtual_service and found.virtual_services:
        message = "and virtualService are both set; put all into the list"
        yield FieldProblem(f"{path}.virtualServices", message)
    if not found.services():
        message = "is missing; name the VirtualService that splits"
        yield FieldProblem(f"{path}.virtualService", message)
    names = []
    for here, named in _places(found, path):
        try:
            names.append(istio.located(named.name, ""))
        except Unfit as error:
            yield FieldProblem(f"{here}.name", str(error) if named.name else "is missing")
            continue
        if names.count(names[-1]) > 1:
            yield FieldProblem(f"{here}.name", f"{named.name!r} is named twice")
    if found.destination_rule is not None:
        yield from _rule(found.destination_rule, f"{path}.destinationRule")


def _places(found: IstioTrafficRouting, path: str) -> list[tuple[str, IstioVirtualService]]:
    if found.virtual_services:
        rows = enumerate(found.virtual_services)
        return [(f"{path}.virtualServices[{index}]", one) for index, one in rows]
    return [(f"{path}.virtualService", one) for one in found.services()]


def _rule(rule: IstioDestinationRule, path: str) -> Iterator[FieldProblem]:
    canary, stable = rule.canary_subset_name, rule.stable_subset_name
    rows = (("name", rule.name), ("canarySubsetName", canary), ("stableSubsetName", stable))
    for field, value in rows:
        if not value:
            yield FieldProblem(f"{path}.{field}", "is missing")
    if canary and canary == stable:
        yield FieldProblem(f"{path}.canarySubsetName", f"{canary!r} is stableSubsetName too")
    for index, name in enumerate(rule.additional_subset_names):
        if name in (canary, stable):
            here = f"{path}.additionalSubsetNames[{index}]"
            yield FieldProblem(here, f"{name!r} is a subset of this Rollout's own; take it out")


def rule_hosts(
    canary: CanaryStrategy, namespace: str, lookup: Lookup, path: str
) -> Iterator[tuple[str, str]]:
    """The Service whose pods a DestinationRule divides, if it can be read: where, and its name."""
    found = _rule_object(canary, namespace, lookup, path)
    if isinstance(found, DestinationRule):
        service = istio.service_at(str(found.spec.get("host") or ""), namespace)
        if service is not None and service[0] == namespace:
            yield f"{path}.trafficRouting.istio.destinationRule.name", service[1]


def validate_istio_objects(
    canary: CanaryStrategy,
    namespace: str,
    labels: Mapping[str, str] | None,
    lookup: Lookup,
    path: str,
) -> Iterator[FieldProblem]:
    """The objects that are named; `labels` are those of the pods, `path` that of the strategy."""
    routing = canary.traffic_routing
    if routing is None or routing.istio is None:
        return
    here = f"{path}.trafficRouting.istio"
    rule = _rule_object(canary, namespace, lookup, path)
    if isinstance(rule, FieldProblem):
        yield rule
    elif rule is not None:
        yield from _subsets(canary, namespace, labels, rule, f"{here}.destinationRule")
    ours = _ours(canary, namespace, rule)
    for place, named in _places(routing.istio, here):
        yield from _service(named, ours, lookup, f"{place}.name")


def strangers_told(
    canary: CanaryStrategy, namespace: str, lookup: Lookup, path: str
) -> Iterator[FieldProblem]:
    """Warnings: destinations of others that get a part, beside which no weight may rise."""
    routing = canary.traffic_routing
    if routing is None or routing.istio is None:
        return
    rule = _rule_object(canary, namespace, lookup, path)
    ours = _ours(canary, namespace, rule)
    for place, named in _places(routing.istio, f"{path}.trafficRouting.istio"):
        try:
            where, name = istio.located(named.name, namespace)
            found = find(lookup, VirtualService, where, name, place)
            if isinstance(found, FieldProblem):
                continue
            noted = found.metadata.annotations.get(ADDED_DESTINATIONS, "")
            for one in istio.chosen(found.spec, named, where, ours):
                route = found.spec[one.section][one.index]
                for text in istio.strangers(one, route, where, ours, noted.split(",")):
                    yield FieldProblem(f"{place}.name", f"VirtualService {name}: {text}")
        except Unfit:
            continue  # an error says so


def _ours(
    canary: CanaryStrategy, namespace: str, rule: DestinationRule | FieldProblem | None
) -> Ours:
    stable, other = canary.stable_service, canary.canary_service
    if canary.ping_pong is not None:  # the two take turns
        stable, other = canary.ping_pong.ping_service, canary.ping_pong.pong_service
    routing = canary.traffic_routing
    return Ours(
        namespace=namespace,
        stable_service=stable,
        canary_service=other,
        rule=routing.istio.destination_rule if routing and routing.istio else None,
        rule_host=_host(rule) if isinstance(rule, DestinationRule) else "",
        managed=tuple(route.name for route in routing.managed_routes) if routing else (),
    )


def _rule_object(
    canary: CanaryStrategy, namespace: str, lookup: Lookup, path: str
) -> DestinationRule | FieldProblem | None:
    routing = canary.traffic_routing
    rule = routing.istio.destination_rule if routing and routing.istio else None
    if rule is None or not rule.name:
        return None
    place = f"{path}.trafficRouting.istio.destinationRule.name"
    return find(lookup, DestinationRule, namespace, rule.name, place)


def _host(rule: DestinationRule) -> str:
    return str(rule.spec.get("host") or "")


def _subsets(
    canary: CanaryStrategy,
    namespace: str,
    labels: Mapping[str, str] | None,
    found: DestinationRule,
    path: str,
) -> Iterator[FieldProblem]:
    routing = canary.traffic_routing
    rule = routing.istio.destination_rule if routing and routing.istio else None
    if rule is None:
        return
    service = istio.service_at(_host(found), namespace)
    if service is None or service[0] != namespace:
        yield FieldProblem(
            f"{path}.name",
            f"DestinationRule {rule.name} is for the host {_host(found)!r}; it must be a Service "
            f"of namespace {namespace}, as the pods are there",
        )
    elif service[1] in (canary.canary_service, canary.stable_service):
        yield FieldProblem(
            f"{path}.name",
            f"DestinationRule {rule.name} divides the Service {service[1]}, which selects one "
            "revision only; its host must be a Service that selects the pods of all",
        )
    for field, name in (
        ("canarySubsetName", rule.canary_subset_name),
        ("stableSubsetName", rule.stable_subset_name),
    ):
        try:
            subset = istio.subset(found.spec, name)
        except Unfit as error:
            yield FieldProblem(f"{path}.{field}", f"DestinationRule {rule.name} {error}")
            continue
        for key, value in (subset.get("labels") or {}).items():
            if key != POD_HASH and labels is not None and labels.get(key) != value:
                yield FieldProblem(
                    f"{path}.{field}",
                    f"the subset {name} selects {key}={value}, which the pods of spec.template "
                    "do not carry; it would select none of them",
                )


def _service(
    named: IstioVirtualService, ours: Ours, lookup: Lookup, path: str
) -> Iterator[FieldProblem]:
    try:
        namespace, name = istio.located(named.name, ours.namespace)
    except Unfit:
        return  # validate_istio says so
    found = find(lookup, VirtualService, namespace, name, path)
    if isinstance(found, FieldProblem):
        yield found
        return
    try:
        picked = istio.chosen(found.spec, named, namespace, ours)
        for one in picked:
            route = found.spec[one.section][one.index]
            for row in istio.parts_of(route, namespace, ours):
                istio.weight_of(row[1])
    except Unfit as error:
        yield FieldProblem(path, f"VirtualService {name} {error}")

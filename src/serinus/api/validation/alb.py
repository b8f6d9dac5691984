"""Rules of `trafficRouting.alb`, by itself and with the Ingresses that it names."""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.alb import USE_ANNOTATION, action_name
from serinus.api.argo import AlbTrafficRouting, CanaryStrategy
from serinus.api.kubernetes import Ingress, IngressServiceBackend, Service
from serinus.api.validation.labels import is_dns_label, validate_key
from serinus.api.validation.lookup import Lookup, find
from serinus.api.validation.numbers import within
from serinus.base.errors import FieldProblem

STICKY_SECONDS = 604800
"""A week: the longest that the load balancer takes."""


def validate_alb(
    alb: AlbTrafficRouting, canary: CanaryStrategy, path: str
) -> Iterator[FieldProblem]:
    """`path` is that of trafficRouting."""
    here = f"{path}.alb"
    if alb.ingress and alb.ingresses:
        yield FieldProblem(f"{here}.ingresses", "and ingress are both set; keep one")
    elif not alb.names():
        yield FieldProblem(
            f"{here}.ingress", "is missing; name the Ingress that leads to the action"
        )
    for index, name in enumerate(alb.ingresses):
        if not name or name in alb.ingresses[:index]:
            yield FieldProblem(f"{here}.ingresses[{index}]", f"{name!r} is empty or repeated")
    yield from within(alb.service_port, 1, 65535, f"{here}.servicePort")
    if alb.annotation_prefix:
        yield from validate_key(f"{alb.annotation_prefix}/x", f"{here}.annotationPrefix")
    sticky = alb.stickiness_config
    if sticky is not None and sticky.enabled:
        place = f"{here}.stickinessConfig.durationSeconds"
        yield from within(sticky.duration_seconds, 1, STICKY_SECONDS, place)
    yield from _managed(alb, canary, path)


def validate_alb_objects(
    canary: CanaryStrategy, namespace: str, lookup: Lookup, path: str
) -> Iterator[FieldProblem]:
    """Each Ingress leads to the action, and both Services have the port. `path` is alb's."""
    alb = canary.traffic_routing.alb if canary.traffic_routing else None
    if alb is None:
        return
    places = [(f"{path}.ingress", alb.ingress)]
    places += [(f"{path}.ingresses[{i}]", name) for i, name in enumerate(alb.ingresses)]
    action = action_name(alb, canary.stable_service)
    for place, name in places:
        found = find(lookup, Ingress, namespace, name, place) if name else None
        if isinstance(found, FieldProblem):
            yield found
        elif found is not None and action not in _actions(found):
            yield FieldProblem(
                place,
                f"Ingress {name} has no rule that leads to the action {action}; add a path whose "
                f"backend has the service name {action} and the port name {USE_ANNOTATION}",
            )
    for service in (canary.canary_service, canary.stable_service):
        yield from _port(alb, lookup.get(Service, namespace, service), f"{path}.servicePort")


def _managed(alb: AlbTrafficRouting, canary: CanaryStrategy, path: str) -> Iterator[FieldProblem]:
    """A header route is an action too: its name stands where that of a Service does."""
    routing = canary.traffic_routing
    for index, route in enumerate(routing.managed_routes if routing else ()):
        place = f"{path}.managedRoutes[{index}].name"
        if route.name and not is_dns_label(route.name):
            message = "with alb use lower-case letters, digits and dashes"
            yield FieldProblem(place, f"{route.name!r}: {message}")
        elif route.name and route.name == action_name(alb, canary.stable_service):
            yield FieldProblem(
                place, f"{route.name!r} is the action that splits; take another name"
            )


def _port(alb: AlbTrafficRouting, service: object, path: str) -> Iterator[FieldProblem]:
    if not isinstance(service, Service) or not service.spec.ports or not alb.service_port:
        return
    known = [port.port for port in service.spec.ports]
    if alb.service_port not in known:
        told = ", ".join(map(str, known))
        yield FieldProblem(
            path, f"Service {service.metadata.name} has no port {alb.service_port}; it has {told}"
        )


def _actions(ingress: Ingress) -> set[str]:
    return {backend.name for backend in _backends(ingress) if backend.port.name == USE_ANNOTATION}


def _backends(ingress: Ingress) -> Iterator[IngressServiceBackend]:
    for rule in ingress.spec.rules:
        for path in rule.http.paths if rule.http is not None else ():
            if path.backend.service is not None:
                yield path.backend.service

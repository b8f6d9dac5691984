"""What a Rollout refers to: is it there, and does it fit? All of it at once.

Pure over a lookup. What is not there yet is a Missing; its appearance mends it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from serinus.api.ambassador import Mapping, leads_to
from serinus.api.analysis import AnalysisTemplateRef
from serinus.api.argo import CanaryStrategy, Rollout, RolloutAnalysis, RolloutExperimentStep
from serinus.api.findings import Missing
from serinus.api.kubernetes import Ingress, IngressServiceBackend, Service
from serinus.api.names import MANAGED_BY, POD_HASH
from serinus.api.pingpong import with_roles
from serinus.api.smi import TrafficSplit
from serinus.api.traefik import TraefikService
from serinus.api.validation.alb import validate_alb_objects
from serinus.api.validation.apisix import validate_apisix_route
from serinus.api.validation.gatewayapi import validate_route_objects
from serinus.api.validation.istio import rule_hosts, validate_istio_objects
from serinus.api.validation.language import UNKNOWN, Language
from serinus.api.validation.lookup import Lookup, find
from serinus.api.validation.templates import Asked, validate_analyses
from serinus.base.errors import FieldProblem


def validate_references(
    rollout: Rollout, lookup: Lookup, language: Language = UNKNOWN
) -> Iterator[FieldProblem]:
    """Services, routed objects and AnalysisTemplates of a Rollout that its own rules let pass.

    Of one with a workloadRef: as `workload.resolve` gives it back.
    """
    strategy = rollout.spec.strategy
    for place, name in _services_of(rollout):
        yield from _service(rollout, name, lookup, f"spec.strategy.{place}")
    if strategy.canary is not None:
        here, canary = "spec.strategy.canary", strategy.canary
        yield from _ingresses(rollout, canary, lookup, here)
        template, namespace = bytes(rollout.spec.template), rollout.metadata.namespace
        labels = _labels(template) if template else None
        routed = with_roles(rollout).spec.strategy.canary or canary
        yield from validate_istio_objects(routed, namespace, labels, lookup, here)
        yield from validate_alb_objects(routed, namespace, lookup, f"{here}.trafficRouting.alb")
        yield from validate_route_objects(canary, namespace, lookup, f"{here}.trafficRouting")
        yield from _traefik_service(canary, namespace, lookup, f"{here}.trafficRouting.traefik")
        yield from _traffic_split(rollout, canary, lookup, f"{here}.trafficRouting.smi")
        yield from validate_apisix_route(canary, namespace, lookup, f"{here}.trafficRouting")
        yield from _mappings(rollout, canary, lookup, f"{here}.trafficRouting.ambassador")
        for place, name in rule_hosts(canary, namespace, lookup, here):
            yield from _service(rollout, name, lookup, place)
    asked = analyses_of(rollout)
    yield from validate_analyses(rollout.metadata.namespace, asked, lookup, language)


def analyses_of(rollout: Rollout) -> Iterator[Asked]:
    """Every analysis that a Rollout asks for, in the order in which they are written."""
    canary, blue_green = rollout.spec.strategy.canary, rollout.spec.strategy.blue_green
    for index, step in enumerate(canary.steps if canary else ()):
        here = f"spec.strategy.canary.steps[{index}]"
        if step.analysis is not None:
            yield Asked(step.analysis, f"{here}.analysis")
        if step.experiment is not None:
            yield from _of_experiment(step.experiment, f"{here}.experiment")
    if canary is not None and canary.analysis is not None:
        yield Asked(canary.analysis, "spec.strategy.canary.analysis", waits=False)
    if blue_green is None:
        return
    here = "spec.strategy.blueGreen"
    if blue_green.pre_promotion_analysis is not None:
        yield Asked(blue_green.pre_promotion_analysis, f"{here}.prePromotionAnalysis")
    if blue_green.post_promotion_analysis is not None:
        yield Asked(blue_green.post_promotion_analysis, f"{here}.postPromotionAnalysis")


def _of_experiment(step: RolloutExperimentStep, path: str) -> Iterator[Asked]:
    """One with a duration ends its analyses itself."""
    for index, one in enumerate(step.analyses):
        ref = AnalysisTemplateRef(template_name=one.template_name, cluster_scope=one.cluster_scope)
        here = f"{path}.analyses[{index}]"
        analysis = RolloutAnalysis(templates=(ref,), args=one.args)
        yield Asked(analysis, here, waits=not step.duration, passes_args_at=here)


def _services_of(rollout: Rollout) -> Iterator[tuple[str, str]]:
    """Where a Service is named below `spec.strategy`, and its name."""
    canary, blue_green = rollout.spec.strategy.canary, rollout.spec.strategy.blue_green
    if canary is not None:
        yield "canary.canaryService", canary.canary_service
        yield "canary.stableService", canary.stable_service
        if canary.ping_pong is not None:
            yield "canary.pingPong.pingService", canary.ping_pong.ping_service
            yield "canary.pingPong.pongService", canary.ping_pong.pong_service
    if blue_green is not None:
        yield "blueGreen.activeService", blue_green.active_service
        yield "blueGreen.previewService", blue_green.preview_service


def _service(rollout: Rollout, name: str, lookup: Lookup, path: str) -> Iterator[FieldProblem]:
    if not name:
        return
    found = find(lookup, Service, rollout.metadata.namespace, name, path)
    if isinstance(found, FieldProblem):
        yield found
        return
    if not found.spec.selector:
        yield FieldProblem(path, f"Service {name} has no selector; it must select the pods")
    template = bytes(rollout.spec.template)
    labels = _labels(template) if template else None
    selector = {k: v for k, v in found.spec.selector.items() if k != POD_HASH}
    for key, value in selector.items():
        if labels is not None and labels.get(key) != value:
            yield FieldProblem(
                path,
                f"Service {name} selects {key}={value}, which the pods of spec.template do "
                "not carry; it would select none of them",
            )
    owner = found.metadata.annotations.get(MANAGED_BY, rollout.metadata.name)
    if owner != rollout.metadata.name:
        yield FieldProblem(
            path,
            f"Service {name} is managed by the Rollout {owner} (its annotation {MANAGED_BY}) "
            "until that is deleted; name another Service",
        )


def _ingresses(
    rollout: Rollout, canary: CanaryStrategy, lookup: Lookup, path: str
) -> Iterator[FieldProblem]:
    nginx = canary.traffic_routing.nginx if canary.traffic_routing else None
    if nginx is None:
        return
    here = f"{path}.trafficRouting.nginx"
    places = [(f"{here}.stableIngress", nginx.stable_ingress)]
    places += [
        (f"{here}.stableIngresses[{i}]", name) for i, name in enumerate(nginx.stable_ingresses)
    ]
    for field, name in places:
        if not name:
            continue
        found = find(lookup, Ingress, rollout.metadata.namespace, name, field)
        if isinstance(found, FieldProblem):
            yield found
        elif canary.stable_service and canary.stable_service not in _backends(found):
            yield FieldProblem(
                field,
                f"Ingress {name} has no rule with a path to Service {canary.stable_service}; "
                f"it has {', '.join(sorted(_backends(found))) or 'none'}",
            )
        else:
            yield from _ports(rollout, canary, found, lookup, path)


def _ports(
    rollout: Rollout, canary: CanaryStrategy, ingress: Ingress, lookup: Lookup, path: str
) -> Iterator[FieldProblem]:
    """The canary Ingress leads to the port of the stable one: the canary Service has to have it.

    Else the weight that it is given reaches nobody.
    """
    found = lookup.get(Service, rollout.metadata.namespace, canary.canary_service)
    if not isinstance(found, Service) or not found.spec.ports:
        return
    known = {str(port.port) for port in found.spec.ports} | {p.name for p in found.spec.ports}
    for backend in _service_backends(ingress):
        wanted = backend.port.name or str(backend.port.number or "")
        if backend.name == canary.stable_service and wanted and wanted not in known:
            yield FieldProblem(
                f"{path}.canaryService",
                f"Service {canary.canary_service} has no port {wanted}, to which Ingress "
                f"{ingress.metadata.name} leads; it has {', '.join(sorted(known - {''}))}",
            )


def _traefik_service(
    canary: CanaryStrategy, namespace: str, lookup: Lookup, path: str
) -> Iterator[FieldProblem]:
    traefik = canary.traffic_routing.traefik if canary.traffic_routing else None
    name = traefik.weighted_traefik_service_name if traefik else ""
    if name:
        found = find(lookup, TraefikService, namespace, name, f"{path}.weightedTraefikServiceName")
        if isinstance(found, FieldProblem):
            yield found


def _traffic_split(
    rollout: Rollout, canary: CanaryStrategy, lookup: Lookup, path: str
) -> Iterator[FieldProblem]:
    """The TrafficSplit is made by the router; its kind has to be there, and the root Service."""
    smi = canary.traffic_routing.smi if canary.traffic_routing else None
    if smi is None:
        return
    name, namespace = smi.traffic_split_name or rollout.metadata.name, rollout.metadata.namespace
    found = find(lookup, TrafficSplit, namespace, name, path)
    if isinstance(found, FieldProblem) and not isinstance(found, Missing):
        yield found
    if smi.root_service:
        root = find(lookup, Service, namespace, smi.root_service, f"{path}.rootService")
        if isinstance(root, FieldProblem):
            yield root


def _mappings(
    rollout: Rollout, canary: CanaryStrategy, lookup: Lookup, path: str
) -> Iterator[FieldProblem]:
    ambassador = canary.traffic_routing.ambassador if canary.traffic_routing else None
    namespace, stable = rollout.metadata.namespace, canary.stable_service
    for index, name in enumerate(ambassador.mappings if ambassador else ()):
        if not name:
            continue
        here = f"{path}.mappings[{index}]"
        found = find(lookup, Mapping, namespace, name, here)
        if isinstance(found, FieldProblem):
            yield found
            continue
        if found.spec.weight is not None:
            yield FieldProblem(here, f"Mapping {name} has a weight of its own; remove it there")
        if stable and not leads_to(found.spec.service, stable, namespace):
            message = f"Mapping {name} leads to {found.spec.service or 'nothing'}, not to {stable}"
            yield FieldProblem(here, message)


def _backends(ingress: Ingress) -> set[str]:
    return {backend.name for backend in _service_backends(ingress)}


def _service_backends(ingress: Ingress) -> Iterator[IngressServiceBackend]:
    for rule in ingress.spec.rules:
        for path in rule.http.paths if rule.http is not None else ():
            if path.backend.service is not None:
                yield path.backend.service


def _labels(template: bytes) -> dict[str, str]:
    """Whatever else is wrong with the template, which `validate_rollout` names."""
    found = msgspec.json.decode(template)
    for name in ("metadata", "labels"):
        found = found.get(name) if isinstance(found, dict) else None
    pairs = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, str)}

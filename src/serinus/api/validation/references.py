"""What a Rollout refers to: is it there, and does it fit? All of it at once.

Pure over a lookup. What is not there yet is a Missing; its appearance mends it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from serinus.api.argo import CanaryStrategy, Rollout
from serinus.api.kubernetes import Ingress, PodTemplateView, Service
from serinus.api.names import MANAGED_BY, POD_HASH
from serinus.api.validation.language import UNKNOWN, Language
from serinus.api.validation.lookup import Lookup, find
from serinus.api.validation.templates import validate_analyses
from serinus.api.wire import decode
from serinus.base.errors import FieldProblem


def validate_references(
    rollout: Rollout, lookup: Lookup, language: Language = UNKNOWN
) -> Iterator[FieldProblem]:
    """Services, Ingresses and AnalysisTemplates of a canary that its own rules let pass."""
    canary = rollout.spec.strategy.canary
    if canary is None:
        return
    path = "spec.strategy.canary"
    yield from _services(rollout, canary, lookup, path)
    yield from _ingresses(rollout, canary, lookup, path)
    yield from validate_analyses(rollout.metadata.namespace, canary, lookup, language)


def _services(
    rollout: Rollout, canary: CanaryStrategy, lookup: Lookup, path: str
) -> Iterator[FieldProblem]:
    template = bytes(rollout.spec.template)
    labels = _labels(template)
    for field, name in (
        ("canaryService", canary.canary_service),
        ("stableService", canary.stable_service),
    ):
        if not name:
            continue
        here = f"{path}.{field}"
        found = find(lookup, Service, rollout.metadata.namespace, name, here)
        if isinstance(found, FieldProblem):
            yield found
            continue
        selector = {k: v for k, v in found.spec.selector.items() if k != POD_HASH}
        if not found.spec.selector:
            yield FieldProblem(here, f"Service {name} has no selector; it must select the pods")
        for key, value in selector.items():
            if labels.get(key) != value:
                yield FieldProblem(
                    here,
                    f"Service {name} selects {key}={value}, which the pods of spec.template do "
                    "not carry; it would select none of them",
                )
        owner = found.metadata.annotations.get(MANAGED_BY, rollout.metadata.name)
        if owner != rollout.metadata.name:
            yield FieldProblem(
                here,
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


def _backends(ingress: Ingress) -> set[str]:
    return {
        path.backend.service.name
        for rule in ingress.spec.rules
        if rule.http is not None
        for path in rule.http.paths
        if path.backend.service is not None
    }


def _labels(template: bytes) -> dict[str, str]:
    try:
        return dict(decode(PodTemplateView, template or b"{}").metadata.labels)
    except msgspec.ValidationError:
        return {}  # validate_rollout names what is wrong with the template

"""Rules of `strategy.canary` by itself: services, scale, the nginx router, steps."""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.argo import CanaryStrategy, NginxTrafficRouting, RolloutAnalysis, RolloutSpec
from serinus.api.kubernetes import PodTemplateMetadata
from serinus.api.names import POD_HASH
from serinus.api.validation.labels import validate_annotations, validate_key, validate_labels
from serinus.api.validation.numbers import count_or_share, is_nothing, not_negative, within
from serinus.api.validation.steps import validate_steps
from serinus.base.errors import FieldProblem


def validate_canary(canary: CanaryStrategy, spec: RolloutSpec, path: str) -> Iterator[FieldProblem]:
    """`path` is where the strategy stands; `spec` tells the pods' own labels."""
    yield from _services(canary, path)
    yield from _scale(canary, path)
    for name, metadata in (
        ("canaryMetadata", canary.canary_metadata),
        ("stableMetadata", canary.stable_metadata),
    ):
        if metadata is not None:
            yield from _ephemeral(metadata, spec, f"{path}.{name}")
    routing = canary.traffic_routing
    if routing is not None:
        if routing.nginx is not None:
            yield from _nginx(routing.nginx, f"{path}.trafficRouting.nginx")
        if routing.max_traffic_weight is not None and routing.max_traffic_weight < 1:
            yield FieldProblem(f"{path}.trafficRouting.maxTrafficWeight", "must be 1 or more")
    yield from validate_steps(canary, f"{path}.steps")
    background = canary.analysis
    if background is not None and not background.templates and _asks(background):
        yield FieldProblem(f"{path}.analysis.templates", "is empty; name what is measured")


def _asks(analysis: RolloutAnalysis) -> bool:
    return bool(analysis.args) or analysis.starting_step is not None


def _services(canary: CanaryStrategy, path: str) -> Iterator[FieldProblem]:
    if canary.traffic_routing is not None and canary.traffic_routing.nginx is not None:
        for name, value in (
            ("canaryService", canary.canary_service),
            ("stableService", canary.stable_service),
        ):
            if not value:
                yield FieldProblem(f"{path}.{name}", "is missing; the nginx router needs it")
    if canary.canary_service and canary.canary_service == canary.stable_service:
        yield FieldProblem(
            f"{path}.canaryService", f"{canary.canary_service!r} is the stableService too"
        )


def _scale(canary: CanaryStrategy, path: str) -> Iterator[FieldProblem]:
    for name, value in (
        ("scaleDownDelaySeconds", canary.scale_down_delay_seconds),
        ("abortScaleDownDelaySeconds", canary.abort_scale_down_delay_seconds),
        ("scaleDownDelayRevisionLimit", canary.scale_down_delay_revision_limit),
        ("minPodsPerReplicaSet", canary.min_pods_per_replica_set),
    ):
        yield from not_negative(value, f"{path}.{name}")
    yield from count_or_share(canary.max_surge, f"{path}.maxSurge")
    yield from count_or_share(canary.max_unavailable, f"{path}.maxUnavailable")
    if is_nothing(canary.max_surge) and is_nothing(canary.max_unavailable):
        yield FieldProblem(f"{path}.maxSurge", "must not be 0 if maxUnavailable is 0")
    routed = canary.traffic_routing is not None
    delayed = canary.scale_down_delay_seconds is not None
    if delayed and not routed:
        yield FieldProblem(f"{path}.scaleDownDelaySeconds", "works only with trafficRouting")
    if delayed and canary.dynamic_stable_scale:
        yield FieldProblem(
            f"{path}.scaleDownDelaySeconds", "cannot be combined with dynamicStableScale"
        )
    if canary.dynamic_stable_scale and not routed:
        yield FieldProblem(f"{path}.dynamicStableScale", "works only with trafficRouting")
    threshold = canary.replica_progress_threshold
    if threshold is not None:
        here = f"{path}.replicaProgressThreshold"
        if threshold.type not in ("Percent", "Pods"):
            yield FieldProblem(f"{here}.type", f"{threshold.type!r} must be Percent or Pods")
        elif threshold.type == "Percent":
            yield from within(max(threshold.value, 0), 0, 100, f"{here}.value")


def _ephemeral(
    metadata: PodTemplateMetadata, spec: RolloutSpec, path: str
) -> Iterator[FieldProblem]:
    """Labels that come and go must not be those by which pods are found."""
    yield from validate_labels(metadata.labels, f"{path}.labels")
    yield from validate_annotations(metadata.annotations, f"{path}.annotations")
    selector = spec.selector
    own = {POD_HASH}
    if selector is not None:
        own |= selector.match_labels.keys() | {term.key for term in selector.match_expressions}
    for key in sorted(own & metadata.labels.keys()):
        yield FieldProblem(f"{path}.labels.{key}", "pods are selected by it; it must not change")


def _nginx(nginx: NginxTrafficRouting, path: str) -> Iterator[FieldProblem]:
    if nginx.stable_ingress and nginx.stable_ingresses:
        yield FieldProblem(
            f"{path}.stableIngresses", "and stableIngress are both set; put all into the list"
        )
    if not nginx.stable_ingress and not nginx.stable_ingresses:
        yield FieldProblem(
            f"{path}.stableIngress", "is missing; name the Ingress that routes to stableService"
        )
    names = nginx.stable_ingresses
    for index, name in enumerate(names):
        if not name or name in names[:index]:
            yield FieldProblem(f"{path}.stableIngresses[{index}]", f"{name!r} is empty or repeated")
    if nginx.annotation_prefix:
        yield from validate_key(f"{nginx.annotation_prefix}/x", f"{path}.annotationPrefix")

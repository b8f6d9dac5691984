"""What both strategies say about the pods of their revisions: labels that come and go, who must
not stand beside whom, and delays before pods go.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.argo import AntiAffinity, BlueGreenStrategy, CanaryStrategy, RolloutSpec
from serinus.api.kubernetes import PodTemplateMetadata
from serinus.api.names import POD_HASH
from serinus.api.validation.labels import validate_annotations, validate_labels
from serinus.api.validation.numbers import not_negative, within
from serinus.base.errors import FieldProblem


def validate_ephemeral(
    metadata: PodTemplateMetadata | None, spec: RolloutSpec, path: str
) -> Iterator[FieldProblem]:
    """Labels that come and go must not be those by which pods are found."""
    if metadata is None:
        return
    yield from validate_labels(metadata.labels, f"{path}.labels")
    yield from validate_annotations(metadata.annotations, f"{path}.annotations")
    selector = spec.selector
    own = {POD_HASH}
    if selector is not None:
        own |= selector.match_labels.keys() | {term.key for term in selector.match_expressions}
    for key in sorted(own & metadata.labels.keys()):
        yield FieldProblem(f"{path}.labels.{key}", "pods are selected by it; it must not change")


def validate_delays(
    strategy: CanaryStrategy | BlueGreenStrategy, path: str
) -> Iterator[FieldProblem]:
    """Seconds, and how many old ReplicaSets may wait at once."""
    yield from not_negative(strategy.scale_down_delay_seconds, f"{path}.scaleDownDelaySeconds")
    yield from not_negative(
        strategy.abort_scale_down_delay_seconds, f"{path}.abortScaleDownDelaySeconds"
    )
    yield from not_negative(
        strategy.scale_down_delay_revision_limit, f"{path}.scaleDownDelayRevisionLimit"
    )


def validate_anti_affinity(affinity: AntiAffinity | None, path: str) -> Iterator[FieldProblem]:
    """Exactly one of both ways."""
    if affinity is None:
        return
    preferred = f"{path}.preferredDuringSchedulingIgnoredDuringExecution"
    if affinity.preferred is not None and affinity.required is not None:
        yield FieldProblem(path, "asks for required and preferred; keep one")
    if affinity.preferred is None and affinity.required is None:
        message = "names neither requiredDuringSchedulingIgnoredDuringExecution nor preferred...; "
        yield FieldProblem(path, message + "name one, or leave it out")
    if affinity.preferred is not None:
        yield from within(affinity.preferred.weight, 1, 100, f"{preferred}.weight")

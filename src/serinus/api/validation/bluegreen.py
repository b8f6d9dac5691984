"""Rules of `strategy.blueGreen` by itself: Services, sizes, delays, its two analyses."""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.argo import BlueGreenStrategy, RolloutSpec
from serinus.api.validation.analysis import validate_rollout_analysis
from serinus.api.validation.numbers import count_or_share, not_negative
from serinus.api.validation.revisions import (
    validate_anti_affinity,
    validate_delays,
    validate_ephemeral,
)
from serinus.base.errors import FieldProblem

DEFAULT_REVISION_HISTORY_LIMIT = 10


def validate_blue_green(
    strategy: BlueGreenStrategy, spec: RolloutSpec, path: str
) -> Iterator[FieldProblem]:
    """`path` is where the strategy stands; `spec` tells the pods' own labels and the history."""
    yield from _services(strategy, path)
    yield from not_negative(strategy.preview_replica_count, f"{path}.previewReplicaCount")
    yield from not_negative(strategy.auto_promotion_seconds, f"{path}.autoPromotionSeconds")
    yield from count_or_share(strategy.max_unavailable, f"{path}.maxUnavailable")
    yield from validate_delays(strategy, path)
    yield from _history(strategy, spec, path)
    yield from validate_anti_affinity(strategy.anti_affinity, f"{path}.antiAffinity")
    yield from validate_ephemeral(strategy.preview_metadata, spec, f"{path}.previewMetadata")
    yield from validate_ephemeral(strategy.active_metadata, spec, f"{path}.activeMetadata")
    for name, analysis in (
        ("prePromotionAnalysis", strategy.pre_promotion_analysis),
        ("postPromotionAnalysis", strategy.post_promotion_analysis),
    ):
        if analysis is None:
            continue
        yield from validate_rollout_analysis(analysis, f"{path}.{name}")
        if analysis.starting_step is not None:
            yield FieldProblem(f"{path}.{name}.startingStep", "blue-green has no steps; remove it")


def _services(strategy: BlueGreenStrategy, path: str) -> Iterator[FieldProblem]:
    """The original lets an empty activeService pass beside a previewService, and stops later."""
    if not strategy.active_service:
        yield FieldProblem(
            f"{path}.activeService", "is missing; name the Service that users reach the pods by"
        )
    elif strategy.active_service == strategy.preview_service:
        yield FieldProblem(
            f"{path}.previewService", f"{strategy.preview_service!r} is the activeService too"
        )


def _history(strategy: BlueGreenStrategy, spec: RolloutSpec, path: str) -> Iterator[FieldProblem]:
    limit, kept = strategy.scale_down_delay_revision_limit, spec.revision_history_limit
    kept = DEFAULT_REVISION_HISTORY_LIMIT if kept is None else kept
    if limit is not None and limit > kept >= 0:
        yield FieldProblem(
            f"{path}.scaleDownDelayRevisionLimit",
            f"{limit} must not be more than revisionHistoryLimit ({kept})",
        )

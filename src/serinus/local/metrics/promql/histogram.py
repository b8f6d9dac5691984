"""`histogram_quantile` over classic buckets. Pure arithmetic over vectors.

Source: Prometheus's definition, with its repairs: buckets of equal bound are added up, counts are
made to rise.
"""

from __future__ import annotations

import math

from serinus.local.metrics.labels import NAME, Labels
from serinus.local.metrics.promql.values import Vector

_OUTSIDE = frozenset(["le", NAME])


def histogram_quantiles(q: float, vector: Vector) -> Vector:
    """One quantile per group of buckets that differ in `le` alone; other elements are ignored."""
    groups: dict[Labels, dict[float, float]] = {}
    for labels, count in vector:
        bound = _bound(labels.pairs.get("le", ""))
        if bound is None:
            continue
        buckets = groups.setdefault(labels.without(_OUTSIDE), {})
        buckets[bound] = buckets.get(bound, 0.0) + count
    return [(labels, bucket_quantile(q, buckets)) for labels, buckets in groups.items()]


def bucket_quantile(q: float, buckets: dict[float, float]) -> float:
    """The quantile of cumulative counts by upper bound, linear within a bucket.

    NaN without observations, or without a bucket +Inf beside another one.
    """
    if math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return -math.inf if q < 0 else math.inf
    bounds = sorted(buckets)
    if len(bounds) < 2 or bounds[-1] != math.inf:
        return math.nan
    counts = _rising([buckets[bound] for bound in bounds])
    if counts[-1] == 0 or math.isnan(counts[-1]):
        return math.nan
    rank = q * counts[-1]
    place = next((i for i, count in enumerate(counts[:-1]) if count >= rank), len(counts) - 1)
    if place == len(counts) - 1:
        return bounds[-2]
    if place == 0:
        if bounds[0] <= 0:
            return bounds[0]
        return bounds[0] * (rank / counts[0]) if counts[0] else math.nan
    inside = counts[place] - counts[place - 1]
    width = bounds[place] - bounds[place - 1]
    return bounds[place - 1] + width * ((rank - counts[place - 1]) / inside)


def _rising(counts: list[float]) -> list[float]:
    """Counts that never fall: scrapes of the buckets are not of one instant."""
    highest = -math.inf
    risen = []
    for count in counts:
        highest = max(highest, count)
        risen.append(highest)
    return risen


def _bound(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

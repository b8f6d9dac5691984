"""Replica arithmetic: every branch by a table."""

from __future__ import annotations

import pytest

from serinus.api.argo import ReplicaProgressThreshold, SetCanaryScale
from serinus.core.rollout.capacity import at_least, needed, portion, scaled


@pytest.mark.parametrize(
    ("replicas", "weight", "total", "count"),
    [
        (10, 5, 100, 1),
        (10, 25, 100, 3),
        (10, 0, 100, 0),
        (3, 100, 100, 3),
        (0, 50, 100, 0),
        (10, 1, 1000, 1),
        (10, 500, 1000, 5),
        (7, 33, 100, 3),
    ],
)
def test_a_portion_of_replicas_is_rounded_up(
    replicas: int, weight: int, total: int, count: int
) -> None:
    assert portion(replicas, weight, total) == count


@pytest.mark.parametrize(
    ("scale", "count"),
    [
        (SetCanaryScale(replicas=3), 3),
        (SetCanaryScale(replicas=0), 0),
        (SetCanaryScale(weight=25), 3),
        (SetCanaryScale(weight=0), 0),
        (SetCanaryScale(), 0),
    ],
)
def test_a_canary_scale_is_a_count_or_a_part(scale: SetCanaryScale, count: int) -> None:
    assert scaled(10, 100, scale) == count


@pytest.mark.parametrize(
    ("count", "replicas", "minimum", "raised"),
    [(1, 4, 2, 2), (3, 4, 2, 3), (0, 4, 2, 0), (1, 4, 9, 4), (1, 4, None, 1), (-1, 4, 2, 0)],
)
def test_a_count_is_raised_to_the_minimum_but_never_from_zero_or_above_replicas(
    count: int, replicas: int, minimum: int | None, raised: int
) -> None:
    assert at_least(count, replicas, minimum) == raised


@pytest.mark.parametrize(
    ("count", "threshold", "enough"),
    [
        (4, None, 4),
        (4, ReplicaProgressThreshold(type="Percent", value=50), 2),
        (3, ReplicaProgressThreshold(type="Percent", value=50), 2),
        (4, ReplicaProgressThreshold(type="Percent", value=100), 4),
        (0, ReplicaProgressThreshold(type="Percent", value=90), 0),
        (4, ReplicaProgressThreshold(type="Pods", value=3), 3),
        (4, ReplicaProgressThreshold(type="Pods", value=9), 4),
        (4, ReplicaProgressThreshold(type="Pods", value=-1), 4),
    ],
)
def test_a_threshold_says_how_many_of_the_pods_are_enough(
    count: int, threshold: ReplicaProgressThreshold | None, enough: int
) -> None:
    assert needed(count, threshold) == enough

"""What a step index means: weights, canary scales, the words for a step."""

from __future__ import annotations

from typing import Any

import pytest

from serinus.api.argo import Step
from serinus.api.wire import decode
from serinus.core.rollout.canary import scale_at, step_text, weight_at


def steps_of(*steps: dict[str, Any]) -> tuple[Step, ...]:
    return tuple(decode(Step, step) for step in steps)


PLAN = steps_of(
    {"pause": {}},
    {"setWeight": 20},
    {"setCanaryScale": {"replicas": 3}},
    {"analysis": {"templates": []}},
    {"setWeight": 150},
    {"setCanaryScale": {"matchTrafficWeight": True}},
)


@pytest.mark.parametrize(("index", "weight"), [(0, 0), (1, 20), (3, 20), (4, 100), (6, 100)])
def test_the_weight_is_the_last_one_set_at_or_before_the_index(index: int, weight: int) -> None:
    assert weight_at(PLAN, index, 100) == weight


def test_no_steps_mean_everything() -> None:
    assert weight_at((), 0, 1000) == 1000


@pytest.mark.parametrize(("index", "replicas"), [(1, None), (2, 3), (4, 3), (5, None), (6, None)])
def test_a_canary_scale_holds_until_one_that_matches_the_weight(
    index: int, replicas: int | None
) -> None:
    scale = scale_at(PLAN, index)
    assert (scale.replicas if scale else None) == replicas


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"setWeight": 20}, "setWeight: 20"),
        ({"pause": {}}, "pause"),
        ({"pause": {"duration": "5m"}}, "pause: 5m"),
        ({"analysis": {"templates": []}}, "analysis"),
        ({"setCanaryScale": {"replicas": 3}}, "setCanaryScale{replicas: 3}"),
        ({"setCanaryScale": {"weight": 25}}, "setCanaryScale{weight: 25}"),
        (
            {"setCanaryScale": {"matchTrafficWeight": True}},
            "setCanaryScale{matchTrafficWeight: true}",
        ),
        ({"experiment": {"templates": []}}, "experiment"),
    ],
)
def test_steps_have_the_originals_words(step: dict[str, Any], text: str) -> None:
    assert step_text(steps_of(step)[0]) == text

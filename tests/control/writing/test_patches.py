"""Merge patches: what they make of the old is the new, and nothing of others is touched."""

from __future__ import annotations

import random
from typing import Any

import pytest

from serinus.api.argo import PauseCondition, RolloutStatus
from serinus.control.writing.patches import merge_patch, struct_patch
from support.virtual import EPOCH

ROWS: list[tuple[Any, Any, Any]] = [
    ({}, {}, {}),
    ({"a": 1}, {"a": 1}, {}),
    ({"a": 1}, {"a": 2}, {"a": 2}),
    ({"a": 1}, {}, {"a": None}),
    ({}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
    ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
    ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
    ({"a": 5}, {"a": {"b": 1}}, {"a": {"b": 1}}),
]


@pytest.mark.parametrize(("old", "new", "patch"), ROWS)
def test_the_patch_holds_what_differs(old: Any, new: Any, patch: Any) -> None:
    assert merge_patch(old, new) == patch


def document(chance: random.Random, depth: int = 3) -> Any:
    """Any JSON object without nulls, of few names so that two of them meet."""
    made: dict[str, Any] = {}
    for name in chance.sample("abcd", chance.randint(0, 3)):
        deeper = depth and chance.random() < 0.5
        made[name] = document(chance, depth - 1) if deeper else chance.choice([1, 2, "x", [], [1]])
    return made


@pytest.mark.parametrize("seed", range(200))
def test_a_patch_makes_the_new_of_the_old(seed: int) -> None:
    chance = random.Random(seed)
    old, new = document(chance), document(chance)
    assert merged(old, merge_patch(old, new)) == new
    assert merge_patch(new, new) == {}


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386, as its text has it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def test_fields_that_got_their_default_again_are_taken_out() -> None:
    pause = PauseCondition(reason="CanaryPauseStep", start_time=EPOCH)
    old = RolloutStatus(phase="Paused", pause_conditions=(pause,), controller_pause=True)
    new = RolloutStatus(phase="Paused", current_step_index=0)
    assert struct_patch(old, new) == {
        "pauseConditions": None,
        "controllerPause": None,
        "currentStepIndex": 0,
    }
    assert struct_patch(old, old) == {}

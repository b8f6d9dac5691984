"""Each mistake that was mended is found when it is put back, and nothing is found without it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest

from simulation.bluegreen import explore
from simulation.defects import DEFECTS, STORIES, Defect, Story
from simulation.events import Planner
from simulation.search import Budget, search
from simulation.shape import Shape
from simulation.starts import condemned, measured, measures, nothing, released, under_way
from simulation.walks import walk

SEEDS, LIMIT = range(40), 700


@dataclass(frozen=True, slots=True)
class Found:
    """What a hunt says first; "" if it found nothing."""

    first: str
    told: str = ""


def hunted(planner: Planner, where: Any) -> Found:
    """Walks by seeds, and after them small searches."""
    hunts = _canary(planner, where) if isinstance(where, Shape) else _switch(planner, where)
    return next((Found(met.faults[0], str(met)) for met in hunts if met and met.faults), Found(""))


def _canary(planner: Planner, shape: Shape) -> Any:
    starts = (released, nothing, under_way)
    if measures(shape):
        starts = (released, measured, condemned)
    walks = (walk(starts[seed % 3](shape), planner, seed) for seed in SEEDS)
    budget = Budget(1, 1)
    searches = (
        search(start(shape), planner, budget=budget, limit=LIMIT).finding for start in starts
    )
    return chain(walks, searches)


def _switch(planner: Planner, shape: explore.Shape) -> Any:
    starts = (explore.released, explore.nothing, explore.switched)
    walks = (explore.walk(starts[seed % 3](shape), planner, seed) for seed in SEEDS)
    searches = (explore.search(start(shape), planner, Budget(1, 1), LIMIT) for start in starts)
    return chain(walks, searches)


@pytest.mark.parametrize("defect", DEFECTS, ids=str)
def test_a_mended_mistake_put_back_is_found(
    defect: Defect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, mistake in defect.patch:
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, mistake)
    found = hunted(defect.planner, defect.where)
    assert found.first, f"nobody minds that {defect.name}"
    assert found.first.startswith(defect.harm), found.told


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_a_mended_mistake_put_back_breaks_its_story(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.tells()
    for module, name, mistake in story.patch:
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, mistake)
    with pytest.raises(AssertionError):
        story.tells()

"""Each mistake that was mended is found when it is put back, and nothing is found without it."""

from __future__ import annotations

import pytest

from simulation.defects import DEFECTS, STORIES, Defect, Story
from simulation.hunts import hunted


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

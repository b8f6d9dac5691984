"""The names of Ambassador's Mappings in a Rollout: each once, and each canary's its own."""

from __future__ import annotations

import pytest

from api.worlds import World, put

PATH = "spec.strategy.canary.trafficRouting"
WRONG = {
    ("a", "a"): "mappings[1]: 'a' is empty or repeated",
    ("a", ""): "mappings[1]: '' is empty or repeated",
    ("m" * 246 + "a", "m" * 246 + "b"): "mappings[1]: its canary Mapping would be called like",
}


@pytest.mark.parametrize("names", WRONG, ids=WRONG.values())
def test_a_name_that_cannot_stand_there_is_told(names: tuple[str, ...]) -> None:
    world = World()
    put(world.rollout, PATH, {"ambassador": {"mappings": list(names)}})
    assert any(text.startswith(f"{PATH}.ambassador.{WRONG[names]}") for text in world.told())

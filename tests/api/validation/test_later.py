"""What comes later is refused by name; what changes nothing is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from api.worlds import World, put

C = "spec.strategy.canary."
ROUTERS = ["appMesh"]
PROVIDERS = ["web", "job", "datadog", "newRelic", "wavefront", "cloudWatch", "graphite"]
PROVIDERS += ["influxdb", "kayenta", "skywalking", "plugin"]
ACCEPTED: dict[str, Any] = {
    C + "analysis": {},
    C + "antiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}},
    C + "trafficRouting": ...,
    C + "pingPong": None,
    C + "trafficRouting.managedRoutes": [{"name": "unused"}],
    C + "trafficRouting.plugins": {},
    "spec.workloadRef": None,
    "spec.restartAt": "2024-01-01T00:00:00Z",
    "spec.progressDeadlineAbort": True,
    "spec.rollbackWindow": {"revisions": 3},
}


def refused(world: World) -> list[str]:
    return [text.split(":")[0] for text in world.told() if "not supported yet" in text]


@pytest.mark.parametrize("path", ACCEPTED)
def test_what_changes_nothing_is_accepted(path: str) -> None:
    world = World()
    put(world.rollout, path, ACCEPTED[path])
    assert world.told() == []


@pytest.mark.parametrize("router", ROUTERS)
def test_routers_that_are_not_there_yet(router: str) -> None:
    world = World()
    put(world.rollout, C + "trafficRouting", {router: {"name": "x"}})
    assert refused(world) == [C + "trafficRouting." + router]


def test_blue_green_is_there_with_its_anti_affinity() -> None:
    world = World()
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 1}}
    body = {"activeService": "shop-stable", "previewService": "shop-canary"}
    put(world.rollout, "spec.strategy", {"blueGreen": body})
    assert world.told() == []
    put(world.rollout, "spec.strategy", {"blueGreen": {**body, "antiAffinity": preferred}})
    assert world.told() == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_providers_that_are_not_there_yet(provider: str) -> None:
    world = World()
    put(world.of("AnalysisTemplate"), "spec.metrics.0.provider", {provider: {"x": {}}})
    texts = [text for text in world.told() if "not supported yet" in text]
    assert len(texts) == 1
    assert f"AnalysisTemplate errors: spec.metrics[0].provider.{provider}: is not" in texts[0]

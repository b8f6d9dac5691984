"""The controller as a process of its own, killed with -9 in every phase of a release.

A phase is an event that is awaited; how far into it the blow falls, a seed says.
"""

from __future__ import annotations

import json
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from e2e.product import Product, Up, up
from e2e.shop import GATED, Json, Shop, at_rest, condition, distinct, image_of, phase, step_of
from e2e.shop import weight_of as weight

SEEDS = [pytest.param(1), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))]
GOOD, BAD = "v2", "v2.error-every-4"

Phase = tuple[str, Callable[[Json], object], float]
"""Its name, whether a version of the Rollout is in it, and how long it is of interest."""
SCALING: Phase = ("scaling", lambda v: not updated(v), 0.5)
SHIFT: Phase = ("weight shift", lambda v: updated(v), 3.0)
ANALYSIS: Phase = ("analysis", lambda v: running(v), 1.0)
PROMOTION: Phase = ("promotion", lambda v: step_of(v) == len(GATED), 4.0)
DRAIN: Phase = ("drain", lambda v: v["status"]["stableRS"] == v["status"]["currentPodHash"], 3.0)
ABORT: Phase = ("abort", lambda v: v["status"].get("abort"), 3.0)


def updated(version: Json) -> int:
    return int(version["status"].get("updatedReplicas", 0))


def running(version: Json) -> bool:
    run = version["status"].get("canary", {}).get("currentStepAnalysisRunStatus", {})
    return run.get("status") == "Running"


class Controller:
    """A `serinus controller` that can be killed and started again."""

    def __init__(self, product: Product, seed: int) -> None:
        self._product, self._chance = product, random.Random(seed)
        self.running = product.start("controller")
        self.blows: list[str] = []

    def kill(self, name: str, within_seconds: float) -> None:
        """-9 at a moment within so many seconds of the wall, and another one in its place."""
        seconds = self._chance.uniform(0, within_seconds)
        threading.Event().wait(seconds)
        self.running.stop(signal.SIGKILL)
        self.blows.append(f"{name} + {seconds:.2f} s")
        self.running = self._product.start("controller")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A cluster whose controller is not part of it."""
    with up(tmp_path_factory.mktemp("alone"), "--speed", "60", "--no-controller") as running:
        yield running


@contextmanager
def controlled(alone: Up, name: str, seed: int) -> Iterator[tuple[Shop, Controller]]:
    """A deployed shop and its controller; both end with the block."""
    shop = Shop(alone.product, f"{name}-{seed}")
    shop.product.ok(shop.product.kubectl(f"create namespace {shop.namespace}"))
    controller = Controller(alone.product, seed)
    try:
        shop.deploy()
        yield shop, controller
        shop.ok("delete rollout shop")
    finally:
        controller.running.stop()
        print("killed at", controller.blows)


def release(shop: Shop, controller: Controller, tag: str, phases: list[Phase]) -> list[Json]:
    """Release `tag`, kill in each phase; the versions that were seen, up to its end."""
    word = "Healthy" if tag == GOOD else "Degraded"
    stable = shop.rollout()["status"]["stableRS"]
    with shop.load() as load, shop.followed() as seen:
        shop.release(tag)
        for name, holds, seconds in phases:
            seen.until(lambda v, holds=holds: is_released(v, tag, stable) and holds(v), name)
            controller.kill(name, seconds)
        seen.until(lambda v: at_rest(v, tag, word) and weight(v) == 0, f"{tag} at rest")
        shop.wait(f"--for=jsonpath={{.status.replicas}}=0 replicaset -l {old(shop, tag, stable)}")
        told = load.stop()
    assert controller.running.alive, controller.running.out
    assert told["lost_count"] == 0, (controller.blows, told["lost"])
    return [version for version in seen.versions if is_released(version, tag, stable)]


def is_released(version: Json, tag: str, stable: str) -> bool:
    """The controller is at work on that tag."""
    return image_of(version).endswith(f":{tag}") and (
        version["status"].get("currentPodHash") != stable
    )


def old(shop: Shop, tag: str, stable: str) -> str:
    """The label of the revision that goes: the old one, or the bad one."""
    current = shop.rollout()["status"]["currentPodHash"]
    return f"rollouts-pod-template-hash={stable if tag == GOOD else current}"


def test_a_controller_says_that_it_is_at_work_and_ends_at_ctrl_c(alone: Up) -> None:
    controller = alone.product.start("controller", "-n", "elsewhere")
    said = json.loads(controller.until_line("^.*at work.*$")[0])
    assert (said["namespace"], said["rollouts"]) == ("elsewhere", 0)
    assert controller.stop() == 130
    assert "Traceback" not in controller.out


@pytest.mark.parametrize("seed", SEEDS)
def test_a_good_release_is_promoted_though_the_controller_dies_in_every_phase(
    alone: Up, seed: int
) -> None:
    with controlled(alone, "good", seed) as (shop, controller):
        phases = [SCALING, SHIFT, ANALYSIS, PROMOTION, DRAIN]
        seen = release(shop, controller, GOOD, phases)
        steps = distinct([step_of(version) for version in seen])
        assert steps == sorted(steps)
        assert distinct([weight(version) for version in seen])[-2:] == [100, 0]
        (run,) = shop.runs()
        (metric,) = run["status"]["metricResults"]
        assert (run["status"]["phase"], metric["count"]) == ("Successful", 3)
        assert sorted(one["spec"]["replicas"] for one in shop.get("replicaset")["items"]) == [0, 2]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bad_release_is_rolled_back_though_the_controller_dies_in_every_phase(
    alone: Up, seed: int
) -> None:
    with controlled(alone, "bad", seed) as (shop, controller):
        seen = release(shop, controller, BAD, [SCALING, SHIFT, ANALYSIS, ABORT])
        assert max(weight(version) or 0 for version in seen) == 25
        assert condition(seen[-1], "Progressing")["reason"] == "RolloutAborted"
        (run,) = shop.runs()
        assert phase(run) == "Failed"
        assert len(shop.get("replicaset")["items"]) == 2

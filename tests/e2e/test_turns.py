"""Releases that are overtaken, taken back and crossed by seeded turns: no request is lost."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator

import pytest

from e2e.product import Running, Up, up
from e2e.shop import (
    Json,
    Shop,
    at_rest,
    condition,
    opened,
    phase,
    service,
    step_of,
    weight_of,
)

pytestmark = pytest.mark.long
HALVES = ({"setWeight": 25}, {"pause": {}}, {"setWeight": 60}, {"pause": {}})
SEEDS = range(1, 5)
TURNS = 14


def test_a_release_is_overtaken_then_the_stable_one_comes_back_then_another_is_promoted(
    shop: Shop,
) -> None:
    shop.deploy(replicas=4, steps=HALVES)
    with shop.load(100) as load, shop.followed() as seen:
        for tag in ("v2", "v3"):
            shop.release(tag)
            seen.until(lambda v, tag=tag: at_rest(v, tag, "Paused") and step_of(v) == 1, tag)
            shop.product.ok(shop.serinus("promote shop"))
            seen.until(lambda v: phase(v) == "Paused" and step_of(v) == 3, "the second pause")
        shop.release("v1")
        seen.until(lambda v: at_rest(v, "v1") and weight_of(v) == 0, "stable again")
        shop.release("v4")
        seen.until(lambda v: at_rest(v, "v4", "Paused"), "v4 on its way")
        shop.product.ok(shop.serinus("promote shop --full"))
        seen.until(lambda v: at_rest(v, "v4") and weight_of(v) == 0, "v4 promoted")
        told = load.stop()
    assert told["lost_count"] == 0
    assert set(told["versions"]) == {"v1", "v2", "v3", "v4"}
    assert len(shop.get("replicaset")["items"]) == 4


def test_a_canary_service_that_is_deleted_under_traffic_sends_all_to_stable_until_it_is_back(
    shop: Shop,
) -> None:
    shop.deploy(steps=HALVES)
    with shop.load() as load, shop.followed() as seen:
        shop.release("v2")
        seen.until(lambda v: phase(v) == "Paused" and weight_of(v) == 25, "the first pause")
        shop.ok("delete service shop-canary")
        held = seen.until(lambda v: weight_of(v) == 0, "all to stable")
        assert "waiting for Service shop-canary" in condition(held, "InvalidSpec")["message"]
        shop.ok("apply -f -", stdin=[service("shop-canary")])
        seen.until(lambda v: phase(v) == "Paused" and weight_of(v) == 25, "where it stood")
        shop.product.ok(shop.serinus("promote shop --full"))
        seen.until(lambda v: at_rest(v, "v2") and weight_of(v) == 0, "v2 promoted")
        assert load.stop()["lost_count"] == 0


class Chance:
    """Turns that a seed takes: what users, nodes and fate do to a shop and its controller."""

    def __init__(self, shop: Shop, controller: Running, seed: int) -> None:
        self._shop, self.controller = shop, controller
        self._chance = random.Random(seed)
        self._version = 1
        self.turns: list[str] = []

    def turn(self) -> None:
        """One of them, a moment later."""
        threading.Event().wait(self._chance.uniform(0, 2.5))
        turns = (self._kill, self._release, self._release, self._delete_pod, *self._commands())
        self._chance.choice(turns)()

    def _commands(self) -> tuple[object, ...]:
        words = ("promote shop", "promote shop --full", "abort shop", "retry rollout shop")
        return tuple(lambda word=word: self._command(word) for word in words)

    def _command(self, word: str) -> None:
        self.turns.append(word)
        self._shop.serinus(word)

    def _release(self) -> None:
        self._version += 1
        tag = self._chance.choice(("v{}", "v{}", "v{}.start-delay-1s", "v{}.never-listen"))
        self.turns.append(tag.format(self._version))
        self._shop.release(tag.format(self._version))

    def _kill(self) -> None:
        self.turns.append("kill -9")
        self.controller.stop(signal.SIGKILL)
        self.controller = self._shop.product.start("controller")

    def _delete_pod(self) -> None:
        pods = [one["metadata"]["name"] for one in self._shop.get("pod")["items"]]
        self.turns.append("delete a pod")
        self._shop.kubectl(f"delete pod {self._chance.choice(sorted(pods))} --wait=false")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A cluster whose controller is not part of it."""
    with up(tmp_path_factory.mktemp("turns"), "--speed", "60", "--no-controller") as running:
        yield running


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_comes_no_request_is_lost_and_the_last_word_is_done(alone: Up, seed: int) -> None:
    controller = alone.product.start("controller")
    with opened(alone.product, f"turns-{seed}") as shop:
        chance = Chance(shop, controller, seed)
        shop.deploy(replicas=3, steps=HALVES)
        with shop.load() as load, shop.followed() as seen:
            for _ in range(TURNS):
                chance.turn()
            shop.release("last")
            chance.turns.append("last")
            seen.until(lambda v: image_seen(v, "last"), "the last release")
            shop.product.ok(shop.serinus("retry rollout shop"))
            shop.product.ok(shop.serinus("promote shop --full"))
            end = seen.until(lambda v: at_rest(v, "last") and weight_of(v) == 0, "its promotion")
            told = load.stop()
        print(f"seed {seed}:", chance.turns)
        assert end["status"]["stableRS"] == end["status"]["currentPodHash"]
        assert told["lost_count"] == 0, told["lost"]
        assert not [version for version in told["versions"] if "never-listen" in version]
        shop.ok("delete rollout shop")
    chance.controller.stop()


def image_seen(version: Json, tag: str) -> bool:
    """The controller knows of this release."""
    return any(at_rest(version, tag, word) for word in ("Progressing", "Paused", "Degraded"))

"""Blue-green under real traffic: promoted, taken back behind the switch, the controller killed.

The controller is a process of its own; clients never retry, and no request of theirs may be lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from e2e.product import Up, up
from e2e.shop import Json, Shop, at_rest, condition, ingress, rollout, service, template
from e2e.test_controller_killed import Controller

SLOW = {"count": 60, "interval": "15s"}
"""Fifteen minutes of the rollout: an analysis that is still going on when somebody aborts."""


class Switch(Shop):
    """A shop behind an active and a preview Service."""

    def manifests(self, **options: Any) -> list[Json]:
        made = rollout()
        made["spec"]["strategy"] = {
            "blueGreen": {
                "activeService": "shop-active",
                "previewService": "shop-preview",
                "scaleDownDelaySeconds": 60,
                "abortScaleDownDelaySeconds": 60,
                **options,
            }
        }
        route = ingress(self.host)
        path = route["spec"]["rules"][0]["http"]["paths"][0]
        path["backend"]["service"]["name"] = "shop-active"
        query = self.success_query().replace("shop-canary", "shop-active")
        return [
            service("shop-active"),
            service("shop-preview"),
            route,
            template("success", "result[0] >= 0.95", query, **SLOW),
            made,
        ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A cluster whose controller is not part of it."""
    with up(tmp_path_factory.mktemp("switch"), "--speed", "60", "--no-controller") as running:
        yield running


@contextmanager
def switching(alone: Up, name: str, **options: Any) -> Iterator[tuple[Switch, Controller]]:
    shop = Switch(alone.product, name)
    shop.product.ok(shop.product.kubectl(f"create namespace {name}"))
    controller = Controller(alone.product, 1)
    try:
        shop.deploy(**options)
        yield shop, controller
        shop.ok("delete rollout shop")
    finally:
        controller.running.stop()
        print("killed at", controller.blows)


def active(version: Json) -> str:
    return str(version["status"].get("blueGreen", {}).get("activeSelector", ""))


def is_switched(version: Json, stable: str) -> bool:
    """Production was pointed at what is wanted, which is not stable yet."""
    current = version["status"].get("currentPodHash")
    return current != stable and active(version) == current


def pods_of(shop: Shop, pod_hash: str) -> int:
    sets = shop.get(f"replicaset -l rollouts-pod-template-hash={pod_hash}")["items"]
    return sum(one["spec"]["replicas"] for one in sets)


def test_a_person_promotes_under_traffic_and_the_controller_dies_in_mid_switch(alone: Up) -> None:
    with switching(alone, "promoted", autoPromotionEnabled=False) as (shop, controller):
        stable = shop.rollout()["status"]["stableRS"]
        with shop.load() as load, shop.followed() as seen:
            shop.release("v2")
            seen.until(lambda v: v["status"].get("phase") == "Paused", "the pause")
            shown = shop.serinus("get rollout shop").out
            shop.product.ok(shop.serinus("promote shop"))
            controller.kill("promote", 0.5)
            seen.until(lambda v: is_switched(v, stable), "the switch")
            controller.kill("switch", 1.0)
            seen.until(lambda v: at_rest(v, "v2"), "v2 promoted")
            controller.kill("drain", 1.0)
            gone = f"replicaset -l rollouts-pod-template-hash={stable}"
            shop.wait(f"--for=jsonpath={{.status.replicas}}=0 {gone}")
            told = load.stop()
        assert told["lost_count"] == 0, (controller.blows, told["lost"])
        assert {"v1", "v2"} <= set(told["versions"])
        assert "BlueGreen" in shown
        assert "active" in shown
        assert "preview" in shown
        shop.wait("--for=condition=Healthy rollout/shop")
        assert shop.serinus("status shop --timeout 5s").out.splitlines()[-1].startswith("Healthy")


def test_an_abort_behind_the_switch_goes_back_under_traffic_and_loses_nothing(alone: Up) -> None:
    post = {"templates": [{"templateName": "success"}]}
    with switching(alone, "taken-back", postPromotionAnalysis=post) as (shop, controller):
        stable = shop.rollout()["status"]["stableRS"]
        with shop.load() as load, shop.followed() as seen:
            shop.release("v2")
            switched = seen.until(lambda v: is_switched(v, stable), "the switch")
            shop.product.ok(shop.serinus("abort shop"))
            controller.kill("abort", 0.5)
            seen.until(lambda v: at_rest(v, "v2", "Degraded") and active(v) == stable, "back")
            new = switched["status"]["currentPodHash"]
            gone = f"replicaset -l rollouts-pod-template-hash={new}"
            shop.wait(f"--for=jsonpath={{.status.replicas}}=0 {gone}")
            told = load.stop()
        last = shop.rollout()
        assert told["lost_count"] == 0, (controller.blows, told["lost"])
        assert condition(last, "Progressing")["reason"] == "RolloutAborted"
        assert last["status"]["stableRS"] == stable
        assert pods_of(shop, stable) == 2

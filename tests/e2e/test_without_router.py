"""Releases without a router through a plain Ingress: real pods are the weight, nothing is lost."""

from __future__ import annotations

import json

from e2e.shop import (
    NAME,
    Json,
    Shop,
    at_rest,
    image_of,
    ingress,
    phase,
    rollout,
    service,
    step_of,
)

STEPS = [
    {"setWeight": 25},
    {"pause": {"duration": "30s"}},
    {"setWeight": 75},
    {"pause": {"duration": "30s"}},
]
HELD = [*STEPS[:-1], {"pause": {}}]


def plain(shop: Shop, steps: list[Json]) -> list[Json]:
    """The shop behind one Service over all pods, and a Rollout that knows neither."""
    made = rollout(replicas=4, trafficRouting=None, canaryService="", stableService="", steps=steps)
    route = json.dumps(ingress(shop.host)).replace("shop-stable", "shop-all")
    return [service("shop-all"), json.loads(route), made]


def deployed(shop: Shop, steps: list[Json]) -> None:
    shop.ok("apply -f -", stdin=plain(shop, steps))
    shop.wait(f"--for=jsonpath={{.status.phase}}=Healthy rollout/{NAME}")
    shop.product.until_served(shop.host)


def counts(version: Json) -> tuple[int, int]:
    """All pods, and those of the new version."""
    status = version.get("status", {})
    return status.get("replicas", 0), status.get("updatedReplicas", 0)


def test_a_release_by_pods_is_promoted_and_loses_no_request(shop: Shop) -> None:
    deployed(shop, STEPS)
    with shop.load() as load, shop.followed() as seen:
        shop.release("v2")
        end = seen.until(lambda version: at_rest(version, "v2"), "v2 promoted")
        told = load.stop()
    after = [one for one in seen.versions if image_of(one).endswith(":v2")]
    paused = {step_of(one): counts(one) for one in after if phase(one) == "Paused"}
    assert paused == {1: (4, 1), 3: (4, 3)}
    assert max(all_pods for all_pods, _ in map(counts, after)) <= 5
    assert end["status"]["stableRS"] == end["status"]["currentPodHash"]
    assert "weights" not in end["status"].get("canary", {})
    assert told["lost_count"] == 0
    assert set(told["versions"]) == {"v1", "v2"}
    assert {version for version, one in told["versions"].items() if one["errors"]} == set()


def test_an_abort_by_hand_brings_the_pods_back_and_loses_no_request(shop: Shop) -> None:
    deployed(shop, HELD)
    with shop.load() as load, shop.followed() as seen:
        shop.release("v2")
        seen.until(lambda version: step_of(version) == 3, "v2 at its last pause")
        shop.product.ok(shop.serinus(f"abort {NAME}"))
        seen.until(lambda version: phase(version) == "Degraded", "v2 aborted")
        seen.until(lambda version: counts(version) == (4, 0), "the pods of v1 back")
        told = load.stop()
    assert told["lost_count"] == 0
    assert {version for version, one in told["versions"].items() if one["errors"]} == set()

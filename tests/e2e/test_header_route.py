"""Testers first: a release through an HTTPRoute that the real Traefik obeys."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable
from typing import Any

from e2e.product import DEADLINE_SECONDS
from e2e.shop import (
    NAME,
    Json,
    Shop,
    at_rest,
    phase,
    rollout,
    service,
    step_of,
    weight_of,
)

HEADER = {
    "name": "testers",
    "match": [{"headerName": "X-Tester", "headerValue": {"exact": "yes"}}],
}
STEPS: tuple[Json, ...] = (
    {"setHeaderRoute": HEADER},
    {"pause": {}},
    {"setWeight": 50},
    {"pause": {"duration": "30s"}},
)
ROUTING = {
    "managedRoutes": [{"name": "testers"}],
    "plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": NAME}},
}


def manifests(shop: Shop) -> list[Json]:
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "edge"},
        "spec": {
            "gatewayClassName": "traefik",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    }
    backends = [{"name": n, "port": 80, "weight": w} for n, w in SPLIT]
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": NAME},
        "spec": {
            "parentRefs": [{"name": "edge"}],
            "hostnames": [shop.host],
            "rules": [{"backendRefs": backends}],
        },
    }
    made = rollout(steps=STEPS, trafficRouting=ROUTING)
    return [service("shop-stable"), service("shop-canary"), gateway, route, made]


SPLIT = (("shop-stable", 100), ("shop-canary", 0))


def deployed(shop: Shop) -> None:
    shop.ok("apply -f -", stdin=manifests(shop))
    shop.wait(f"--for=jsonpath={{.status.phase}}=Healthy rollout/{NAME}")
    shop.product.until_served(shop.host)


def answers(shop: Shop, count: int, **headers: str) -> dict[str, int]:
    """How many answers of each version these requests get."""
    found: dict[str, int] = {}
    for _ in range(count):
        asked = urllib.request.Request(shop.product.ingress, headers={"Host": shop.host, **headers})
        with urllib.request.urlopen(asked) as answer:
            version = str(answer.headers["X-Version"])
        found[version] = found.get(version, 0) + 1
    return found


def eventually(so: Callable[[], Any]) -> None:
    """A gateway obeys a moment later."""
    for _ in range(DEADLINE_SECONDS * 5):
        if so():
            return
        threading.Event().wait(0.2)
    raise AssertionError("never so")


def seen_by_testers(shop: Shop) -> dict[str, int]:
    return answers(shop, 20, **{"X-Tester": "yes"})


def test_testers_get_the_canary_at_weight_0_then_everybody_and_nothing_is_lost(
    shop: Shop,
) -> None:
    deployed(shop)
    with shop.load() as load, shop.followed() as seen:
        shop.release("v2")
        paused = seen.until(lambda v: phase(v) == "Paused" and step_of(v) == 1, "testers' turn")
        assert weight_of(paused) == 0
        eventually(lambda: seen_by_testers(shop) == {"v2": 20})
        assert answers(shop, 40) == {"v1": 40}
        assert answers(shop, 20, **{"X-Tester": "no"}) == {"v1": 20}
        shop.product.ok(shop.serinus(f"promote {NAME}"))
        seen.until(lambda v: phase(v) == "Paused" and weight_of(v) == 50, "weight 50")
        eventually(lambda: set(answers(shop, 20)) == {"v1", "v2"})
        assert seen_by_testers(shop) == {"v2": 20}
        seen.until(lambda v: at_rest(v, "v2"), "v2 promoted")
        shop.wait("--for=jsonpath={.status.replicas}=2 rollout/shop")
        told = load.stop()
    assert told["lost_count"] == 0
    assert set(told["versions"]) == {"v1", "v2"}
    assert {version for version, one in told["versions"].items() if one["errors"]} == set()
    (rule,) = shop.get(f"httproute {NAME}")["spec"]["rules"]
    assert [(r["name"], r["weight"]) for r in rule["backendRefs"]] == list(SPLIT)


def test_an_abort_gives_the_testers_back_to_stable_and_loses_nothing(shop: Shop) -> None:
    deployed(shop)
    with shop.load() as load, shop.followed() as seen:
        shop.release("v2")
        seen.until(lambda v: phase(v) == "Paused" and step_of(v) == 1, "testers' turn")
        eventually(lambda: seen_by_testers(shop) == {"v2": 20})
        shop.product.ok(shop.serinus(f"abort {NAME}"))
        aborted = seen.until(lambda v: phase(v) == "Degraded", "aborted")
        eventually(lambda: seen_by_testers(shop) == {"v1": 20})
        label = f"rollouts-pod-template-hash={aborted['status']['currentPodHash']}"
        shop.wait(f"--for=jsonpath={{.spec.replicas}}=0 replicaset -l {label}")
        assert seen_by_testers(shop) == {"v1": 20}
        told = load.stop()
    assert told["lost_count"] == 0
    assert set(told["versions"]) == {"v1"}
    assert len(shop.get(f"httproute {NAME}")["spec"]["rules"]) == 1

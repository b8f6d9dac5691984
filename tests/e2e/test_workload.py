"""A Deployment under traffic moves into a Rollout, and is released through it; nothing is lost."""

from __future__ import annotations

from e2e.product import Ran
from e2e.shop import IMAGE, NAME, Json, Shop, ingress, phase, rollout, service, weight_of


def lent() -> tuple[Json, Json]:
    """A Deployment, and the Rollout that takes its pods over."""
    made = rollout(steps=[{"setWeight": 50}, {"pause": {"duration": "10s"}}])
    pods = {key: made["spec"].pop(key) for key in ("selector", "template")}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME},
        "spec": {"replicas": 2, **pods},
    }
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    made["spec"]["workloadRef"] = {**ref, "scaleDown": "progressively"}
    return deployment, made


def test_a_deployment_moves_in_under_traffic_and_is_released(shop: Shop) -> None:
    deployment, moved = lent()
    around = [service("shop-stable"), service("shop-canary"), ingress(shop.host)]
    shop.ok("apply -f -", stdin=[*around, deployment])
    shop.wait(f"--for=condition=Available deployment/{NAME}")
    shop.product.until_served(shop.host)
    with shop.load() as load:
        shop.ok("apply -f -", stdin=[moved])
        shop.wait(f"--for=jsonpath={{.status.phase}}=Healthy rollout/{NAME}")
        shop.wait(f"--for=jsonpath={{.spec.replicas}}=0 deployment/{NAME}")
        with shop.followed() as seen:
            released: Ran = shop.serinus(f"set image {NAME} shop={IMAGE}:v2")
            assert released.status == 0, released.err
            seen.until(lambda version: weight_of(version) == 50, "half of the traffic on v2")
            seen.until(lambda version: weight_of(version) == 0 and phase(version) == "Healthy")
        told = load.stop()
    assert set(told["versions"]) == {"v1", "v2"}
    assert (told["lost_count"], shop.get(f"deployment {NAME}")["spec"]["replicas"]) == (0, 0)

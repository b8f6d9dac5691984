"""Releases with kubectl and `serinus load`, from `up` to promotion and to roll-back."""

from __future__ import annotations

from pathlib import Path

from e2e.product import Product
from e2e.shop import (
    Json,
    Neighbour,
    Released,
    Shop,
    at_rest,
    condition,
    distinct,
    image_of,
    phase,
    step_of,
    weight_of,
)


def test_a_good_release_goes_through_its_gate_and_is_promoted_without_losing_a_request(
    released: Released,
) -> None:
    versions, told = released.versions, released.told
    after = [one for one in versions if image_of(one).endswith(":v2")]
    assert distinct([step_of(one) for one in after])[-6:] == [0, 1, 2, 3, 4, 5]
    assert distinct([weight_of(one) for one in after])[:4] == [0, 25, 75, 100]
    assert 25 in {weight_of(one) for one in after if is_verified(one)}
    end = versions[-1]
    assert end["status"]["stableRS"] == end["status"]["currentPodHash"]
    (run,) = released.shop.runs()
    assert run["status"]["phase"] == "Successful"
    assert run["status"]["metricResults"][0]["count"] == 3
    assert told["lost_count"] == 0
    assert {version for version, one in told["versions"].items() if one["errors"]} == set()
    assert set(told["versions"]) == {"v1", "v2"}


def test_a_bad_release_is_rolled_back_by_its_gate_and_says_why(shop: Shop) -> None:
    shop.deploy()
    stable = shop.rollout()["status"]["stableRS"]
    with shop.load() as load, shop.followed() as seen:
        shop.ok("patch rollout shop --type json -p", BAD)
        end = seen.until(lambda version: phase(version) == "Degraded", "v2 rolled back")
        shop.wait(f"--for=jsonpath={{.spec.replicas}}=0 replicaset -l {hash_label(end)}")
        told = load.stop()
    assert end["status"]["abort"] is True
    assert (
        'Metric "success" assessed Failed due to failed (2) > failureLimit (1)'
        in (end["status"]["message"])
    )
    after = shop.rollout()
    assert after["status"]["stableRS"] == stable
    assert weight_of(after) == 0
    assert max(weight_of(one) or 0 for one in seen.versions) == 25
    assert condition(after, "Progressing")["reason"] == "RolloutAborted"
    assert told["lost_count"] == 0
    assert told["versions"]["v2.error-every-4"]["errors"] > 0


BAD = (
    '[{"op":"replace","path":"/spec/template/spec/containers/0/image",'
    '"value":"registry.example.com/team/shop:v2.error-every-4"}]'
)


def is_verified(version: Json) -> bool:
    """The gateway itself confirmed the weight that the status shows."""
    weights = version.get("status", {}).get("canary", {}).get("weights") or {}
    return weights.get("verified") is True


def hash_label(version: Json) -> str:
    return f"rollouts-pod-template-hash={version['status']['currentPodHash']}"


def test_the_reference_manifest_runs_unchanged_to_promotion_beside_other_releases(
    product: Product, reference: Path, neighbour: Neighbour
) -> None:
    seen, load = neighbour.seen, neighbour.load
    seen.until(lambda version: at_rest(version, "v1.3.0"), "v1.3.0 promoted")
    assert load.stop() == 0, load.out
    assert distinct([weight_of(one) for one in seen.versions])[:5] == [0, 5, 25, 50, 100]
    (run,) = product.get("-n my-app analysisrun")["items"]
    assert [(one["name"], one["successful"]) for one in run["status"]["metricResults"]] == [
        ("success-rate", 5),
        ("latency-p99", 5),
    ]

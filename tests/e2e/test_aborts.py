"""A release that is given up at each of its steps in turn, under traffic."""

from __future__ import annotations

from e2e.product import Followed
from e2e.shop import Shop, at_rest, distinct, phase, step_of, weight_of
from e2e.witness import without_room, witness

REPLICAS = 4
STEPS = (
    {"setWeight": 25},
    {"pause": {}},
    {"setCanaryScale": {"replicas": 3}},
    {"pause": {}},
    {"setWeight": 75},
    {"pause": {}},
)


def test_an_abort_at_any_step_goes_back_to_stable_and_nobody_loses_a_request(shop: Shop) -> None:
    shop.deploy(replicas=REPLICAS, steps=STEPS, abortScaleDownDelaySeconds=5)
    with shop.load(100) as load, shop.followed() as seen, witness(shop) as objects:
        for step in range(len(STEPS)):
            tag = f"v{step + 2}"
            shop.release(tag)
            lead(shop, seen, tag, step)
            shop.product.ok(shop.serinus("abort shop"))
            seen.until(lambda v, tag=tag: at_rest(v, tag, "Degraded") and not weight_of(v), tag)
        shop.release("v9")
        lead(shop, seen, "v9", len(STEPS))
        seen.until(lambda v: at_rest(v, "v9") and not weight_of(v), "v9 promoted")
        told, moments = load.stop(), objects.testify()
    assert told["lost_count"] == 0
    assert {"v1", "v3", "v9"} <= set(told["versions"]) <= {f"v{n}" for n in range(1, 10)}
    assert without_room(moments, REPLICAS) == []
    weights = distinct([one.weight for one in moments])
    assert weights[-4:] == [25, 75, 100, 0]
    assert weights.count(100) == 1
    assert {25, 75} <= set(weights)


def lead(shop: Shop, seen: Followed, tag: str, step: int) -> None:
    """By hand through the pauses up to `step`."""
    for pause in (1, 3, 5):
        if pause < step:
            seen.until(
                lambda v, at=pause: at_rest(v, tag, "Paused") and step_of(v) == at,
                f"{tag} paused at {pause}",
            )
            shop.product.ok(shop.serinus("promote shop"))
    seen.until(
        lambda v: at_rest(v, tag, phase(v)) and (step_of(v) or 0) >= step, f"{tag} at step {step}"
    )

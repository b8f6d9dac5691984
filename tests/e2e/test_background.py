"""A release under a background analysis: real pods, real traffic, a pause that nobody ends."""

from __future__ import annotations

from e2e.shop import (
    Json,
    Shop,
    condition,
    phase,
    template,
    weight_of,
)

STEPS: tuple[Json, ...] = ({"setWeight": 40}, {"pause": {}}, {"setWeight": 80})
WATCH = {"templates": [{"templateName": "watch"}], "startingStep": 1}


def noted(version: Json) -> Json:
    """The run in the background, as the Rollout's status tells of it."""
    found: Json = version["status"]["canary"]["currentBackgroundAnalysisRunStatus"]
    return found


def test_a_bad_version_is_taken_back_in_the_middle_of_an_endless_pause(shop: Shop) -> None:
    endless = template("watch", "result[0] >= 0.95", shop.success_query(), interval="10s")
    del endless["spec"]["metrics"][0]["count"]
    shop.ok("apply -f -", stdin=[endless])
    shop.deploy(steps=STEPS, analysis=WATCH)
    stable = shop.rollout()["status"]["stableRS"]
    with shop.load() as load, shop.followed() as seen:
        shop.release("v2.error-every-4")
        paused = seen.until(lambda v: phase(v) == "Paused" and weight_of(v) == 40, "the pause")
        end = seen.until(lambda version: phase(version) == "Degraded", "v2 taken back")
        seen.until(lambda version: weight_of(version) == 0, "weight 0")
        told = load.stop()
    assert [one["reason"] for one in paused["status"]["pauseConditions"]] == ["CanaryPauseStep"]
    why = 'Background analysis phase error/failed: Metric "watch" assessed Failed'
    assert why in end["status"]["message"]
    (run,) = shop.runs()
    assert run["metadata"]["labels"]["rollout-type"] == "Background"
    assert run["metadata"]["name"] == noted(end)["name"]
    assert run["status"]["phase"] == "Failed"
    after = shop.rollout()
    assert after["status"]["stableRS"] == stable
    assert condition(after, "Progressing")["reason"] == "RolloutAborted"
    assert max(weight_of(one) or 0 for one in seen.versions) == 40
    assert told["lost_count"] == 0
    assert told["versions"]["v2.error-every-4"]["errors"] > 0
    shown = shop.product.ok(shop.serinus("get rollout shop")).out
    assert f"{run['metadata']['name']} " in shown

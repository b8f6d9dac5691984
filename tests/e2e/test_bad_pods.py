"""Versions whose pods never serve: no user sees them, the status says why, and a mend goes on."""

from __future__ import annotations

from datetime import datetime, timedelta

from e2e.shop import Json, Shop, at_rest, condition, image_of, phase, weight_of

STEPS = ({"setWeight": 50}, {"pause": {"duration": "10s"}})


def test_a_port_that_never_opens_gets_no_traffic_and_runs_out_of_time(shop: Shop) -> None:
    shop.deploy(steps=STEPS)
    shop.patch({"op": "add", "path": "/spec/progressDeadlineSeconds", "value": 120})
    with shop.load() as load, shop.followed() as seen:
        shop.release("v2.never-listen")
        late = seen.until(
            lambda v: image_of(v).endswith("never-listen") and phase(v) == "Degraded", "time-out"
        )
        assert condition(late, "Progressing")["reason"] == "ProgressDeadlineExceeded"
        assert "shop-canary follows when a pod of" in condition(late, "Waiting")["message"]
        shop.release("v3")
        seen.until(lambda version: at_rest(version, "v3"), "v3 promoted")
        told = load.stop()
    never = [one for one in seen.versions if image_of(one).endswith("never-listen")]
    assert {weight_of(one) for one in never} <= {0, None}
    assert set(told["versions"]) == {"v1", "v3"}
    assert told["lost_count"] == 0


def test_an_image_that_cannot_be_had_is_named_by_kubectl_and_gets_no_traffic(shop: Shop) -> None:
    shop.deploy(steps=STEPS)
    with shop.load() as load, shop.followed() as seen:
        shop.release("does-not-exist")
        of = "pod -l app=shop --field-selector status.phase=Pending"
        path = "{.status.containerStatuses[0].state.waiting.reason}"
        with shop.product.follow(f"-n {shop.namespace} {of}", each=True) as pods:
            pods.until(lambda pod: "does-not-exist" in str(pod["spec"]), "its pod")
            shop.wait(f"--for=jsonpath={path}=ImagePullBackOff {of}")
        told_by_kubectl = shop.ok("get pods -l app=shop").out
        assert "ImagePullBackOff" in told_by_kubectl or "ErrImagePull" in told_by_kubectl
        shop.product.ok(shop.serinus("abort shop"))
        seen.until(lambda version: phase(version) == "Degraded", "the abort")
        shop.release("v1")
        end = seen.until(lambda version: at_rest(version, "v1"), "back at v1")
        told = load.stop()
    assert not weight_of(end)  # none at all if it never got as far as a router
    assert set(told["versions"]) == {"v1"}
    assert told["lost_count"] == 0


def test_a_crashing_version_loses_only_what_its_own_deaths_cut(shop: Shop) -> None:
    shop.deploy(steps=[{"setWeight": 50}, {"pause": {}}])
    stable = shop.rollout()["status"]["stableRS"]
    with shop.load() as load, shop.followed() as seen:
        shop.release("v2.crash-after-40-requests")
        with shop.product.follow(f"-n {shop.namespace} pod -l app=shop", each=True) as pods:
            pods.until(lambda pod: restarts(pod) >= 3, "three restarts")
            shop.product.ok(shop.serinus("abort shop"))
            end = seen.until(lambda v: phase(v) == "Degraded" and weight_of(v) == 0, "the abort")
            told = load.stop()
            pods.until(is_removed, "the removal of what crashed, when all its deaths are told")
    assert end["status"]["message"].startswith("RolloutAborted")
    crashed = [one for one in seen.versions if image_of(one).endswith("-requests")]
    assert {0, 50} <= {weight_of(one) for one in crashed}
    assert all(one["status"]["stableRS"] == stable for one in crashed)
    deaths = max(restarts(pod) for pod in pods.versions) + 1  # the last one may not be told
    assert len(bursts(told["lost"])) <= deaths
    assert told["versions"]["v1"]["errors"] == 0


def is_removed(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"] and restarts(pod) > 0


def bursts(lost: list[Json]) -> list[datetime]:
    """The ends of spans in which requests were lost. What one death cuts was under way at that
    instant, so it overlaps, however many there are and however long they take."""
    spans = sorted((datetime.fromisoformat(one["at"]), one["ended_at"]) for one in lost)
    ends: list[datetime] = []
    for began, told in spans:
        ended = datetime.fromisoformat(told)
        if ends and began <= ends[-1] + timedelta(seconds=0.1):
            ends[-1] = max(ends[-1], ended)
        else:
            ends.append(ended)
    return ends


def restarts(pod: Json) -> int:
    return sum(one["restartCount"] for one in pod["status"].get("containerStatuses", ()))

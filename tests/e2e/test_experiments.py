"""An experiment as the first step of a release, with real pods that are measured."""

from __future__ import annotations

from typing import Any

from e2e.shop import Json, Shop, at_rest, condition, phase, step_of, template, weight_of

ROLE = {
    name: {"name": name, "specRef": which, "metadata": {"labels": {"role": name}}}
    for name, which in (("baseline", "stable"), ("candidate", "canary"))
}
STEP: Json = {
    "duration": "30m",
    "scaleDownDelaySeconds": 5,
    "templates": [ROLE["baseline"], {**ROLE["candidate"], "service": {}}],
    "analyses": [
        {
            "name": "memory",
            "templateName": "memory",
            "requiredForCompletion": True,
            "args": [{"name": "service", "value": "{{templates.candidate.replicaset.name}}"}],
        }
    ],
}
STEPS = ({"experiment": STEP}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "10s"}})
USED = 'max(process_resident_memory_bytes{{namespace="{}",job="{{{{args.service}}}}"}})'


def deploy(shop: Shop) -> None:
    """The shop, and a template that does not let a pod take more than 200 MB."""
    query = USED.format(shop.namespace)
    memory = template("memory", "result[0] < 200e6", query, count=20, failureLimit=0)
    memory["spec"]["args"] = [{"name": "service"}]
    shop.ok("apply -f -", stdin=[memory])
    shop.deploy(steps=STEPS)


def experiment(shop: Shop) -> Any:
    (found,) = shop.get("experiment")["items"]
    return found


def test_a_release_goes_on_after_an_experiment_whose_pods_got_no_traffic_and_are_gone(
    shop: Shop,
) -> None:
    deploy(shop)
    trials = shop.product.follow(f"-n {shop.namespace} experiment", each=True)
    with shop.followed() as seen:
        with shop.load() as load, trials as told:
            shop.release("v2")
            seen.until(lambda v: v["status"]["canary"].get("currentExperiment"), "an experiment")
            told.until(lambda trial: phase(trial) == "Running", "its pods")
            tree = shop.product.ok(shop.serinus("get rollout shop")).out
            held = seen.until(lambda v: phase(v) == "Paused" and step_of(v) == 1, "the pause")
            during = load.stop()
        name = experiment(shop)["metadata"]["name"]
        pods = "-l app=shop,role --field-selector=status.phase=Running"
        shop.wait(f"--for=delete pod {pods}")
        with shop.load() as load:
            shop.product.ok(shop.serinus("promote shop"))
            seen.until(lambda v: at_rest(v, "v2"), "v2 promoted")
            after = load.stop()
    for shown in (f"Σ {name}", f"⧉ {name}-baseline", f"⧉ {name}-candidate"):
        assert shown in tree
    assert weight_of(held) == 0
    assert (during["lost_count"], set(during["versions"])) == (0, {"v1"})
    assert (after["lost_count"], set(after["versions"])) == (0, {"v1", "v2"})
    assert experiment(shop)["status"]["phase"] == "Successful"
    (run,) = shop.runs()
    assert run["status"]["metricResults"][0]["count"] == 20
    assert f"{name}-candidate" not in shop.ok("get service -o name").out


def test_a_leak_that_the_experiment_finds_aborts_the_release_before_its_first_user(
    shop: Shop,
) -> None:
    deploy(shop)
    with shop.load() as load, shop.followed() as seen:
        shop.release("v2.leak-100mb")
        end = seen.until(lambda v: phase(v) == "Degraded", "v2 given up")
        told = load.stop()
    assert experiment(shop)["status"]["phase"] == "Failed"
    assert 'Metric "memory" assessed Failed' in end["status"]["message"]
    assert condition(end, "Progressing")["reason"] == "RolloutAborted"
    assert {weight_of(one) or 0 for one in seen.versions} == {0}
    assert (told["lost_count"], set(told["versions"])) == (0, {"v1"})

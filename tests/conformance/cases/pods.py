"""Pods on a node: phases, conditions, exit codes, restarts, and how they go."""

from __future__ import annotations

from collections.abc import Callable

from conformance.case import case
from conformance.cases.workloads import NEVER, condition
from conformance.handle import PODS, Conformance, Json
from conformance.objects import ends, pod, running

POD = f"{PODS}/p"


def state(value: Json) -> Json:
    """The state of the first container, by its name."""
    statuses = value.get("status", {}).get("containerStatuses") or [{}]
    return dict(statuses[0].get("state") or {})


def waits(*reasons: str) -> Callable[[Json], bool]:
    """Whether the first container waits for one of these reasons."""
    return lambda value: state(value).get("waiting", {}).get("reason") in reasons


async def over(k: Conformance, code: int, policy: str = "Never") -> Json:
    """A pod whose container has ended, as it is then."""
    await k.made(PODS, running(pod("p"), ends(code), restartPolicy=policy))
    return await k.until(POD, lambda v: v["status"].get("phase") in ("Succeeded", "Failed"))


@case(controllers=True)
async def a_pod_that_runs_is_ready(k: Conformance) -> None:
    await k.made(PODS, running(pod("p")))
    found = await k.until(POD, lambda value: condition(value, "Ready").get("status") == "True")
    assert found["status"]["phase"] == "Running"
    assert found["spec"]["nodeName"]
    for name in ("PodScheduled", "Initialized", "ContainersReady"):
        assert condition(found, name)["status"] == "True", name
    (one,) = found["status"]["containerStatuses"]
    assert (one["name"], one["ready"], one["started"], one["restartCount"]) == (
        "main",
        True,
        True,
        0,
    )
    assert "startedAt" in one["state"]["running"]
    assert {"podIP", "hostIP", "startTime", "qosClass"} <= found["status"].keys()


@case(controllers=True)
async def a_pod_that_ends_well_has_succeeded(k: Conformance) -> None:
    found = await over(k, 0)
    assert found["status"]["phase"] == "Succeeded"
    ended = state(found)["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (0, "Completed")
    ready = condition(found, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "PodCompleted")


@case(controllers=True)
async def a_pod_that_ends_badly_has_failed(k: Conformance) -> None:
    found = await over(k, 3)
    assert found["status"]["phase"] == "Failed"
    ended = state(found)["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (3, "Error")


@case(controllers=True)
async def what_ends_well_is_not_restarted_on_failure(k: Conformance) -> None:
    found = await over(k, 0, "OnFailure")
    assert found["status"]["phase"] == "Succeeded"
    assert found["status"]["containerStatuses"][0]["restartCount"] == 0


@case(controllers=True)
async def what_ends_again_and_again_waits_longer(k: Conformance) -> None:
    await k.made(PODS, running(pod("p"), ends(1), restartPolicy="Always"))
    found = await k.until(POD, waits("CrashLoopBackOff"))
    (one,) = found["status"]["containerStatuses"]
    last = one["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"], one["ready"]) == (1, "Error", False)
    assert found["status"]["phase"] == "Running"
    reason = condition(found, "Ready")["reason"]
    assert reason == "ContainersNotReady"


@case(controllers=True)
async def an_image_that_is_not_there_is_waited_for(k: Conformance) -> None:
    missing = {"name": "main", "image": "registry.k8s.io/pause:does-not-exist"}
    await k.made(PODS, running(pod("p"), missing))
    found = await k.until(POD, waits("ErrImagePull", "ImagePullBackOff"))
    assert found["status"]["phase"] == "Pending"


@case(controllers=True)
async def a_readiness_gate_holds_a_pod(k: Conformance) -> None:
    await k.made(PODS, running(pod("p"), **NEVER))
    held = await k.until(POD, lambda v: condition(v, "ContainersReady").get("status") == "True")
    ready = condition(held, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ReadinessGatesNotReady")


@case(controllers=True)
async def a_pod_has_its_grace_and_goes(k: Conformance) -> None:
    await k.made(PODS, running(pod("p")))
    await k.until(POD, lambda value: condition(value, "Ready").get("status") == "True")
    answered = await k.ok("DELETE", POD)
    assert answered["metadata"]["deletionGracePeriodSeconds"] == 1
    assert "deletionTimestamp" in answered["metadata"]
    await k.gone(POD)


@case(controllers=True)
async def a_pod_that_is_forced_away_is_gone_at_once(k: Conformance) -> None:
    await k.made(PODS, running(pod("p")))
    await k.until(POD, lambda value: condition(value, "Ready").get("status") == "True")
    await k.ok("DELETE", POD, {"gracePeriodSeconds": 0})
    assert (await k.call("GET", POD)).status == 404

"""Disruption budgets and evictions."""

from __future__ import annotations

from conformance.case import case, refusal
from conformance.cases.workloads import deployed, has, items
from conformance.handle import BUDGETS, DEPLOYMENTS, PODS, Conformance, Json
from conformance.objects import budget, pod, running

TOO_MANY = "Cannot evict pod as it would violate the pod's disruption budget."


def eviction(name: str, **fields: object) -> Json:
    """The body of an eviction."""
    metadata = {"metadata": {"name": name, "namespace": "{ns}"}}
    return {"apiVersion": "policy/v1", "kind": "Eviction"} | metadata | fields


async def guarded(k: Conformance, **spec: object) -> str:
    """The path of one of two pods under a budget that has counted them."""
    await deployed(k, 2)
    await k.made(BUDGETS, budget("web", **spec))
    await k.until(f"{BUDGETS}/web", has(expectedPods=2, currentHealthy=2))
    return f"{PODS}/{(await items(k, PODS))[0]['metadata']['name']}"


@case(controllers=True)
async def a_budget_counts_the_pods_of_its_workload(k: Conformance) -> None:
    await guarded(k, minAvailable=1)
    status = (await k.ok("GET", f"{BUDGETS}/web"))["status"]
    assert (status["desiredHealthy"], status["disruptionsAllowed"]) == (1, 1)
    (allowed,) = [c for c in status["conditions"] if c["type"] == "DisruptionAllowed"]
    assert (allowed["status"], allowed["reason"]) == ("True", "SufficientPods")


@case(controllers=True)
async def a_budget_that_allows_nothing_says_so(k: Conformance) -> None:
    await guarded(k, maxUnavailable=0)
    status = (await k.ok("GET", f"{BUDGETS}/web"))["status"]
    assert (status["desiredHealthy"], status["disruptionsAllowed"]) == (2, 0)
    (allowed,) = [c for c in status["conditions"] if c["type"] == "DisruptionAllowed"]
    assert (allowed["status"], allowed["reason"]) == ("False", "InsufficientPods")


@case(controllers=True)
async def an_eviction_within_the_budget_ends_a_pod(k: Conformance) -> None:
    path = await guarded(k, minAvailable=1)
    answer = await k.call("POST", f"{path}/eviction", eviction(path.rpartition("/")[2]))
    assert (answer.status, answer.json["status"]) == (201, "Success")
    await k.gone(path)
    await k.until(f"{DEPLOYMENTS}/web", has(availableReplicas=2))


@case(controllers=True)
async def an_eviction_over_the_budget_is_put_off(k: Conformance) -> None:
    path = await guarded(k, minAvailable=2)
    status = await k.refused(
        *("POST", f"{path}/eviction", eviction(path.rpartition("/")[2])),
        code=429,
        reason="TooManyRequests",
        message=TOO_MANY,
    )
    (cause,) = status["details"]["causes"]
    assert cause == {
        "reason": "DisruptionBudget",
        "message": "The disruption budget web needs 2 healthy pods and has 2 currently",
    }
    assert "deletionTimestamp" not in (await k.ok("GET", path))["metadata"]


@case(controllers=True)
async def an_eviction_as_a_dry_run_takes_nothing(k: Conformance) -> None:
    path = await guarded(k, minAvailable=1)
    body = eviction(path.rpartition("/")[2], deleteOptions={"dryRun": ["All"]})
    assert (await k.call("POST", f"{path}/eviction", body)).status == 201
    assert "deletionTimestamp" not in (await k.ok("GET", path))["metadata"]
    assert (await k.ok("GET", f"{BUDGETS}/web"))["status"]["disruptionsAllowed"] == 1


@case()
async def a_pod_without_budget_is_evicted(k: Conformance) -> None:
    await k.made(PODS, pod("p"))
    assert (await k.call("POST", f"{PODS}/p/eviction", eviction("p"))).status == 201
    await k.gone(f"{PODS}/p")


@case()
async def a_budget_that_nobody_has_counted_yet_asks_to_wait(k: Conformance) -> None:
    """Told to a real cluster the budget may be counted by then: both answers are 429."""
    await k.made(PODS, running(pod("p", {"app": "web"})))
    running_now = {"status": {"phase": "Running"}}
    patch = {"content_type": "application/merge-patch+json"}
    await k.ok("PATCH", f"{PODS}/p/status", running_now, **patch)
    await k.made(BUDGETS, budget("web", minAvailable=1))
    answer = await k.call("POST", f"{PODS}/p/eviction", eviction("p"))
    assert (answer.status, answer.json["message"]) == (429, TOO_MANY)
    wait = answer.json["details"].get("retryAfterSeconds")
    assert answer.headers.get("retry-after") == (None if wait is None else str(wait))
    assert not k.embedded or wait == 10


refusal(
    "an_absent_pod_is_not_evicted",
    "POST",
    f"{PODS}/p/eviction",
    eviction("p"),
    code=404,
    reason="NotFound",
    message='pods "p" not found',
)
refusal(
    "an_eviction_is_of_the_pod_in_its_address",
    "POST",
    f"{PODS}/p/eviction",
    eviction("other"),
    before=[(PODS, pod("p"))],
    code=400,
    reason="BadRequest",
    message="name in URL does not match name in Eviction object",
)

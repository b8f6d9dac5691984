"""Deployments and ReplicaSets at work: what they make, and what their status tells."""

from __future__ import annotations

from typing import Any

from conformance.case import case
from conformance.handle import DEPLOYMENTS, MERGE, PODS, REPLICA_SETS, Conformance, Json
from conformance.objects import deployment, pod, replica_set, running

WEB = f"{DEPLOYMENTS}/web"
SET = f"{REPLICA_SETS}/web"
NEVER = {"readinessGates": [{"conditionType": "example.com/never"}]}
REVISION = "deployment.kubernetes.io/revision"


def has(**status: Any) -> Any:
    """Whether the status of an object says all this, of its newest generation."""

    def holds(value: Json) -> bool:
        found = value.get("status", {})
        new = found.get("observedGeneration") == value["metadata"]["generation"]
        return new and all(found.get(name, 0) == wanted for name, wanted in status.items())

    return holds


def condition(value: Json, kind: str) -> Json:
    """One condition of an object; empty if it has none of that type."""
    conditions = value.get("status", {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


async def items(k: Conformance, path: str, selector: str = "app=web") -> list[Json]:
    """What is listed there, without what is being deleted."""
    listed = (await k.ok("GET", path, query={"labelSelector": selector}))["items"]
    return [item for item in listed if "deletionTimestamp" not in item["metadata"]]


async def changed(k: Conformance, path: str, **spec: Any) -> Json:
    """The object after a merge patch of its spec."""
    return await k.ok("PATCH", path, {"spec": spec}, **MERGE)


def relabelled(version: str) -> Json:
    """The patch of a template that makes it another one."""
    return {"metadata": {"labels": {"version": version}}}


async def deployed(k: Conformance, replicas: int = 1, **spec: Any) -> Json:
    """A Deployment that is complete."""
    await k.made(DEPLOYMENTS, running(deployment("web", replicas, **spec)))
    return await k.until(WEB, has(availableReplicas=replicas, updatedReplicas=replicas))


@case(controllers=True)
async def a_replica_set_makes_its_pods(k: Conformance) -> None:
    made = await k.made(REPLICA_SETS, running(replica_set("web", 2)))
    await k.until(SET, has(replicas=2, readyReplicas=2, availableReplicas=2))
    pods = await items(k, PODS)
    assert len(pods) == 2
    for each in pods:
        assert each["metadata"]["generateName"] == "web-"
        assert each["metadata"]["ownerReferences"] == [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": "web",
                "uid": made["metadata"]["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]


@case(controllers=True)
async def a_replica_set_replaces_a_pod_that_goes(k: Conformance) -> None:
    await k.made(REPLICA_SETS, running(replica_set("web", 1)))
    await k.until(SET, has(readyReplicas=1))
    (first,) = await items(k, PODS)
    await k.ok("DELETE", f"{PODS}/{first['metadata']['name']}")
    await k.gone(f"{PODS}/{first['metadata']['name']}")
    await k.until(SET, has(replicas=1, readyReplicas=1))
    (second,) = await items(k, PODS)
    assert second["metadata"]["uid"] != first["metadata"]["uid"]


@case(controllers=True)
async def a_replica_set_shrinks_to_nothing(k: Conformance) -> None:
    await k.made(REPLICA_SETS, running(replica_set("web", 2)))
    await k.until(SET, has(readyReplicas=2))
    await changed(k, SET, replicas=0)
    await k.until(SET, has(replicas=0, readyReplicas=0))


@case(controllers=True)
async def a_replica_set_adopts_a_pod_that_fits(k: Conformance) -> None:
    await k.made(PODS, running(pod("lone", {"app": "web"})))
    made = await k.made(REPLICA_SETS, running(replica_set("web", 1)))
    await k.until(SET, has(replicas=1))
    lone = await k.until(f"{PODS}/lone", lambda value: "ownerReferences" in value["metadata"])
    (owner,) = lone["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (made["metadata"]["uid"], True)
    assert len(await items(k, PODS)) == 1


@case(controllers=True)
async def a_replica_set_lets_go_of_a_pod_that_does_not_fit_any_more(k: Conformance) -> None:
    await k.made(REPLICA_SETS, running(replica_set("web", 1)))
    await k.until(SET, has(readyReplicas=1))
    (first,) = await items(k, PODS)
    path = f"{PODS}/{first['metadata']['name']}"
    await k.ok("PATCH", path, {"metadata": {"labels": {"app": "lone"}}}, **MERGE)
    await k.until(path, lambda value: not value["metadata"].get("ownerReferences"))

    async def another() -> bool | None:
        return len(await items(k, PODS)) == 1 or None

    await k.eventually(another, "another pod")


@case(controllers=True)
async def a_pod_that_is_not_ready_is_not_counted_as_such(k: Conformance) -> None:
    await k.made(REPLICA_SETS, running(replica_set("web", 1), **NEVER))
    found = await k.until(SET, has(replicas=1, fullyLabeledReplicas=1))
    assert not {"readyReplicas", "availableReplicas"} & found["status"].keys()


@case(controllers=True)
async def a_deployment_makes_a_replica_set_that_carries_its_hash(k: Conformance) -> None:
    made = await deployed(k, 2)
    (owned,) = await items(k, REPLICA_SETS)
    name, labels = owned["metadata"]["name"], owned["metadata"]["labels"]
    code = labels["pod-template-hash"]
    assert name == f"web-{code}"
    assert owned["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": code}
    assert owned["metadata"]["annotations"][REVISION] == "1"
    assert made["metadata"]["annotations"][REVISION] == "1"
    (owner,) = owned["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Deployment", "web", True)
    for each in await items(k, PODS):
        assert each["metadata"]["labels"] == {"app": "web", "pod-template-hash": code}


@case(controllers=True)
async def a_complete_deployment_says_so(k: Conformance) -> None:
    await deployed(k)
    reason = "NewReplicaSetAvailable"
    done = await k.until(WEB, lambda v: condition(v, "Progressing").get("reason") == reason)
    available = condition(done, "Available")
    assert (available["status"], available["reason"]) == ("True", "MinimumReplicasAvailable")
    assert available["message"] == "Deployment has minimum availability."
    (owned,) = await items(k, REPLICA_SETS)
    words = f'ReplicaSet "{owned["metadata"]["name"]}" has successfully progressed.'
    assert condition(done, "Progressing")["message"] == words


@case(controllers=True)
async def another_template_is_another_replica_set(k: Conformance) -> None:
    await deployed(k)
    (old,) = await items(k, REPLICA_SETS)
    await changed(k, WEB, template=relabelled("2"))
    done = await k.until(WEB, has(replicas=1, updatedReplicas=1, availableReplicas=1))
    assert done["metadata"]["annotations"][REVISION] == "2"
    both = {item["metadata"]["name"]: item for item in await items(k, REPLICA_SETS)}
    assert both.pop(old["metadata"]["name"])["spec"]["replicas"] == 0
    (new,) = both.values()
    assert (new["spec"]["replicas"], new["metadata"]["annotations"][REVISION]) == (1, "2")


@case(controllers=True)
async def a_template_that_returns_finds_its_replica_set(k: Conformance) -> None:
    await deployed(k)
    (old,) = await items(k, REPLICA_SETS)
    await changed(k, WEB, template=relabelled("2"))
    await k.until(WEB, has(replicas=1, updatedReplicas=1, availableReplicas=1))
    await changed(k, WEB, template={"metadata": {"labels": {"version": None}}})
    done = await k.until(WEB, has(replicas=1, updatedReplicas=1, availableReplicas=1))
    assert done["metadata"]["annotations"][REVISION] == "3"
    found = await k.ok("GET", f"{REPLICA_SETS}/{old['metadata']['name']}")
    assert found["spec"]["replicas"] == 1
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"


@case(controllers=True)
async def a_paused_deployment_makes_no_replica_set(k: Conformance) -> None:
    await deployed(k)
    await changed(k, WEB, paused=True, template=relabelled("2"))
    held = await k.until(WEB, has(replicas=1))
    assert held["status"].get("updatedReplicas", 0) == 0
    reason = "DeploymentPaused"
    await k.until(WEB, lambda v: condition(v, "Progressing").get("reason") == reason)
    assert len(await items(k, REPLICA_SETS)) == 1
    await changed(k, WEB, paused=False)
    await k.until(WEB, has(updatedReplicas=1, replicas=1, availableReplicas=1))
    assert len(await items(k, REPLICA_SETS)) == 2


@case(controllers=True)
async def a_deployment_follows_its_scale(k: Conformance) -> None:
    await deployed(k)
    await changed(k, f"{WEB}/scale", replicas=3)
    await k.until(WEB, has(replicas=3, availableReplicas=3))
    scale = await k.ok("GET", f"{WEB}/scale")
    assert scale["status"] == {"replicas": 3, "selector": "app=web"}
    assert len(await items(k, REPLICA_SETS)) == 1


@case(controllers=True)
async def old_replica_sets_are_kept_as_many_as_asked(k: Conformance) -> None:
    await deployed(k, revisionHistoryLimit=0)
    await changed(k, WEB, template=relabelled("2"))
    await k.until(WEB, has(replicas=1, updatedReplicas=1, availableReplicas=1))

    async def one() -> bool | None:
        return len(await items(k, REPLICA_SETS)) == 1 or None

    await k.eventually(one, "one ReplicaSet")


@case(controllers=True)
async def a_deployment_that_stands_still_says_so(k: Conformance) -> None:
    await k.made(DEPLOYMENTS, running(deployment("web", 1, progressDeadlineSeconds=2), **NEVER))
    reason = "ProgressDeadlineExceeded"
    late = await k.until(WEB, lambda v: condition(v, "Progressing").get("reason") == reason)
    assert condition(late, "Progressing")["status"] == "False"
    available = condition(late, "Available")
    assert (available["status"], available["reason"]) == ("False", "MinimumReplicasUnavailable")
    assert late["status"]["unavailableReplicas"] == 1


@case(controllers=True)
async def an_update_that_does_not_get_ready_leaves_what_is(k: Conformance) -> None:
    await deployed(k, 2, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
    await changed(k, WEB, template=relabelled("2") | {"spec": NEVER})
    held = await k.until(WEB, has(replicas=3, updatedReplicas=1))
    assert (held["status"]["readyReplicas"], held["status"]["unavailableReplicas"]) == (2, 1)

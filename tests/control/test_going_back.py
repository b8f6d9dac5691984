"""What Argo Rollouts reads when it takes over again: fields and annotations that we leave."""

from __future__ import annotations

import re
from typing import Any

from control import scenes
from control.original import HASH, MANAGED
from serinus.api.argo import Step
from serinus.api.hashes import step_hash
from serinus.api.wire import decode
from serinus.kube.resource import REPLICASETS, SERVICES
from support.cluster import NAMESPACE, controlled, paper_cluster
from support.virtual import run_virtual

Json = dict[str, Any]
PAUSED = scenes.other_shop("web").replace("{duration: 10s}", "{}")
SECONDS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"


async def left_by_us(*, healthy: bool) -> tuple[Json, list[Json], list[Json]]:
    """Rollout, ReplicaSets oldest first, Services: in a pause, or in the delay of old pods."""
    async with paper_cluster() as cluster, controlled(cluster):
        await cluster.apply(scenes.other_shop("web") if healthy else PAUSED)
        await cluster.clock.sleep(30)
        await scenes.release(cluster, "web:v2")
        await cluster.clock.sleep(8)
        await scenes.until_phase(cluster, "Healthy" if healthy else "Paused")
        await cluster.clock.sleep(5)
        sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
        services = (await cluster.admin.list(SERVICES, NAMESPACE)).items
        ordered = sorted(sets, key=lambda one: int(note(one, "revision")))
        return await scenes.rollout(cluster), ordered, list(services)


def note(item: Json, name: str) -> str:
    return str(item["metadata"]["annotations"].get(f"rollout.argoproj.io/{name}", ""))


def test_in_a_pause_it_finds_hashes_step_pause_weight_and_whose_is_what() -> None:
    rollout, (old, new), services = run_virtual(left_by_us(healthy=False))
    status, steps = rollout["status"], rollout["spec"]["strategy"]["canary"]["steps"]
    assert status["observedGeneration"] == str(rollout["metadata"]["generation"])
    assert status["currentStepHash"] == step_hash(tuple(decode(Step, step) for step in steps))
    assert status["currentStepIndex"] == 1
    assert status["stableRS"] == old["metadata"]["labels"][HASH]
    assert status["currentPodHash"] == new["metadata"]["labels"][HASH]
    assert status["controllerPause"] is True
    (pause,) = status["pauseConditions"]
    assert pause["reason"] == "CanaryPauseStep"
    assert re.fullmatch(SECONDS + r"(\.\d+)?Z", pause["startTime"])
    assert status["canary"]["weights"]["canary"]["weight"] == 50
    assert status["selector"] == "app=web"
    assert note(rollout, "revision") == note(new, "revision") == "2"
    assert {note(old, "desired-replicas"), note(new, "desired-replicas")} == {"2"}
    for item, pod_hash in ((old, status["stableRS"]), (new, status["currentPodHash"])):
        labels = {"app": "web", HASH: pod_hash}
        assert item["metadata"]["name"] == f"web-{pod_hash}"
        assert item["spec"]["selector"]["matchLabels"] == labels
        assert item["spec"]["template"]["metadata"]["labels"] == labels
    assert [service["metadata"]["annotations"][MANAGED] for service in services] == ["web"] * 2


def test_in_the_delay_of_old_pods_it_finds_their_deadline_in_whole_seconds() -> None:
    rollout, (old, new), services = run_virtual(left_by_us(healthy=True))
    assert re.fullmatch(SECONDS + "Z", old["metadata"]["annotations"]["scale-down-deadline"])
    assert "scale-down-deadline" not in new["metadata"]["annotations"]
    status = rollout["status"]
    assert status["stableRS"] == status["currentPodHash"] == new["metadata"]["labels"][HASH]
    assert status["currentStepIndex"] == len(rollout["spec"]["strategy"]["canary"]["steps"])
    assert {s["spec"]["selector"][HASH] for s in services} == {status["stableRS"]}

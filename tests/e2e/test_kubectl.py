"""Real kubectl against a running release: what it prints, and that what it does takes effect."""

from __future__ import annotations

import signal
from typing import Any

import pytest
import yaml

from e2e.product import kubectl_path, older_kubectl_path
from e2e.shop import Released, Shop, phase

HEADS = {
    "rollout": "NAME DESIRED CURRENT UP-TO-DATE AVAILABLE AGE",
    "replicaset": "NAME DESIRED CURRENT READY AGE",
    "pod": "NAME READY STATUS RESTARTS AGE",
    "service": "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE",
    "ingress": "NAME CLASS HOSTS ADDRESS PORTS AGE",
    "analysisrun": "NAME STATUS AGE",
    "analysistemplate": "NAME AGE",
    "event": "LAST SEEN TYPE REASON OBJECT MESSAGE",
}


def _kubectls() -> list[Any]:
    older = pytest.mark.skipif(
        older_kubectl_path() is None, reason="kubectl 1.36 is absent: make test-deps"
    )
    return [
        pytest.param(kubectl_path(), id="1.37"),
        pytest.param(older_kubectl_path(), id="1.36", marks=older),
    ]


@pytest.mark.parametrize("binary", _kubectls())
def test_every_kind_of_a_release_is_shown_and_described(released: Released, binary: str) -> None:
    def ask(command: str) -> str:
        return released.shop.product.ok(released.shop.kubectl(command, binary=binary)).out

    for kind, head in HEADS.items():
        first, *rows = ask(f"get {kind}").splitlines()
        assert first.split() == head.split()
        assert rows, kind
        found = yaml.safe_load(ask(f"get {kind} -o yaml"))["items"]
        assert len(found) == len(rows)
        name = found[0]["metadata"]["name"]
        described = ask(f"describe {kind} {name}")
        assert described.startswith("Name: ")
        assert name in described.splitlines()[0]
    assert ask("get rollout shop").splitlines()[1].split()[:5] == ["shop", "2", "2", "2", "2"]
    assert ask("get analysisrun").splitlines()[1].split()[1] == "Successful"
    for text in (ask("describe rollout shop"), ask("events --for rollout/shop")):
        for said in ("RolloutUpdated", "SwitchService", "TrafficWeightUpdated", "RolloutCompleted"):
            assert said in text


def test_a_release_is_watched_row_by_row(shop: Shop) -> None:
    shop.deploy(replicas=1)
    words = (kubectl_path() or "", "-n", shop.namespace, "get", "rollout", "-w")
    watching = shop.product.run(words)
    watching.until_line(r"^shop +1 +1 +1 +1 ")
    shop.ok("patch rollout shop --type merge -p", '{"spec":{"replicas":3}}')
    watching.until_line(r"^shop +3 +1 +1 +1 ")
    watching.until_line(r"^shop +3 +3 +3 +3 ")
    watching.stop(signal.SIGTERM)
    assert watching.lines[0].split() == HEADS["rollout"].split()
    assert {line.split()[0] for line in watching.lines[1:]} == {"shop"}


def test_logs_patch_scale_delete_and_wait_do_what_they_say(shop: Shop) -> None:
    shop.deploy()
    (pod, other) = [one["metadata"]["name"] for one in shop.get("pod")["items"]]
    assert "version v1 listening on" in shop.ok(f"logs {pod}").out
    following = shop.product.run((kubectl_path() or "", "-n", shop.namespace, "logs", "-f", pod))
    following.until_line("listening")
    shop.ok(f"delete pod {pod}")
    assert following.wait() == 0
    assert "SIGTERM" in following.out
    shop.wait("--for=condition=Ready pod -l app=shop")
    now = {one["metadata"]["name"] for one in shop.get("pod")["items"]}
    assert (len(now), other in now, pod in now) == (2, True, False)
    shop.ok("scale rollout shop --replicas=3")
    shop.wait("--for=jsonpath={.status.availableReplicas}=3 rollout/shop")
    shop.ok("patch rollout shop --type merge -p", '{"spec":{"replicas":1}}')
    shop.wait("--for=jsonpath={.status.availableReplicas}=1 rollout/shop")
    shop.wait("--for=condition=Healthy rollout/shop")
    shop.wait("--for=condition=Available rollout/shop")
    shop.ok("annotate rollout shop team=checkout")
    shop.ok("label rollout shop tier=front")
    assert shop.get("rollout -l tier=front")["items"][0]["metadata"]["annotations"]["team"]
    assert "setWeight" in shop.ok("explain rollout.spec.strategy.canary.steps").out
    shop.ok("delete rollout shop")
    shop.wait("--for=delete pod -l app=shop")
    assert shop.get("replicaset")["items"] == []
    names = [one["metadata"]["name"] for one in shop.get("ingress")["items"]]
    assert names == ["shop"]


def test_a_pod_that_is_deleted_or_killed_is_replaced_without_losing_more_than_it_held(
    shop: Shop,
) -> None:
    shop.deploy(replicas=3)
    with shop.load() as load, shop.followed() as seen:
        for _ in range(2):
            first = shop.get("pod")["items"][0]["metadata"]["name"]
            shop.ok(f"delete pod {first}")
            shop.wait("--for=jsonpath={.status.readyReplicas}=3 replicaset -l app=shop")
        told = load.stop()
    assert told["lost_count"] == 0
    assert {phase(version) for version in seen.versions} <= {"Healthy", "Progressing"}

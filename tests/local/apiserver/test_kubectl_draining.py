"""Commands of kubectl that ask with protobuf what is no object, or delete with it; and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local.apiserver.served import Kubectl, each_kubectl, kubectl_story
from serinus.local.apiserver.app import ApiServer

pytestmark = each_kubectl

NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker"}}
BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
}
DRAIN = "drain worker --force --grace-period=0 --timeout="


def pod(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"nodeName": "worker", "containers": [{"name": "c", "image": "i:1"}]},
    }


async def has_ready_pods(kubectl: Kubectl, *names: str) -> None:
    await kubectl.ok("create -f -", stdin=NODE)
    for name in names:
        await kubectl.ok("create -f -", stdin=pod(name))
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        patch = json.dumps({"status": ready}, separators=(",", ":"))
        await kubectl.ok(f"patch pod {name} --subresource=status --type=merge -p {patch}")


def test_drain_evicts_as_far_as_the_budget_lets_it(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        await has_ready_pods(kubectl, "a")
        await kubectl.ok("create -f -", stdin=BUDGET)
        allowed = {"observedGeneration": 1, "disruptionsAllowed": 0}
        patch = "patch pdb web --subresource=status --type=merge -p "
        await kubectl.ok(patch + json.dumps({"status": allowed}, separators=(",", ":")))
        held = await kubectl(DRAIN + "3s")
        assert (held.status, "violate the pod's disruption budget" in held.err) == (1, True)
        assert (await kubectl.ok("get pods -o name")).out == "pod/a\n"
        allowed["disruptionsAllowed"] = 1
        await kubectl.ok(patch + json.dumps({"status": allowed}, separators=(",", ":")))
        drained = await kubectl(DRAIN + "60s")
        assert (drained.status, "pod/a evicted" in drained.out) == (0, True)
        assert (await kubectl.ok("get pods -o name")).out == ""

    kubectl_story(tell, binary, tmp_path)


def test_drain_without_evictions_deletes_with_its_options(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        await has_ready_pods(kubectl, "a", "b")
        drained = await kubectl(DRAIN + "60s --disable-eviction")
        assert (drained.status, sorted(drained.out.splitlines())[-2:]) == (
            0,
            ["pod/a deleted", "pod/b deleted"],
        )
        assert (await kubectl.ok("get pods -o name")).out == ""

    kubectl_story(tell, binary, tmp_path)


def test_what_one_may_do_is_listed(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        listed = await kubectl.ok("auth can-i --list")
        assert ["*.*", "[]", "[]", "[*]"] in listed.lines

    kubectl_story(tell, binary, tmp_path)


def test_tokens_and_containers_for_debugging_are_refused_in_words(
    tmp_path: Path, binary: str
) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        await kubectl.ok("create serviceaccount robot")
        ran = await kubectl("create token robot")
        assert (ran.status, "tokens of service accounts are not served" in ran.err) == (1, True)
        await has_ready_pods(kubectl, "a")
        ran = await kubectl("debug a --image=i")
        assert ran.status == 1, ran.err
        assert "ephemeral containers are disabled for this cluster" in ran.err

    kubectl_story(tell, binary, tmp_path)

"""kubectl with our objects: what it waits for, scales, autoscales, shows, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

from clients.releases import Releases, releases
from local.apiserver.served import Kubectl, each_kubectl
from support.steady import run_steady

WAIT = "wait --timeout=60s rollout/web"


@each_kubectl
def test_our_objects_are_handled_with_kubectl(binary: str, tmp_path: Path) -> None:
    """One shop for all that follows, as its start is what takes long."""

    async def run() -> None:
        async with releases() as here:
            await here.deploy()
            for tell in (shown, refused, released, scaled):
                await tell(here, Kubectl(binary, tmp_path, here.url))

    run_steady(run())


async def shown(here: Releases, kubectl: Kubectl) -> None:
    """It is listed, described and explained."""
    columns = ["NAME", "DESIRED", "CURRENT", "UP-TO-DATE", "AVAILABLE", "AGE"]
    for wide in ("", " -o wide"):
        head, row = (await kubectl.ok(f"get rollouts{wide}")).lines
        assert head == columns
        assert row[:5] == ["web", "2", "2", "2", "2"]
    described = (await kubectl.ok("describe rollout web")).out
    for said in ("Set Weight:", "Stable RS:", "Phase:", "RolloutCompleted"):
        assert said in described
    canary = (await kubectl.ok("explain rollout.spec.strategy.canary")).out
    for field in ("canaryService", "steps", "trafficRouting", "maxSurge"):
        assert field in canary
    assert "setWeight" in (await kubectl.ok("explain ro.spec.strategy --recursive")).out
    names = (await kubectl.ok("api-resources --api-group=argoproj.io -o name")).out.split()
    assert "rollouts.argoproj.io" in names
    shown = await kubectl.ok("get ro,ar,exp,at -o name")
    assert "rollout.argoproj.io/web" in shown.out.split()


REFUSED = (
    *("status", "history", "undo", "restart", "pause", "resume"),
    "set image rollout/web web=web:v2",
    "expose rollout/web --port=80",
)
"""What kubectl can do with its own kinds only, whatever a server offers."""


async def refused(here: Releases, kubectl: Kubectl) -> None:
    """What kubectl keeps for its own kinds changes nothing."""
    before = (await kubectl.ok("get rollout web -o yaml")).out
    for words in REFUSED:
        ran = await kubectl(words if " " in words else f"rollout {words} rollout/web")
        assert (ran.status, 'no kind "Rollout" is registered' in ran.err) == (1, True), words
    assert (await kubectl.ok("get rollout web -o yaml")).out == before


async def released(here: Releases, kubectl: Kubectl) -> None:
    """A release is waited for in every way."""
    for condition in ("Available", "Healthy", "Completed", "Progressing"):
        await kubectl.ok(f"{WAIT} --for=condition={condition}")
    await kubectl.ok(f"{WAIT} --for=jsonpath={{.status.phase}}=Healthy")
    await kubectl.ok(f"{WAIT} --for=condition=Paused=False")
    await here.release("web:v2")
    await kubectl.ok(f"{WAIT} --for=jsonpath={{.status.phase}}=Paused")
    await kubectl.ok(f"{WAIT} --for=condition=Paused")
    await kubectl.ok(f"{WAIT} --for=condition=Completed=false")
    await kubectl.ok(f"{WAIT} --for=condition=Healthy=false")
    late = await kubectl("wait --timeout=0 rollout/web --for=condition=Completed")
    assert (late.status, "condition not met" in late.err) == (1, True)
    promote = '{"status":{"pauseConditions":null}}'
    await kubectl.ok("patch rollout web --subresource=status --type=merge -p", promote)
    await kubectl.ok(f"{WAIT} --for=condition=Completed")
    await kubectl.ok(f"{WAIT} --for=condition=Healthy")
    for kind in ("analysisrun", "experiment"):
        one = "--for=jsonpath={.status.phase}=Successful"
        await kubectl.ok(f"wait --timeout=60s --all {kind} {one}")


async def scaled(here: Releases, kubectl: Kubectl) -> None:
    """It is scaled, and an autoscaler finds what it needs, through the scale."""
    await kubectl.ok("scale rollout/web --replicas=4 --current-replicas=2")
    await kubectl.ok(f"{WAIT} --for=jsonpath={{.status.availableReplicas}}=4")
    stale = await kubectl("scale rollout/web --replicas=9 --current-replicas=2")
    assert (stale.status, "Expected replicas to be 2, was 4" in stale.err) == (1, True)
    scale = json.loads((await kubectl.ok("get rollout web --subresource=scale -o json")).out)
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["spec"] == {"replicas": 4}
    assert scale["status"] == {"replicas": 4, "selector": "app=web"}
    await kubectl.ok("autoscale rollout web --min=2 --max=6 --cpu-percent=80")
    made = json.loads((await kubectl.ok("get hpa web -o json")).out)
    target = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"}
    assert made["spec"]["scaleTargetRef"] == target
    assert (made["spec"]["minReplicas"], made["spec"]["maxReplicas"]) == (2, 6)
    head, row = (await kubectl.ok("get hpa")).lines
    assert head[:2] == ["NAME", "REFERENCE"]
    assert row[:2] == ["web", "Rollout/web"]
    # what an autoscaler does: a write to the scale of whatever the object names
    await kubectl.ok("scale rollout/web --replicas=6")
    await kubectl.ok(f"{WAIT} --for=jsonpath={{.status.readyReplicas}}=6")

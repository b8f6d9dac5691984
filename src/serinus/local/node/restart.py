"""After a start from stored objects: pods that ran have lost their processes, and it must show.

Done before any controller or data plane looks, so that nothing is sent to a port that may belong to
somebody else by now. As after the reboot of a node, containers are started again and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.resource import ENDPOINTSLICES, PODS
from serinus.local.node.podspec import PORT_ANNOTATION
from serinus.local.node.podstatus import timestamp

LOST_CODE, LOST_REASON = 255, "Unknown"
"""What a container whose end nobody saw is said to have ended with."""
_UNREADY = {"ready": False, "serving": False, "terminating": False}


async def note_restart(client: Client, clock: Clock, node_name: str) -> int:
    """Write to every pod of the node what has become of it; how many pods had been at work."""
    now, count = timestamp(clock.now()), 0
    for part in (await client.list(ENDPOINTSLICES)).items:
        endpoints = [one | {"conditions": _UNREADY} for one in part.get("endpoints") or ()]
        await _patch(client, ENDPOINTSLICES, part, {"endpoints": endpoints})
    for pod in (await client.list(PODS)).items:
        status, spec = pod.get("status") or {}, pod["spec"]
        if spec.get("nodeName") != node_name or status.get("phase") in ("Succeeded", "Failed"):
            continue
        count += 1
        await _patch(client, PODS, pod, {"metadata": {"annotations": {PORT_ANNOTATION: None}}})
        policy = spec.get("restartPolicy", "Always")
        changed = {"status": interrupted(status, policy, now)}
        await _patch(client, PODS, pod, changed, "status")
    return count


async def _patch(
    client: Client, resource: Any, thing: Mapping[str, Any], patch: Any, part: str | None = None
) -> None:
    meta = thing["metadata"]
    await client.patch(resource, meta["name"], patch, meta["namespace"], subresource=part)


def interrupted(status: Mapping[str, Any], policy: str, now: str) -> dict[str, Any]:
    """The status of a pod whose processes have gone; `policy` is its restartPolicy. Pure.

    Containers that had ended for good stay as they are. One that is not started again has failed.
    """
    containers = [_container(one, policy, now) for one in status.get("containerStatuses") or ()]
    unready = {"Ready", "ContainersReady"}
    conditions = [
        one | {"status": "False", "lastTransitionTime": now, "reason": "ContainersNotReady"}
        if one["type"] in unready and one["status"] == "True"
        else one
        for one in status.get("conditions") or ()
    ]
    changed = {**status, "containerStatuses": containers, "conditions": conditions}
    if containers and all("terminated" in one["state"] for one in containers):
        failed = any(one["state"]["terminated"].get("exitCode") for one in containers)
        changed["phase"] = "Failed" if failed else "Succeeded"
    return changed


def _container(one: Mapping[str, Any], policy: str, now: str) -> dict[str, Any]:
    state = one.get("state") or {}
    ended = state.get("terminated") or _lost(state.get("running"), now)
    stopped = {**one, "ready": False, "started": False}
    if ended is None:
        return stopped
    if policy == "Never" or (policy == "OnFailure" and not ended.get("exitCode")):
        return stopped | {"state": {"terminated": ended}}
    return stopped | {
        "restartCount": one.get("restartCount", 0) + 1,
        "state": {"waiting": {"reason": "ContainerCreating"}},
        "lastState": {"terminated": ended},
    }


def _lost(running: Mapping[str, Any] | None, now: str) -> dict[str, Any] | None:
    """How a container that ran has ended; None if it did not run."""
    if running is None:
        return None
    times = {"startedAt": running.get("startedAt") or now, "finishedAt": now}
    return {"exitCode": LOST_CODE, "reason": LOST_REASON} | times

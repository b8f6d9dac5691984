"""What stories about the shop are told with: releases, commands, what is seen, end states."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from control.analysis_world import Network, vector
from serinus.api import names
from serinus.api.argo import Rollout
from serinus.api.wire import decode
from serinus.control.kinds import ANALYSIS_RUNS, ROLLOUTS
from serinus.core.rollout.commands import Edit
from serinus.kube.client import PatchKind
from serinus.kube.resource import EVENTS, INGRESSES, PODS, REPLICASETS, SERVICES
from support.cluster import NAMESPACE, PaperCluster
from support.shop import CANARY_SERVICE, INGRESS, ROUTED, STABLE_SERVICE
from support.shop import rollout as rollout_text

Json = dict[str, Any]
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
GOOD, BAD, NOTHING = vector(0.0), vector(1.0), vector()

SMALL = rollout_text(
    "canary",
    f"""{ROUTED}scaleDownDelaySeconds: 10
steps:
- setWeight: 50
- analysis: {{templates: [{{templateName: errors}}]}}
- pause: {{duration: 10s}}
""",
)

TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors, namespace: shop}
spec:
  metrics:
  - name: errors
    interval: 5s
    count: 3
    successCondition: result[0] < 0.1
    provider: {prometheus: {address: "http://prometheus.monitoring:9090", query: errors}}
"""

ALL = "---".join((SMALL, TEMPLATE, STABLE_SERVICE, CANARY_SERVICE, INGRESS))


def other_shop(name: str) -> str:
    """A second shop beside the first, without an analysis."""
    plain = SMALL.replace("      - analysis: {templates: [{templateName: errors}]}\n", "")
    return "---".join((plain, STABLE_SERVICE, CANARY_SERVICE, INGRESS)).replace("web", name)


def network(cluster: PaperCluster, answer: bytes = GOOD) -> Network:
    """A Prometheus that always answers so, until `answer` is replaced."""
    made = Network(cluster.clock, lambda request, number: answer)
    made.latency_seconds = 0.3
    return made


# --- What people do ------------------------------------------------------------------------------


async def release(cluster: PaperCluster, image: str, name: str = "web") -> None:
    """Set the image of the only container."""
    containers = [{"name": name, "image": image, "ports": [{"containerPort": 8080}]}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    await cluster.admin.patch(ROLLOUTS, name, patch, NAMESPACE)


async def command(
    cluster: PaperCluster, edits: tuple[Edit, ...] | Callable[[Rollout], tuple[Edit, ...]]
) -> None:
    """Sends a command's patches, as the command line does."""
    if callable(edits):
        edits = edits(decode(Rollout, await rollout(cluster)))
    for edit in edits:
        kind = PatchKind.MERGE if edit.kind == "merge" else PatchKind.JSON
        subresource = edit.subresource or None
        await cluster.admin.patch(
            ROLLOUTS, "web", edit.patch, NAMESPACE, kind=kind, subresource=subresource
        )


# --- What is seen --------------------------------------------------------------------------------


async def rollout(cluster: PaperCluster, name: str = "web") -> Json:
    return await cluster.admin.get(ROLLOUTS, name, NAMESPACE)


async def status(cluster: PaperCluster, name: str = "web") -> Json:
    return dict((await rollout(cluster, name)).get("status", {}))


def condition(status: Json, type: str) -> Json:
    return next((c for c in status.get("conditions", ()) if c["type"] == type), {})


async def weight(cluster: PaperCluster) -> int:
    """As the canary Ingress has it; 0 while there is none."""
    for ingress in (await cluster.admin.list(INGRESSES, NAMESPACE)).items:
        if ingress["metadata"]["name"] == "web-web-canary":
            return int(ingress["metadata"]["annotations"][WEIGHT])
    return 0


async def runs(cluster: PaperCluster) -> dict[str, str]:
    """The phase of each AnalysisRun."""
    items = (await cluster.admin.list(ANALYSIS_RUNS, NAMESPACE)).items
    return {run["metadata"]["name"]: run.get("status", {}).get("phase", "") for run in items}


async def reasons(cluster: PaperCluster) -> list[str]:
    """The reasons of all events about our objects, in the order of their first time."""
    events = (await cluster.admin.list(EVENTS, NAMESPACE)).items
    ours = [e for e in events if e["source"]["component"] == "serinus"]
    return [e["reason"] for e in sorted(ours, key=lambda e: str(e["firstTimestamp"]))]


async def end_state(cluster: PaperCluster, name: str = "web") -> Json:
    """Where everything stands, in words that do not depend on names, numbers and times."""
    now = await status(cluster, name)
    sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
    image = {
        one["metadata"]["labels"][names.POD_HASH]: one["spec"]["template"]["spec"]["containers"][0][
            "image"
        ]
        for one in sets
    }
    pods = (await cluster.admin.list(PODS, NAMESPACE)).items
    services = {
        service["metadata"]["name"]: image.get(service["spec"]["selector"].get(names.POD_HASH), "")
        for service in (await cluster.admin.list(SERVICES, NAMESPACE)).items
    }
    return {
        "phase": now.get("phase"),
        "step": now.get("currentStepIndex"),
        "stable": image.get(now.get("stableRS", "")),
        "current": image.get(now.get("currentPodHash", "")),
        "abort": now.get("abort", False),
        "weight": await weight(cluster),
        "services": services,
        "pods": sorted(pod["spec"]["containers"][0]["image"] for pod in pods),
        "revisions": sorted(image.values()),
        "runs": sorted((await runs(cluster)).values()),
    }


async def until(
    cluster: PaperCluster, so: Callable[[], Awaitable[bool]], seconds: float = 300
) -> None:
    """Waits until `so`, asked every second; fails after so many seconds of virtual time."""
    for _ in range(int(seconds)):
        if await so():
            return
        await cluster.clock.sleep(1)
    raise AssertionError(f"not so within {seconds} s: {await status(cluster)}")


async def until_phase(cluster: PaperCluster, phase: str, step: int | None = None) -> None:
    """Waits until the status shows a phase, and that step if one is given."""

    async def so() -> bool:
        now = await status(cluster)
        return now.get("phase") == phase and step in (None, now.get("currentStepIndex"))

    await until(cluster, so)


async def timeline(cluster: PaperCluster, seconds: int) -> list[tuple[str, int | None, int]]:
    """Phase, step and weight once a second, each change once."""
    seen: list[tuple[str, int | None, int]] = []
    for _ in range(seconds):
        await cluster.clock.sleep(1)
        now = await status(cluster)
        shown = (now["phase"], now.get("currentStepIndex"), await weight(cluster))
        if not seen or shown != seen[-1]:
            seen.append(shown)
    return seen

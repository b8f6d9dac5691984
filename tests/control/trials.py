"""What stories about Experiments are told with: a manifest, and a timeline of what is seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml

from control import scenes
from control.analysis_world import Network
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS
from serinus.kube.errors import NotFound
from serinus.kube.resource import EVENTS, PODS, REPLICASETS, SERVICES
from serinus.kube.transport.wire import Transport
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster

Json = dict[str, Any]

TRIAL = """
apiVersion: argoproj.io/v1alpha1
kind: Experiment
metadata: {name: trial, namespace: shop}
spec:
  duration: 60s
  scaleDownDelaySeconds: 10
  templates:
  - name: baseline
    selector: {matchLabels: {app: web, role: baseline}}
    service: {}
    template:
      metadata: {labels: {app: web, role: baseline}}
      spec: {containers: [{name: web, image: "web:v1", ports: [{containerPort: 8080}]}]}
  - name: candidate
    replicas: 2
    selector: {matchLabels: {app: web, role: candidate}}
    template:
      metadata: {labels: {app: web, role: candidate}}
      spec: {containers: [{name: web, image: "web:v2", ports: [{containerPort: 8080}]}]}
  analyses:
  - name: errors
    templateName: errors
"""


def trial(**spec: Any) -> str:
    """The experiment with some fields of its spec replaced; None takes one away."""
    document = yaml.safe_load(TRIAL)
    document["spec"] |= spec
    document["spec"] = {key: value for key, value in document["spec"].items() if value is not None}
    return yaml.safe_dump(document)


@dataclass
class Shop:
    """A cluster with an experiment, and what was seen of it."""

    cluster: PaperCluster
    network: Network
    lines: list[str] = field(default_factory=list)

    async def get(self, name: str = "trial") -> Json:
        return await self.cluster.admin.get(EXPERIMENTS, name, NAMESPACE)

    async def status(self, name: str = "trial") -> Json:
        return dict((await self.get(name)).get("status", {}))

    async def patch(self, patch: Json, name: str = "trial") -> None:
        await self.cluster.admin.patch(EXPERIMENTS, name, patch, NAMESPACE)

    async def runs(self) -> Json:
        items = (await self.cluster.admin.list(ANALYSIS_RUNS, NAMESPACE)).items
        return {run["metadata"]["name"]: run for run in items}

    async def sets(self) -> Json:
        items = (await self.cluster.admin.list(REPLICASETS, NAMESPACE)).items
        return {item["metadata"]["name"]: item for item in items}

    async def services(self) -> Json:
        items = (await self.cluster.admin.list(SERVICES, NAMESPACE)).items
        return {item["metadata"]["name"]: item for item in items}

    async def pods(self) -> list[str]:
        items = (await self.cluster.admin.list(PODS, NAMESPACE)).items
        return sorted(item["spec"]["containers"][0]["image"] for item in items)

    async def events(self, kind: str = "Experiment") -> list[tuple[str, str]]:
        """Reason and message of each event about objects of a kind."""
        items = (await self.cluster.admin.list(EVENTS, NAMESPACE)).items
        return sorted(
            (e["reason"], e["message"]) for e in items if e["involvedObject"]["kind"] == kind
        )

    async def look(self) -> None:
        """Notes what is seen now, if it is something else than before."""
        try:
            status = await self.status()
        except NotFound:
            return
        now = self.cluster.clock.now()
        templates = [one["status"] for one in status.get("templateStatuses", ())]
        runs = [one["phase"] for one in status.get("analysisRuns", ())]
        pods = len(await self.pods())
        seen = " ".join([status.get("phase", ""), *templates, *runs, f"pods={pods}"])
        if not self.lines or self.lines[-1].partition(" ")[2] != seen:
            self.lines.append(f"{now:%M:%S} {seen}")

    async def watch(self, seconds: int) -> list[str]:
        """The timeline of so many seconds, looked at twice a second."""
        for _ in range(seconds * 2):
            await self.look()
            await self.cluster.clock.sleep(0.5)
        return self.lines

    async def until(self, phase: str, seconds: int = 1200) -> Json:
        for _ in range(seconds):
            status = await self.status()
            if status.get("phase") == phase:
                return status
            await self.cluster.clock.sleep(1)
        raise AssertionError(f"not {phase} within {seconds} s: {await self.status()}")


@asynccontextmanager
async def shop(
    *,
    answer: bytes = scenes.GOOD,
    wrap: Callable[[Transport], Transport] = lambda transport: transport,
    templates: str = scenes.TEMPLATE,
) -> AsyncIterator[Shop]:
    """A cluster with our controller and an AnalysisTemplate."""
    async with paper_cluster() as cluster:
        network = scenes.network(cluster, answer)
        await cluster.apply(templates)
        async with controlled(cluster, wrap, asker=network):
            yield Shop(cluster, network)
            await asyncio.sleep(0)

"""A small shop on the embedded cluster: its objects after a release, at rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import yaml

from serinus.cli.composition import apply, controlled, embedded
from serinus.control.kinds import ROLLOUTS
from serinus.kube.resource import REPLICASETS, Resource
from serinus.local.cluster import Cluster

SPEED = 30.0
NAMESPACE, NAME = "default", "web"
DEADLINE_SECONDS = 120
SHOP = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:v1", ports: [{containerPort: 8080}]}
  strategy:
    canary:
      canaryService: web-canary
      stableService: web-stable
      trafficRouting: {nginx: {stableIngress: web}}
      scaleDownDelaySeconds: 10
      steps:
      - setWeight: 50
      - pause: {duration: 10s}
---
apiVersion: v1
kind: Service
metadata: {name: web-stable, namespace: default}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-canary, namespace: default}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: default}
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: web-stable, port: {number: 80}}}
"""


@asynccontextmanager
async def resting_shop() -> AsyncIterator[Cluster]:
    """A cluster whose shop rests after v2 was promoted; its controller is at work."""
    async with embedded(speed=SPEED, port=0) as cluster, controlled(cluster):
        client = cluster.client("admin")
        for manifest in yaml.safe_load_all(SHOP):
            await apply(client, manifest)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await _rests(cluster, revisions=1)
            container = {"name": "web", "image": "web:v2", "ports": [{"containerPort": 8080}]}
            patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
            await client.patch(ROLLOUTS, NAME, patch, NAMESPACE)
            await _rests(cluster, revisions=2)
        yield cluster


async def objects_of(cluster: Cluster, kinds: Sequence[Resource]) -> dict[str, list[str]]:
    """Every object of those kinds, as text, by plural."""
    client = cluster.client("admin")
    return {
        kind.plural: [
            msgspec.json.encode(item).decode()
            for item in (await client.list(kind, NAMESPACE)).items
        ]
        for kind in kinds
    }


async def _rests(cluster: Cluster, revisions: int) -> None:
    """Waits for that many revisions, all but one of them without pods, and a healthy Rollout."""
    client = cluster.client("admin")
    while True:
        sets = (await client.list(REPLICASETS, NAMESPACE)).items
        status = (await client.get(ROLLOUTS, NAME, NAMESPACE)).get("status", {})
        pods = sorted(one.get("status", {}).get("replicas", 0) for one in sets)
        canary = status.get("canary", {}).get("weights", {}).get("canary", {})
        quiet = status.get("phase") == "Healthy" and not canary.get("weight")
        if quiet and pods == [0] * (revisions - 1) + [2]:
            return
        await cluster.clock.sleep_wall(0.1)

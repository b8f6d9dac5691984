"""From the write of a weight to the first request that another version answers, through Traefik.

Two real pods behind an Ingress and its canary Ingress; the weight goes from 0 to 100 and back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import yaml

from benchmarks.figure import Figure, median
from serinus.base.clock import Clock
from serinus.cli.composition import embedded
from serinus.kube.client import Client
from serinus.kube.resource import INGRESSES, NAMESPACES, REPLICASETS, SERVICES

FLIPS = 10
THROTTLE_SECONDS = 0.05
"""How long Traefik gathers changes before it takes them (local/gateway/config.py)."""
HOST = "flip.example.com"
NAMESPACE = "flip"
CANARY = "web-canary"
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"
DEADLINE_SECONDS = 30
VERSION = """
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-%(version)s}
spec:
  replicas: 1
  selector: {matchLabels: {version: %(version)s}}
  template:
    metadata: {labels: {version: %(version)s}}
    spec:
      containers:
      - {name: web, image: "acme/web:%(version)s", ports: [{containerPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-%(version)s}
spec: {selector: {version: %(version)s}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %(ingress)s, annotations: %(annotations)s}
spec:
  ingressClassName: nginx
  rules:
  - host: flip.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: web-%(version)s, port: {number: 80}}}
"""
RESOURCES = {"ReplicaSet": REPLICASETS, "Service": SERVICES, "Ingress": INGRESSES}


def figures() -> Iterator[Figure]:
    plain, flips = asyncio.run(measured())
    each = f"of {len(flips)}; a plain request takes {plain * 1e3:.1f} ms"
    for what, seconds in (("median", median(flips)), ("worst", max(flips))):
        yield Figure(
            f"weight written to first request there, {what}",
            seconds / THROTTLE_SECONDS,
            "Traefik's throttle of 50 ms",
            at_most=10 if what == "median" else None,
            detail=f"{seconds * 1e3:.0f} ms, {what} {each}",
        )


async def measured() -> tuple[float, list[float]]:
    """Seconds of a plain request (median), and of each flip there and back."""
    async with embedded(speed=1, port=0) as cluster, aiohttp.ClientSession() as session:
        client = cluster.client("admin")
        await deploy(client, cluster.clock)

        async def version() -> str:
            async with session.get(cluster.ingress_url, headers={"Host": HOST}) as answer:
                return answer.headers.get("X-Version", "")

        async with asyncio.timeout(DEADLINE_SECONDS):
            while await version() != "v1":
                await cluster.clock.sleep_wall(0.05)
            flips = [await flip(client, version, number % 2 == 0) for number in range(2 * FLIPS)]
            plain = []
            for _ in range(200):
                began = time.perf_counter()
                await version()
                plain.append(time.perf_counter() - began)
        return median(plain), flips


async def flip(client: Client, version: Any, there: bool) -> float:
    """Seconds from the write of the weight to the first answer of the other version."""
    wanted, weight = ("v2", "100") if there else ("v1", "0")
    began = time.perf_counter()
    patch = {"metadata": {"annotations": {WEIGHT: weight}}}
    await client.patch(INGRESSES, CANARY, patch, NAMESPACE)
    while await version() != wanted:
        pass
    return time.perf_counter() - began


async def deploy(client: Client, clock: Clock) -> None:
    await client.create(
        NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    )
    annotations = f'{{nginx.ingress.kubernetes.io/canary: "true", {WEIGHT}: "0"}}'
    for version, ingress, notes in (("v1", "web", "{}"), ("v2", CANARY, annotations)):
        text = VERSION % {"version": version, "ingress": ingress, "annotations": notes}
        for manifest in yaml.safe_load_all(text):
            await client.create(RESOURCES[manifest["kind"]], manifest, NAMESPACE)
    async with asyncio.timeout(DEADLINE_SECONDS):
        for name in ("web-v1", "web-v2"):
            while True:
                found = await client.get(REPLICASETS, name, NAMESPACE)
                if found.get("status", {}).get("readyReplicas"):
                    break
                await clock.sleep_wall(0.05)

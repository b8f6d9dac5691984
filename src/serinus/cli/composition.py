"""Puts the embedded cluster and the controller together: what `up` and `demo` have in common.

The only module that knows both `local/` and `control/`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from serinus.api.admission import admit
from serinus.cli.verifying import verify_by
from serinus.control.counting.telemetry import Telemetry
from serinus.control.wiring import USER_AGENT, World, run_controller
from serinus.core.analysis.checks import LANGUAGE
from serinus.kube.client import Client
from serinus.kube.errors import AlreadyExists
from serinus.kube.resource import Resource
from serinus.local.apiserver.kinds.podtemplates import admit_pod_templates
from serinus.local.cluster import Cluster, ClusterOptions
from serinus.local.datadir import DataDir
from serinus.local.node.images import ImageTable, image_table


def crds() -> tuple[bytes, ...]:
    """The manifests of our own kinds."""
    folder = files("serinus.api") / "crds"
    return tuple(
        item.read_bytes()
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".yaml")
    )


@asynccontextmanager
async def embedded(
    *,
    speed: float,
    port: int,
    images: ImageTable | None = None,
    data: DataDir | None = None,
) -> AsyncIterator[Cluster]:
    """The embedded cluster with our kinds installed; nothing of it is left behind at the end.

    A part of it that fails ends the block.
    """
    options = ClusterOptions(
        speed=speed,
        ingress_port=port,
        crds=crds(),
        admission=(partial(admit, language=LANGUAGE), admit_pod_templates),
        images=images or image_table(),
        data=data,
    )
    async with Cluster(options) as cluster, asyncio.TaskGroup() as group:
        watching = group.create_task(cluster.failed())
        try:
            yield cluster
        finally:
            watching.cancel()


@asynccontextmanager
async def controlled(cluster: Cluster, client: Client | None = None) -> AsyncIterator[Telemetry]:
    """A controller at work on `cluster` while the block runs; its failure ends the block.

    `client`: through which it works, if not through one of the cluster's own.
    """

    async def resolve(host: str, port: int) -> tuple[str, int]:
        return cluster.resolve(host, port)

    world = World(
        client=client or cluster.client("controller", USER_AGENT),
        clock=cluster.clock,
        rng=random.Random(),
        resolve=resolve,
        addresses={"prometheus": "http://prometheus.monitoring:9090"},  # our own: see `resolve`
        verify=verify_by(cluster.gateway),
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(run_controller(world))
        try:
            await world.ready.wait()
            yield world.telemetry
        finally:
            task.cancel()


def example_folder(name: str) -> Path:
    """The manifests of an example: in the package, or beside the sources that it runs from."""
    packed = Path(str(files("serinus"))) / "examples" / name
    return packed if packed.is_dir() else Path(__file__).resolve().parents[3] / "examples" / name


def manifests(folder: Path) -> Iterator[dict[str, Any]]:
    """The objects of every YAML file of a folder, by file name, in the order of their lines."""
    for path in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if document:
                yield document


async def apply(client: Client, manifest: Mapping[str, Any]) -> None:
    """Create one object; one that is there already is left as it is."""
    metadata = manifest["metadata"]
    resource = _RESOURCES[manifest["kind"]]
    with suppress(AlreadyExists):
        await client.create(resource, manifest, metadata.get("namespace"))


def _resource(api_version: str, plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    group, _, version = api_version.rpartition("/")
    return Resource(group, version, plural, kind, namespaced)


_RESOURCES: dict[str, Resource] = {
    resource.kind: resource
    for resource in (
        _resource("v1", "namespaces", "Namespace", namespaced=False),
        _resource("v1", "services", "Service"),
        _resource("networking.k8s.io/v1", "ingresses", "Ingress"),
        _resource("argoproj.io/v1alpha1", "rollouts", "Rollout"),
        _resource("argoproj.io/v1alpha1", "analysistemplates", "AnalysisTemplate"),
    )
}

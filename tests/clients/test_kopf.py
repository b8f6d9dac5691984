"""An operator written with kopf lives in the embedded cluster: it creates, heals and cleans up."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from clients.world import Json, World, world
from local.apiserver.widgets import definition, widget
from serinus.kube.resource import CONFIGMAPS, CRDS, Resource
from support.steady import run_steady

pytest.importorskip("kopf", reason="kopf is absent: pip install kopf (make test-deps)")

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
OPERATOR = """
import kopf
import kubernetes

kubernetes.config.load_kube_config()
core = kubernetes.client.CoreV1Api()


@kopf.on.create("example.com", "v1", "widgets")
def create(name, namespace, spec, body, **_):
    made = {"metadata": {"name": name + "-size"}, "data": {"size": str(spec["size"])}}
    kopf.adopt(made, owner=body)
    core.create_namespaced_config_map(namespace, made)


@kopf.on.field("example.com", "v1", "widgets", field="spec.size")
def resize(name, namespace, old, new, **_):
    if old is not None:
        patch = {"data": {"size": str(new)}}
        core.patch_namespaced_config_map(name + "-size", namespace, patch)


@kopf.on.delete("example.com", "v1", "widgets")
def delete(name, namespace, **_):
    core.delete_namespaced_config_map(name + "-size", namespace)
"""


HANDLED = "kopf.zalando.org/last-handled-configuration"


def annotations(item: Json) -> Json:
    return item["metadata"].get("annotations") or {}


async def operated(made: World) -> None:
    client = made.client
    await client.create(CRDS, definition())
    await client.create(WIDGETS, widget("a", size=1), "default")
    await made.until(CONFIGMAPS, lambda maps: "a-size" in maps)
    seen = await made.until(WIDGETS, lambda items: HANDLED in annotations(items["a"]))
    assert seen["a"]["metadata"]["finalizers"] == ["kopf.zalando.org/KopfFinalizerMarker"]
    owner = (await client.get(CONFIGMAPS, "a-size", "default"))["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"]) == ("Widget", seen["a"]["metadata"]["uid"])
    await client.patch(WIDGETS, "a", {"spec": {"size": 7}}, "default")
    await made.until(CONFIGMAPS, lambda maps: maps["a-size"]["data"] == {"size": "7"})
    await client.delete(WIDGETS, "a", "default")
    await made.until(WIDGETS, lambda items: "a" not in items)
    await made.until(CONFIGMAPS, lambda maps: "a-size" not in maps)


def test_an_operator_creates_follows_and_deletes(tmp_path: Path) -> None:
    (tmp_path / "operator.py").write_text(OPERATOR)

    async def run() -> bytes:
        async with world(tmp_path) as made:
            operator = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "kopf", "run", "-n", "default"),
                str(tmp_path / "operator.py"),
                env=os.environ | {"KUBECONFIG": str(made.kubeconfig), "HOME": str(tmp_path)},
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                await operated(made)
            finally:
                operator.terminate()
                _, said = await operator.communicate()
            return said

    said = run_steady(run())
    assert b"Traceback" not in said, said.decode()

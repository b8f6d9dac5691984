"""What a node writes to the API server: itself, the binding of a pod, its status, its removal."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from typing import Any

import psutil

from serinus.api.kubernetes import ObjectMeta
from serinus.kube.client import Client, PatchKind
from serinus.kube.errors import AlreadyExists
from serinus.kube.resource import NODES, PODS
from serinus.local.node.podspec import PORT_ANNOTATION, PORTS_ANNOTATION, NodePod, port_key

log = logging.getLogger(__name__)
NODE_NAME = "serinus"
Json = dict[str, Any]


async def register(client: Client, now: str, pods: int = 110) -> None:
    """Create the Node, or find it, and write its status; `pods` is how many it may hold."""
    body, status = node_object(now, pods)
    try:
        await client.create(NODES, body)
    except AlreadyExists:
        log.info("node %s is known already", NODE_NAME)
    await client.patch(NODES, NODE_NAME, {"status": status}, subresource="status")


def machine_capacity() -> dict[str, str]:
    """What this machine has for all pods together."""
    memory = f"{psutil.virtual_memory().total >> 10}Ki"
    return {"cpu": str(os.cpu_count() or 1), "memory": memory}


def node_object(now: str, pods: int) -> tuple[Json, Json]:
    """The Node as it is created, and its status; `now` is a timestamp."""
    system = os.uname()
    labels = {"kubernetes.io/hostname": NODE_NAME, "node-role.kubernetes.io/control-plane": ""}
    body = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE_NAME, "labels": labels},
        "spec": {},
    }
    resources = machine_capacity() | {"pods": str(pods)}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    info = {
        "kubeletVersion": "v1.37.0",
        "kubeProxyVersion": "",
        "operatingSystem": system.sysname.lower(),
        "osImage": system.sysname,
        "kernelVersion": system.release,
        "architecture": system.machine,
        "containerRuntimeVersion": "process://1",
        **dict.fromkeys(("machineID", "systemUUID", "bootID"), NODE_NAME),
    }
    return body, {
        "capacity": resources,
        "allocatable": resources,
        "conditions": [ready | {"lastHeartbeatTime": now, "lastTransitionTime": now}],
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "nodeInfo": info,
    }


def shares(pod: NodePod, ports: list[int]) -> dict[str, int]:
    """The loopback port of each declared one, by `port_key`: `ports` in their order."""
    keys = dict.fromkeys(port_key(declared) for declared in pod.spec.declared_ports())
    return dict(zip(keys, ports, strict=False))


async def bind(client: Client, pod: NodePod, ports: list[int]) -> Json:
    """The pod with node and ports written to it. Raises ApiError; NotFound if it is gone."""
    given = shares(pod, ports)
    notes = {PORT_ANNOTATION: str(ports[0])}
    if given:
        notes[PORTS_ANNOTATION] = json.dumps(given, separators=(",", ":"))
    patch = {
        "metadata": {"uid": pod.metadata.uid, "annotations": notes},
        "spec": {"nodeName": NODE_NAME},
    }
    return await client.patch(PODS, pod.metadata.name, patch, pod.metadata.namespace)


async def write_status(client: Client, meta: ObjectMeta, status: Mapping[str, Any]) -> Json:
    """Write what `pod_status` made; conditions of others (readiness gates) stay."""
    # by strategic merge, so a reason that no longer holds has to be taken out by name
    none: Json = {"reason": None, "message": None}
    whole = none | {**status, "conditions": [none | each for each in status["conditions"]]}
    return await client.patch(
        *(PODS, meta.name, {"metadata": {"uid": meta.uid}, "status": whole}, meta.namespace),
        kind=PatchKind.STRATEGIC,
        subresource="status",
    )


async def confirm(client: Client, meta: ObjectMeta) -> None:
    """Tell the server that the pod is gone from here. Raises ApiError, as NotFound or Conflict."""
    options = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta.uid}}
    body = json.dumps({"kind": "DeleteOptions", "apiVersion": "v1"} | options).encode()
    await client.raw("DELETE", PODS.path(meta.namespace, meta.name), body=body)

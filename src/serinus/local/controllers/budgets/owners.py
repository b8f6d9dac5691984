"""How many pods the owners of some pods want: by ReplicaSet, Deployment, Job or `scale`."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec

from serinus.api.kubernetes import OwnerReference
from serinus.api.wire import Wire
from serinus.base.errors import SerinusError
from serinus.kube.client import Client
from serinus.kube.errors import NotFound
from serinus.kube.resource import Resource
from serinus.local.node.podspec import NodePod


class NoScale(SerinusError):
    """An owner of pods does not say how many it wants."""


class _ScaleSpec(Wire, frozen=True, kw_only=True):
    replicas: int = 0


class _Scale(Wire, frozen=True, kw_only=True):
    spec: _ScaleSpec = _ScaleSpec()


async def wanted_by_owners(client: Client, namespace: str, pods: Iterable[NodePod]) -> int:
    """The sum over all owners of the pods; pods without owner count for nothing.

    Raises NoScale for an owner whose kind has no `scale`, ApiError if the server cannot be asked.
    """
    owners = {owner.uid: owner for pod in pods if (owner := pod.metadata.controller()) is not None}
    tops: dict[str, int] = {}
    for owner in owners.values():
        top, wanted = await _top(client, namespace, owner)
        tops[top] = wanted
    return sum(tops.values())


async def _top(client: Client, namespace: str, owner: OwnerReference) -> tuple[str, int]:
    """The uid of who decides on the number of pods, and that number; 0 for who is gone."""
    resource = await _resource(client, owner)
    try:
        if (resource.group, resource.kind) == ("apps", "ReplicaSet"):
            found = await client.get(resource, owner.name, namespace)
            references = found["metadata"].get("ownerReferences") or ()
            above = next((one for one in references if one.get("controller")), None)
            if above is not None and above["kind"] == "Deployment":
                return await _top(
                    client, namespace, msgspec.convert(above, OwnerReference, strict=False)
                )
        path = resource.path(namespace, owner.name, "scale")
        answer = await client.raw("GET", path)
    except NotFound:
        return owner.uid, 0
    return owner.uid, msgspec.json.decode(answer.body, type=_Scale).spec.replicas


async def _resource(client: Client, owner: OwnerReference) -> Resource:
    group, _, version = owner.api_version.rpartition("/")
    path = f"/apis/{owner.api_version}" if group else f"/api/{version}"
    try:
        listed = json.loads((await client.raw("GET", path)).body)["resources"]
    except NotFound:
        listed = []
    scaled = {row["name"].partition("/")[0] for row in listed if row["name"].endswith("/scale")}
    for row in listed:
        if row["kind"] == owner.kind and row["name"] in scaled:
            return Resource(group, version, row["name"], row["kind"], row["namespaced"])
    raise NoScale(f"{owner.api_version} {owner.kind} does not implement the scale subresource")

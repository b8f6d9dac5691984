"""Carries out a plan: each action is one conditional write, the status comes last.

Decides nothing and skips nothing: the first write that fails ends the plan (the rest may be lost
by design), and the key looks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.api import names
from serinus.api.argo import Rollout
from serinus.control import kinds, manifests
from serinus.control.caches import Caches
from serinus.control.objects import routed
from serinus.control.observe import Observation
from serinus.control.patches import struct_patch
from serinus.control.runs import analysis_run
from serinus.core.rollout.actions import (
    Action,
    Annotate,
    Announce,
    CreateRevision,
    EditRollout,
    LabelPods,
    Plan,
    PointService,
    Retire,
    Scale,
    SetRouting,
    StartRun,
    StopRun,
)
from serinus.kube.client import Client
from serinus.kube.errors import AlreadyExists, NotFound
from serinus.kube.events import EventRecorder
from serinus.kube.resource import PODS, REPLICASETS, SERVICES, Resource
from serinus.traffic.router import Create, Patch

_RETIRED: Mapping[str, Resource] = {
    "ReplicaSet": REPLICASETS,
    "AnalysisRun": kinds.ANALYSIS_RUNS,
}


class Executor:
    """Writes through one client; answers go into the caches, so no later look is older."""

    def __init__(self, client: Client, caches: Caches, events: EventRecorder) -> None:
        self._client, self._caches, self._events = client, caches, events

    async def carry_out(self, seen: Observation, plan: Plan) -> int:
        """All of `plan`; returns how many writes were sent. Raises the first write's ApiError."""
        announcements = [action for action in plan.actions if isinstance(action, Announce)]
        writes = 0
        for action in plan.actions:
            if not isinstance(action, Announce):
                writes += await self._write(seen, action)
        writes += await self._status(seen.snapshot.rollout, plan)
        for action in announcements:
            await self._announce(seen.snapshot.rollout, action)
        return writes

    async def _write(self, seen: Observation, action: Action) -> int:
        rollout = seen.snapshot.rollout
        match action:
            case CreateRevision():
                await self._create(REPLICASETS, manifests.replica_set(rollout, action))
            case Scale(name, version, replicas):
                await self._revision(rollout, name, version, manifests.scale(rollout, replicas))
            case Annotate(name, version, notes):
                patch = {"metadata": {"annotations": dict(notes)}}
                await self._revision(rollout, name, version, patch)
            case LabelPods():
                return await self._label_pods(seen, action)
            case SetRouting():
                return await self._route(seen, action)
            case PointService():
                patch = manifests.pointed_service(rollout, action)
                await self._patch(SERVICES, rollout, action.service, patch)
            case StartRun():
                manifest = analysis_run(rollout, action, seen.templates)
                await self._create(kinds.ANALYSIS_RUNS, manifest)
            case StopRun(name):
                await self._patch(kinds.ANALYSIS_RUNS, rollout, name, {"spec": {"terminate": True}})
            case EditRollout():
                await self._patch(
                    kinds.ROLLOUTS, rollout, rollout.metadata.name, manifests.edit(rollout, action)
                )
            case Retire():
                await self._delete(rollout, action)
            case Announce():
                return 0
        return 1

    async def _create(self, resource: Resource, manifest: dict[str, Any]) -> None:
        """Finding our own is success: names are derived, a repeated create is the first one."""
        metadata = manifest["metadata"]
        try:
            made = await self._client.create(resource, manifest, metadata["namespace"])
        except AlreadyExists:
            made = await self._client.get(resource, metadata["name"], metadata["namespace"])
            owners = {owner["uid"] for owner in made["metadata"].get("ownerReferences", ())}
            if metadata["ownerReferences"][0]["uid"] not in owners:
                raise
        self._caches.wrote(resource, made)

    async def _patch(
        self, resource: Resource, rollout: Rollout, name: str, patch: Mapping[str, Any]
    ) -> None:
        made = await self._client.patch(resource, name, patch, rollout.metadata.namespace)
        self._caches.wrote(resource, made)

    async def _revision(
        self, rollout: Rollout, name: str, version: str, patch: dict[str, Any]
    ) -> None:
        metadata = {**patch.get("metadata", {}), "resourceVersion": version}
        await self._patch(REPLICASETS, rollout, name, {**patch, "metadata": metadata})

    async def _label_pods(self, seen: Observation, action: LabelPods) -> int:
        """The template first, so that new pods are right; a pod that went is no failure."""
        rollout = seen.snapshot.rollout
        revision = next(r for r in seen.snapshot.revisions if r.name == action.revision)
        patch = manifests.labelled_revision(revision, action)
        await self._patch(REPLICASETS, rollout, action.revision, patch)
        pods = {"metadata": manifests.ephemeral(revision.injected, action)}
        for pod in revision.pods:
            try:
                await self._patch(PODS, rollout, pod.name, pods)
            except NotFound:
                continue
        return 1 + len(revision.pods)

    async def _route(self, seen: Observation, action: SetRouting) -> int:
        router, route, objects = seen.routes[action.router]
        writes = router.write(route, objects, action.routing, action.at)
        for write in writes:
            resource = routed(write.ref)
            match write:
                case Create(ref, manifest):
                    made = await self._client.create(resource, manifest, ref.namespace)
                case Patch(ref, patch):
                    made = await self._client.patch(resource, ref.name, patch, ref.namespace)
            self._caches.wrote(resource, made)
        return len(writes)

    async def _delete(self, rollout: Rollout, action: Retire) -> None:
        resource, namespace = _RETIRED[action.kind], rollout.metadata.namespace
        left = await self._client.delete(
            resource, action.name, namespace, resource_version=action.resource_version
        )
        if left is None:
            self._caches.deleted(resource, namespace, action.name)
        else:
            self._caches.wrote(resource, left)

    async def _status(self, rollout: Rollout, plan: Plan) -> int:
        """One patch, conditional on what the decision saw: commands that came meanwhile win."""
        patch = struct_patch(rollout.status, plan.status) if plan.status is not None else {}
        if not patch:
            return 0
        metadata = rollout.metadata
        made = await self._client.patch(
            kinds.ROLLOUTS,
            metadata.name,
            {"metadata": {"resourceVersion": metadata.resource_version}, "status": patch},
            metadata.namespace,
            subresource="status",
        )
        self._caches.wrote(kinds.ROLLOUTS, made)
        return 1

    async def _announce(self, rollout: Rollout, action: Announce) -> None:
        await self._events.emit(
            {
                "apiVersion": names.GROUP_VERSION,
                "kind": "Rollout",
                "namespace": rollout.metadata.namespace,
                "name": rollout.metadata.name,
                "uid": rollout.metadata.uid,
            },
            "Warning" if action.warning else "Normal",
            action.reason,
            action.message,
        )

"""Carries out what each Deployment's plan asks for, one write a difference."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from msgspec.structs import replace

from serinus.api.kubernetes import Deployment, ReplicaSet
from serinus.api.validation.labels import matches
from serinus.api.wire import builtins, decode
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.errors import AlreadyExists, ApiError
from serinus.kube.events import EventRecorder
from serinus.kube.informer import Informer
from serinus.kube.resource import DEPLOYMENTS, REPLICASETS
from serinus.kube.workqueue import WorkQueue
from serinus.local.controllers.deployments.arithmetic import size_of
from serinus.local.controllers.deployments.plan import Plan, Seen, plan_deployment
from serinus.local.controllers.deployments.progress import (
    PROGRESSING,
    REFUSED,
    deadline_seconds,
    told,
)
from serinus.local.controllers.deployments.revisions import REVISION, same_template
from serinus.local.controllers.loop import work
from serinus.local.controllers.ownership import (
    NAMESPACE_INDEX,
    OWNER_INDEX,
    Owner,
    claimed,
    namespaces,
    owner_uids,
)
from serinus.local.controllers.writes import delete_one, is_ending, status_patch
from serinus.local.node.podspec import NodePod
from serinus.local.telling import Telling

Key = tuple[str, str]


class Deployments:
    """The controller; `pods` is shared with others and has the index OWNER_INDEX."""

    def __init__(
        self, client: Client, clock: Clock, pods: Informer[NodePod], chance: random.Random
    ) -> None:
        self._client = client
        self._clock = clock
        self._pods = pods
        self._deployments = Informer(
            *(client, DEPLOYMENTS, Deployment, clock),
            indexes={NAMESPACE_INDEX: namespaces},
            jitter=chance,
        )
        self._sets = Informer(
            *(client, REPLICASETS, ReplicaSet, clock),
            indexes={OWNER_INDEX: owner_uids},
            jitter=chance,
        )
        self._queue: WorkQueue[Key] = WorkQueue(clock, chance)
        self._telling = Telling(EventRecorder(client, clock, "deployment-controller"))
        self._deployments.on_change(self._deployment_changed)
        self._sets.on_change(self._set_changed)
        pods.on_change(self._pod_changed)

    async def run(self) -> None:
        """Follow the server until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deployments.run())
            group.create_task(self._sets.run())
            group.create_task(self._telling.run())
            for informer in (self._pods, self._sets, self._deployments):
                await informer.synced()
            await work("deployment", self._queue, self._reconcile)

    async def _reconcile(self, key: Key) -> None:
        deployment = self._deployments.store.get(*key)
        if deployment is None:
            return
        owner = Owner(DEPLOYMENTS, deployment.metadata, deployment.spec.selector)
        sets = await claimed(self._client, owner, self._sets)
        pods = {one.metadata.uid: self._unfinished(one) for one in sets}
        plan = plan_deployment(Seen(deployment, sets, pods, self._clock.now()))
        await self._carry_out(owner, deployment, sets, plan)
        if plan.wake_at is not None:
            self._queue.add_at(key, plan.wake_at)

    def _unfinished(self, one: ReplicaSet) -> int:
        pods = self._pods.store.by_index(OWNER_INDEX, one.metadata.uid)
        return sum(pod.status.phase not in ("Succeeded", "Failed") for pod in pods)

    async def _carry_out(
        self, owner: Owner, deployment: Deployment, sets: tuple[ReplicaSet, ...], plan: Plan
    ) -> None:
        for one in plan.surplus:
            version = one.metadata.resource_version
            await delete_one(self._client, self._sets, one.metadata, resource_version=version)
        if plan.made is not None and not await self._create(owner, deployment, plan.made):
            return
        before = {one.metadata.uid: one for one in sets}
        for one in plan.sets:
            if one.metadata.uid:
                await self._change(deployment, before[one.metadata.uid], one)
        version = deployment.metadata.resource_version
        noted = deployment.metadata.annotations.get(REVISION, "")
        if plan.revision not in ("", noted):
            version = await self._note_revision(deployment, plan.revision)
        if plan.status != deployment.status:
            await self._write_status(deployment, replace(deployment, status=plan.status), version)

    async def _note_revision(self, deployment: Deployment, revision: str) -> str:
        meta = deployment.metadata
        patch = {
            "metadata": {
                "annotations": {REVISION: revision},
                "resourceVersion": meta.resource_version,
            }
        }
        answer = await self._client.patch(DEPLOYMENTS, meta.name, patch, meta.namespace)
        self._deployments.expect(answer)
        return str(answer["metadata"]["resourceVersion"])

    async def _write_status(self, before: Deployment, after: Deployment, version: str) -> None:
        meta = before.metadata
        patch = status_patch(before.status, after.status, version)
        self._deployments.expect(
            await self._client.patch(
                DEPLOYMENTS, meta.name, patch, meta.namespace, subresource="status"
            )
        )

    async def _create(self, owner: Owner, deployment: Deployment, made: ReplicaSet) -> bool:
        """Whether it is there now; if not, another look follows."""
        meta = made.metadata
        body = builtins(made)
        body["metadata"]["ownerReferences"] = [owner.reference()]
        body["spec"]["replicas"] = size_of(made)
        try:
            self._sets.expect(await self._client.create(REPLICASETS, body, meta.namespace))
        except AlreadyExists:
            return await self._meet_namesake(owner, deployment, made)
        except ApiError as error:
            if not is_ending(error):
                await self._tell_refusal(deployment, made, error)
            raise
        if size_of(made):
            self._tell_scaled(deployment, made, 0, size_of(made))
        return True

    async def _meet_namesake(self, owner: Owner, deployment: Deployment, made: ReplicaSet) -> bool:
        """A ReplicaSet of that name is there: ours from an earlier look, or a collision of hashes.

        For a collision the next look takes another hash.
        """
        meta = made.metadata
        found = await self._client.get(REPLICASETS, meta.name, meta.namespace)
        one = decode(ReplicaSet, found)
        controller = one.metadata.controller()
        if controller and controller.uid == owner.metadata.uid and same_template(deployment, one):
            self._sets.expect(found)
            return True
        status = deployment.status
        bumped = replace(status, collision_count=(status.collision_count or 0) + 1)
        version = deployment.metadata.resource_version
        await self._write_status(deployment, replace(deployment, status=bumped), version)
        return False

    async def _tell_refusal(
        self, deployment: Deployment, made: ReplicaSet, error: ApiError
    ) -> None:
        message = f'Failed to create new replica set "{made.metadata.name}": {error}'
        if deadline_seconds(deployment) is not None:
            said = (PROGRESSING, "False", REFUSED, message)
            status = told(deployment.status, said, self._clock.now())
            if status != deployment.status:
                version = deployment.metadata.resource_version
                await self._write_status(deployment, replace(deployment, status=status), version)
        self._tell(deployment, "Warning", REFUSED, message)

    async def _change(self, deployment: Deployment, before: ReplicaSet, after: ReplicaSet) -> None:
        if before == after:
            return
        metadata: dict[str, Any] = {"resourceVersion": before.metadata.resource_version}
        metadata["annotations"] = dict(after.metadata.annotations)
        spec = {"replicas": size_of(after), "minReadySeconds": after.spec.min_ready_seconds}
        name, namespace = before.metadata.name, before.metadata.namespace
        patch = {"metadata": metadata, "spec": spec}
        self._sets.expect(await self._client.patch(REPLICASETS, name, patch, namespace))
        if size_of(before) != size_of(after):
            self._tell_scaled(deployment, after, size_of(before), size_of(after))

    def _tell_scaled(self, deployment: Deployment, one: ReplicaSet, old: int, new: int) -> None:
        way = "up" if new > old else "down"
        message = f"Scaled {way} replica set {one.metadata.name} from {old} to {new}"
        self._tell(deployment, "Normal", "ScalingReplicaSet", message)

    def _tell(self, deployment: Deployment, type_: str, reason: str, message: str) -> None:
        about = ("apps/v1", "Deployment")
        self._telling.tell(about, deployment.metadata, type_, reason, message)

    def _deployment_changed(self, old: Deployment | None, new: Deployment | None) -> None:
        changed = new or old
        if changed is not None:
            self._queue.add((changed.metadata.namespace, changed.metadata.name))

    def _set_changed(self, old: ReplicaSet | None, new: ReplicaSet | None) -> None:
        for one in (old, new):
            if one is None:
                continue
            owner, namespace = one.metadata.controller(), one.metadata.namespace
            if owner is not None:
                if owner.kind == "Deployment":
                    self._queue.add((namespace, owner.name))
                continue
            for deployment in self._deployments.store.by_index(NAMESPACE_INDEX, namespace):
                if matches(deployment.spec.selector, one.metadata.labels):
                    self._queue.add((namespace, deployment.metadata.name))

    def _pod_changed(self, old: NodePod | None, new: NodePod | None) -> None:
        """The end of a pod is what a Deployment of type Recreate waits for."""
        is_over = new is None or new.status.phase in ("Succeeded", "Failed")
        owner = old.metadata.controller() if old is not None else None
        if not is_over or old is None or owner is None or owner.kind != "ReplicaSet":
            return
        one = self._sets.store.get(old.metadata.namespace, owner.name)
        controller = one.metadata.controller() if one is not None else None
        if controller is not None and controller.kind == "Deployment":
            self._queue.add((old.metadata.namespace, controller.name))

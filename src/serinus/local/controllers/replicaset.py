"""Keeps as many pods as each ReplicaSet wants, and its status true."""

from __future__ import annotations

import asyncio
import random
from functools import partial

from serinus.api.kubernetes import ReplicaSet, ReplicaSetStatus
from serinus.api.validation.labels import matches
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.errors import AlreadyExists, ApiError
from serinus.kube.events import EventRecorder
from serinus.kube.informer import Informer
from serinus.kube.resource import PODS, REPLICASETS
from serinus.kube.workqueue import WorkQueue
from serinus.local.controllers.loop import work
from serinus.local.controllers.ownership import (
    NAMESPACE_INDEX,
    OWNER_INDEX,
    Owner,
    claimed,
    claims,
    namespaces,
)
from serinus.local.controllers.pods import (
    ReplicaPlan,
    has_ended,
    plan_replicas,
    pod_of,
    with_failure,
)
from serinus.local.controllers.writes import (
    all_done,
    delete_one,
    in_batches,
    is_ending,
    status_patch,
)
from serinus.local.node.podspec import NodePod
from serinus.local.telling import Telling

Key = tuple[str, str]
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class ReplicaSets:
    """The controller; `pods` is shared with others and has the index OWNER_INDEX."""

    def __init__(
        self, client: Client, clock: Clock, pods: Informer[NodePod], chance: random.Random
    ) -> None:
        self._client = client
        self._clock = clock
        self._chance = chance
        self._pods = pods
        self._sets = Informer(
            *(client, REPLICASETS, ReplicaSet, clock),
            indexes={NAMESPACE_INDEX: namespaces},
            jitter=chance,
        )
        self._queue: WorkQueue[Key] = WorkQueue(clock, chance)
        self._telling = Telling(EventRecorder(client, clock, "replicaset-controller"))
        self._sets.on_change(self._set_changed)
        pods.on_change(self._pod_changed)

    async def run(self) -> None:
        """Follow the server until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sets.run())
            group.create_task(self._telling.run())
            await self._pods.synced()
            await self._sets.synced()
            await work("replicaset", self._queue, self._reconcile)

    async def _reconcile(self, key: Key) -> None:
        replicaset = self._sets.store.get(*key)
        if replicaset is None:
            return
        owner = Owner(REPLICASETS, replicaset.metadata, replicaset.spec.selector)
        await claimed(self._client, owner, self._pods, lambda pod: not has_ended(pod))
        plan = self._plan(owner, replicaset)
        error = await self._manage(owner, replicaset, plan)
        plan = self._plan(owner, replicaset)  # with what was made and removed now
        failure = None
        if error is not None:
            failure = ("FailedCreate" if plan.create else "FailedDelete", str(error))
        status = with_failure(plan.status, failure, self._clock.now())
        await self._write_status(replicaset, status)
        if plan.wake_at is not None:
            self._queue.add_at(key, plan.wake_at)
        if error is not None:
            raise error

    async def _manage(
        self, owner: Owner, replicaset: ReplicaSet, plan: ReplicaPlan
    ) -> ApiError | None:
        """Make and remove pods; why that did not go well, if so."""
        try:
            await in_batches([partial(self._create, owner, replicaset)] * plan.create)
            await all_done([self._delete(replicaset, pod) for pod in plan.delete])
        except ApiError as error:
            return error
        return None

    def _plan(self, owner: Owner, replicaset: ReplicaSet) -> ReplicaPlan:
        pods = self._pods.store.by_index(OWNER_INDEX, replicaset.metadata.uid)
        owned = claims(owner, pods).owned
        return plan_replicas(replicaset, owned, self._clock.now())

    async def _write_status(self, replicaset: ReplicaSet, status: ReplicaSetStatus) -> None:
        if status == replicaset.status:
            return
        meta = replicaset.metadata
        patch = status_patch(replicaset.status, status)
        patch["status"]["replicas"] = status.replicas  # written even if it is 0
        answer = await self._client.patch(
            REPLICASETS, meta.name, patch, meta.namespace, subresource="status"
        )
        self._sets.expect(answer)

    async def _create(self, owner: Owner, replicaset: ReplicaSet) -> None:
        meta = replicaset.metadata
        while True:
            suffix = "".join(self._chance.choices(_LETTERS, k=5))
            name = f"{meta.name[:57]}-{suffix}"
            pod = pod_of(replicaset.spec.template, owner, name)
            try:
                self._pods.expect(await self._client.create(PODS, pod, meta.namespace))
            except AlreadyExists:
                continue  # the name is taken: draw another one
            except ApiError as error:
                if is_ending(error):
                    raise
                # without the name that was drawn, so that the same trouble is the same event
                said = str(error).replace(name, meta.name)
                self._tell(replicaset, "Warning", "FailedCreate", f"Error creating: {said}")
                raise
            self._tell(replicaset, "Normal", "SuccessfulCreate", f"Created pod: {name}")
            return

    async def _delete(self, replicaset: ReplicaSet, pod: NodePod) -> None:
        meta = pod.metadata
        try:
            await delete_one(self._client, self._pods, meta)
        except ApiError as error:
            self._tell(replicaset, "Warning", "FailedDelete", f"Error deleting: {error}")
            raise
        self._tell(replicaset, "Normal", "SuccessfulDelete", f"Deleted pod: {meta.name}")

    def _tell(self, replicaset: ReplicaSet, type_: str, reason: str, message: str) -> None:
        about = ("apps/v1", "ReplicaSet")
        self._telling.tell(about, replicaset.metadata, type_, reason, message)

    def _set_changed(self, old: ReplicaSet | None, new: ReplicaSet | None) -> None:
        changed = new or old
        if changed is not None:
            self._queue.add((changed.metadata.namespace, changed.metadata.name))

    def _pod_changed(self, old: NodePod | None, new: NodePod | None) -> None:
        for pod in (old, new):
            if pod is None:
                continue
            owner, namespace = pod.metadata.controller(), pod.metadata.namespace
            if owner is not None:
                if owner.kind == "ReplicaSet":
                    self._queue.add((namespace, owner.name))
                continue
            for one in self._sets.store.by_index(NAMESPACE_INDEX, namespace):
                if matches(one.spec.selector, pod.metadata.labels):
                    self._queue.add((namespace, one.metadata.name))

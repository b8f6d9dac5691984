"""Keeps as many pods as each ReplicaSet wants, and its status true."""

from __future__ import annotations

import asyncio
import random

from serinus.api.kubernetes import ReplicaSet
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.errors import AlreadyExists, ApiError, NotFound
from serinus.kube.events import EventRecorder
from serinus.kube.informer import Informer
from serinus.kube.resource import PODS, REPLICASETS
from serinus.kube.workqueue import WorkQueue
from serinus.local.controllers.loop import work
from serinus.local.controllers.ownership import OWNER_INDEX
from serinus.local.controllers.pods import new_pod, plan_replicas
from serinus.local.podspec import NodePod
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
        self._sets = Informer(client, REPLICASETS, ReplicaSet, clock, jitter=chance)
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
        namespace, name = key
        replicaset = self._sets.store.get(namespace, name)
        if replicaset is None:
            return
        owned = self._pods.store.by_index(OWNER_INDEX, replicaset.metadata.uid)
        plan = plan_replicas(replicaset, owned, self._clock.now())
        made = await asyncio.gather(
            *(self._create(replicaset) for _ in range(plan.create)),
            *(self._delete(replicaset, pod) for pod in plan.delete),
            return_exceptions=True,
        )
        for failure in made:
            if isinstance(failure, BaseException):
                raise failure
        if plan.create or plan.delete:
            self._queue.add(key)  # the status is written from what is there then
            return
        if plan.wake_at is not None:
            self._queue.add_at(key, plan.wake_at)
        await self._write_status(replicaset, dict(plan.status))

    async def _write_status(self, replicaset: ReplicaSet, status: dict[str, int]) -> None:
        now = replicaset.status
        known = {
            "replicas": now.replicas,
            "fullyLabeledReplicas": now.fully_labeled_replicas,
            "readyReplicas": now.ready_replicas,
            "availableReplicas": now.available_replicas,
            "observedGeneration": now.observed_generation,
        }
        if status != known:
            meta = replicaset.metadata
            answer = await self._client.patch(
                REPLICASETS, meta.name, {"status": status}, meta.namespace, subresource="status"
            )
            self._sets.expect(answer)

    async def _create(self, replicaset: ReplicaSet) -> None:
        meta = replicaset.metadata
        while True:
            suffix = "".join(self._chance.choices(_LETTERS, k=5))
            name = f"{meta.name[:57]}-{suffix}"
            pod = new_pod(replicaset, name)
            try:
                self._pods.expect(await self._client.create(PODS, pod, meta.namespace))
            except AlreadyExists:
                continue  # the name is taken: draw another one
            except ApiError as error:
                # without the name that was drawn, so that the same trouble is the same event
                said = str(error).replace(name, meta.name)
                self._tell(replicaset, "Warning", "FailedCreate", f"Error creating: {said}")
                raise
            self._tell(replicaset, "Normal", "SuccessfulCreate", f"Created pod: {name}")
            return

    async def _delete(self, replicaset: ReplicaSet, pod: NodePod) -> None:
        meta = pod.metadata
        try:
            left = await self._client.delete(PODS, meta.name, meta.namespace, uid=meta.uid)
        except NotFound:
            left = None
        if left is None:
            self._pods.expect_gone(meta.namespace, meta.name, meta.uid)
        else:
            self._pods.expect(left)
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
            owner = pod.metadata.controller() if pod is not None else None
            if pod is not None and owner is not None and owner.kind == "ReplicaSet":
                self._queue.add((pod.metadata.namespace, owner.name))

"""Carries out what each Job's plan asks for: pods made and removed, finalizers, status, events."""

from __future__ import annotations

import asyncio
import random
from functools import partial

from serinus.api.batch import Job, JobStatus
from serinus.api.kubernetes import ObjectMeta
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.errors import AlreadyExists, ApiError, NotFound
from serinus.kube.events import EventRecorder
from serinus.kube.informer import Informer
from serinus.kube.resource import JOBS, PODS
from serinus.kube.workqueue import WorkQueue
from serinus.local.controllers.jobs.counting import FINALIZER, is_tracked
from serinus.local.controllers.jobs.indexes import numbered
from serinus.local.controllers.jobs.plan import Plan, plan_job
from serinus.local.controllers.loop import work
from serinus.local.controllers.ownership import NAMESPACE_INDEX, OWNER_INDEX, Owner
from serinus.local.controllers.pods import pod_of
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
_OURS = (None, "", "kubernetes.io/job-controller")


class Jobs:
    """The controller; `pods` is shared with others and has OWNER_INDEX and NAMESPACE_INDEX."""

    def __init__(
        self, client: Client, clock: Clock, pods: Informer[NodePod], chance: random.Random
    ) -> None:
        self._client = client
        self._clock = clock
        self._chance = chance
        self._pods = pods
        self._jobs = Informer(client, JOBS, Job, clock, jitter=chance)
        self._queue: WorkQueue[Key] = WorkQueue(clock, chance)
        self._telling = Telling(EventRecorder(client, clock, "job-controller"))
        self._jobs.on_change(self._job_changed)
        pods.on_change(self._pod_changed)

    async def run(self) -> None:
        """Follow the server until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._jobs.run())
            group.create_task(self._telling.run())
            await self._pods.synced()
            await self._jobs.synced()
            await work("job", self._queue, self._reconcile)

    async def _reconcile(self, key: Key) -> None:
        job = self._jobs.store.get(*key)
        await self._free_strangers(key, job)
        if job is None or job.spec.managed_by not in _OURS:
            return
        pods = self._pods.store.by_index(OWNER_INDEX, job.metadata.uid)
        plan = plan_job(job, pods, self._clock.now())
        if plan.status != job.status:
            await self._write_status(job, plan.status)
        for told in plan.told:
            self._tell(job, *told)
        await all_done([self._free(pod) for pod in plan.freed])
        await self._change_pods(job, plan)
        if plan.expired:
            await delete_one(self._client, self._jobs, job.metadata, propagation="Foreground")
        elif plan.wake_at is not None:
            self._queue.add_at(key, plan.wake_at)

    async def _change_pods(self, job: Job, plan: Plan) -> None:
        for pod in plan.removed:
            await self._free(pod)
        await all_done([self._delete(job, pod) for pod in (*plan.removed, *plan.ended)])
        owner = Owner(JOBS, job.metadata, job.spec.selector)
        await in_batches([partial(self._create, owner, job, index) for index in plan.indexes])

    async def _free_strangers(self, key: Key, job: Job | None) -> None:
        """Pods of a Job that is gone wait for nobody's count."""
        uid = job.metadata.uid if job is not None else ""
        for pod in self._pods.store.by_index(NAMESPACE_INDEX, key[0]):
            owner = pod.metadata.controller()
            is_of_job = owner is not None and (owner.kind, owner.name) == ("Job", key[1])
            if owner is not None and is_of_job and owner.uid != uid and is_tracked(pod):
                await self._free(pod)

    async def _write_status(self, job: Job, status: JobStatus) -> None:
        meta = job.metadata
        patch = status_patch(job.status, status, meta.resource_version)
        self._jobs.expect(
            await self._client.patch(JOBS, meta.name, patch, meta.namespace, subresource="status")
        )

    async def _free(self, pod: NodePod) -> None:
        meta = self._newest(pod.metadata)
        if FINALIZER not in meta.finalizers:
            return
        left = [name for name in meta.finalizers if name != FINALIZER]
        metadata = {
            "finalizers": left or None,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
        }
        try:
            answer = await self._client.patch(
                PODS, meta.name, {"metadata": metadata}, meta.namespace
            )
        except NotFound:
            return  # gone already: nothing is held
        if "deletionTimestamp" in answer["metadata"] and not left:
            return  # it may be gone with this; the watch tells
        self._pods.expect(answer)

    def _newest(self, meta: ObjectMeta) -> ObjectMeta:
        known = self._pods.store.get(meta.namespace, meta.name)
        return known.metadata if known is not None and known.metadata.uid == meta.uid else meta

    async def _create(self, owner: Owner, job: Job, index: int | None) -> None:
        meta = job.metadata
        base = meta.name[:57] if index is None else f"{meta.name[:50]}-{index}"
        while True:
            name = f"{base}-{''.join(self._chance.choices(_LETTERS, k=5))}"
            pod = pod_of(job.spec.template, owner, name)
            held = pod["metadata"].get("finalizers") or []
            pod["metadata"]["finalizers"] = [*held, FINALIZER]
            if index is not None:
                pod = numbered(pod, meta.name, index)
            try:
                self._pods.expect(await self._client.create(PODS, pod, meta.namespace))
            except AlreadyExists:
                continue  # the name is taken: draw another one
            except ApiError as error:
                if not is_ending(error):
                    said = str(error).replace(name, meta.name)
                    self._tell(job, "Warning", "FailedCreate", f"Error creating: {said}")
                raise
            self._tell(job, "Normal", "SuccessfulCreate", f"Created pod: {name}")
            return

    async def _delete(self, job: Job, pod: NodePod) -> None:
        await delete_one(self._client, self._pods, pod.metadata)
        self._tell(job, "Normal", "SuccessfulDelete", f"Deleted pod: {pod.metadata.name}")

    def _tell(self, job: Job, type_: str, reason: str, message: str) -> None:
        self._telling.tell(("batch/v1", "Job"), job.metadata, type_, reason, message)

    def _job_changed(self, old: Job | None, new: Job | None) -> None:
        changed = new or old
        if changed is not None:
            self._queue.add((changed.metadata.namespace, changed.metadata.name))

    def _pod_changed(self, old: NodePod | None, new: NodePod | None) -> None:
        for pod in (old, new):
            owner = pod.metadata.controller() if pod is not None else None
            if pod is not None and owner is not None and owner.kind == "Job":
                self._queue.add((pod.metadata.namespace, owner.name))

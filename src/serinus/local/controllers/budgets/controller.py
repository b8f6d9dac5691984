"""Keeps the status of each disruption budget true."""

from __future__ import annotations

import asyncio
import random

from serinus.api.kubernetes import Deployment, ReplicaSet
from serinus.api.policy import BudgetStatus, PodDisruptionBudget
from serinus.api.validation.labels import matches
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.events import EventRecorder
from serinus.kube.informer import Informer
from serinus.kube.resource import BUDGETS, DEPLOYMENTS, REPLICASETS
from serinus.kube.workqueue import WorkQueue
from serinus.local.controllers.budgets.owners import NoScale, wanted_by_owners
from serinus.local.controllers.budgets.plan import failed, needs_scale, plan_budget
from serinus.local.controllers.loop import work
from serinus.local.controllers.ownership import NAMESPACE_INDEX, namespaces
from serinus.local.controllers.pods import has_ended
from serinus.local.controllers.writes import status_patch
from serinus.local.node.podspec import NodePod
from serinus.local.telling import Telling

Key = tuple[str, str]
_Workload = ReplicaSet | Deployment


class Budgets:
    """The controller; `pods` is shared with others and has the index NAMESPACE_INDEX."""

    def __init__(
        self, client: Client, clock: Clock, pods: Informer[NodePod], chance: random.Random
    ) -> None:
        self._client = client
        self._clock = clock
        self._pods = pods
        self._budgets = Informer(
            *(client, BUDGETS, PodDisruptionBudget, clock),
            indexes={NAMESPACE_INDEX: namespaces},
            jitter=chance,
        )
        self._sets = Informer(client, REPLICASETS, ReplicaSet, clock, jitter=chance)
        self._deployments = Informer(client, DEPLOYMENTS, Deployment, clock, jitter=chance)
        self._queue: WorkQueue[Key] = WorkQueue(clock, chance)
        self._telling = Telling(EventRecorder(client, clock, "controllermanager"))
        self._budgets.on_change(self._budget_changed)
        self._sets.on_change(self._workload_changed)
        self._deployments.on_change(self._workload_changed)
        pods.on_change(self._pod_changed)

    async def run(self) -> None:
        """Follow the server until cancelled."""
        async with asyncio.TaskGroup() as group:
            for informer in (self._budgets, self._sets, self._deployments):
                group.create_task(informer.run())
            group.create_task(self._telling.run())
            await self._pods.synced()
            await self._budgets.synced()
            await work("disruption", self._queue, self._reconcile)

    async def _reconcile(self, key: Key) -> None:
        budget = self._budgets.store.get(*key)
        if budget is None:
            return
        pods = [
            pod
            for pod in self._pods.store.by_index(NAMESPACE_INDEX, key[0])
            if _selects(budget, pod) and not has_ended(pod)
        ]
        try:
            wanted = needs_scale(budget)
            scale = await wanted_by_owners(self._client, key[0], pods) if wanted else 0
        except NoScale as error:
            await self._tell_failure(budget, str(error))
            return
        plan = plan_budget(budget, pods, scale, self._clock.now())
        if plan.status != budget.status:
            await self._write_status(budget, plan.status)
        if plan.wake_at is not None:
            self._queue.add_at(key, plan.wake_at)

    async def _tell_failure(self, budget: PodDisruptionBudget, why: str) -> None:
        status = failed(budget, why, self._clock.now())
        if status == budget.status:
            return
        about = ("policy/v1", "PodDisruptionBudget")
        message = f"Failed to calculate the number of expected pods: {why}"
        reason = "CalculateExpectedPodCountFailed"
        self._telling.tell(about, budget.metadata, "Warning", reason, message)
        await self._write_status(budget, status)

    async def _write_status(self, budget: PodDisruptionBudget, status: BudgetStatus) -> None:
        meta = budget.metadata
        patch = status_patch(budget.status, status, meta.resource_version)
        for name, number in _counts(status).items():
            patch["status"].setdefault(name, number)  # written even if they are 0
        self._budgets.expect(
            await self._client.patch(
                BUDGETS, meta.name, patch, meta.namespace, subresource="status"
            )
        )

    def _budget_changed(
        self, old: PodDisruptionBudget | None, new: PodDisruptionBudget | None
    ) -> None:
        changed = new or old
        if changed is not None:
            self._queue.add((changed.metadata.namespace, changed.metadata.name))

    def _pod_changed(self, old: NodePod | None, new: NodePod | None) -> None:
        for pod in (old, new):
            if pod is None:
                continue
            for budget in self._budgets.store.by_index(NAMESPACE_INDEX, pod.metadata.namespace):
                if _selects(budget, pod):
                    self._queue.add((budget.metadata.namespace, budget.metadata.name))

    def _workload_changed(self, old: _Workload | None, new: _Workload | None) -> None:
        """Owners that want another number of pods change what is expected."""
        if old is not None and new is not None and old.spec.replicas == new.spec.replicas:
            return
        changed = new or old
        namespace = changed.metadata.namespace if changed is not None else ""
        for budget in self._budgets.store.by_index(NAMESPACE_INDEX, namespace):
            if needs_scale(budget):
                self._queue.add((namespace, budget.metadata.name))


def _selects(budget: PodDisruptionBudget, pod: NodePod) -> bool:
    selector = budget.spec.selector
    return selector is not None and matches(selector, pod.metadata.labels)


def _counts(status: BudgetStatus) -> dict[str, int]:
    return {
        "disruptionsAllowed": status.disruptions_allowed,
        "currentHealthy": status.current_healthy,
        "desiredHealthy": status.desired_healthy,
        "expectedPods": status.expected_pods,
    }

"""What the controller watches, and which keys must look again when something changes.

Interest is recorded by observing: an object that a snapshot was made of, or that was missing for
it, wakes that Rollout. Nothing here decides.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from serinus.api import names
from serinus.api.analysis import AnalysisRun
from serinus.api.experiment import Experiment
from serinus.api.kubernetes import EndpointSlice, PartialObject, Pod, ReplicaSet, Service
from serinus.api.routed import routed_for
from serinus.base.clock import Clock
from serinus.control import kinds
from serinus.control.looking.interest import Interest, Key, Reference
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.objects import Unreadable
from serinus.kube.resource import ENDPOINTSLICES, PODS, REPLICASETS, SERVICES, Resource

T = TypeVar("T")
Wake = Callable[[Key], None]
Spawn = Callable[[Coroutine[Any, Any, None]], object]

SERVICE_NAME = "kubernetes.io/service-name"
_PATIENCE_SECONDS = 1.0
"""Of the wall: between looks at a kind that cannot be listed for a reason that may pass."""
_log = logging.getLogger("serinus.caches")


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Stands for every object of a kind that was not listed yet: unknown, never absent.

    `problem` is why it cannot be listed; empty while the first list is under way.
    """

    kind: str
    problem: str

    def __str__(self) -> str:
        return f"{self.kind} cannot be listed: {self.problem or 'not done yet'}"


def owner_uid(item: Any) -> Iterable[str]:
    """Index: the uid of the controlling owner."""
    return (owner.uid for owner in item.metadata.owner_references if owner.controller)


def orphaned(item: ReplicaSet) -> Iterable[str]:
    """Index: the namespace of a revision's ReplicaSet that nobody owns."""
    metadata = item.metadata
    tried = names.EXPERIMENT_NAME in metadata.annotations
    known = metadata.owner_references or tried or metadata.deletion_timestamp
    return () if known else (metadata.namespace,)


def service_of_slice(item: EndpointSlice) -> Iterable[str]:
    """Index: namespace/name of the Service that a slice belongs to."""
    service = item.metadata.labels.get(SERVICE_NAME)
    return (f"{item.metadata.namespace}/{service}",) if service else ()


def manager_of_service(item: Service) -> Iterable[str]:
    """Index: namespace/name of the Rollout that a Service was last pointed by."""
    owner = item.metadata.annotations.get(names.MANAGED_BY)
    return (f"{item.metadata.namespace}/{owner}",) if owner else ()


def scaler_of_workload(item: Mapping[str, Any]) -> Iterable[str]:
    """Index of plain objects: namespace/name of the Rollout that scaled a workload down.

    A Deployment's annotations are copied to its ReplicaSets: those are no workloads of their own.
    """
    metadata = item["metadata"]
    if any(one.get("controller") for one in metadata.get("ownerReferences") or ()):
        return ()
    owner = (metadata.get("annotations") or {}).get(names.SCALED_BY)
    return (f"{metadata.get('namespace', '')}/{owner}",) if owner else ()


def manager_of_routed(item: Mapping[str, Any]) -> Iterable[str]:
    """Index of plain objects: namespace/name of the Rollout that last moved whom it selects."""
    metadata = item["metadata"]
    owner = (metadata.get("annotations") or {}).get(names.MANAGED_BY)
    return (f"{metadata.get('namespace', '')}/{owner}",) if owner else ()


SCALED, MANAGED, ROUTED = "scaled", "managed", "routed"
MARKS: Mapping[str, Callable[[Any], Iterable[str]]] = {
    SCALED: scaler_of_workload,
    MANAGED: manager_of_routed,
    ROUTED: routed_for,
}
"""What a plain object may say of a Rollout: that it was scaled, pointed or routed for it."""


class Caches:
    """One informer a kind, all over the same client, and who is interested in their objects.

    Of ReplicaSets only those of revisions are watched: every Deployment has many more. Of our own
    kinds only those with the label of our instance; without an instance, those without the label.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        rng: random.Random,
        *,
        namespace: str | None = None,
        instance_id: str = "",
    ) -> None:
        self._client, self._clock, self._rng, self._namespace = client, clock, rng, namespace
        self._by_kind: dict[str, Informer[Any]] = {}
        self._plain: list[Informer[Any]] = []
        self._written: dict[Key, set[Reference]] = {}
        self.interest = Interest()
        owned = {"owner": owner_uid}
        self._instance_id = instance_id
        self.mine = f"{names.INSTANCE_ID}={instance_id}" if instance_id else f"!{names.INSTANCE_ID}"
        self.rollouts = self._informer(kinds.ROLLOUTS, PartialObject, labels=self.mine)
        self.revisions = self._informer(
            REPLICASETS, ReplicaSet, {"orphaned": orphaned} | owned, labels=names.POD_HASH
        )
        self.pods = self._informer(PODS, Pod, owned)
        self.services = self._informer(SERVICES, Service, {"managed": manager_of_service} | owned)
        self.slices = self._informer(ENDPOINTSLICES, EndpointSlice, {"service": service_of_slice})
        self.runs = self._informer(kinds.ANALYSIS_RUNS, AnalysisRun, owned, labels=self.mine)
        self.experiments = self._informer(kinds.EXPERIMENTS, Experiment, owned, labels=self.mine)
        self.templates = self._informer(kinds.ANALYSIS_TEMPLATES, PartialObject)
        self.cluster_templates = self._informer(kinds.CLUSTER_ANALYSIS_TEMPLATES, PartialObject)
        self._optional: tuple[Informer[Any], ...] = (
            *(self.templates, self.cluster_templates),
            self.experiments,
        )
        self._needed = tuple(one for one in self.all() if one not in self._optional)

    def _informer(
        self,
        resource: Resource,
        type_: type[T],
        indexes: dict[str, Any] | None = None,
        labels: str = "",
    ) -> Informer[T]:
        if resource.full_name in self._by_kind:
            raise ValueError(f"{resource.full_name} is watched already")
        informer = Informer(
            self._client,
            resource,
            type_,
            self._clock,
            namespace=self._namespace if resource.namespaced else None,
            labels=labels,
            indexes=indexes or {},
            jitter=self._rng,
        )
        self._by_kind[resource.full_name] = informer
        return informer

    def plain(self, resource: Resource) -> Informer[Any]:
        """A further kind, its objects as plain data; nobody may change them."""
        informer = self._informer(resource, dict, dict(MARKS))
        self._plain.append(informer)
        return informer

    async def listed(self, resource: Resource) -> None:
        """Waits until a kind that is watched has been listed."""
        await self._by_kind[resource.full_name].synced()

    def marked(self, mark: str, namespace: str, name: str) -> tuple[tuple[Resource, Any], ...]:
        """The plain objects with a mark of that Rollout (of MARKS), as far as they are watched."""
        whose = f"{namespace}/{name}"
        return tuple(
            (informer.resource, item)
            for informer in self._plain
            for item in informer.store.by_index(mark, whose)
        )

    def all(self) -> tuple[Informer[Any], ...]:
        """Every informer."""
        return tuple(self._by_kind.values())

    def state(self, reference: Reference) -> Any:
        """The object as it is cached, None if it is not there, Unlisted while its kind is.

        The very same object as long as it has not changed.
        """
        kind, namespace, name = reference
        informer = self._by_kind[kind]
        if not informer.has_synced:
            return Unlisted(kind, informer.problem or "")
        return informer.store.get(namespace, name)

    # --- Our own writes ---------------------------------------------------------------------------

    def wrote(self, resource: Resource, answer: Mapping[str, Any], key: Key | None = None) -> None:
        """Takes in the answer to a write on behalf of `key`: it decides on nothing older."""
        informer = self._by_kind.get(resource.full_name)
        if informer is None:
            return
        informer.expect(answer)
        metadata = answer["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        if key is not None and informer.is_behind(namespace, name):
            self._written.setdefault(key, set()).add((resource.full_name, namespace, name))

    def is_mine(self, labels: Mapping[str, str]) -> bool:
        """Whether an object is for this controller: `mine` in words."""
        return labels.get(names.INSTANCE_ID, "") == self._instance_id

    def uid(self, resource: Resource, namespace: str, name: str) -> str:
        """The uid of an object as it is cached, or ""."""
        informer = self._by_kind.get(resource.full_name)
        known = informer.store.get(namespace, name) if informer else None
        if known is None:
            return ""
        metadata = known["metadata"] if isinstance(known, dict) else known.metadata
        return str(metadata["uid"] if isinstance(metadata, dict) else metadata.uid)

    def gone(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        """Takes in that the object with this uid does not exist any more."""
        if (informer := self._by_kind.get(resource.full_name)) is not None and uid:
            informer.expect_gone(namespace, name, uid)

    def behind(self, key: Key) -> bool:
        """Whether a cache still lacks a write on behalf of `key`."""
        left = {
            (kind, namespace, name)
            for kind, namespace, name in self._written.pop(key, ())
            if self._by_kind[kind].is_behind(namespace, name)
        }
        if left:
            self._written[key] = left
        return bool(left)

    def forget(self, key: Key) -> None:
        """`key` is no more: nothing wakes it, nothing is awaited for it."""
        self.interest.look(key, ())
        self._written.pop(key, None)

    # --- Who wakes --------------------------------------------------------------------------------

    def wake_runs(self, wake: Wake) -> None:
        """Call `wake` with each AnalysisRun that changed."""
        self.runs.on_change(lambda old, new: wake(key_of(new or old)))
        self.runs.on_unreadable(lambda found: wake((found.namespace, found.name)))

    def wake_rollouts(self, wake: Wake) -> None:
        """Call `wake` with each Rollout that a change concerns: what it was and what it is now."""
        self.rollouts.on_change(lambda old, new: wake(key_of(new or old)))
        self.rollouts.on_unreadable(lambda found: wake((found.namespace, found.name)))
        self.revisions.on_change(_both(lambda item: _wake_owner(item, wake)))
        self.runs.on_change(_both(lambda item: _wake_owner(item, wake)))
        self.experiments.on_change(_both(lambda item: _wake_owner(item, wake)))
        self.experiments.on_unreadable(lambda found: self._wake_of_unreadable(found, wake))
        self.pods.on_change(_both(lambda item: self._wake_of_pod(item, wake)))
        self.slices.on_change(_both(lambda item: self._wake_of_slice(item, wake)))
        self.services.on_change(_both(lambda item: _wake_manager(item, wake)))
        self.runs.on_unreadable(lambda found: self._wake_of_unreadable(found, wake))
        for informer in (self.services, self.templates, self.cluster_templates):
            self.wake_interested(informer, wake)

    def wake_interested(self, informer: Informer[Any], wake: Wake) -> None:
        """Changes of `informer`'s objects wake whoever looked at them."""
        kind = informer.resource.full_name

        def changed(old: Any, new: Any) -> None:
            for key in self.interest.of((kind, *key_of(new or old))):
                wake(key)

        informer.on_change(changed)

    def _wake_of_unreadable(self, found: Unreadable, wake: Wake) -> None:
        for resource in (kinds.ANALYSIS_RUNS, kinds.EXPERIMENTS):
            for key in self.interest.of((resource.full_name, found.namespace, found.name)):
                wake(key)

    def _wake_of_pod(self, pod: Pod, wake: Wake) -> None:
        owner = pod.metadata.controller()
        if owner is None:
            return
        revision = self.revisions.store.get(pod.metadata.namespace, owner.name)
        if revision is not None:
            _wake_owner(revision, wake)

    def _wake_of_slice(self, item: EndpointSlice, wake: Wake) -> None:
        for service in service_of_slice(item):
            namespace, name = service.split("/")
            for key in self.interest.of((SERVICES.full_name, namespace, name)):
                wake(key)

    # --- Start ------------------------------------------------------------------------------------

    async def synced(self) -> None:
        """Waits until every kind has been listed once, consistently.

        A kind that a Rollout can do without is not waited for if the server has no such kind or
        does not let us list it.
        """
        await asyncio.gather(*(informer.synced() for informer in self._needed))
        for informer in self._optional:
            await _listed_or_denied(informer)
        for informer in self.late():
            name, why = informer.resource.full_name, informer.problem
            _log.warning("%s: going on without it: %s", name, why)

    def missing(self) -> tuple[str, ...]:
        """The kinds that work cannot begin without and that are not listed, with the reason."""
        return tuple(
            f"{informer.resource.full_name}: {informer.problem or 'being listed'}"
            for informer in self._needed
            if not informer.has_synced
        )

    def late(self) -> tuple[Informer[Any], ...]:
        """The kinds that were not waited for and are not listed yet."""
        return tuple(informer for informer in self._optional if not informer.has_synced)

    async def wake_when_listed(self, informer: Informer[Any], wake: Wake) -> None:
        """Wakes whoever looks at a kind once it is known that it cannot be listed, or is."""
        kind = informer.resource.full_name
        for event in (informer.answered, informer.synced):
            await event()
            for key in self.interest.of_kind(kind):
                wake(key)


async def _listed_or_denied(informer: Informer[Any]) -> None:
    await informer.answered()
    while not (informer.has_synced or informer.denied):
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await informer.synced()


def key_of(item: Any) -> Key:
    """Namespace and name of an object, typed or plain."""
    metadata = item["metadata"] if isinstance(item, dict) else item.metadata
    if isinstance(metadata, dict):
        return metadata.get("namespace", ""), metadata["name"]
    return metadata.namespace, metadata.name


def _both(concern: Callable[[Any], None]) -> Callable[[Any, Any], None]:
    """An object that changes hands concerns both sides."""

    def changed(old: Any, new: Any) -> None:
        for item in (old, new):
            if item is not None:
                concern(item)

    return changed


def _wake_owner(item: Any, wake: Wake) -> None:
    owner = item.metadata.controller()
    if owner is not None and owner.kind == "Rollout":
        wake((item.metadata.namespace, owner.name))


def _wake_manager(item: Service, wake: Wake) -> None:
    for manager in manager_of_service(item):
        namespace, name = manager.split("/")
        wake((namespace, name))

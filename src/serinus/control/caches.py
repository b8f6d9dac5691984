"""What the controller watches, and which Rollout must look again when something changes.

Interest is recorded by observing: an object that a snapshot was made of, or that was missing for
it, wakes that Rollout. Nothing here decides.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from serinus.api import names
from serinus.api.analysis import AnalysisRun
from serinus.api.kubernetes import EndpointSlice, PartialObject, Pod, ReplicaSet, Service
from serinus.base.clock import Clock
from serinus.control import kinds
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import ENDPOINTSLICES, PODS, REPLICASETS, SERVICES, Resource

T = TypeVar("T")
Key = tuple[str, str]
"""Namespace and name of a Rollout or AnalysisRun."""
Reference = tuple[str, str, str]
"""Plural, namespace and name of an object that somebody looked at."""

SERVICE_NAME = "kubernetes.io/service-name"


def owner_uid(item: Any) -> Iterable[str]:
    """Index: the uid of the controlling owner."""
    return (owner.uid for owner in item.metadata.owner_references if owner.controller)


def service_of_slice(item: EndpointSlice) -> Iterable[str]:
    """Index: namespace/name of the Service that a slice belongs to."""
    service = item.metadata.labels.get(SERVICE_NAME)
    return (f"{item.metadata.namespace}/{service}",) if service else ()


class Caches:
    """One informer a kind, all over the same client, and the interest in their objects."""

    def __init__(
        self, client: Client, clock: Clock, rng: random.Random, *, namespace: str | None = None
    ) -> None:
        self._client, self._clock, self._rng, self._namespace = client, clock, rng, namespace
        self._by_resource: dict[Resource, Informer[Any]] = {}
        owned = {"owner": owner_uid}
        self.rollouts = self._informer(kinds.ROLLOUTS, PartialObject)
        self.revisions = self._informer(REPLICASETS, ReplicaSet, owned)
        self.pods = self._informer(PODS, Pod, owned)
        self.services = self._informer(SERVICES, Service)
        self.slices = self._informer(ENDPOINTSLICES, EndpointSlice, {"service": service_of_slice})
        self.runs = self._informer(kinds.ANALYSIS_RUNS, AnalysisRun, owned)
        self.templates = self._informer(kinds.ANALYSIS_TEMPLATES, PartialObject)
        self.cluster_templates = self._informer(kinds.CLUSTER_ANALYSIS_TEMPLATES, PartialObject)
        self._interest: dict[Reference, set[Key]] = defaultdict(set)
        self._looked_at: dict[Key, frozenset[Reference]] = {}

    def _informer(
        self, resource: Resource, type_: type[T], indexes: dict[str, Any] | None = None
    ) -> Informer[T]:
        informer = Informer(
            self._client,
            resource,
            type_,
            self._clock,
            namespace=self._namespace if resource.namespaced else None,
            indexes=indexes or {},
            jitter=self._rng,
        )
        self._by_resource[resource] = informer
        return informer

    def plain(self, resource: Resource) -> Informer[Any]:
        """A further kind, its objects as plain data."""
        return self._informer(resource, dict)

    def all(self) -> tuple[Informer[Any], ...]:
        """Every informer, to be run and waited for."""
        return (
            self.rollouts,
            self.revisions,
            self.pods,
            self.services,
            self.slices,
            self.runs,
            self.templates,
            self.cluster_templates,
        )

    def wake_runs(self, wake: Callable[[Key], None]) -> None:
        """Call `wake` with each AnalysisRun that changed."""
        self.runs.on_change(lambda old, new: wake(_key(new or old)))

    def wrote(self, resource: Resource, answer: Mapping[str, Any]) -> None:
        """Takes in the answer to a write: nothing is decided on a state older than that."""
        if (informer := self._by_resource.get(resource)) is not None:
            informer.expect(answer)

    def deleted(self, resource: Resource, namespace: str, name: str) -> None:
        """Takes in that the version of an object that we had seen is gone."""
        informer = self._by_resource.get(resource)
        known = informer.store.get(namespace, name) if informer else None
        if informer is not None and known is not None:
            informer.expect_gone(namespace, name, known.metadata.uid)

    def behind(self, references: Iterable[Reference]) -> bool:
        """Whether a cache still lacks a write of ours to one of these objects."""
        by_plural = {resource.plural: one for resource, one in self._by_resource.items()}
        return any(
            by_plural[plural].is_behind(namespace, name)
            for plural, namespace, name in references
            if plural in by_plural
        )

    def look(self, key: Key, references: Iterable[Reference]) -> None:
        """From now on, `key` wakes when one of `references` changes, appears or goes."""
        now = frozenset(references)
        for gone in self._looked_at.get(key, frozenset()) - now:
            self._interest[gone].discard(key)
            if not self._interest[gone]:
                del self._interest[gone]
        for reference in now:
            self._interest[reference].add(key)
        self._looked_at[key] = now

    def wake_rollouts(self, wake: Callable[[Key], None]) -> None:
        """Call `wake` with each Rollout that a change concerns."""
        self.rollouts.on_change(lambda old, new: wake(_key(new or old)))
        self.revisions.on_change(lambda old, new: _wake_owner(new or old, wake))
        self.runs.on_change(lambda old, new: _wake_owner(new or old, wake))
        self.pods.on_change(lambda old, new: self._wake_of_pod(new or old, wake))
        self.slices.on_change(lambda old, new: self._wake_of_slice(new or old, wake))
        for informer, plural in (
            (self.services, SERVICES.plural),
            (self.templates, kinds.ANALYSIS_TEMPLATES.plural),
            (self.cluster_templates, kinds.CLUSTER_ANALYSIS_TEMPLATES.plural),
        ):
            self.wake_interested(informer, plural, wake)

    def wake_interested(
        self, informer: Informer[Any], plural: str, wake: Callable[[Key], None]
    ) -> None:
        """Changes of `informer`'s objects wake whoever looked at them."""

        def changed(old: Any, new: Any) -> None:
            namespace, name = _key(new or old)
            for key in tuple(self._interest.get((plural, namespace, name), ())):
                wake(key)

        informer.on_change(changed)

    def _wake_of_pod(self, pod: Pod | None, wake: Callable[[Key], None]) -> None:
        owner = pod.metadata.controller() if pod else None
        if pod is None or owner is None or names.POD_HASH not in pod.metadata.labels:
            return
        revision = self.revisions.store.get(pod.metadata.namespace, owner.name)
        if revision is not None:
            _wake_owner(revision, wake)

    def _wake_of_slice(self, item: EndpointSlice | None, wake: Callable[[Key], None]) -> None:
        for service in service_of_slice(item) if item else ():
            namespace, name = service.split("/")
            for key in tuple(self._interest.get((SERVICES.plural, namespace, name), ())):
                wake(key)

    async def synced(self) -> None:
        """Waits until every kind has been listed once, consistently."""
        await asyncio.gather(*(informer.synced() for informer in self.all()))


def _key(item: Any) -> Key:
    metadata = item["metadata"] if isinstance(item, dict) else item.metadata
    if isinstance(metadata, dict):
        return metadata.get("namespace", ""), metadata["name"]
    return metadata.namespace, metadata.name


def _wake_owner(item: Any, wake: Callable[[Key], None]) -> None:
    owner = item.metadata.controller()
    if owner is not None and owner.kind == "Rollout":
        wake((item.metadata.namespace, owner.name))

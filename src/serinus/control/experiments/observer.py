"""Looks at one Experiment through the caches, and knows which changes concern which Experiment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from serinus.api import names
from serinus.api.experiment import Experiment
from serinus.api.kubernetes import ObjectMeta, ReplicaSet, Service
from serinus.api.validation.check import check_own, check_references
from serinus.base.clock import Clock
from serinus.control.looking.caches import Caches, Wake, key_of
from serinus.control.looking.interest import Interest, Key, Reference, reference
from serinus.control.looking.lookup import CacheLookup, NamedTemplates
from serinus.control.looking.objects import RoutedObjects
from serinus.control.looking.seen import when
from serinus.core.analysis.checks import LANGUAGE
from serinus.core.experiment.names import set_name
from serinus.core.experiment.pods import service_name
from serinus.core.experiment.snapshot import ExperimentSnapshot, ServiceSeen, SetSeen
from serinus.core.experiment.standing import template_status
from serinus.kube.informer import Informer
from serinus.kube.resource import SERVICES


class ExperimentObserver:
    """Reads the caches only: an observation costs no request and cannot be half of two worlds."""

    def __init__(self, caches: Caches, objects: RoutedObjects, clock: Clock) -> None:
        self._caches, self._objects, self._clock = caches, objects, clock
        self._interest = Interest()

    def observe(self, key: Key) -> ExperimentSnapshot | None:
        """None if the Experiment is gone or going: what it owns follows by itself."""
        experiment = self._caches.experiments.store.get(*key)
        if experiment is None or experiment.metadata.deletion_timestamp is not None:
            self._interest.look(key, ())
            return None
        lookup = CacheLookup(self._caches, self._objects)
        findings = check_own(experiment, lookup, LANGUAGE)
        findings += check_references(experiment, lookup, LANGUAGE)
        asked = _services_asked(experiment)
        services = {reference(SERVICES, key[0], name) for name in asked}
        self._interest.look(key, {*lookup.found, *services})
        uid = experiment.metadata.uid
        sets = (item for item in self._caches.revisions.store.by_index("owner", uid))
        mine = self._caches.services.store.by_index("owner", uid)
        return ExperimentSnapshot(
            now=self._clock.now(),
            experiment=experiment,
            sets=tuple(set_seen(item) for item in sets if _stays(item.metadata)),
            services=tuple(_service_seen(item) for item in mine if _stays(item.metadata)),
            strange_services=self._strange(key[0], uid, asked),
            runs=self._caches.runs.store.by_index("owner", uid),
            templates=NamedTemplates(lookup, key[0]),
            problems=findings.problems(),
        )

    def _strange(self, namespace: str, uid: str, asked: Iterable[str]) -> frozenset[str]:
        found = {name: self._caches.services.store.get(namespace, name) for name in asked}
        return frozenset(
            name
            for name, service in found.items()
            if service is not None
            and not any(owner.uid == uid for owner in service.metadata.owner_references)
        )

    def wake(self, wake: Wake) -> None:
        """Call `wake` with each Experiment that a change concerns."""
        caches = self._caches
        caches.experiments.on_change(lambda old, new: wake(key_of(new or old)))
        caches.experiments.on_unreadable(lambda found: wake((found.namespace, found.name)))
        owned: tuple[Informer[Any], ...] = (caches.revisions, caches.runs, caches.services)
        for informer in owned:
            informer.on_change(_owners(wake))
        for looked_at in (caches.templates, caches.cluster_templates, caches.services):
            looked_at.on_change(self._interested(looked_at, wake))

    def _interested(self, informer: Informer[Any], wake: Wake) -> Callable[[Any, Any], None]:
        kind = informer.resource.full_name

        def changed(old: Any, new: Any) -> None:
            where: Reference = (kind, *key_of(new or old))
            for key in self._interest.of(where):
                wake(key)

        return changed


def _owners(wake: Wake) -> Callable[[Any, Any], None]:
    def changed(old: Any, new: Any) -> None:
        for item in (old, new):
            owner = item.metadata.controller() if item is not None else None
            if owner is not None and owner.kind == "Experiment":
                wake((item.metadata.namespace, owner.name))

    return changed


def _stays(metadata: ObjectMeta) -> bool:
    return metadata.deletion_timestamp is None


def _services_asked(experiment: Experiment) -> set[str]:
    """The names of the Services that the templates ask for."""
    found = set()
    for template in experiment.spec.templates:
        noted = template_status(experiment.status, template.name)
        plain = set_name(experiment, template, noted.collision_count)
        found.add(service_name(template, plain))
    return found - {""}


def set_seen(item: ReplicaSet) -> SetSeen:
    """One ReplicaSet as the core reads it."""
    metadata, notes = item.metadata, item.metadata.annotations
    return SetSeen(
        name=metadata.name,
        template=notes.get(names.EXPERIMENT_TEMPLATE, ""),
        hash=metadata.labels.get(names.POD_HASH, ""),
        resource_version=metadata.resource_version,
        replicas=1 if item.spec.replicas is None else item.spec.replicas,
        seen=item.status.replicas,
        ready=item.status.ready_replicas,
        available=item.status.available_replicas,
        min_ready_seconds=item.spec.min_ready_seconds,
        scale_down_deadline=when(notes.get(names.SCALE_DOWN_DEADLINE)),
    )


def _service_seen(item: Service) -> ServiceSeen:
    metadata = item.metadata
    return ServiceSeen(
        name=metadata.name,
        template=metadata.annotations.get(names.EXPERIMENT_TEMPLATE, ""),
        resource_version=metadata.resource_version,
    )

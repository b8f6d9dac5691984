"""Other objects, as validation and analyses ask for them; remembers what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from serinus.api.ambassador import Mapping as AmbassadorMapping
from serinus.api.analysis import (
    AnalysisTemplate,
    AnalysisTemplateRef,
    AnalysisTemplateSpec,
    ClusterAnalysisTemplate,
)
from serinus.api.apisix import ApisixRoute
from serinus.api.gatewayapi import GROUP, KINDS
from serinus.api.istio import DestinationRule, VirtualService
from serinus.api.kubernetes import Deployment, Ingress, PodTemplate, ReplicaSet, Service
from serinus.api.reading import read_or_name
from serinus.api.smi import TrafficSplit
from serinus.api.traefik import TraefikService
from serinus.api.wire import Unreadable, decode
from serinus.control import kinds
from serinus.control.looking.caches import Caches, Unlisted
from serinus.control.looking.interest import Reference, reference
from serinus.control.looking.objects import RoutedObjects
from serinus.kube.resource import DEPLOYMENTS, INGRESSES, PODTEMPLATES, SERVICES, Resource

T = TypeVar("T", bound=msgspec.Struct)

ROUTES: Mapping[type[msgspec.Struct], Resource] = {
    one.wire: Resource(GROUP, one.version, one.plural, one.kind) for one in KINDS
}

RESOURCES: Mapping[type[msgspec.Struct], Resource] = {
    Service: SERVICES,
    Ingress: INGRESSES,
    Deployment: DEPLOYMENTS,
    ReplicaSet: kinds.WORKLOAD_REPLICASETS,
    PodTemplate: PODTEMPLATES,
    VirtualService: kinds.VIRTUAL_SERVICES,
    DestinationRule: kinds.DESTINATION_RULES,
    TraefikService: kinds.TRAEFIK_SERVICES,
    TrafficSplit: kinds.TRAFFIC_SPLITS,
    ApisixRoute: kinds.APISIX_ROUTES,
    AmbassadorMapping: kinds.MAPPINGS,
    **ROUTES,
    AnalysisTemplate: kinds.ANALYSIS_TEMPLATES,
    ClusterAnalysisTemplate: kinds.CLUSTER_ANALYSIS_TEMPLATES,
}
_ON_DEMAND = (
    *(INGRESSES, DEPLOYMENTS, kinds.WORKLOAD_REPLICASETS, PODTEMPLATES),
    *(kinds.VIRTUAL_SERVICES, kinds.DESTINATION_RULES, kinds.TRAEFIK_SERVICES),
    *(kinds.TRAFFIC_SPLITS, kinds.MAPPINGS, kinds.APISIX_ROUTES),
    *ROUTES.values(),
)
"""Watched from the first time that one is named."""


class CacheLookup:
    """`api.validation.lookup.Lookup` over the caches."""

    def __init__(self, caches: Caches, objects: RoutedObjects) -> None:
        self._caches, self._objects = caches, objects
        self.found: dict[Reference, Any] = {}
        """What each object was that somebody asked for: as cached, None or Unlisted."""

    def get(self, kind: type[T], namespace: str, name: str) -> T | Unreadable | None:
        """The object, None if there is none, Unreadable if nothing can be made of it."""
        resource = RESOURCES.get(kind)
        if resource is None:
            raise LookupError(f"nobody watches objects of kind {kind.__name__}")
        found = self._state(resource, namespace, name)
        if isinstance(found, Unlisted):
            return Unreadable(namespace=namespace, name=name, error=str(found))
        if found is None or isinstance(found, kind):
            return found
        return _decoded(kind, found) if isinstance(found, dict) else _read(kind, found)

    def _state(self, resource: Resource, namespace: str, name: str) -> Any:
        where = reference(resource, namespace if resource.namespaced else "", name)
        if resource in _ON_DEMAND:
            found = self._objects.of(resource, namespace, name)
        else:
            found = self._caches.state(where)
        self.found[where] = found
        return found


def _read(kind: type[T], partial: Any) -> T | Unreadable:
    reading = read_or_name(kind, partial)
    if isinstance(reading, Unreadable):
        return reading
    if reading.findings.errors:
        error = "; ".join(map(str, reading.findings.errors))
        metadata = partial.metadata
        return Unreadable(namespace=metadata.namespace, name=metadata.name, error=error)
    return reading.object


def _decoded(kind: type[T], found: Mapping[str, Any]) -> T | Unreadable:
    metadata = found["metadata"]
    try:
        return decode(kind, found)
    except msgspec.ValidationError as error:
        return Unreadable(
            namespace=metadata.get("namespace", ""), name=metadata["name"], error=str(error)
        )


class NamedTemplates(Mapping[AnalysisTemplateRef, AnalysisTemplateSpec]):
    """The templates of one namespace by reference, as `core.analysis` asks for them."""

    def __init__(self, lookup: CacheLookup, namespace: str) -> None:
        self._lookup, self._namespace = lookup, namespace

    def __getitem__(self, reference: AnalysisTemplateRef) -> AnalysisTemplateSpec:
        name = reference.template_name
        found: AnalysisTemplate | ClusterAnalysisTemplate | Unreadable | None
        if reference.cluster_scope:
            found = self._lookup.get(ClusterAnalysisTemplate, "", name)
        else:
            found = self._lookup.get(AnalysisTemplate, self._namespace, name)
        if found is None or isinstance(found, Unreadable):
            raise KeyError(reference)
        return found.spec

    def __iter__(self) -> Iterator[AnalysisTemplateRef]:
        raise TypeError("templates are asked for by reference, not listed")

    def __len__(self) -> int:
        raise TypeError("templates are asked for by reference, not counted")

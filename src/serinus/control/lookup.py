"""Other objects, as validation and analyses ask for them; remembers which were looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from serinus.api.analysis import (
    AnalysisTemplate,
    AnalysisTemplateRef,
    AnalysisTemplateSpec,
    ClusterAnalysisTemplate,
)
from serinus.api.kubernetes import Ingress, Service
from serinus.api.reading import read_or_name
from serinus.api.wire import Unreadable, decode
from serinus.control.caches import Caches, Key, Reference
from serinus.control.objects import RoutedObjects, interest
from serinus.core.routing import Unknown
from serinus.kube.resource import INGRESSES, SERVICES
from serinus.traffic.router import ObjectRef

T = TypeVar("T", bound=msgspec.Struct)


class CacheLookup:
    """`api.validation.lookup.Lookup` over the caches, on behalf of the Rollout `key`."""

    def __init__(self, caches: Caches, objects: RoutedObjects, key: Key) -> None:
        self._caches, self._objects, self._key = caches, objects, key
        self.looked_at: set[Reference] = set()

    def get(self, kind: type[T], namespace: str, name: str) -> T | Unreadable | None:
        """The object, None if there is none, Unreadable if nothing can be made of it."""
        found: Any
        match kind.__name__:
            case Service.__name__:
                self.looked_at.add((SERVICES.plural, namespace, name))
                found = self._caches.services.store.get(namespace, name)
            case Ingress.__name__:
                found = self._ingress(namespace, name)
            case AnalysisTemplate.__name__:
                found = self._template(kind, namespace, name)
            case ClusterAnalysisTemplate.__name__:
                found = self._template(kind, "", name)
            case _:
                raise LookupError(f"nobody watches objects of kind {kind.__name__}")
        return found  # type: ignore[no-any-return]

    def _template(self, kind: type[T], namespace: str, name: str) -> T | Unreadable | None:
        """A template; without a namespace it is a cluster-wide one."""
        caches = self._caches
        informer = caches.templates if namespace else caches.cluster_templates
        self.looked_at.add((informer.resource.plural, namespace, name))
        partial = informer.store.get(namespace, name)
        if partial is None:
            return None
        found = read_or_name(kind, partial)
        if isinstance(found, Unreadable):
            return found
        if found.findings.errors:
            error = "; ".join(map(str, found.findings.errors))
            return Unreadable(namespace=namespace, name=name, error=error)
        return found.object

    def _ingress(self, namespace: str, name: str) -> Ingress | Unreadable | None:
        ref = ObjectRef("networking.k8s.io/v1", INGRESSES.plural, "Ingress", namespace, name)
        self.looked_at.update(interest([ref]))
        match self._objects.read(self._key, [ref]):
            case Unknown(why):
                return Unreadable(namespace=namespace, name=name, error=why)
            case objects:
                found = objects[ref]
        try:
            return None if found is None else decode(Ingress, found)
        except msgspec.ValidationError as error:
            return Unreadable(namespace=namespace, name=name, error=str(error))


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

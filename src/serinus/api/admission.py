"""What the embedded API server says when someone applies an object of ours: warnings.

It refuses what the schema refuses, before this is asked. Knows no server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from serinus.api.ambassador import Mapping as AmbassadorMapping
from serinus.api.analysis import AnalysisTemplate, ClusterAnalysisTemplate
from serinus.api.apisix import ApisixRoute
from serinus.api.gatewayapi import GROUP
from serinus.api.gatewayapi import KINDS as ROUTES
from serinus.api.istio import DestinationRule, VirtualService
from serinus.api.kubernetes import Deployment, Ingress, PodTemplate, ReplicaSet, Service
from serinus.api.reading import read
from serinus.api.smi import TrafficSplit
from serinus.api.traefik import TraefikService
from serinus.api.validation.check import KINDS, check
from serinus.api.validation.language import UNKNOWN, Language
from serinus.api.wire import Unreadable, decode
from serinus.base.errors import FieldProblem

T = TypeVar("T", bound=msgspec.Struct)

_PLACES: Mapping[type[msgspec.Struct], tuple[str, str]] = {
    Service: ("", "services"),
    Ingress: ("networking.k8s.io", "ingresses"),
    Deployment: ("apps", "deployments"),
    ReplicaSet: ("apps", "replicasets"),
    PodTemplate: ("", "podtemplates"),
    VirtualService: ("networking.istio.io", "virtualservices"),
    DestinationRule: ("networking.istio.io", "destinationrules"),
    TraefikService: ("traefik.io", "traefikservices"),
    AmbassadorMapping: ("getambassador.io", "mappings"),
    TrafficSplit: ("split.smi-spec.io", "trafficsplits"),
    ApisixRoute: ("apisix.apache.org", "apisixroutes"),
    **{kind.wire: (GROUP, kind.plural) for kind in ROUTES},
    AnalysisTemplate: ("argoproj.io", "analysistemplates"),
    ClusterAnalysisTemplate: ("argoproj.io", "clusteranalysistemplates"),
}


class StoreView(Protocol):
    """The stored objects, by group, plural and name; namespace "" for cluster-scoped kinds."""

    def get(
        self, group: str, plural: str, name: str, namespace: str = ""
    ) -> Mapping[str, Any] | None:
        """The object, or None."""


def admit(
    body: Mapping[str, Any], view: StoreView, language: Language = UNKNOWN
) -> tuple[Sequence[str], Sequence[FieldProblem]]:
    """Warnings about `body`, and no refusals: the order of a manifest's documents is free.

    Unknown fields with the nearest known one, references that are not there yet, and what the
    condition InvalidSpec will say.
    """
    kind = KINDS.get(str(body.get("kind", "")))
    if kind is None or not str(body.get("apiVersion", "")).startswith("argoproj.io/"):
        return (), ()
    try:
        found = check(read(kind, body), Stored(view), language)
    except ValueError as error:
        return (f"cannot be read: {error}",), ()
    told = (*found.errors, *found.warnings, *found.missing)
    return tuple(dict.fromkeys(_one_line(str(problem)) for problem in told)), ()


class Stored:
    """The store as a Lookup."""

    def __init__(self, view: StoreView) -> None:
        self._view = view

    def get(self, kind: type[T], namespace: str, name: str) -> T | Unreadable | None:
        group, plural = _PLACES[kind]
        found = self._view.get(group, plural, name, namespace)
        if found is None:
            return None
        try:
            return decode(kind, found)
        except msgspec.ValidationError as error:
            return Unreadable(namespace=namespace, name=name, error=str(error))


def _one_line(text: str) -> str:
    return " ".join(text.split())

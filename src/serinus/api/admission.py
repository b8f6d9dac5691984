"""What the embedded API server says when someone applies an object of ours: warnings.

It refuses what the schema refuses, before this is asked. Knows no server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from serinus.api.analysis import AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate
from serinus.api.argo import Rollout
from serinus.api.experiment import Experiment
from serinus.api.findings import Findings
from serinus.api.kubernetes import Ingress, Service
from serinus.api.reading import Reading, read
from serinus.api.validation.analysis import validate_run_spec, validate_template_spec
from serinus.api.validation.check import check_rollout
from serinus.api.validation.experiment import validate_experiment
from serinus.api.validation.language import UNKNOWN, Language
from serinus.api.validation.later import NO_EXPERIMENTS
from serinus.api.wire import Unreadable, decode
from serinus.base.errors import FieldProblem

T = TypeVar("T", bound=msgspec.Struct)

_PLACES: Mapping[type[msgspec.Struct], tuple[str, str]] = {
    Service: ("", "services"),
    Ingress: ("networking.k8s.io", "ingresses"),
    AnalysisTemplate: ("argoproj.io", "analysistemplates"),
    ClusterAnalysisTemplate: ("argoproj.io", "clusteranalysistemplates"),
}
_KINDS: Mapping[str, type[msgspec.Struct]] = {
    kind.__name__: kind
    for kind in (Rollout, AnalysisTemplate, ClusterAnalysisTemplate, AnalysisRun, Experiment)
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
    kind = _KINDS.get(str(body.get("kind", "")))
    if kind is None or not str(body.get("apiVersion", "")).startswith("argoproj.io/"):
        return (), ()
    try:
        found = _findings(read(kind, body), view, language)
    except ValueError as error:
        return (f"cannot be read: {error}",), ()
    told = (*found.errors, *found.warnings, *found.missing)
    return tuple(dict.fromkeys(_one_line(str(problem)) for problem in told)), ()


def _findings(reading: Reading[Any], view: StoreView, language: Language) -> Findings:
    match reading.object:
        case Rollout() as rollout:
            return check_rollout(rollout, _Stored(view), reading.findings, language=language)
        case AnalysisTemplate() | ClusterAnalysisTemplate() as template:
            return reading.findings + Findings.of(validate_template_spec(template.spec, language))
        case AnalysisRun() as run:
            return reading.findings + Findings.of(validate_run_spec(run.spec, language))
        case Experiment() as experiment:
            found = (*validate_experiment(experiment), NO_EXPERIMENTS)
            return reading.findings + Findings.of(found)
    return reading.findings


class _Stored:
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

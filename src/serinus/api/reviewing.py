"""What a validating admission webhook says about one write (AdmissionReview, admission.k8s.io/v1).

Pure, so that a dry run is a run. Only what the object itself breaks refuses it, and only if it was
not broken before: who adds a label to an old object must not mend it first. What it refers to
warns, as the order of a manifest's documents is free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from serinus.api.findings import Findings, describe
from serinus.api.reading import read
from serinus.api.validation.check import KINDS, check_own, check_references
from serinus.api.validation.language import Language
from serinus.api.validation.lookup import Lookup
from serinus.api.wire import Unreadable
from serinus.base.errors import FieldProblem, SerinusError

T = TypeVar("T", bound=msgspec.Struct)
API_VERSION = "admission.k8s.io/v1"
WARNING_LENGTH = 256
"""Longer ones are cut by an API server."""
Json = Mapping[str, Any]


class UnreadableReview(SerinusError):
    """A body that is no AdmissionReview v1."""


class NoObjects:
    """A Lookup of somebody who knows no cluster: nothing that is referred to can be judged."""

    def get(self, kind: type[T], namespace: str, name: str) -> T | Unreadable | None:
        return None


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found about an object by itself, and about what it refers to."""

    own: tuple[FieldProblem, ...]
    told: tuple[FieldProblem, ...]


def request_of(body: Any) -> Json:
    """The request in a review. Raises UnreadableReview."""
    request = body.get("request") if isinstance(body, Mapping) else None
    if not isinstance(request, Mapping) or not request.get("uid"):
        raise UnreadableReview("the body is no AdmissionReview with a request and its uid")
    if body.get("apiVersion") != API_VERSION:
        raise UnreadableReview(f"the review is {body.get('apiVersion')!r}, not {API_VERSION}")
    return request


def answer(request: Json, lookup: Lookup | None, language: Language) -> dict[str, Any]:
    """The AdmissionReview that answers; without `lookup` nothing is said about references."""
    response: dict[str, Any] = {"uid": request["uid"], "allowed": True}
    value = request.get("object")
    if isinstance(value, Mapping) and _concerns(request, value):
        namespace = str(request.get("namespace") or "")
        found = judged(value, namespace, lookup, language)
        old = request.get("oldObject")
        before: tuple[FieldProblem, ...] = ()
        if isinstance(old, Mapping) and _concerns(request, old):
            before = judged(old, namespace, None, language).own
        told = found.told
        if any(problem not in before for problem in found.own):
            response |= {"allowed": False, "status": _refusal(value, found.own)}
        else:
            told = (*found.own, *told)
        warnings = [" ".join(str(problem).split())[:WARNING_LENGTH] for problem in told]
        if warnings:
            response["warnings"] = list(dict.fromkeys(warnings))
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def judged(value: Json, namespace: str, lookup: Lookup | None, language: Language) -> Judged:
    """All that is found about an object; `namespace` is that of the request."""
    metadata = {"namespace": namespace, **_metadata(value)}
    try:
        reading = read(KINDS[str(value.get("kind"))], {**value, "metadata": metadata})
        own = check_own(reading.object, lookup or NoObjects(), language)
        others = check_references(reading.object, lookup, language) if lookup else Findings()
    except ValueError as error:
        return Judged((FieldProblem("", f"cannot be read: {error}"),), ())
    missing = own.missing if lookup else ()
    told = (*reading.findings.warnings, *own.warnings, *others.errors, *missing, *others.missing)
    return Judged((*reading.findings.errors, *own.errors), told)


def _concerns(request: Json, value: Json) -> bool:
    """Objects of ours that stay; what a status says is the controllers' business."""
    if request.get("subResource"):
        return False
    going = _metadata(value).get("deletionTimestamp")
    ours = str(value.get("apiVersion") or "").startswith("argoproj.io/")
    return ours and str(value.get("kind")) in KINDS and not going


def _metadata(value: Json) -> Json:
    found = value.get("metadata")
    return found if isinstance(found, Mapping) else {}


def _refusal(value: Json, problems: tuple[FieldProblem, ...]) -> dict[str, Any]:
    metadata = _metadata(value)
    name = metadata.get("name") or metadata.get("generateName") or ""
    message = f'the {value.get("kind")} "{name}" is invalid: {describe(problems)}'
    return {"code": 422, "reason": "Invalid", "message": message}

"""Rules of `spec.workloadRef`, and what it refers to: the pods and the selector come from there.

Sources may be a Deployment, a ReplicaSet or a PodTemplate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from serinus.api.argo import Rollout, RolloutSpec, WorkloadRef
from serinus.api.kubernetes import (
    Deployment,
    LabelSelector,
    PodTemplate,
    PodTemplateView,
    ReplicaSet,
)
from serinus.api.validation.lookup import Lookup, find
from serinus.api.wire import decode
from serinus.base.errors import FieldProblem

Workload = Deployment | ReplicaSet | PodTemplate
KINDS: tuple[tuple[str, str, type[Deployment] | type[ReplicaSet] | type[PodTemplate]], ...] = (
    ("apps", "Deployment", Deployment),
    ("apps", "ReplicaSet", ReplicaSet),
    ("", "PodTemplate", PodTemplate),
)
SCALE_DOWN = ("never", "onsuccess", "progressively")
SCALED = ("Deployment", "ReplicaSet")
"""Kinds that have pods of their own, so that there is something to scale down."""


def validate_workload_ref(spec: RolloutSpec, path: str) -> Iterator[FieldProblem]:
    """The reference by itself.

    The original looks at labels and annotations of a template beside it only, and takes any text
    as scaleDown, which then never scales anything down.
    """
    ref = spec.workload_ref
    assert ref is not None
    if kind_of(ref) is None:
        known = ", ".join(f"{kind} ({group or 'v1'})" for group, kind, _ in KINDS)
        yield FieldProblem(
            path, f"{ref.kind or 'no kind'} of {ref.api_version or 'no apiVersion'}: use {known}"
        )
    if not ref.name:
        yield FieldProblem(f"{path}.name", "is missing")
    if ref.scale_down and ref.scale_down not in SCALE_DOWN:
        yield FieldProblem(
            f"{path}.scaleDown", f"{ref.scale_down!r} must be one of {', '.join(SCALE_DOWN)}"
        )
    if _says_something(bytes(spec.template)):
        yield FieldProblem("spec.template", "and workloadRef are both set; keep one")


def kind_of(ref: WorkloadRef) -> type[Deployment] | type[ReplicaSet] | type[PodTemplate] | None:
    """The kind that is referred to, None for one that has no pods to copy."""
    group = ref.api_version.rpartition("/")[0]
    return next((type_ for g, kind, type_ in KINDS if (g, kind) == (group, ref.kind)), None)


def _says_something(template: bytes) -> bool:
    """Whether a template is more than what Go writes for an empty one."""
    data = msgspec.json.decode(template) if template else None
    if not isinstance(data, dict):
        return False
    metadata, spec = data.get("metadata"), data.get("spec")
    named = isinstance(metadata, dict) and any(
        metadata.get(name) for name in ("labels", "annotations")
    )
    return named or (isinstance(spec, dict) and bool(spec.get("containers")))


@dataclass(frozen=True, slots=True)
class Resolved:
    """A Rollout with the pods and the selector of its workload, and the workload."""

    rollout: Rollout
    workload: Workload | None = None
    problem: FieldProblem | None = None
    """What to say instead of a workload: it is not there (yet), or cannot be read."""


def resolve(rollout: Rollout, lookup: Lookup) -> Resolved:
    """`rollout` as if the pods of its workload were written into it.

    One without workloadRef, or whose reference is wrong by itself, as it is.
    """
    ref = rollout.spec.workload_ref
    kind = kind_of(ref) if ref is not None else None
    if ref is None or kind is None or not ref.name:
        return Resolved(rollout)
    namespace = rollout.metadata.namespace
    found: Workload | FieldProblem = find(lookup, kind, namespace, ref.name, "spec.workloadRef")
    if isinstance(found, FieldProblem):
        return Resolved(rollout, problem=found)
    template = template_of(found)
    spec = msgspec.structs.replace(
        rollout.spec,
        template=template,
        selector=rollout.spec.selector or selector_of(found),
    )
    return Resolved(msgspec.structs.replace(rollout, spec=spec), found)


def template_of(workload: Workload) -> Raw:
    """Its pods, as they came."""
    return workload.template if isinstance(workload, PodTemplate) else workload.spec.template


def selector_of(workload: Workload) -> LabelSelector:
    """Its selector; a PodTemplate has none, all of its labels select its pods."""
    if not isinstance(workload, PodTemplate):
        return workload.spec.selector
    view = decode(PodTemplateView, workload.template)
    return LabelSelector(match_labels=view.metadata.labels)

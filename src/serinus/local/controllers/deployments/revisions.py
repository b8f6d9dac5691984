"""Which ReplicaSet stands for which template of a Deployment, and how revisions are counted. Pure.

Annotations and their rules are the API's: clients show a history and go back by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from serinus.api.hashes import owned_hash
from serinus.api.kubernetes import Deployment, ObjectMeta, ReplicaSet, ReplicaSetSpec
from serinus.api.template import Template, read_template
from serinus.local.controllers.deployments.arithmetic import most_pods, replicas_of

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MOST = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = frozenset(
    (
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
        REVISION,
        HISTORY,
        DESIRED,
        MOST,
    )
)
_HISTORY_LIMIT = 2000  # characters
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def by_age(sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    """The oldest first; of equal age by name."""
    return sorted(sets, key=lambda one: (_made_at(one), one.metadata.name))


def by_revision(sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    """The lowest revision first; of equal revisions the oldest."""
    return sorted(by_age(sets), key=revision_of)


def _made_at(one: ReplicaSet) -> datetime:
    return one.metadata.creation_timestamp or _LONG_AGO


def revision_of(one: ReplicaSet) -> int:
    """The revision that a ReplicaSet is; 0 if it is none yet."""
    return number_in(one.metadata, REVISION) or 0


def number_in(meta: ObjectMeta, annotation: str) -> int | None:
    """The number in an annotation; None if there is none."""
    text = meta.annotations.get(annotation, "")
    return int(text) if text.isdecimal() else None


def new_set(deployment: Deployment, sets: Iterable[ReplicaSet]) -> ReplicaSet | None:
    """The ReplicaSet of the present template: the oldest of those that have it."""
    wanted = template_of(bytes(deployment.spec.template)).canon
    return next((s for s in by_age(sets) if _canon(s) == wanted), None)


def same_template(deployment: Deployment, one: ReplicaSet) -> bool:
    """Whether a ReplicaSet makes the pods that the Deployment wants now."""
    return template_of(bytes(deployment.spec.template)).canon == _canon(one)


def _canon(one: ReplicaSet) -> bytes:
    return template_of(bytes(one.spec.template)).canon


@lru_cache(maxsize=4096)
def template_of(raw: bytes) -> Template:
    """A template without the label that tells revisions apart."""
    template: dict[str, Any] = msgspec.json.decode(raw or b"{}")
    metadata = template.get("metadata") or {}
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != HASH_LABEL}
    return read_template({**template, "metadata": {**metadata, "labels": labels}})


def made_set(deployment: Deployment, revision: int) -> ReplicaSet:
    """A ReplicaSet for the present template, not yet in the server: without uid, with no pods."""
    spec, meta = deployment.spec, deployment.metadata
    count = deployment.status.collision_count
    hashed = owned_hash(template_of(bytes(spec.template)), ("Deployment",), count)
    template: dict[str, Any] = msgspec.json.decode(spec.template)
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), HASH_LABEL: hashed}
    template = {**template, "metadata": {**metadata, "labels": labels}}
    selector = replace(
        spec.selector, match_labels={**spec.selector.match_labels, HASH_LABEL: hashed}
    )
    made = ReplicaSet(
        api_version="apps/v1",
        kind="ReplicaSet",
        metadata=ObjectMeta(
            name=f"{meta.name[:242]}-{hashed}", namespace=meta.namespace, labels=labels
        ),
        spec=ReplicaSetSpec(
            replicas=0,
            selector=selector,
            template=msgspec.Raw(msgspec.json.encode(template)),
            min_ready_seconds=spec.min_ready_seconds,
        ),
    )
    return with_scale_annotations(deployment, with_revision(deployment, made, revision))


def next_revision(old: Sequence[ReplicaSet]) -> int:
    """The number of a revision that follows all `old` ones."""
    return max((revision_of(one) for one in old), default=0) + 1


def with_revision(deployment: Deployment, one: ReplicaSet, revision: int) -> ReplicaSet:
    """`one` with the Deployment's annotations, and as the newest revision."""
    kept = one.metadata.annotations
    copied = {k: v for k, v in deployment.metadata.annotations.items() if k not in _NOT_COPIED}
    annotations = {**kept, **copied}
    before = number_in(one.metadata, REVISION)
    if (before or 0) < revision:
        annotations[REVISION] = str(revision)
        if before is not None:
            annotations[HISTORY] = _longer(kept.get(HISTORY, ""), str(before))
    return _with_annotations(one, annotations)


def _longer(history: str, revision: str) -> str:
    parts = [*filter(None, history.split(",")), revision]
    while len(",".join(parts)) > _HISTORY_LIMIT:
        del parts[0]
    return ",".join(parts)


def with_scale_annotations(deployment: Deployment, one: ReplicaSet) -> ReplicaSet:
    """`one` with the sizes that it was scaled for, from which the next scaling takes its share."""
    sizes = {DESIRED: str(replicas_of(deployment)), MOST: str(most_pods(deployment))}
    return _with_annotations(one, {**one.metadata.annotations, **sizes})


def _with_annotations(one: ReplicaSet, annotations: Mapping[str, str]) -> ReplicaSet:
    if annotations == one.metadata.annotations:
        return one
    return replace(one, metadata=replace(one.metadata, annotations=annotations))

"""The objects that we create and the patches of the few fields that we own, as plain data. Pure.

A pod template is copied as it came; a typed object is never written back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from serinus.api import names
from serinus.api.apart import rules_apart, with_rules
from serinus.api.argo import AntiAffinity, Rollout
from serinus.api.hashes import template_note
from serinus.api.kubernetes import ObjectMeta
from serinus.api.wire import builtins
from serinus.core.rollout.actions import (
    CreateRevision,
    EditRollout,
    Evict,
    KeepApart,
    LabelPods,
    PointService,
    ScaleWorkload,
)
from serinus.core.rollout.snapshot import PodSeen, Revision


def at(version: str, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The same patch, only at this resourceVersion."""
    metadata = {**patch.get("metadata", {}), "resourceVersion": version}
    return {**patch, "metadata": metadata}


def reference(kind: str, metadata: ObjectMeta) -> dict[str, Any]:
    """The object of ours that an event is about."""
    return {
        "apiVersion": names.GROUP_VERSION,
        "kind": kind,
        "namespace": metadata.namespace,
        "name": metadata.name,
        "uid": metadata.uid,
    }


def owner(rollout: Rollout) -> dict[str, Any]:
    """The controller reference that everything of a Rollout carries."""
    return {
        "apiVersion": names.GROUP_VERSION,
        "kind": "Rollout",
        "name": rollout.metadata.name,
        "uid": rollout.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def adopted(rollout: Rollout) -> dict[str, Any]:
    """The patch of a ReplicaSet that nobody owned."""
    return {"metadata": {"ownerReferences": [owner(rollout)]}}


def inherited(metadata: ObjectMeta) -> dict[str, str]:
    """The label of what is made for an object: the same controller's work."""
    instance = metadata.labels.get(names.INSTANCE_ID)
    return {} if instance is None else {names.INSTANCE_ID: instance}


def replica_set(rollout: Rollout, action: CreateRevision) -> dict[str, Any]:
    """A revision's ReplicaSet with 0 replicas: the Rollout's template, selector and annotations."""
    spec = rollout.spec
    template = action.template.manifest()
    rules = rules_apart(
        template, _anti_affinity(rollout), action.apart_from, rollout.metadata.namespace
    )
    template = with_rules(template, rules)
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), names.POD_HASH: action.hash}
    selector = builtins(spec.selector) if spec.selector else {}
    selector["matchLabels"] = {**selector.get("matchLabels", {}), names.POD_HASH: action.hash}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": action.name,
            "namespace": rollout.metadata.namespace,
            "labels": labels,
            "annotations": copied_annotations(rollout.metadata)
            | {
                names.REVISION: str(action.number),
                names.DESIRED_REPLICAS: str(1 if spec.replicas is None else spec.replicas),
                names.TEMPLATE: template_note(action.template),
            },
            "ownerReferences": [owner(rollout)],
        },
        "spec": {
            "replicas": 0,
            "minReadySeconds": spec.min_ready_seconds,
            "selector": selector,
            "template": {**template, "metadata": {**metadata, "labels": labels}},
        },
    }


def kept_apart(rollout: Rollout, action: KeepApart) -> dict[str, Any]:
    """A ReplicaSet's podAntiAffinity as its author wrote it, and with our term while it counts."""
    template, namespace = action.template.manifest(), rollout.metadata.namespace
    rules = rules_apart(template, _anti_affinity(rollout), action.apart_from, namespace)
    affinity: dict[str, Any] | None = {"podAntiAffinity": {k: v or None for k, v in rules.items()}}
    if not any(rules.values()):
        written = (template.get("spec") or {}).get("affinity")
        affinity = {"podAntiAffinity": None} if written else None
    return at(action.resource_version, {"spec": {"template": {"spec": {"affinity": affinity}}}})


def _anti_affinity(rollout: Rollout) -> AntiAffinity | None:
    strategy = rollout.spec.strategy.canary or rollout.spec.strategy.blue_green
    return strategy.anti_affinity if strategy else None


def copied_annotations(metadata: ObjectMeta) -> dict[str, str]:
    """The annotations that ReplicaSets take over from their Rollout."""
    return {k: v for k, v in metadata.annotations.items() if k not in names.NOT_COPIED}


def labelled_revision(revision: Revision, action: LabelPods) -> dict[str, Any]:
    """Ephemeral metadata on the ReplicaSet's template, and the note of what was put there."""
    noted = {
        part: dict(values)
        for part, values in (("labels", action.labels), ("annotations", action.annotations))
        if values
    }
    return {
        "metadata": {
            "resourceVersion": action.resource_version,
            "annotations": {
                names.EPHEMERAL_METADATA: json.dumps(noted, sort_keys=True) if noted else None
            },
        },
        "spec": {"template": {"metadata": ephemeral(revision.injected, action)}},
    }


def ephemeral(
    before: Mapping[str, Mapping[str, str]], action: LabelPods
) -> dict[str, dict[str, str | None]]:
    """What changes in labels and annotations from what we put before to what is wanted now."""
    wanted = {"labels": action.labels, "annotations": action.annotations}
    return {
        part: {key: None for key in before.get(part, {}) if key not in values} | dict(values)
        for part, values in wanted.items()
        if values or before.get(part)
    }


def labelled_pod(
    pod: PodSeen, before: Mapping[str, Mapping[str, str]], action: LabelPods
) -> dict[str, Any]:
    """The same for a pod that is there already; {} if nothing of it differs."""
    wanted = ephemeral(before, action)
    seen = {"labels": pod.labels, "annotations": pod.annotations}
    changed = {
        part: {key: value for key, value in values.items() if seen[part].get(key) != value}
        for part, values in wanted.items()
    }
    changed = {part: values for part, values in changed.items() if values}
    return {"metadata": changed} if changed else {}


def pointed_service(rollout: Rollout, action: PointService) -> dict[str, Any]:
    """A Service's selector, whose it is, and the instant of the write, in one patch."""
    return {
        "metadata": {
            "resourceVersion": action.resource_version,
            "annotations": {
                names.MANAGED_BY: rollout.metadata.name,
                names.WRITTEN_AT: instant(action.at),
            },
        },
        "spec": {"selector": {names.POD_HASH: action.hash}},
    }


def eviction(namespace: str, action: Evict) -> dict[str, Any]:
    """What is asked of a pod's `eviction`: only of the pod that was seen."""
    return {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": action.pod, "namespace": namespace},
        "deleteOptions": {"preconditions": {"resourceVersion": action.resource_version}},
    }


def instant(at: datetime) -> str:
    """RFC 3339 with microseconds: our own annotations are finer than the API's whole seconds."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def scale(rollout: Rollout, replicas: int) -> dict[str, Any]:
    """A ReplicaSet's size; it also takes over minReadySeconds and the note of what was wanted."""
    desired = 1 if rollout.spec.replicas is None else rollout.spec.replicas
    return {
        "metadata": {"annotations": {names.DESIRED_REPLICAS: str(desired)}},
        "spec": {"replicas": replicas, "minReadySeconds": rollout.spec.min_ready_seconds},
    }


def scaled_workload(rollout: Rollout, action: ScaleWorkload) -> dict[str, Any]:
    """A workload's size, by whom, and what it goes back to; or that it is on its own again."""
    ours = action.noted is not None
    notes = {
        names.SCALED_BY: rollout.metadata.name if ours else None,
        names.SCALED_FROM: str(action.noted) if ours else None,
    }
    return at(
        action.resource_version,
        {"metadata": {"annotations": notes}, "spec": {"replicas": action.replicas}},
    )


def edit(rollout: Rollout, action: EditRollout) -> dict[str, Any]:
    """The Rollout's own annotations and, where nobody said a number, its replicas."""
    patch: dict[str, Any] = {"metadata": {"annotations": dict(action.annotations)}}
    if action.replicas is not None:
        patch["spec"] = {"replicas": action.replicas}
    return at(rollout.metadata.resource_version, patch)

"""What a snapshot says of ReplicaSets, pods and Services, derived from those objects. Pure.

Knows no cache and no client: `observer.py` looks the objects up and puts the pieces together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from serinus.api import names
from serinus.api.apart import apart_from
from serinus.api.argo import Rollout
from serinus.api.kubernetes import (
    Deployment,
    EndpointSlice,
    Pod,
    PodTemplate,
    PodTemplateMetadata,
    ReplicaSet,
    Service,
)
from serinus.api.template import read_template
from serinus.control.looking.interest import Reference
from serinus.core.analysis.subject import Templates
from serinus.core.rollout.snapshot import PodSeen, Revision, ServiceSeen, Snapshot, WorkloadSeen
from serinus.kube.resource import Resource
from serinus.traffic.router import Objects, Route, Router

_WHOLE = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A snapshot, and what the shell needs to carry out the plan that is made of it."""

    snapshot: Snapshot
    routes: Mapping[str, tuple[Router, Route, Objects]]
    templates: Templates
    left: tuple[tuple[Resource, Mapping[str, Any]], ...] = ()
    """Objects that it was routed by and names no more, while they are led back to stable."""
    named: frozenset[Reference] = frozenset()
    """All that it looks at."""


def revision_seen(item: ReplicaSet, pods: Sequence[Pod]) -> Revision:
    """One ReplicaSet and its pods as the core reads them."""
    metadata, notes = item.metadata, item.metadata.annotations
    injected = noted_metadata(notes.get(names.EPHEMERAL_METADATA))
    return Revision(
        name=metadata.name,
        hash=metadata.labels.get(names.POD_HASH, ""),
        number=whole(notes.get(names.REVISION)) or 0,
        resource_version=metadata.resource_version,
        template=read_template(item.spec.template, PodTemplateMetadata(**injected)),
        replicas=1 if item.spec.replicas is None else item.spec.replicas,
        seen=item.status.replicas,
        ready=item.status.ready_replicas,
        available=item.status.available_replicas,
        observed=item.status.observed_generation >= metadata.generation,
        failure=failure_of(item),
        min_ready_seconds=item.spec.min_ready_seconds,
        scale_down_deadline=when(notes.get(names.SCALE_DOWN_DEADLINE)),
        deadline_set_for=notes.get(names.SCALE_DOWN_SET_FOR, ""),
        injected=injected,
        apart_from=apart_from(bytes(item.spec.template)),
        pods=tuple(pod_seen(pod) for pod in pods),
        annotations=notes,
    )


def workload_seen(item: Deployment | ReplicaSet | PodTemplate) -> WorkloadSeen:
    """The workload that lends its pods, and who scaled it down."""
    metadata, notes = item.metadata, item.metadata.annotations
    replicas = None
    if not isinstance(item, PodTemplate):
        replicas = 1 if item.spec.replicas is None else item.spec.replicas
    return WorkloadSeen(
        kind=type(item).__name__,
        name=metadata.name,
        resource_version=metadata.resource_version,
        generation=metadata.generation,
        replicas=replicas,
        scaled_by=notes.get(names.SCALED_BY, ""),
        noted=whole(notes.get(names.SCALED_FROM)) if names.SCALED_BY in notes else None,
    )


def failure_of(item: ReplicaSet) -> str:
    """The words of its condition ReplicaFailure, "" if that is not True."""
    failed = (c for c in item.status.conditions if c.type == "ReplicaFailure")
    return next((c.message or c.reason for c in failed if c.status == "True"), "")


def pod_seen(pod: Pod) -> PodSeen:
    """One pod; a pod that is being deleted is never ready."""
    metadata = pod.metadata
    deleting = metadata.deletion_timestamp is not None
    return PodSeen(
        name=metadata.name,
        ready=pod.ready() and not deleting,
        deleting=deleting,
        born=metadata.creation_timestamp,
        resource_version=metadata.resource_version,
        labels=metadata.labels,
        annotations=metadata.annotations,
    )


def service_seen(
    service: Service, slices: Iterable[EndpointSlice], hash_of_pod: Mapping[str, str]
) -> ServiceSeen:
    """A Service and the ready endpoints of its slices by revision.

    `hash_of_pod` holds the pods that may get requests, also those of other owners ("" without the
    label): who comes from a Deployment has them behind the same Service. An endpoint of a pod that
    is not there does not count.
    """
    ready: dict[str, int] = {}
    for item in slices:
        for endpoint in item.endpoints:
            target = endpoint.target_ref.name if endpoint.target_ref else ""
            if endpoint.conditions.ready is not False and target in hash_of_pod:
                hash_ = hash_of_pod[target]
                ready[hash_] = ready.get(hash_, 0) + 1
    return ServiceSeen(
        name=service.metadata.name,
        resource_version=service.metadata.resource_version,
        selector_hash=service.spec.selector.get(names.POD_HASH, ""),
        written_at=when(service.metadata.annotations.get(names.WRITTEN_AT)),
        endpoints=ready,
    )


def whole(text: str | None) -> int | None:
    """An annotation's number, None if it is absent or not one."""
    return int(text) if text is not None and _WHOLE.fullmatch(text) else None


def when(text: str | None) -> datetime | None:
    """An annotation's instant, None if it is absent or not one; without a zone it is UTC."""
    try:
        found = msgspec.convert(text, datetime) if text else None
    except msgspec.ValidationError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def noted_metadata(text: str | None) -> dict[str, dict[str, str]]:
    """The ephemeral labels and annotations that an annotation remembers; {} if unreadable."""
    try:
        noted = msgspec.json.decode(text or "{}", type=dict[str, dict[str, str]])
    except msgspec.DecodeError:
        return {}
    return {part: noted[part] for part in ("labels", "annotations") if part in noted}


def routes_of(rollout: Rollout, routers: Mapping[str, Router]) -> dict[str, tuple[Router, Route]]:
    """Each router that the Rollout names and that we know, with what it needs to know."""
    canary = rollout.spec.strategy.canary
    if canary is None or canary.traffic_routing is None:
        return {}
    routing = canary.traffic_routing
    return {
        name: (
            routers[name],
            Route(
                owner_name=rollout.metadata.name,
                owner_uid=rollout.metadata.uid,
                namespace=rollout.metadata.namespace,
                stable_service=canary.stable_service,
                canary_service=canary.canary_service,
                spec=told,
                total=routing.max_traffic_weight or 100,
                managed=tuple(route.name for route in routing.managed_routes),
            ),
        )
        for name, told in routing.parts().items()
        if name in routers
    }

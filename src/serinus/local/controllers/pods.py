"""Which pods a ReplicaSet should create or delete, and what its status says. Pure.

What every owner of pods shares is here too: which pods count, who goes first, how one is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from serinus.api.kubernetes import Condition, ReplicaSet, ReplicaSetStatus
from serinus.local.controllers.ownership import Owner
from serinus.local.node.podspec import NodePod

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
REPLICA_FAILURE = "ReplicaFailure"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReplicaPlan:
    """How many pods to create, which to delete, the status, and when a pod becomes available."""

    create: int
    delete: tuple[NodePod, ...]
    status: ReplicaSetStatus
    wake_at: datetime | None


def plan_replicas(replicaset: ReplicaSet, pods: Sequence[NodePod], now: datetime) -> ReplicaPlan:
    """What is to be done for `replicaset` with `pods`, all those that it owns."""
    active = [pod for pod in pods if is_active(pod)]
    wanted = 1 if replicaset.spec.replicas is None else replicaset.spec.replicas
    surplus = len(active) - wanted
    if replicaset.metadata.deletion_timestamp is not None:
        surplus = 0
    available_at = [at for pod in active if (at := _available_at(replicaset, pod)) is not None]
    template_labels = _template_labels(replicaset)
    status = replace(
        replicaset.status,
        replicas=len(active),
        fully_labeled_replicas=sum(
            template_labels.items() <= dict(pod.metadata.labels).items() for pod in active
        ),
        ready_replicas=sum(pod.ready() for pod in active),
        available_replicas=sum(at <= now for at in available_at),
        terminating_replicas=sum(is_terminating(pod) for pod in pods),
        observed_generation=replicaset.metadata.generation,
    )
    return ReplicaPlan(
        create=max(0, -surplus),
        delete=tuple(sorted(active, key=deletion_order)[: max(0, surplus)]),
        status=status,
        wake_at=min((at for at in available_at if at > now), default=None),
    )


def has_ended(pod: NodePod) -> bool:
    """Whether all containers of a pod have ended for good."""
    return pod.status.phase in ("Succeeded", "Failed")


def is_terminating(pod: NodePod) -> bool:
    """Whether a pod is on its way out and still has something to end."""
    return pod.metadata.deletion_timestamp is not None and not has_ended(pod)


def with_failure(
    status: ReplicaSetStatus, failure: tuple[str, str] | None, now: datetime
) -> ReplicaSetStatus:
    """`status` with the condition that pods cannot be made or removed (reason, message), or without
    it; the instant stays while the reason does."""
    others = tuple(one for one in status.conditions if one.type != REPLICA_FAILURE)
    if failure is None:
        return replace(status, conditions=others)
    reason, message = failure
    if any((c.type, c.reason) == (REPLICA_FAILURE, reason) for c in status.conditions):
        return status
    made = Condition(
        type=REPLICA_FAILURE,
        status="True",
        reason=reason,
        message=message,
        last_transition_time=now.replace(microsecond=0),
    )
    return replace(status, conditions=(*others, made))


def is_active(pod: NodePod) -> bool:
    """Whether a pod counts: it is not on its way out and has not ended for good."""
    return pod.metadata.deletion_timestamp is None and not has_ended(pod)


def deletion_order(pod: NodePod) -> tuple[Any, ...]:
    """Sort key: who goes first. The order is the API's: what serves least and is youngest."""
    phases = {"Pending": 0, "": 0, "Unknown": 1, "Running": 2}
    cost = pod.metadata.annotations.get(DELETION_COST, "0")
    restarts = max((c.restart_count for c in pod.status.container_statuses), default=0)
    return (
        bool(pod.spec.node_name),
        phases.get(pod.status.phase, 2),
        pod.ready(),
        int(cost) if cost.lstrip("-").isdecimal() else 0,
        _age_first(_ready_since(pod)),
        -restarts,
        _age_first(pod.metadata.creation_timestamp),
        pod.metadata.name,
    )


def pod_of(template: Raw, owner: Owner, name: str) -> dict[str, Any]:
    """A pod of an owner: the template as it came, under a name of its own."""
    given: dict[str, Any] = msgspec.json.decode(template)
    metadata = given.get("metadata") or {}
    kept = {
        key: metadata[key] for key in ("labels", "annotations", "finalizers") if key in metadata
    }
    placed = {
        "name": name,
        "generateName": name[: name.rfind("-") + 1],  # whose pods these are, for who reads names
        "namespace": owner.metadata.namespace,
        "ownerReferences": [owner.reference()],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": kept | placed,
        "spec": given.get("spec") or {},
    }


def _available_at(replicaset: ReplicaSet, pod: NodePod) -> datetime | None:
    since = _ready_since(pod)
    if since is None:
        return None
    return since + timedelta(seconds=replicaset.spec.min_ready_seconds)


def _ready_since(pod: NodePod) -> datetime | None:
    for condition in pod.status.conditions:
        if condition.type == "Ready" and condition.status == "True":
            return condition.last_transition_time or _LONG_AGO
    return None


def _age_first(at: datetime | None) -> float:
    """Younger sorts before older; without an instant, first of all."""
    return -at.timestamp() if at is not None else float("-inf")


def _template_labels(replicaset: ReplicaSet) -> Mapping[str, str]:
    template: dict[str, Any] = msgspec.json.decode(replicaset.spec.template)
    return (template.get("metadata") or {}).get("labels") or {}

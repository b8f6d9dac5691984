"""The `eviction` of a pod: a delete that a disruption budget may put off.

Budgets are believed by their status, which a controller keeps; here one disruption is taken from
it, so that evictions that follow at once cannot take more than there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.api.policy import PodDisruptionBudget
from serinus.api.validation.labels import matches
from serinus.api.wire import decode
from serinus.local.apiserver.errors import StatusError, forbidden
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.state import State
from serinus.local.apiserver.storing.store import Version
from serinus.local.apiserver.wire.paths import Target
from serinus.local.apiserver.writing.deletes import DeleteOptions, delete

Object = Mapping[str, Any]

_MOST_DISRUPTED = 2000
_TOO_MANY = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
    "support."
)
_GROUP, _PLURAL = "policy", "poddisruptionbudgets"


def evict(state: State, kind: Kind, target: Target, options: DeleteOptions) -> None:
    """Delete a pod; StatusError 429 while a budget that selects it allows no disruption."""
    found = state.collection(kind).get(target.namespace, target.name)
    if found is not None and not _is_nobodys_business(found.object):
        budgets = _budgets_of(state, found)
        if len(budgets) > 1:
            raise StatusError(500, "InternalError", _TOO_MANY)
        for version in budgets:
            _take_one(state, version, found.object, dry_run=options.dry_run)
    delete(state, kind, target, options)


def _is_nobodys_business(pod: Object) -> bool:
    """Whether a pod serves nobody, so that no budget can mind."""
    phase = (pod.get("status") or {}).get("phase")
    return phase in ("Succeeded", "Failed", "Pending") or "deletionTimestamp" in pod["metadata"]


def _budgets_of(state: State, pod: Version) -> list[Version]:
    labels = pod.object["metadata"].get("labels") or {}
    found = []
    for version in state.store.collection(_GROUP, _PLURAL).sorted(pod.key[0]):
        selector = decode(PodDisruptionBudget, version.object).spec.selector
        if selector is not None and matches(selector, labels):
            found.append(version)
    return found


def _take_one(state: State, version: Version, pod: Object, *, dry_run: bool) -> None:
    """Count a disruption against a budget; StatusError 429 if it has none to give."""
    budget = decode(PodDisruptionBudget, version.object)
    status, name = budget.status, budget.metadata.name
    if not _is_ready(pod):
        # what serves nobody may go if enough others serve
        has_enough = status.current_healthy >= status.desired_healthy > 0
        if has_enough or budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
            return
    if status.observed_generation < budget.metadata.generation:
        raise _too_early(
            f"The disruption budget {name} is still being processed by the server.", 10
        )
    if len(status.disrupted_pods) > _MOST_DISRUPTED:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise forbidden(_GROUP, _PLURAL, name, why)
    if status.disruptions_allowed == 0:
        said = next((c for c in status.conditions if c.reason == "SyncFailed"), None)
        why = f", PDB controller sync failed: {said.message}" if said is not None else ""
        raise _too_early(
            f"The disruption budget {name} needs {status.desired_healthy} healthy pods and has "
            f"{status.current_healthy} currently{why}"
        )
    if not dry_run:
        taken = _with_one_less(version.object, pod["metadata"]["name"], state.timestamp())
        state.store.put(state.store.collection(_GROUP, _PLURAL), version.key, taken)


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _with_one_less(budget: Object, pod: str, now: str) -> dict[str, Any]:
    status = budget["status"]
    disrupted = {**(status.get("disruptedPods") or {}), pod: now}
    allowed = status["disruptionsAllowed"] - 1
    changed = {**status, "disruptionsAllowed": allowed, "disruptedPods": disrupted}
    return {**budget, "status": changed}


def _too_early(why: str, retry_after_seconds: int = 0) -> StatusError:
    details: dict[str, Any] = {"causes": [{"reason": "DisruptionBudget", "message": why}]}
    if retry_after_seconds:
        details["retryAfterSeconds"] = retry_after_seconds
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    return StatusError(429, "TooManyRequests", message, details)

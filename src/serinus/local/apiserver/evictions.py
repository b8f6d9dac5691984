"""The `eviction` of a pod: a delete that a disruption budget may put off.

Budgets are believed by their status; who keeps that status is no matter of the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.local.apiserver.deletes import delete, read_options
from serinus.local.apiserver.errors import StatusError
from serinus.local.apiserver.kinds import Kind
from serinus.local.apiserver.paths import Target
from serinus.local.apiserver.state import State


def evict(state: State, kind: Kind, target: Target, body: Mapping[str, Any]) -> None:
    """Delete a pod; StatusError 429 while a budget that selects it allows no disruption."""
    options = read_options(body.get("deleteOptions"), {})
    found = state.collection(kind).get(target.namespace, target.name)
    if found is not None:
        labels = found.object["metadata"].get("labels") or {}
        for budget in state.view.list("policy", "poddisruptionbudgets", target.namespace):
            if _forbids(budget, labels):
                raise _too_early(budget["metadata"]["name"])
    delete(state, kind, target, options)


def _forbids(budget: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = ((budget.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    allowed = (budget.get("status") or {}).get("disruptionsAllowed")
    return allowed == 0 and all(labels.get(name) == text for name, text in wanted.items())


def _too_early(budget: str) -> StatusError:
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    cause = {
        "reason": "DisruptionBudget",
        "message": f"The disruption budget {budget} allows no disruption now",
    }
    return StatusError(429, "TooManyRequests", message, {"causes": [cause]})

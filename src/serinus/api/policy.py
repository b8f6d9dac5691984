"""PodDisruptionBudgets of Kubernetes' policy/v1, as far as they are read. For reading only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from serinus.api.kubernetes import Condition, LabelSelector, ObjectMeta
from serinus.api.wire import Wire, always


class BudgetSpec(Wire, frozen=True, kw_only=True):
    """Amounts are counts, or percentages as text. Without a selector no pod is meant, with an
    empty one every pod of the namespace."""

    min_available: int | str | None = None
    max_unavailable: int | str | None = None
    selector: LabelSelector | None = None
    unhealthy_pod_eviction_policy: str | None = None


class BudgetStatus(Wire, frozen=True, kw_only=True):
    """`disrupted_pods`: the instants of evictions that were allowed and are not yet seen."""

    observed_generation: int = 0
    disrupted_pods: Mapping[str, datetime] = {}
    disruptions_allowed: int = always(int)
    current_healthy: int = always(int)
    desired_healthy: int = always(int)
    expected_pods: int = always(int)
    conditions: tuple[Condition, ...] = ()


class PodDisruptionBudget(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: BudgetSpec = BudgetSpec()
    status: BudgetStatus = BudgetStatus()

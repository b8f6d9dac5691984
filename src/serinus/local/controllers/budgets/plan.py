"""What the status of a disruption budget says. Pure.

The rules are the API's: healthy is a pod that is ready and not on its way out; an eviction that was
allowed counts as a missing pod until it is seen, or for two minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from serinus.api.kubernetes import Condition
from serinus.api.policy import BudgetStatus, PodDisruptionBudget
from serinus.base.intorstring import scaled_value
from serinus.local.node.podspec import NodePod

ALLOWED = "DisruptionAllowed"
_FORGOTTEN_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Plan:
    """The status, and when an eviction that nobody carried out is forgotten."""

    status: BudgetStatus
    wake_at: datetime | None = None


def needs_scale(budget: PodDisruptionBudget) -> bool:
    """Whether the budget is counted from what the pods' owners want, not from the pods."""
    spec = budget.spec
    return spec.max_unavailable is not None or isinstance(spec.min_available, str)


def plan_budget(
    budget: PodDisruptionBudget, pods: Sequence[NodePod], scale: int, now: datetime
) -> Plan:
    """The status for the selected `pods`, whose owners want `scale` of them."""
    expected, desired = _wanted(budget, len(pods), scale)
    disrupted = _still_disrupted(budget.status.disrupted_pods, pods, now)
    healthy = sum(
        pod.ready()
        and pod.metadata.deletion_timestamp is None
        and pod.metadata.name not in disrupted
        for pod in pods
    )
    allowed = max(0, healthy - desired) if expected > 0 else 0
    generation = budget.metadata.generation
    status = replace(
        budget.status,
        observed_generation=generation,
        disrupted_pods=disrupted,
        disruptions_allowed=allowed,
        current_healthy=healthy,
        desired_healthy=desired,
        expected_pods=expected,
    )
    said = ("True", "SufficientPods", "") if allowed else ("False", "InsufficientPods", "")
    forgotten = min(disrupted.values(), default=None)
    return Plan(
        with_condition(status, said, generation, now),
        None if forgotten is None else forgotten + _FORGOTTEN_AFTER,
    )


def failed(budget: PodDisruptionBudget, why: str, now: datetime) -> BudgetStatus:
    """The status when the pods' owners cannot be asked: nothing may go."""
    status = replace(budget.status, disruptions_allowed=0)
    return with_condition(status, ("False", "SyncFailed", why), budget.metadata.generation, now)


def _wanted(budget: PodDisruptionBudget, pods: int, scale: int) -> tuple[int, int]:
    """How many pods there should be, and how many of them healthy."""
    spec = budget.spec
    if spec.max_unavailable is not None:
        missing = scaled_value(spec.max_unavailable, scale, round_up=True)
        return scale, max(0, scale - missing)
    if isinstance(spec.min_available, str):
        return scale, scaled_value(spec.min_available, scale, round_up=True)
    return pods, spec.min_available if spec.min_available is not None else 1


def _still_disrupted(
    disrupted: Mapping[str, datetime], pods: Sequence[NodePod], now: datetime
) -> dict[str, datetime]:
    staying = {pod.metadata.name for pod in pods if pod.metadata.deletion_timestamp is None}
    return {
        name: at
        for name, at in disrupted.items()
        if name in staying and at + _FORGOTTEN_AFTER > now
    }


def with_condition(
    status: BudgetStatus, said: tuple[str, str, str], generation: int, now: datetime
) -> BudgetStatus:
    """`status` with the condition (status, reason, message) on disruptions."""
    before = next((c for c in status.conditions if c.type == ALLOWED), None)
    turned = now.replace(microsecond=0)
    if before is not None and before.status == said[0] and before.last_transition_time:
        turned = before.last_transition_time
    made = Condition(
        type=ALLOWED,
        status=said[0],
        reason=said[1],
        message=said[2],
        last_transition_time=turned,
        observed_generation=generation,
    )
    others = tuple(one for one in status.conditions if one.type != ALLOWED)
    return replace(status, conditions=(*others, made))

"""Replica arithmetic of the routed canary. Pure numbers: knows no traffic and no safety.

Source of the rules: the original's behaviour; unlike there, what has to be kept for traffic that
is still under way is not decided here but in `drain.py` (safety rule S2).
"""

from __future__ import annotations

from serinus.api.argo import ReplicaProgressThreshold, SetCanaryScale


def portion(replicas: int, weight: int, total: int) -> int:
    """`replicas` x `weight` / `total`, rounded up."""
    return -(-replicas * weight // total)


def scaled(replicas: int, total: int, scale: SetCanaryScale) -> int:
    """The count that a setCanaryScale step asks for (one that is active, see `scale_at`)."""
    if scale.replicas is not None:
        return scale.replicas
    return portion(replicas, scale.weight or 0, total)


def at_least(count: int, replicas: int, min_pods: int | None) -> int:
    """A count that is not zero, raised to minPodsPerReplicaSet but never above `replicas`."""
    if count <= 0 or not min_pods:
        return max(count, 0)
    return max(count, min(min_pods, replicas))


def needed(count: int, threshold: ReplicaProgressThreshold | None) -> int:
    """How many of `count` pods have to be available before a rollout goes on."""
    if threshold is None or threshold.value < 0:
        return count
    if threshold.type == "Pods":
        return min(threshold.value, count)
    return min(-(-count * threshold.value // 100), count)

"""The fixed part of a small blue-green world: what its user wrote, and who never gets ready."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from serinus.api.argo import Rollout, RolloutStatus
from serinus.api.wire import decode
from simulation.shape import instant

ASKED = {"templates": [{"templateName": "errors"}]}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """One variant. Compared by identity."""

    name: str
    replicas: int = 2
    manual: bool = False
    seconds: int = 0
    """autoPromotionSeconds."""
    preview: int | None = None
    pre: bool = False
    post: bool = False
    limit: int | None = None
    lends: str = ""
    """scaleDown of a workloadRef; "" has none."""
    broken: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name

    @property
    def pauses(self) -> bool:
        return self.manual or self.seconds > 0


@lru_cache
def base_rollout(shape: Shape) -> Rollout:
    """The object as its user wrote it."""
    strategy: dict[str, Any] = {
        "activeService": "active",
        "previewService": "preview",
        "autoPromotionEnabled": not shape.manual,
        "autoPromotionSeconds": shape.seconds,
        "previewReplicaCount": shape.preview,
        "scaleDownDelayRevisionLimit": shape.limit,
    }
    if shape.pre:
        strategy["prePromotionAnalysis"] = ASKED
    if shape.post:
        strategy["postPromotionAnalysis"] = ASKED
    spec: dict[str, Any] = {
        "replicas": shape.replicas,
        "progressDeadlineSeconds": 10**8,
        "selector": {"matchLabels": {"app": "x"}},
        "strategy": {"blueGreen": {k: v for k, v in strategy.items() if v is not None}},
    }
    if shape.lends:
        spec["workloadRef"] = {"kind": "Deployment", "name": "lender", "scaleDown": shape.lends}
    metadata = {"name": "app", "namespace": "ns", "uid": "u", "generation": 1}
    return decode(Rollout, {"metadata": metadata, "spec": spec})


@lru_cache(maxsize=4096)
def rollout_of(
    shape: Shape, replicas: int, held: tuple[bool, int | None], revision: str, status: RolloutStatus
) -> Rollout:
    """The object as it stands; `revision` is its own annotation of that name, `held` says whether
    it is paused and from when its pods are to be restarted.
    """
    paused, restart = held
    base = base_rollout(shape)
    notes = {"rollout.argoproj.io/revision": revision} if revision else {}
    if shape.lends:
        notes["rollout.argoproj.io/workload-generation"] = "1"
    metadata = replace(base.metadata, annotations=notes)
    spec = replace(base.spec, replicas=replicas, paused=paused, restart_at=instant(restart))
    return replace(base, metadata=metadata, spec=spec, status=status)

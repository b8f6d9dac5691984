"""The fixed part of a small world: strategy, steps, who never gets ready, what the router can do.

Knows the API objects; knows nothing of plans, rules or what happens in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from serinus.api.argo import Rollout, RolloutStatus
from serinus.api.hashes import pod_hash, step_hash
from serinus.api.kubernetes import ObjectMeta
from serinus.api.template import Template, read_template
from serinus.api.wire import decode

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
SECOND = 1_000_000
"""Instants of a world are microseconds since START."""
SETTLE = 2 * SECOND
DELAY = 30 * SECOND
"""The original's default of scaleDownDelaySeconds and abortScaleDownDelaySeconds."""
VERSIONS = ("A", "B", "C")

HALF = ({"setWeight": 50}, {"pause": {}})
LADDER = ({"setWeight": 20}, {"pause": {"duration": "60s"}}, {"setWeight": 50}, {"pause": {}})
STEPWISE = ({"setWeight": 34}, {"pause": {}}, {"setWeight": 67}, {"pause": {"duration": "60s"}})
MEASURED = (
    {"setWeight": 50},
    {"analysis": {"templates": [{"templateName": "errors"}]}},
    {"pause": {}},
)
SCALED = (
    {"setCanaryScale": {"replicas": 1}},
    {"setWeight": 50},
    {"pause": {}},
    {"setCanaryScale": {"matchTrafficWeight": True}},
    {"setWeight": 80},
)
_BY_HEADER = {"headerName": "x-tester", "headerValue": {"exact": "yes"}}
TESTED = (
    {"setHeaderRoute": {"name": "testers", "match": [_BY_HEADER]}},
    {"pause": {}},
    {"setWeight": 50},
    {"pause": {"duration": "60s"}},
    {"setHeaderRoute": {"name": "testers"}},
    {"pause": {}},
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """One variant of the small world. Compared by identity."""

    name: str
    steps: tuple[Mapping[str, Any], ...] = HALF
    replicas: int = 2
    dynamic: bool = False
    verifying: bool = False
    """The router says whether it is obeyed, and may take any time for that."""
    routed: bool = True
    """A router divides the traffic; else the pods do."""
    services: bool = True
    """The strategy names both Services; only without a router there may be none."""
    surging: int = 1
    """Without a router: maxSurge, with maxUnavailable 0; if 0, with maxUnavailable 1."""
    surge_limit: int | None = None
    """surgeLimit: the pods of a routed canary that may be starting at a time."""
    lends: str = ""
    """scaleDown of a workloadRef; "" has none."""
    longer: tuple[Mapping[str, Any], ...] = ()
    """Steps that an edit of the user's adds at the end, and takes away again."""
    watched: int | None = None
    """startingStep of a background analysis; None has none."""
    window: int = 0
    """rollbackWindow.revisions; 0 has none."""
    swapping: bool = False
    """pingPong: at a promotion the two Services swap their roles."""
    broken: frozenset[str] = frozenset()
    """Versions whose pods never get ready."""
    router: str = "nginx"
    subsets: bool = False
    """Istio: subsets of a DestinationRule choose the pods, and no Service does."""
    objects: int = 1
    """2: two objects are routed (VirtualServices, routes), and a write may reach one of them."""
    deadline: int | None = None
    """progressDeadlineSeconds; None is as good as never."""
    aborting: bool = False
    """progressDeadlineAbort."""

    def __str__(self) -> str:
        return self.name

    @property
    def step_count(self) -> int:
        return len(self.steps)

    def surge(self, replicas: int) -> int:
        """The pods that may be there beyond the wanted ones."""
        return self.surging

    def unavailable(self, replicas: int) -> int:
        """The pods that may be missing."""
        return min(1 - self.surging, replicas)

    def weight_at(self, index: int) -> int:
        """The last setWeight at or before a step; 100 after the last. Own words, on purpose."""
        if index >= len(self.steps):
            return 100
        set_so_far = [s["setWeight"] for s in self.steps[: index + 1] if "setWeight" in s]
        return set_so_far[-1] if set_so_far else 0

    def tested_at(self, index: int) -> bool:
        """A header route is set at a step; a step without a match ends it, and so does the end."""
        if index >= len(self.steps):
            return False
        so_far = [s["setHeaderRoute"] for s in self.steps[: index + 1] if "setHeaderRoute" in s]
        return bool(so_far and so_far[-1].get("match"))

    def mirrored_at(self, index: int) -> bool:
        """A mirror route is set at a step."""
        if index >= len(self.steps):
            return False
        so_far = [s["setMirrorRoute"] for s in self.steps[: index + 1] if "setMirrorRoute" in s]
        return bool(so_far and so_far[-1].get("match"))

    @property
    def plugged(self) -> bool:
        """A step of it is a plugin's."""
        return any("plugin" in step for step in self.steps)

    def tried_at(self, index: int) -> tuple[tuple[int, int], ...]:
        """Weight and pods of each template of a step's experiment that gets a part of traffic."""
        step = self.steps[index] if index < len(self.steps) else {}
        templates = step.get("experiment", {}).get("templates", ())
        return tuple((t["weight"], t.get("replicas", 1)) for t in templates if t.get("weight"))

    def asked_at(self, index: int) -> int | None:
        """The pods that a setCanaryScale{replicas} asks for at a step; None if none holds."""
        scales = [s["setCanaryScale"] for s in self.steps[: index + 1] if "setCanaryScale" in s]
        if index >= len(self.steps) or not scales:
            return None
        replicas: int | None = scales[-1].get("replicas")
        return replicas


@lru_cache
def template_of(version: str) -> Template:
    containers = [{"name": "app", "image": f"app:{version}"}]
    return read_template({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": containers}})


@lru_cache
def hash_of(version: str) -> str:
    return pod_hash(template_of(version), None) if version else ""


@lru_cache
def version_of(hash_: str) -> str:
    return next((v for v in VERSIONS if hash_of(v) == hash_), hash_)


def _told_of(shape: Shape) -> dict[str, Any]:
    """What the strategy says of its router's objects."""
    match shape.router:
        case "istio":
            names = [{"name": name} for name in ("main", "other")[: shape.objects]]
            rule = {"name": "app", "stableSubsetName": "stable", "canarySubsetName": "canary"}
            more = {"destinationRule": rule} if shape.subsets else {}
            return {"virtualServices": names, **more}
        case "plugins":
            return {"argoproj-labs/gatewayAPI": {"httpRoute": "main"}}
        case _:
            return {"stableIngress": "main"}


@lru_cache
def base_rollout(shape: Shape) -> Rollout:
    """The object as its user wrote it, of replicas as the shape says."""
    strategy = {
        "canaryService": "canary",
        "stableService": "stable",
        "trafficRouting": {
            shape.router: _told_of(shape),
            "managedRoutes": [{"name": "testers"}, {"name": "copies"}],
        },
        "steps": list(shape.steps),
        "dynamicStableScale": shape.dynamic,
    }
    if shape.swapping:
        # by their roles, as the controller reads them: `doing.py` swaps what stands behind them
        strategy["pingPong"] = {"pingService": "ping", "pongService": "pong"}
    if not shape.routed:
        bounds = {"maxSurge": shape.surging, "maxUnavailable": 1 - shape.surging}
        strategy = {**strategy, **bounds, "trafficRouting": None}
    if shape.watched is not None:
        asked = {"templates": [{"templateName": "errors"}], "startingStep": shape.watched}
        strategy = {**strategy, "analysis": asked}
    if not shape.services or shape.subsets:
        strategy = {**strategy, "canaryService": "", "stableService": ""}
    if shape.surge_limit is not None:
        strategy = {**strategy, "surgeLimit": shape.surge_limit}
    spec: dict[str, Any] = {
        "replicas": shape.replicas,
        "progressDeadlineSeconds": shape.deadline or 10**8,
        "progressDeadlineAbort": shape.aborting,
        "selector": {"matchLabels": {"app": "x"}},
        "strategy": {"canary": strategy},
    }
    if shape.window:
        spec["rollbackWindow"] = {"revisions": shape.window}
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
    metadata: ObjectMeta = replace(base.metadata, annotations=notes)
    spec = replace(base.spec, replicas=replicas, paused=paused, restart_at=instant(restart))
    return replace(base, metadata=metadata, spec=spec, status=status)


@lru_cache
def step_hash_of(shape: Shape) -> str:
    canary = base_rollout(shape).spec.strategy.canary
    assert canary is not None
    return step_hash(canary.steps)


def instant(at: int | None) -> datetime | None:
    return None if at is None else START + timedelta(microseconds=at)


def micros(at: datetime) -> int:
    """An instant of a plan or an object as the world counts."""
    return (at - START) // timedelta(microseconds=1)

"""Shop objects, and the embedded API server's store read as a world of the oracle's.

Versions are pod hashes here. Knows nothing of the controller.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from control.shop import SHOP
from serinus.api import names
from serinus.api.argo import Rollout
from serinus.api.hashes import pod_hash
from serinus.api.template import read_template
from serinus.api.wire import decode
from serinus.local.apiserver.admission import StoreView
from simulation.cluster import mesh
from simulation.model import Lender, Pods, Service, World
from simulation.parts import Router, Run, Trial
from simulation.shape import Shape, micros
from support.cluster import NAMESPACE

Json = Mapping[str, Any]
STEPS: tuple[dict[str, Any], ...] = (
    {"setWeight": 25},
    {"pause": {"duration": "20s"}},
    {"setWeight": 50},
    {"analysis": {"templates": [{"templateName": "errors"}]}},
    {"pause": {}},
    {"setWeight": 75},
)
TRIED: tuple[dict[str, Any], ...] = (
    {"setWeight": 25},
    {
        "experiment": {
            "duration": "20s",
            "templates": [
                {"name": "old", "specRef": "stable"},
                {"name": "new", "specRef": "canary"},
            ],
            "analyses": [{"name": "errors", "templateName": "errors"}],
        }
    },
    {"setWeight": 50},
    {"pause": {}},
)
"""A step that tries both versions beside the release."""
REPLICAS = 4
CANARY_INGRESS = "web-web-canary"
WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"

TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors, namespace: shop}
spec:
  metrics:
  - name: errors
    interval: 5s
    count: 3
    successCondition: result[0] < 0.5
    failureLimit: 1
    provider: {prometheus: {address: "http://prometheus.monitoring:9090", query: "errors"}}
"""


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 4
"""


def shop(shape: Shape) -> str:
    """The manifests of one Rollout with its Services, Ingress and template, and of a Deployment
    that lends its pods where the shape asks for it.
    """
    before, _, rest = SHOP.partition("      steps:\n")
    after = rest[rest.index("---") :]
    more = f"      dynamicStableScale: {json.dumps(shape.dynamic)}\n" if shape.routed else ""
    if shape.subsets:
        before = before[: before.index("      canaryService")] + mesh.STRATEGY
        after = f"{after}---{mesh.OBJECTS}"
    if not shape.routed:
        before = before.replace("      trafficRouting: {nginx: {stableIngress: web}}\n", "")
        more = f"      maxSurge: {shape.surging}\n      maxUnavailable: {1 - shape.surging}\n"
    if shape.lends:
        start, end = before.index("  selector:"), before.index("  strategy:")
        lent = DEPLOYMENT + before[start:end]
        ref = f"{{apiVersion: apps/v1, kind: Deployment, name: web, scaleDown: {shape.lends}}}"
        before = f"{lent}---\n{before[:start]}  workloadRef: {ref}\n{before[end:]}"
    return f"{before}{more}      steps: {json.dumps(shape.steps)}\n{after}---{TEMPLATE}"


def rollout_of(view: StoreView) -> Rollout:
    found = view.get("argoproj.io", "rollouts", "web", NAMESPACE)
    assert found is not None
    return decode(Rollout, found)


def read(view: StoreView, shape: Shape, now: datetime) -> World:
    """The world as it is written now; nothing lags and no ghost is known."""
    rollout = rollout_of(view)
    lender = view.get("apps", "deployments", "web", NAMESPACE) if shape.lends else None
    template = read_template(lender["spec"]["template"] if lender else rollout.spec.template)
    wanted = pod_hash(template, rollout.status.collision_count)
    return World(
        shape=shape,
        now=micros(now),
        version=wanted,
        replicas=1 if rollout.spec.replicas is None else rollout.spec.replicas,
        paused=rollout.spec.paused,
        sets=tuple(_pods(view, item) for item in _ours(view, "apps", "replicasets")),
        stable=mesh.side(view, "stable") if shape.subsets else _service(view, "web-stable"),
        canary=mesh.side(view, "canary") if shape.subsets else _service(view, "web-canary"),
        router=mesh.router(view) if shape.subsets else Router(weight=_weight(view)),
        runs=tuple(_run(item) for item in _ours(view, "argoproj.io", "analysisruns")),
        trials=tuple(_trial(item) for item in _ours(view, "argoproj.io", "experiments")),
        lender=_lender(view, lender) if lender else None,
        status=rollout.status,
    )


def _list(view: StoreView, group: str, plural: str) -> list[Json]:
    return [
        item
        for item in view.list(group, plural, NAMESPACE)
        if "deletionTimestamp" not in item["metadata"]
    ]


def _ours(view: StoreView, group: str, plural: str) -> list[Json]:
    """Those that the Rollout owns."""
    return [
        item
        for item in _list(view, group, plural)
        if any(o["kind"] == "Rollout" for o in item["metadata"].get("ownerReferences", ()))
    ]


def _lender(view: StoreView, item: Json) -> Lender:
    """The Deployment, and its ready pods: those without a hash of ours."""
    ready = sum(_ready(pod) for pod in _list(view, "", "pods") if not _hash(pod))
    notes = item["metadata"].get("annotations", {})
    noted = notes.get(names.SCALED_FROM)
    return Lender(
        replicas=item["spec"]["replicas"],
        ready=ready,
        noted=int(noted) if noted else None,
        scaled_by=notes.get(names.SCALED_BY, ""),
    )


def _hash(item: Json) -> str:
    return str(item["metadata"].get("labels", {}).get(names.POD_HASH, ""))


def _ready(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _pods(view: StoreView, item: Json) -> Pods:
    version = _hash(item)
    pods = [pod for pod in _list(view, "", "pods") if _hash(pod) == version]
    ready = sum(_ready(pod) for pod in pods)
    notes = item["metadata"].get("annotations", {})
    return Pods(
        version,
        number=int(notes.get(names.REVISION, 0)),
        replicas=item["spec"]["replicas"],
        ready=ready,
        pending=len(pods) - ready,
    )


def _service(view: StoreView, name: str) -> Service:
    found = view.get("", "services", name, NAMESPACE)
    selector = str(found["spec"]["selector"].get(names.POD_HASH, "")) if found else ""
    of_pod = {pod["metadata"]["name"]: _hash(pod) for pod in _list(view, "", "pods")}
    shown = {
        of_pod[endpoint["targetRef"]["name"]]
        for part in _list(view, "discovery.k8s.io", "endpointslices")
        if part["metadata"]["labels"].get("kubernetes.io/service-name") == name
        for endpoint in part.get("endpoints") or ()
        if endpoint["targetRef"]["name"] in of_pod and endpoint["conditions"].get("ready", True)
    }
    others = tuple(sorted(shown - {selector})) if selector else ()
    return Service(selector, shown=others[0] if others else selector, lagging=others)


def _weight(view: StoreView) -> int:
    found = view.get("networking.k8s.io", "ingresses", CANARY_INGRESS, NAMESPACE)
    if found is None or "deletionTimestamp" in found["metadata"]:
        return 0
    text = str(found["metadata"].get("annotations", {}).get(WEIGHT, "0"))
    return int(text) if text.isdecimal() else 0


def _run(item: Json) -> Run:
    labels = item["metadata"]["labels"]
    phase = item.get("status", {}).get("phase") or "Running"
    stopped = bool(item["spec"].get("terminate"))
    name = str(item["metadata"]["name"])
    return Run(name, _hash(item), int(labels.get(names.STEP_INDEX, -1)), phase, stopped)


def _trial(item: Json) -> Trial:
    labels = item["metadata"]["labels"]
    phase = item.get("status", {}).get("phase") or "Running"
    stopped = bool(item["spec"].get("terminate"))
    name = str(item["metadata"]["name"])
    return Trial(name, _hash(item), int(labels.get(names.STEP_INDEX, -1)), phase, stopped)

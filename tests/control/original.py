"""A shop as Argo Rollouts leaves it when its controller is stopped: objects, names, marks, status.

Built from the published contract, field by field, and not by our own controller: hashes that we do
not compute, no annotation of ours, pod templates with the defaults that an API server fills in.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import yaml

from control import scenes
from serinus.api.argo import Step
from serinus.api.hashes import step_hash
from serinus.api.wire import decode
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS, ROLLOUTS
from serinus.kube.resource import INGRESSES, REPLICASETS
from support.cluster import NAMESPACE, PaperCluster

Json = dict[str, Any]
HASH = "rollouts-pod-template-hash"
MANAGED = "argo-rollouts.argoproj.io/managed-by-rollouts"
V0, V1, V2 = "5d4c9bc47", "789746c88d", "6bf95dd9c8"
"""Hashes as Go makes them; of the templates web:v0, web:v1 and web:v2."""
HASHES = {"v0": V0, "v1": V1, "v2": V2}

STEPS: list[Json] = [
    {"setWeight": 20},
    {"pause": {"duration": "60s"}},
    {"setWeight": 40},
    {"analysis": {"templates": [{"templateName": "errors"}]}},
    {"pause": {}},
]
ROUTED: Json = {
    "canaryService": "web-canary",
    "stableService": "web-stable",
    "trafficRouting": {"nginx": {"stableIngress": "web"}},
    "steps": STEPS,
}
SWITCHED: Json = {"activeService": "web-active", "previewService": "web-preview"}


def when(at: datetime) -> str:
    """RFC 3339 with whole seconds, as Go writes metav1.Time."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def template(version: str) -> Json:
    """As somebody wrote it into the Rollout: no API server fills anything in there."""
    container = {"name": "web", "image": f"web:{version}", "ports": [{"containerPort": 8080}]}
    container["resources"] = {"requests": {"cpu": "0.5", "memory": "1Gi"}}
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}


def defaulted(version: str, pod_hash: str) -> Json:
    """As the API server returns it in a ReplicaSet that Go wrote."""
    made = copy.deepcopy(template(version))
    made["metadata"] = {"labels": {"app": "web", HASH: pod_hash}, "creationTimestamp": None}
    (container,) = made["spec"]["containers"]
    container["ports"][0]["protocol"] = "TCP"
    container["resources"]["requests"]["cpu"] = "500m"
    container |= {
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    made["spec"] |= {
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }
    return made


@dataclass
class Original:
    """What the original's controller knew when it was stopped."""

    strategy: Json
    """Of the spec: {"canary": ...} or {"blueGreen": ...}."""
    spec: Json = field(default_factory=dict)
    """More fields of the Rollout's spec."""
    replicas: int = 5
    wanted: str = "v1"
    """The version in the spec."""
    sets: Mapping[str, int] = field(default_factory=lambda: {"v1": 5})
    """Pods of each revision, oldest first."""
    hashes: Mapping[str, str] = field(default_factory=lambda: dict(HASHES))
    templates: dict[str, Json] = field(default_factory=dict)
    """Of the ReplicaSets, where it is not the usual one."""
    notes: dict[str, Json] = field(default_factory=dict)
    """More annotations of the ReplicaSets."""
    selectors: Json = field(default_factory=dict)
    """Of Services, by version."""
    weight: int | None = None
    """On the canary Ingress; None: there is none."""
    status: Json = field(default_factory=dict)
    runs: list[Json] = field(default_factory=list)
    experiments: list[Json] = field(default_factory=list)
    trial_sets: list[Json] = field(default_factory=list)
    """ReplicaSets of the experiment."""
    others: list[Json] = field(default_factory=list)
    """Objects that are nobody's."""
    metadata: Json = field(default_factory=dict)

    def hash(self, version: str) -> str:
        return self.hashes[version]


async def leave(cluster: PaperCluster, left: Original) -> Json:
    """Puts it all there; the Rollout as it stands when all pods are ready."""
    await cluster.apply(scenes.TEMPLATE)
    for name, version in left.selectors.items():
        await cluster.apply(yaml.safe_dump(_service(left, name, version)))
    if left.weight is not None:
        await cluster.apply(scenes.INGRESS)
    made = await cluster.admin.create(ROLLOUTS, _rollout(left), NAMESPACE)
    owner = _owner(made)
    for item in left.others:
        await cluster.apply(yaml.safe_dump(item))
    for number, version in enumerate(left.sets, 1):
        await cluster.admin.create(REPLICASETS, _set(left, version, number, owner), NAMESPACE)
    if left.weight is not None:
        await cluster.admin.create(INGRESSES, _canary_ingress(left.weight, owner), NAMESPACE)
    await cluster.clock.sleep(15)
    for item, resource in (
        *((run, ANALYSIS_RUNS) for run in left.runs),
        *((one, EXPERIMENTS) for one in left.experiments),
    ):
        body = {**item, "metadata": {**item["metadata"], "ownerReferences": [owner]}}
        parent = await cluster.admin.create(resource, body, NAMESPACE)
        for one in left.trial_sets if resource is EXPERIMENTS else ():
            one["metadata"]["ownerReferences"] = [_owner(parent)]
            await cluster.admin.create(REPLICASETS, one, NAMESPACE)
    if left.trial_sets:
        await cluster.clock.sleep(5)
    status = {**_status(left, made), **left.status}
    return await cluster.admin.patch(
        ROLLOUTS, "web", {"status": status}, NAMESPACE, subresource="status"
    )


def _owner(rollout: Json) -> Json:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "blockOwnerDeletion": True,
        "controller": True,
        "kind": rollout["kind"],
        "name": rollout["metadata"]["name"],
        "uid": rollout["metadata"]["uid"],
    }


def _rollout(left: Original) -> Json:
    notes = {"rollout.argoproj.io/revision": str(len(left.sets)), "team": "blue"}
    metadata = {"name": "web", "namespace": NAMESPACE, "annotations": notes, **left.metadata}
    spec = {
        "replicas": left.replicas,
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": template(left.wanted),
        "strategy": left.strategy,
        **left.spec,
    }
    if "workloadRef" in spec:
        del spec["template"], spec["selector"]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": metadata,
        "spec": {key: value for key, value in spec.items() if value is not None},
    }


def _set(left: Original, version: str, number: int, owner: Json) -> Json:
    pod_hash = left.hash(version)
    labels = {"app": "web", HASH: pod_hash}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"web-{pod_hash}",
            "namespace": NAMESPACE,
            "labels": labels,
            "annotations": {
                "team": "blue",
                "rollout.argoproj.io/desired-replicas": str(left.replicas),
                "rollout.argoproj.io/revision": str(number),
                **left.notes.get(version, {}),
            },
            "ownerReferences": [owner],
        },
        "spec": {
            "replicas": left.sets[version],
            "selector": {"matchLabels": labels},
            "template": left.templates.get(version) or defaulted(version, pod_hash),
        },
    }


def _service(left: Original, name: str, version: str) -> Json:
    selector = {"app": "web"} | ({HASH: left.hash(version)} if version else {})
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": {MANAGED: "web"}},
        "spec": {
            "selector": selector,
            "ports": [{"port": 80, "targetPort": 8080, "protocol": "TCP"}],
        },
    }


def _canary_ingress(weight: int, owner: Json) -> Json:
    prefix = "nginx.ingress.kubernetes.io"
    backend = {"service": {"name": "web-canary", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "web-web-canary",
            "namespace": NAMESPACE,
            "annotations": {f"{prefix}/canary": "true", f"{prefix}/canary-weight": str(weight)},
            "ownerReferences": [owner],
        },
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"host": "shop.example.com", "http": {"paths": [path]}}],
        },
    }


def _status(left: Original, rollout: Json) -> Json:
    """At rest, or in mid-update as `left.status` goes on to say."""
    current = left.hash(left.wanted) if left.wanted in left.sets else ""
    updated, total = left.sets.get(left.wanted, 0), sum(left.sets.values())
    canary = left.strategy.get("canary")
    status: Json = {
        "HPAReplicas": total,
        "availableReplicas": total,
        "conditions": [],
        "currentPodHash": current,
        "observedGeneration": str(rollout["metadata"]["generation"]),
        "phase": "Healthy",
        "readyReplicas": total,
        "replicas": total,
        "selector": "app=web",
        "stableRS": current,
        "updatedReplicas": updated,
    }
    if canary is None:
        return {**status, "blueGreen": {}, "canary": {}}
    steps = tuple(decode(Step, step) for step in canary.get("steps", ()))
    status["currentStepHash"] = step_hash(steps)
    if steps:
        status["currentStepIndex"] = len(steps)
    return {**status, "blueGreen": {}, "canary": {}}


def weights(left: Original, weight: int, canary: str, stable: str) -> Json:
    """`status.canary.weights` of a router."""
    return {
        "canary": {
            "podTemplateHash": left.hash(canary),
            "serviceName": "web-canary",
            "weight": weight,
        },
        "stable": {
            "podTemplateHash": left.hash(stable),
            "serviceName": "web-stable",
            "weight": 100 - weight,
        },
    }


def condition(type: str, status: str, reason: str, message: str, at: datetime) -> Json:
    """A condition that became so a minute before `at`."""
    return {
        "lastTransitionTime": when(at - timedelta(minutes=1)),
        "lastUpdateTime": when(at - timedelta(minutes=1)),
        "message": message,
        "reason": reason,
        "status": status,
        "type": type,
    }


def ephemeral(labels: Json) -> str:
    """The annotation that remembers what was put on pods, in Go's spelling."""
    return json.dumps({"labels": labels}, separators=(",", ":"))

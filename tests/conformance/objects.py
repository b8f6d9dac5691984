"""Objects that cases send: plain data, valid on any Kubernetes."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def config_map(name: str, labels: Json | None = None, **data: str) -> Json:
    """A ConfigMap."""
    return _typed("v1", "ConfigMap", name, labels) | {"data": data}


def secret(name: str, labels: Json | None = None, **fields: Any) -> Json:
    """A Secret, the kind of which a new namespace holds none: for lists and watches."""
    return _typed("v1", "Secret", name, labels) | fields


def service(name: str, **spec: Any) -> Json:
    """A Service of one port."""
    ports = {"ports": [{"port": 80}], "selector": {"app": name}}
    return _typed("v1", "Service", name) | {"spec": ports | spec}


def pod(name: str, labels: Json | None = None, **spec: Any) -> Json:
    """A Pod of one container that no node takes (its scheduler does not exist)."""
    plain = {"containers": [{"name": "main", "image": "example.com/web:v1"}]}
    held = {"schedulerName": "nobody.example.com"}
    return _typed("v1", "Pod", name, labels) | {"spec": plain | held | spec}


def template(labels: Json, **spec: Any) -> Json:
    """A pod template of one container."""
    plain = {"containers": [{"name": "main", "image": "example.com/web:v1"}]}
    return {"metadata": {"labels": labels}, "spec": plain | spec}


STAYS = {"name": "main", "image": "registry.k8s.io/pause:3.10"}
"""A container that runs until it is ended."""


def ends(code: int = 0) -> Json:
    """A container that ends with an exit code, soon after its start."""
    return {"name": "main", "image": "busybox:1.37", "command": ["sh", "-c", f"exit {code}"]}


def running(body: Json, *containers: Json, **spec: Any) -> Json:
    """A pod or workload whose containers any node can run; `spec` is of its pods."""
    of_pods = {"containers": list(containers) or [STAYS], "terminationGracePeriodSeconds": 1} | spec
    if body["kind"] == "Pod":
        return body | {"spec": of_pods}
    inner = body["spec"]["template"] | {"spec": of_pods}
    return body | {"spec": body["spec"] | {"template": inner}}


def job(name: str, **spec: Any) -> Json:
    """A Job whose pod is not restarted."""
    made = {"template": template({"app": name}, restartPolicy="Never")}
    return _typed("batch/v1", "Job", name) | {"spec": made | spec}


def budget(name: str, **spec: Any) -> Json:
    """A PodDisruptionBudget over the pods of a workload of that name."""
    selector = {"selector": {"matchLabels": {"app": name}}}
    return _typed("policy/v1", "PodDisruptionBudget", name) | {"spec": selector | spec}


def deployment(name: str, replicas: int = 0, **spec: Any) -> Json:
    """A Deployment, without pods unless asked for."""
    labels = {"app": name}
    plain = {"replicas": replicas, "selector": {"matchLabels": labels}}
    plain |= {"template": template(labels)}
    return _typed("apps/v1", "Deployment", name) | {"spec": plain | spec}


def replica_set(name: str, replicas: int = 0, **spec: Any) -> Json:
    """A ReplicaSet, without pods unless asked for."""
    return deployment(name, replicas, **spec) | {"kind": "ReplicaSet"}


def lease(name: str, **spec: Any) -> Json:
    """A Lease."""
    return _typed("coordination.k8s.io/v1", "Lease", name) | {"spec": spec}


def event(name: str, **fields: Any) -> Json:
    """A core Event about a Pod `p`."""
    about = {"kind": "Pod", "name": "p", "namespace": "{ns}", "apiVersion": "v1"}
    plain = {"involvedObject": about, "reason": "Tried", "message": "it was tried", "count": 1}
    plain |= {"type": "Normal", "source": {"component": "conformance"}}
    return _typed("v1", "Event", name) | plain | fields


GROUP = "c{unique}.example.com"
WIDGETS = f"/apis/{GROUP}/v1/namespaces/{{ns}}/widgets"


def widgets(**version: Any) -> Json:
    """The definition of a namespaced kind Widget with the subresources status and scale."""
    spec = {
        "type": "object",
        "properties": {
            "size": {"type": "integer", "minimum": 1},
            "colour": {"type": "string"},
            "replicas": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    }
    status = {
        "type": "object",
        "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}},
    }
    schema = {"type": "object", "properties": {"spec": spec, "status": status}}
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    plain = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}, "scale": scale},
    }
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    found = _typed("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"widgets.{GROUP}")
    return found | {
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": names,
            "versions": [plain | version],
        }
    }


def widget(name: str, labels: Json | None = None, **spec: Any) -> Json:
    """A Widget."""
    return _typed(f"{GROUP}/v1", "Widget", name, labels) | {"spec": spec}


def _typed(api_version: str, kind: str, name: str, labels: Json | None = None) -> Json:
    metadata: Json = {"name": name} | ({"labels": labels} if labels else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}

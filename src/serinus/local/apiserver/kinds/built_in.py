"""What the built-in kinds do beyond storing: defaults that clients rely on, fields that stay.

Rows of a table by kind; custom kinds have none of it.
"""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from serinus.local.apiserver.kinds import webhook_configurations as webhooks
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.kinds.pod_defaults import pod_spec, pod_template

Object = dict[str, Any]

_SERVICE: Object = {"type": "ClusterIP", "sessionAffinity": "None"}
_CLUSTER_SERVICE: Object = {"internalTrafficPolicy": "Cluster", "ipFamilyPolicy": "SingleStack"}
_DEPLOYMENT: Object = {"revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}


def with_defaults(kind: Kind, value: Object) -> Object:
    """`value` as its writer is taken to mean it: with defaults."""
    if webhooks.is_configuration(kind.group):
        return webhooks.with_defaults(kind.plural, value)
    return _with_defaults(kind, _encoded_secret(kind, value))


def allotted(chance: random.Random, kind: Kind, value: Object) -> Object:
    """`value` as it is stored first, with what the server allots; addresses are by chance."""
    allot = _ALLOTTED.get((kind.group, kind.plural))
    return allot(chance, value) if allot else value


def prepare_update(kind: Kind, before: Mapping[str, Any], value: Object) -> Object:
    """`value` as it replaces `before`."""
    if webhooks.is_configuration(kind.group):
        return webhooks.with_defaults(kind.plural, value)
    value = _encoded_secret(kind, value)
    if (kind.group, kind.plural) == ("", "secrets"):
        value = {"type": "Opaque"} | value
    if "spec" in value and value["spec"] is before.get("spec"):
        return value
    if (kind.group, kind.plural) == ("", "services"):
        value = _keep_address(before, value)
    return _with_defaults(kind, value)


def _with_defaults(kind: Kind, value: Object) -> Object:
    if (kind.group, kind.plural) == ("", "podtemplates"):
        return {**value, "template": pod_template(value.get("template"))}
    default = _DEFAULTS.get((kind.group, kind.plural))
    spec = value.get("spec")
    if default is None or not isinstance(spec, dict | None):
        return value
    return {**value, "spec": default({**(spec or {})}, value)}


def _service(spec: Object, _: Object) -> Object:
    spec = _SERVICE | spec
    if isinstance(spec.get("ports"), list):
        spec["ports"] = [_service_port(port) for port in spec["ports"]]
    if spec["type"] != "ExternalName":
        spec = _CLUSTER_SERVICE | spec
        spec.setdefault("ipFamilies", ["IPv4"])
    return spec


def _service_port(port: Any) -> Any:
    if not isinstance(port, dict):
        return port
    port = {"protocol": "TCP"} | port
    return (
        port
        if port.get("targetPort") or "port" not in port
        else port | {"targetPort": port["port"]}
    )


def _allot_address(chance: random.Random, value: Object) -> Object:
    spec = dict(value["spec"])
    if spec["type"] != "ExternalName" and not spec.get("clusterIP"):
        number = chance.randrange(1, 2**20 - 1)
        spec["clusterIP"] = f"10.{96 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
    if spec.get("clusterIP"):
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
    return {**value, "spec": spec}


def _keep_address(before: Mapping[str, Any], value: Object) -> Object:
    """The allotted address of a Service stays when a replacement leaves it out."""
    spec = value.get("spec")
    if not isinstance(spec, dict) or spec.get("type") == "ExternalName":
        return value
    was = before.get("spec") or {}
    kept = {f: was[f] for f in ("clusterIP", "clusterIPs") if f in was and not spec.get(f)}
    return {**value, "spec": {**spec, **kept}}


def _workload(spec: Object, value: Object) -> Object:
    spec = {"replicas": 1} | spec
    return spec | {"template": pod_template(spec["template"])} if "template" in spec else spec


def _deployment(spec: Object, value: Object) -> Object:
    spec = _DEPLOYMENT | _workload(spec, value)
    strategy: Object = {"type": "RollingUpdate"} | (spec.get("strategy") or {})
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.get("rollingUpdate") or {}
        strategy["rollingUpdate"] = {"maxUnavailable": "25%", "maxSurge": "25%"} | rolling
    return spec | {"strategy": strategy}


def _job(spec: Object, value: Object) -> Object:
    plain: Object = {
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "podReplacementPolicy": "TerminatingOrFailed",
        "manualSelector": False,
    }
    spec = plain | spec
    if "parallelism" not in spec and "completions" not in spec:
        spec |= {"parallelism": 1, "completions": 1}
    spec.setdefault("parallelism", 1)
    return spec | {"template": pod_template(spec["template"])} if "template" in spec else spec


def _job_selector(chance: random.Random, value: Object) -> Object:
    """The selector and labels that tie a Job's pods to it, unless the user chose them."""
    spec = value["spec"]
    if spec.get("manualSelector") or "selector" in spec or "template" not in spec:
        return value
    uid, name = value["metadata"]["uid"], value["metadata"]["name"]
    tied = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name}
    tied |= {"controller-uid": uid, "job-name": name}
    template = spec["template"]
    metadata = template.get("metadata") or {}
    labels = (metadata.get("labels") or {}) | tied
    template = {**template, "metadata": {**metadata, "labels": labels}}
    selector = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    return {**value, "spec": {**spec, "selector": selector, "template": template}}


def _namespace(spec: Object, _: Object) -> Object:
    return {"finalizers": ["kubernetes"]} | spec


def _active_namespace(chance: random.Random, value: Object) -> Object:
    metadata = value["metadata"]
    name = metadata["name"]
    labels = (metadata.get("labels") or {}) | {"kubernetes.io/metadata.name": name}
    metadata = {**metadata, "labels": labels}
    return {**value, "metadata": metadata, "status": {"phase": "Active"}}


def _pending_pod(chance: random.Random, value: Object) -> Object:
    return {**value, "status": {"phase": "Pending", "qosClass": _quality(value)}}


def _quality(pod: Object) -> str:
    containers = (pod.get("spec") or {}).get("containers") or []
    asked = [c.get("resources") or {} for c in containers if isinstance(c, dict)]
    return "Burstable" if any(r.get("requests") or r.get("limits") for r in asked) else "BestEffort"


def _encoded_secret(kind: Kind, value: Object) -> Object:
    """A Secret's `stringData` as `data`; what is no text is left for validation to name."""
    texts = value.get("stringData")
    if (kind.group, kind.plural) != ("", "secrets") or not isinstance(texts, dict):
        return value
    if not all(isinstance(text, str) for text in texts.values()):
        return value
    encoded = {name: b64encode(text.encode()).decode() for name, text in texts.items()}
    rest = {name: child for name, child in value.items() if name != "stringData"}
    return {**rest, "data": (value.get("data") or {}) | encoded}


def _autoscaler(spec: Object, _: Object) -> Object:
    target = {"type": "Utilization", "averageUtilization": 80}
    usual = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {"minReplicas": 1} | spec | {"metrics": spec.get("metrics") or usual}


def _secret(chance: random.Random, value: Object) -> Object:
    return {"type": "Opaque"} | value


_DEFAULTS: dict[tuple[str, str], Callable[[Object, Object], Object]] = {
    ("", "namespaces"): _namespace,
    ("", "pods"): lambda spec, _: pod_spec(spec),
    ("", "services"): _service,
    ("apps", "deployments"): _deployment,
    ("apps", "replicasets"): _workload,
    ("autoscaling", "horizontalpodautoscalers"): _autoscaler,
    ("batch", "jobs"): _job,
}
_ALLOTTED: dict[tuple[str, str], Callable[[random.Random, Object], Object]] = {
    ("", "namespaces"): _active_namespace,
    ("", "pods"): _pending_pod,
    ("", "secrets"): _secret,
    ("", "services"): _allot_address,
    ("batch", "jobs"): _job_selector,
}

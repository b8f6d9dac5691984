"""The columns that kubectl shows of the built-in kinds.

Facts about names and contents of columns; each cell is a small function of the object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from serinus.local.apiserver.kinds.columns import AGE, NAME, Column, age, read_time, short_span
from serinus.local.apiserver.kinds.columns_pods import pod_phase, pod_ready, pod_restarts

Object = Mapping[str, Any]
_NONE = "<none>"


def _at(value: Object, *path: str, default: Any = None) -> Any:
    found: Any = value
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return default if found is None else found


def _plain(name: str, *path: str, default: Any = _NONE, wide: bool = False) -> Column:
    return Column(name, lambda v, _: _at(v, *path, default=default), priority=int(wide))


def _number(name: str, *path: str) -> Column:
    return Column(name, lambda v, _: _at(v, *path, default=0), "integer")


def _made(name: str, cell: Callable[[Object], Any], *, wide: bool = False) -> Column:
    return Column(name, lambda v, _: cell(v), priority=int(wide))


def _count(name: str, *path: str) -> Column:
    return Column(name, lambda v, _: len(_at(v, *path, default=())), "integer")


def _joined(items: Iterable[Any]) -> str:
    return ",".join(str(item) for item in items) or _NONE


def _pairs(labels: Mapping[str, str]) -> str:
    return _joined(f"{key}={value}" for key, value in sorted(labels.items()))


def selector_text(selector: Object) -> str:
    """A label selector as text: `app=web,tier in (a,b)`."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for row in selector.get("matchExpressions") or ():
        key, operator = row.get("key", ""), row.get("operator", "")
        values = ",".join(row.get("values") or ())
        parts.append(
            {"Exists": key, "DoesNotExist": f"!{key}"}.get(
                operator, f"{key} {operator.lower()} ({values})"
            )
        )
    return ",".join(parts) or _NONE


def _containers(value: Object) -> list[Object]:
    pods = value.get("template") or _at(value, "spec", "template", default={})
    return list(_at(pods, "spec", "containers", default=()))


def _container_names(value: Object) -> str:
    return _joined(c.get("name", "") for c in _containers(value))


def _images(value: Object) -> str:
    return _joined(c.get("image", "") for c in _containers(value))


_WORKLOAD_WIDE = (
    _made("Containers", _container_names, wide=True),
    _made("Images", _images, wide=True),
    _made("Selector", lambda v: selector_text(_at(v, "spec", "selector", default={})), wide=True),
)


def _ready_of(value: Object) -> str:
    ready = _at(value, "status", "readyReplicas", default=0)
    return f"{ready}/{_at(value, 'spec', 'replicas', default=0)}"


def _service_ports(value: Object) -> str:
    return _joined(_service_port(port) for port in _at(value, "spec", "ports", default=()))


def _service_port(port: Object) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}"


def _external(value: Object) -> str:
    if _at(value, "spec", "type") == "ExternalName":
        return str(_at(value, "spec", "externalName", default=_NONE))
    rows = _at(value, "status", "loadBalancer", "ingress", default=())
    found = [row.get("ip") or row.get("hostname") for row in rows]
    found += _at(value, "spec", "externalIPs", default=())
    if not found and _at(value, "spec", "type") == "LoadBalancer":
        return "<pending>"
    return _joined(found)


def _endpoints(value: Object) -> str:
    bare: tuple[Object, ...] = ({},)
    found = [
        f"{address.get('ip')}:{port.get('port')}"
        for subset in value.get("subsets") or ()
        for address in subset.get("addresses") or ()
        for port in subset.get("ports") or bare
    ]
    return _some(found)


def _some(found: list[str]) -> str:
    if len(found) > 3:
        return f"{','.join(found[:3])} + {len(found) - 3} more..."
    return _joined(found)


def _slice_ports(value: Object) -> str:
    ports = [p.get("port") for p in value.get("ports") or () if p.get("port") is not None]
    return _joined(ports) if ports else "<unset>"


def _slice_addresses(value: Object) -> str:
    rows = value.get("endpoints") or ()
    found = [address for row in rows for address in row.get("addresses") or ()]
    return _some(found) if found else "<unset>"


def _hosts(value: Object) -> str:
    hosts = [rule["host"] for rule in _at(value, "spec", "rules", default=()) if rule.get("host")]
    if not hosts:
        return "*"
    return _some(hosts)


def _ingress_ports(value: Object) -> str:
    return "80, 443" if _at(value, "spec", "tls") else "80"


def _job_status(value: Object) -> str:
    rows = _at(value, "status", "conditions", default=())
    true = {row.get("type") for row in rows if row.get("status") == "True"}
    for word in ("Complete", "Failed"):
        if word in true:
            return word
    if _at(value, "metadata", "deletionTimestamp"):
        return "Terminating"
    ends = ("Suspended", "FailureTarget", "SuccessCriteriaMet")
    return next((word for word in ends if word in true), "Running")


def _completions(value: Object) -> str:
    done = _at(value, "status", "succeeded", default=0)
    wanted = _at(value, "spec", "completions")
    if wanted is not None:
        return f"{done}/{wanted}"
    parallel = _at(value, "spec", "parallelism", default=1)
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def _duration(value: Object, now: datetime) -> str:
    began = read_time(_at(value, "status", "startTime"))
    if began is None:
        return ""
    ended = read_time(_at(value, "status", "completionTime")) or now
    return short_span((ended - began).total_seconds())


def _hpa_reference(value: Object) -> str:
    target = _at(value, "spec", "scaleTargetRef", default={})
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def _hpa_targets(value: Object) -> str:
    """What is aimed at; what is seen is unknown, as nothing scales by metrics here."""
    rows = _at(value, "spec", "metrics", default=())
    found = [_hpa_target(row) for row in rows]
    if len(found) > 2:
        return f"{', '.join(found[:2])} + {len(found) - 2} more..."
    return ", ".join(found) or _NONE


def _hpa_target(row: Object) -> str:
    kinds = ("resource", "containerResource", "pods", "object", "external")
    one: Object = next((row[kind] for kind in kinds if kind in row), {})
    target = one.get("target") or {}
    if "averageUtilization" in target:
        return f"{one.get('name', '')}: <unknown>/{target['averageUtilization']}%"
    return f"<unknown>/{target.get('averageValue') or target.get('value')}"


def _event_object(value: Object) -> str:
    about = value.get("involvedObject") or {}
    return f"{about.get('kind', '').lower()}/{about.get('name', '')}"


def _event_seen(value: Object, now: datetime) -> str:
    last = value.get("lastTimestamp") or value.get("eventTime") or value.get("firstTimestamp")
    return age(last or _at(value, "metadata", "creationTimestamp"), now)


def _node_status(value: Object) -> str:
    rows = _at(value, "status", "conditions", default=())
    ready = next((row.get("status") for row in rows if row.get("type") == "Ready"), "Unknown")
    word = "Ready" if ready == "True" else "NotReady"
    return word + (",SchedulingDisabled" if _at(value, "spec", "unschedulable") else "")


def _node_roles(value: Object) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = _at(value, "metadata", "labels", default={})
    return _joined(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix)))


def _node_address(kind: str) -> Callable[[Object], str]:
    def cell(value: Object) -> str:
        rows = _at(value, "status", "addresses", default=())
        return next((row["address"] for row in rows if row.get("type") == kind), _NONE)

    return cell


def _node_fact(name: str, field: str) -> Column:
    return _plain(name, "status", "nodeInfo", field, default="<unknown>", wide=True)


def _bound(name: str, field: str) -> Column:
    return Column(name, lambda v, _: str(_at(v, "spec", field, default="N/A")))


COLUMNS: dict[tuple[str, str], tuple[Column, ...]] = {
    ("", "configmaps"): (NAME, _count("Data", "data"), AGE),
    ("", "endpoints"): (NAME, _made("Endpoints", _endpoints), AGE),
    ("", "events"): (
        Column("Last Seen", _event_seen),
        _plain("Type", "type", default=""),
        _plain("Reason", "reason", default=""),
        _made("Object", _event_object),
        _plain("Subobject", "involvedObject", "fieldPath", default="", wide=True),
        _plain("Source", "source", "component", default="", wide=True),
        _plain("Message", "message", default=""),
        _plain("First Seen", "firstTimestamp", default="", wide=True),
        Column("Count", lambda v, _: str(v.get("count", 1)), priority=1),
        Column("Name", NAME.cell, format="name", priority=1),
    ),
    ("", "namespaces"): (NAME, _plain("Status", "status", "phase", default=""), AGE),
    ("", "nodes"): (
        NAME,
        _made("Status", _node_status),
        _made("Roles", _node_roles),
        AGE,
        _plain("Version", "status", "nodeInfo", "kubeletVersion", default=""),
        _made("Internal-IP", _node_address("InternalIP"), wide=True),
        _made("External-IP", _node_address("ExternalIP"), wide=True),
        _node_fact("OS-Image", "osImage"),
        _node_fact("Kernel-Version", "kernelVersion"),
        _node_fact("Container-Runtime", "containerRuntimeVersion"),
    ),
    ("", "pods"): (
        NAME,
        _made("Ready", pod_ready),
        _made("Status", pod_phase),
        Column("Restarts", pod_restarts),
        AGE,
        _plain("IP", "status", "podIP", wide=True),
        _plain("Node", "spec", "nodeName", wide=True),
        _plain("Nominated Node", "status", "nominatedNodeName", wide=True),
        _made("Readiness Gates", lambda v: _NONE, wide=True),
    ),
    ("", "secrets"): (NAME, _plain("Type", "type", default=""), _count("Data", "data"), AGE),
    ("", "serviceaccounts"): (NAME, _count("Secrets", "secrets"), AGE),
    ("", "services"): (
        NAME,
        _plain("Type", "spec", "type", default=""),
        _plain("Cluster-IP", "spec", "clusterIP"),
        _made("External-IP", _external),
        _made("Port(s)", _service_ports),
        AGE,
        _made("Selector", lambda v: _pairs(_at(v, "spec", "selector", default={})), wide=True),
    ),
    ("", "podtemplates"): (
        NAME,
        _made("Containers", _container_names),
        _made("Images", _images),
        _made("Pod Labels", lambda v: _pairs(_at(v, "template", "metadata", "labels", default={}))),
    ),
    ("apps", "deployments"): (
        NAME,
        _made("Ready", _ready_of),
        _number("Up-to-date", "status", "updatedReplicas"),
        _number("Available", "status", "availableReplicas"),
        AGE,
        *_WORKLOAD_WIDE,
    ),
    ("apps", "replicasets"): (
        NAME,
        _number("Desired", "spec", "replicas"),
        _number("Current", "status", "replicas"),
        _number("Ready", "status", "readyReplicas"),
        AGE,
        *_WORKLOAD_WIDE,
    ),
    ("autoscaling", "horizontalpodautoscalers"): (
        NAME,
        _made("Reference", _hpa_reference),
        _made("Targets", _hpa_targets),
        _bound("MinPods", "minReplicas"),
        _bound("MaxPods", "maxReplicas"),
        _number("Replicas", "status", "currentReplicas"),
        AGE,
    ),
    ("batch", "jobs"): (
        NAME,
        _made("Status", _job_status),
        _made("Completions", _completions),
        Column("Duration", _duration),
        AGE,
        *_WORKLOAD_WIDE,
    ),
    ("coordination.k8s.io", "leases"): (
        NAME,
        _plain("Holder", "spec", "holderIdentity", default=""),
        AGE,
    ),
    ("discovery.k8s.io", "endpointslices"): (
        NAME,
        _plain("AddressType", "addressType", default=""),
        _made("Ports", _slice_ports),
        _made("Endpoints", _slice_addresses),
        AGE,
    ),
    **{
        ("admissionregistration.k8s.io", plural): (
            NAME,
            _count("Webhooks", "webhooks"),
            AGE,
        )
        for plural in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
    },
    ("networking.k8s.io", "ingressclasses"): (
        NAME,
        _plain("Controller", "spec", "controller", default=""),
        _made("Parameters", lambda v: _NONE),
        AGE,
    ),
    ("networking.k8s.io", "ingresses"): (
        NAME,
        _plain("Class", "spec", "ingressClassName"),
        _made("Hosts", _hosts),
        _made("Address", lambda v: _external(v).replace(_NONE, "")),
        _made("Ports", _ingress_ports),
        AGE,
    ),
    ("policy", "poddisruptionbudgets"): (
        NAME,
        _bound("Min Available", "minAvailable"),
        _bound("Max Unavailable", "maxUnavailable"),
        _number("Allowed Disruptions", "status", "disruptionsAllowed"),
        AGE,
    ),
    ("apiextensions.k8s.io", "customresourcedefinitions"): (
        NAME,
        _plain("Created At", "metadata", "creationTimestamp", default=""),
    ),
}

"""What an object of a built-in kind has before anything was written to it.

Kubernetes' own types always carry some parts, if empty; who creates an object therefore owns the
fields below them, but not those parts themselves. Facts; custom kinds have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.local.apiserver.kinds.kinds import Kind

_POD: Mapping[str, Any] = {"containers": None}
_TEMPLATE: Mapping[str, Any] = {"metadata": {}, "spec": _POD}
_SPEC: Mapping[str, Any] = {"spec": {}, "status": {}}
_BORN: dict[tuple[str, str], Mapping[str, Any]] = {
    ("", "namespaces"): _SPEC,
    ("", "nodes"): {
        "spec": {},
        "status": {"daemonEndpoints": {"kubeletEndpoint": {}}, "nodeInfo": {}},
    },
    ("", "pods"): {"spec": _POD, "status": {}},
    ("", "podtemplates"): {"template": _TEMPLATE},
    ("", "services"): {"spec": {}, "status": {"loadBalancer": {}}},
    ("", "events"): {"involvedObject": {}, "source": {}},
    ("events.k8s.io", "events"): {
        **{"eventTime": None, "regarding": {}, "deprecatedSource": {}},
        **{"deprecatedFirstTimestamp": None, "deprecatedLastTimestamp": None},
    },
    ("apps", "deployments"): {"spec": {"strategy": {}, "template": _TEMPLATE}, "status": {}},
    ("apps", "replicasets"): {"spec": {"template": _TEMPLATE}, "status": {}},
    ("autoscaling", "horizontalpodautoscalers"): {
        "spec": {"scaleTargetRef": {}},
        "status": {"currentMetrics": None},
    },
    ("batch", "jobs"): {"spec": {"template": _TEMPLATE}, "status": {}},
    ("coordination.k8s.io", "leases"): {"spec": {}},
    ("networking.k8s.io", "ingressclasses"): {"spec": {}},
    ("networking.k8s.io", "ingresses"): {"spec": {}, "status": {"loadBalancer": {}}},
    ("policy", "poddisruptionbudgets"): _SPEC,
    ("apiextensions.k8s.io", "customresourcedefinitions"): {
        "spec": {"names": {}, "versions": None},
        "status": {"conditions": None, "acceptedNames": {}, "storedVersions": None},
    },
}


def born(kind: Kind) -> dict[str, Any]:
    """The object that a creation is compared with."""
    parts = {} if kind.custom else _BORN.get((kind.group, kind.plural), {})
    return {"metadata": {}, **parts}

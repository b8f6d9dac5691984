"""The canonical form of pod templates: what an API server fills in or leaves out is left out.

Defaults, omitted zeros and free maps are facts of core/v1 (Kubernetes 1.35). Knows no object
around the template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serinus.base.quantity import parse_quantity


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of object inside a template: its defaults, and the shapes of its fields."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Shape] = field(default_factory=dict)
    free: bool = False
    """Keys are the user's own: nothing in it is a default or a zero."""
    quantities: bool = False
    """Every value is a quantity."""


_ANY = Shape()
_FREE = Shape(free=True)
_QUANTITIES = Shape(quantities=True)
_FIELD_REF = Shape({"apiVersion": "v1"})
_RESOURCE_REF = Shape({"divisor": "0"})
_HTTP_GET = Shape({"scheme": "HTTP", "path": "/"})
_HANDLER = Shape(fields={"httpGet": _HTTP_GET})
_PROBE = Shape(
    {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    {"httpGet": _HTTP_GET, "grpc": Shape({"service": ""})},
)
_RESOURCES = Shape(fields={"limits": _QUANTITIES, "requests": _QUANTITIES})
_CONTAINER = Shape(
    {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"},
    {
        "ports": Shape({"protocol": "TCP"}),
        "env": Shape(
            fields={
                "valueFrom": Shape(
                    fields={"fieldRef": _FIELD_REF, "resourceFieldRef": _RESOURCE_REF}
                )
            }
        ),
        "resources": _RESOURCES,
        "livenessProbe": _PROBE,
        "readinessProbe": _PROBE,
        "startupProbe": _PROBE,
        "lifecycle": Shape(fields={"postStart": _HANDLER, "preStop": _HANDLER}),
        "securityContext": Shape({"procMount": "Default"}),
    },
)
_DOWNWARD = Shape(
    {"defaultMode": 420},
    {"items": Shape(fields={"fieldRef": _FIELD_REF, "resourceFieldRef": _RESOURCE_REF})},
)
_MODE = Shape({"defaultMode": 420})
_VOLUME = Shape(
    fields={
        "secret": _MODE,
        "configMap": _MODE,
        "downwardAPI": _DOWNWARD,
        "projected": Shape(
            {"defaultMode": 420},
            {
                "sources": Shape(
                    fields={
                        "serviceAccountToken": Shape({"expirationSeconds": 3600}),
                        "downwardAPI": _DOWNWARD,
                    }
                )
            },
        ),
        "hostPath": Shape({"type": ""}),
        "csi": Shape(fields={"volumeAttributes": _FREE}),
        "flexVolume": Shape(fields={"options": _FREE}),
        "iscsi": Shape({"iscsiInterface": "default"}),
        "rbd": Shape({"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"}),
        "azureDisk": Shape(
            {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False}
        ),
        "scaleIO": Shape({"storageMode": "ThinProvisioned", "fsType": "xfs"}),
        "ephemeral": Shape(
            fields={
                "volumeClaimTemplate": Shape(
                    fields={"spec": Shape({"volumeMode": "Filesystem"}, {"resources": _RESOURCES})}
                )
            }
        ),
    }
)
POD = Shape(
    fields={
        "spec": Shape(
            {
                "restartPolicy": "Always",
                "dnsPolicy": "ClusterFirst",
                "schedulerName": "default-scheduler",
                "terminationGracePeriodSeconds": 30,
                "enableServiceLinks": True,
            },
            {
                "containers": _CONTAINER,
                "initContainers": _CONTAINER,
                "ephemeralContainers": _CONTAINER,
                "volumes": _VOLUME,
                "overhead": _QUANTITIES,
                "resources": _RESOURCES,
            },
        )
    }
)

# Fields of any object in a template, by name. Go leaves a zero out only where the field is no
# pointer: `runAsNonRoot: false`, `runAsUser: 0` and `emptyDir: {}` mean something and stay.
_MAPS = {"labels", "annotations", "nodeSelector", "matchLabels"}
_NO_ZERO = {
    "hostPort",
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
    "partition",
}
_NO_FALSE = {"stdin", "stdinOnce", "tty", "readOnly", "hostNetwork", "hostPID", "hostIPC"}
_NO_EMPTY = {"resources", "metadata", "securityContext", "limits", "requests", "overhead"} | _MAPS
_KEPT_TEXT = {"runtimeClassName", "storageClassName", "volumeAttributesClassName"}
_QUANTITY_FIELDS = {"sizeLimit", "divisor"}


def canonical(value: Any, shape: Shape = POD) -> Any:
    """`value` without defaults and zeros, quantities in one spelling. Idempotent, pure."""
    match value:
        case dict() if shape.quantities:
            return {key: _quantity(item) for key, item in value.items() if item is not None}
        case dict() if shape.free:
            return dict(value)
        case dict():
            return _object(value, shape)
        case list():
            return [canonical(item, shape) for item in value]
        case float() if value.is_integer():
            return int(value)
    return value


def _object(value: dict[str, Any], shape: Shape) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in value.items():
        inner = shape.fields.get(key, _FREE if key in _MAPS else _ANY)
        kept = _quantity(item) if key in _QUANTITY_FIELDS else canonical(item, inner)
        if not _is_left_out(key, kept) and not _is_default(key, kept, shape):
            found[key] = kept
    if shape is _CONTAINER and found.get("imagePullPolicy") == _pull_policy(found):
        del found["imagePullPolicy"]
    if shape is _VOLUME and not found.keys() - {"name"}:
        found["emptyDir"] = {}
    if found.get("serviceAccount") == found.get("serviceAccountName"):
        found.pop("serviceAccount", None)  # the deprecated twin, which the API server fills in
    return found


def _is_default(key: str, item: Any, shape: Shape) -> bool:
    if key not in shape.defaults:
        return False
    default = shape.defaults[key]
    return bool(item == default and isinstance(item, bool) == isinstance(default, bool))


def _is_left_out(key: str, item: Any) -> bool:
    match item:
        case None:
            return True
        case bool():
            return not item and key in _NO_FALSE
        case int():
            return item == 0 and key in _NO_ZERO
        case "":
            return key not in _KEPT_TEXT
        case []:
            return True
        case dict():
            return not item and key in _NO_EMPTY
    return False


def _pull_policy(container: Mapping[str, Any]) -> str:
    """What the API server would fill in: Always for `latest` or no tag, else IfNotPresent."""
    image = str(container.get("image", ""))
    if "@" in image:
        return "IfNotPresent"
    _, colon, tag = image.rpartition("/")[2].partition(":")
    return "Always" if not colon or tag == "latest" else "IfNotPresent"


def _quantity(value: Any) -> Any:
    """A quantity as one plain decimal; what is none stays as it is (validation names it)."""
    try:
        number = parse_quantity(value)
    except ValueError:
        return value
    return format(number.normalize(), "f") if number else "0"

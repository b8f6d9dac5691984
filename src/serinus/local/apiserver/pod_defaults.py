"""The defaults of pods and their containers, as clients and controllers expect to read them.

Pure; tolerant of malformed parts, which validation names afterwards.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

_SPEC: Object = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
}
_CONTAINER: Object = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_PROBE: Object = {
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}
_VOLUME_MODES = ("configMap", "secret", "projected", "downwardAPI")
_DEFAULT_MODE = 0o644


def pod_template(template: Any) -> Any:
    """A pod template with defaults."""
    if not isinstance(template, dict) or not isinstance(template.get("spec"), dict):
        return template
    return {**template, "spec": pod_spec(template["spec"])}


def pod_spec(spec: Object) -> Object:
    """A pod spec with defaults."""
    filled: Object = _SPEC | {"securityContext": {}} | spec
    for field in ("containers", "initContainers"):
        if isinstance(filled.get(field), list):
            filled[field] = [_container(item) for item in filled[field]]
    if isinstance(filled.get("volumes"), list):
        filled["volumes"] = [_volume(item) for item in filled["volumes"]]
    return filled


def _container(container: Any) -> Any:
    if not isinstance(container, dict):
        return container
    filled: Object = _CONTAINER | {"resources": {}} | container
    filled.setdefault("imagePullPolicy", _pull_policy(str(container.get("image", ""))))
    if isinstance(filled.get("ports"), list):
        filled["ports"] = [_with({"protocol": "TCP"}, port) for port in filled["ports"]]
    for field in ("readinessProbe", "livenessProbe", "startupProbe"):
        if isinstance(filled.get(field), dict):
            filled[field] = _probe(filled[field])
    return filled


def _pull_policy(image: str) -> str:
    name = image.partition("@")[0].rpartition("/")[2]
    tag = name.partition(":")[2]
    return "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent"


def _probe(probe: Object) -> Object:
    filled: Object = _PROBE | probe
    if isinstance(filled.get("httpGet"), dict):
        filled["httpGet"] = {"scheme": "HTTP", "path": "/"} | filled["httpGet"]
    return filled


def _volume(volume: Any) -> Any:
    if not isinstance(volume, dict):
        return volume
    return volume | {
        field: _with({"defaultMode": _DEFAULT_MODE}, volume[field])
        for field in _VOLUME_MODES
        if field in volume
    }


def _with(defaults: Object, value: Any) -> Any:
    return defaults | value if isinstance(value, dict) else value

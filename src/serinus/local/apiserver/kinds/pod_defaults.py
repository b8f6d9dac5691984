"""The defaults of pods and their containers, as clients and controllers expect to read them.

Pure; tolerant of malformed parts, which validation names afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import is_
from typing import Any

Object = dict[str, Any]

_SPEC: Object = {
    "securityContext": {},
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
}
_CONTAINER: Object = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_PROBE: Object = {
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}
_PROBES = ("readinessProbe", "livenessProbe", "startupProbe")
_VOLUME_MODES = ("configMap", "secret", "projected", "downwardAPI")
_DEFAULT_MODE = 0o644


def pod_template(template: Any) -> Any:
    """A pod template with defaults; the same object if it has them all."""
    if not isinstance(template, dict) or not isinstance(template.get("spec"), dict):
        return template
    return _with_parts(template, {"spec": pod_spec(template["spec"])})


def pod_spec(spec: Object) -> Object:
    """A pod spec with defaults; the same object if it has them all."""
    filled = _with(_SPEC, spec)
    rows = {"containers": _container, "initContainers": _container, "volumes": _volume}
    return _with_parts(
        filled, {field: _each(row, filled[field]) for field, row in rows.items() if field in filled}
    )


def _container(container: Any) -> Any:
    if not isinstance(container, dict):
        return container
    policy = {"imagePullPolicy": _pull_policy(str(container.get("image", "")))}
    filled = _with(_CONTAINER | policy, container)
    parts = {f: _probe(filled[f]) for f in _PROBES if isinstance(filled.get(f), dict)}
    if "ports" in filled:
        parts["ports"] = _each(partial(_with, {"protocol": "TCP"}), filled["ports"])
    return _with_parts(filled, parts)


def _pull_policy(image: str) -> str:
    name = image.partition("@")[0].rpartition("/")[2]
    tag = name.partition(":")[2]
    return "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent"


def _probe(probe: Object) -> Object:
    filled: Object = _with(_PROBE, probe)
    if isinstance(filled.get("httpGet"), dict):
        asked = _with({"scheme": "HTTP", "path": "/"}, filled["httpGet"])
        return _with_parts(filled, {"httpGet": asked})
    if isinstance(filled.get("grpc"), dict):
        # kubectl describe takes it for granted that there is one
        return _with_parts(filled, {"grpc": _with({"service": ""}, filled["grpc"])})
    return filled


def _volume(volume: Any) -> Any:
    if not isinstance(volume, dict):
        return volume
    modes = {"defaultMode": _DEFAULT_MODE}
    return _with_parts(volume, {f: _with(modes, volume[f]) for f in _VOLUME_MODES if f in volume})


def _each(change: Callable[[Any], Any], items: Any) -> Any:
    if not isinstance(items, list):
        return items
    changed = [change(item) for item in items]
    return items if all(map(is_, changed, items)) else changed


def _with(defaults: Object, value: Any) -> Any:
    """`value` with `defaults` for what it lacks; the same object if it lacks nothing."""
    if not isinstance(value, dict) or defaults.keys() <= value.keys():
        return value
    return defaults | value


def _with_parts(value: Object, parts: Object) -> Object:
    if all(value[name] is part for name, part in parts.items()):
        return value
    return value | parts

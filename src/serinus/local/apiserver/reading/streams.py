"""Streams into pods: exec, attach and port-forward are refused, in words that say what there is.

Pods are local processes: a command is run beside them, and their ports are ports of this machine.
Knows pods as mappings, and the annotations in which a node tells their ports.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from serinus.local.apiserver.errors import StatusError, bad_request

PORT_ANNOTATION = "serinus.dev/port"
PORTS_ANNOTATION = "serinus.dev/ports"
_INSTEAD = {
    "exec": "run the command in a terminal of this machine",
    "attach": "use kubectl logs -f for what it writes",
    "portforward": "connect to the real port",
}


def no_stream(action: str, pod: Mapping[str, Any]) -> StatusError:
    """400 that names the real ports of the pod and what to use instead of `action`."""
    name = pod["metadata"]["name"]
    return bad_request(
        f"{action} is not served by the embedded cluster: pods are processes of this machine. "
        f"{_reached(name, pod)}; {_INSTEAD[action]}"
    )


def _reached(name: str, pod: Mapping[str, Any]) -> str:
    annotations = pod["metadata"].get("annotations") or {}
    first = annotations.get(PORT_ANNOTATION)
    if not first:
        return f"Pod {name} has no port yet (annotation {PORT_ANNOTATION})"
    host = (pod.get("status") or {}).get("podIP") or "127.0.0.1"
    listed = ", ".join(
        f"{host}:{real} (its port {declared})" for declared, real in _ports(annotations).items()
    )
    return f"Pod {name} listens at {listed or f'{host}:{first}'}"


def _ports(annotations: Mapping[str, Any]) -> dict[str, int]:
    """Declared port to real one; empty if the annotation is absent or was written by others."""
    try:
        return msgspec.json.decode(annotations.get(PORTS_ANNOTATION) or "{}", type=dict[str, int])
    except msgspec.DecodeError:
        return {}

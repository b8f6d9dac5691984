"""The kubeconfig of the embedded cluster: where it is, and what other processes must know of it.

The extension `serinus` tells the clock (`speed`, `epoch` shown when the wall showed `began`), and
the URLs of `resolver`, `ingress` and `metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from serinus.base.clock import Clock
from serinus.local.gateway.gateway import write_private

NAME = "serinus"


def kubeconfig(server: str, extension: Mapping[str, Any]) -> dict[str, Any]:
    """The document; `server` is a URL with the caller's secret, so there is no user."""
    extensions = [{"name": NAME, "extension": dict(extension)}]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": NAME,
        "clusters": [{"name": NAME, "cluster": {"server": server, "extensions": extensions}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "users": [{"name": NAME, "user": {}}],
    }


def clock_fields(clock: Clock) -> dict[str, Any]:
    """What another process needs to join the clock."""
    return {
        "speed": clock.speed,
        "epoch": clock.epoch.isoformat(),
        "began": clock.began.isoformat(),
    }


def write_kubeconfig(folder: Path, document: Mapping[str, Any], name: str = "kubeconfig") -> Path:
    """Write it under `name`, readable for its owner only."""
    path = folder / name
    write_private(path, yaml.safe_dump(dict(document), sort_keys=False))
    return path

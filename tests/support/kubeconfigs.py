"""Kubeconfig files for tests."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def kubeconfig(folder: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> str:
    """The path of a kubeconfig in `folder` with one context."""
    path = folder / "kubeconfig"
    content = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": dict(cluster)}],
        "users": [{"name": "x", "user": dict(user)}],
    }
    path.write_text(yaml.safe_dump(content))
    return str(path)


def encoded(path: Path) -> str:
    """A file's content as the `-data` fields want it."""
    return base64.b64encode(path.read_bytes()).decode()

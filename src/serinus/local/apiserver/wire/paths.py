"""Kubernetes paths: `/apis/apps/v1/namespaces/shop/deployments/web/status` and their kin.

Pure: text in, target out. Knows nothing of which kinds exist.
"""

from __future__ import annotations

from dataclasses import dataclass

_NAMESPACE_HALVES = ("status", "finalize")


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names: a collection (`name` empty), an object, or a part of one.

    `namespace` is empty for cluster-scoped kinds and for collections across namespaces.
    """

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse_path(path: str) -> Target | None:
    """The target of `path`, or None if it names no resource (discovery, health, garbage)."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    if not all(rest):
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and not _is_namespace_half(group, rest):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        return None
    plural, name, subresource = (*rest, "", "")[:3]
    return Target(group, version, plural, namespace, name, subresource)


def _is_namespace_half(group: str, rest: list[str]) -> bool:
    return not group and len(rest) == 3 and rest[2] in _NAMESPACE_HALVES

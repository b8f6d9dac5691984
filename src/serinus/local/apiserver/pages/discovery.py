"""Discovery: which groups, versions and kinds are served; plain and aggregated.

Pure over the registry.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.kinds.registry import Registry

AGGREGATED_V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
AGGREGATED_V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
_STREAM_VERBS = ("create", "get")
_ACTIONS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    # kubectl drain evicts, instead of deleting, only where it finds this very group
    "eviction": ({"group": "policy", "version": "v1", "kind": "Eviction"}, ("create",)),
    "attach": ({"group": "", "version": "v1", "kind": "PodAttachOptions"}, _STREAM_VERBS),
    "exec": ({"group": "", "version": "v1", "kind": "PodExecOptions"}, _STREAM_VERBS),
    "portforward": ({"group": "", "version": "v1", "kind": "PodPortForwardOptions"}, _STREAM_VERBS),
    "token": (
        {"group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest"},
        ("create",),
    ),
    "log": ({"group": "", "version": "v1", "kind": "Pod"}, ("get",)),
}
_SUBRESOURCE_VERBS = {"status": ("get", "patch", "update"), "scale": ("get", "patch", "update")}


def accepted_aggregation(accept: str) -> str:
    """The aggregated form that an Accept header asks for before plain JSON, or empty text."""
    for offer in accept.split(","):
        words = {word.strip() for word in offer.split(";")}
        if "as=APIGroupDiscoveryList" in words and "g=apidiscovery.k8s.io" in words:
            if "v=v2" in words:
                return AGGREGATED_V2
            if "v=v2beta1" in words:
                return AGGREGATED_V2BETA1
        elif words & {"application/json", "*/*"}:
            return ""
    return ""


def api_versions() -> dict[str, Any]:
    """`/api`."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def groups(registry: Registry) -> dict[str, list[str]]:
    """The versions of every group, in the order of their coming; the core group is empty text."""
    found: dict[str, list[str]] = {}
    for served in registry.all():
        versions = found.setdefault(served.kind.group, [])
        if served.kind.version not in versions:
            versions.append(served.kind.version)
    return {name: sorted(versions, key=version_rank) for name, versions in found.items()}


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Sort key: stable before beta before alpha, higher numbers first, others last."""
    digits = "".join(letter if letter.isdecimal() else " " for letter in version).split()
    stage = 1 if "beta" in version else 2 if "alpha" in version else 0
    if not version.startswith("v") or not digits:
        return (3, 0, 0, version)
    return (stage, -int(digits[0]), -int(digits[1]) if len(digits) > 1 else 0, version)


def group(name: str, versions: Iterable[str]) -> dict[str, Any]:
    """One `APIGroup` without its type."""
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def api_group_list(registry: Registry) -> dict[str, Any]:
    """`/apis`."""
    found = [group(name, versions) for name, versions in groups(registry).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def resource_list(registry: Registry, group_name: str, version: str) -> dict[str, Any] | None:
    """`/apis/G/V` or `/api/v1`; None if nothing is served there."""
    kinds = _kinds(registry, group_name, version)
    if not kinds:
        return None
    group_version = f"{group_name}/{version}" if group_name else version
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": [row for kind in kinds for row in _plain_rows(kind)],
    }


def _kinds(registry: Registry, group_name: str, version: str) -> list[Kind]:
    return [
        served.kind
        for served in registry.all()
        if (served.kind.group, served.kind.version) == (group_name, version)
    ]


def _plain_rows(kind: Kind) -> list[dict[str, Any]]:
    row: dict[str, Any] = {
        "name": kind.plural,
        "singularName": kind.singular_name,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        row["shortNames"] = list(kind.short_names)
    if kind.categories:
        row["categories"] = list(kind.categories)
    rows = [row]
    for name, response, verbs in _parts(kind):
        part = {"name": f"{kind.plural}/{name}", "singularName": "", "kind": response["kind"]}
        rows.append(part | {"namespaced": kind.namespaced, "verbs": list(verbs)})
        if (response["group"], response["version"]) != (kind.group, kind.version):
            rows[-1] |= {"group": response["group"], "version": response["version"]}
    return rows


def _parts(kind: Kind) -> list[tuple[str, dict[str, str], tuple[str, ...]]]:
    own = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    scale = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    halves = [
        (name, scale if name == "scale" else own, _SUBRESOURCE_VERBS[name])
        for name in sorted(kind.subresources)
    ]
    return halves + [(name, *_ACTIONS[name]) for name in kind.actions]


def aggregated(registry: Registry, form: str, *, core: bool) -> dict[str, Any]:
    """`/api` or `/apis` in the aggregated form `form`."""
    items = []
    for name, versions in groups(registry).items():
        if bool(name) == core:
            continue
        rows = [_aggregated_version(registry, name, version) for version in versions]
        metadata = (
            {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None}
        )
        items.append({"metadata": metadata, "versions": rows})
    version = "v2" if form == AGGREGATED_V2 else "v2beta1"
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _aggregated_version(registry: Registry, name: str, version: str) -> dict[str, Any]:
    rows = [_aggregated_row(kind) for kind in _kinds(registry, name, version)]
    return {"version": version, "resources": rows, "freshness": "Current"}


def _aggregated_row(kind: Kind) -> dict[str, Any]:
    row: dict[str, Any] = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular_name,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        row["shortNames"] = list(kind.short_names)
    if kind.categories:
        row["categories"] = list(kind.categories)
    if parts := _parts(kind):
        row["subresources"] = [
            {"subresource": part, "responseKind": response, "verbs": list(verbs)}
            for part, response, verbs in parts
        ]
    return row

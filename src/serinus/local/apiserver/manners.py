"""How kinds differ in what a replacement and a deletion may do. Facts by group and plural.

Custom kinds all behave alike: a replacement names the version that it replaces, and creates
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.errors import StatusError, bad_request, invalid
from serinus.local.apiserver.kinds.kinds import Kind

_CREATED_BY_REPLACEMENT = frozenset(
    (
        ("", "endpoints"),
        ("", "events"),
        ("", "services"),
        ("coordination.k8s.io", "leases"),
        ("events.k8s.io", "events"),
    )
)
_REPLACED_BY_VERSION = frozenset(
    (
        ("apiextensions.k8s.io", "customresourcedefinitions"),
        ("coordination.k8s.io", "leases"),
        ("policy", "poddisruptionbudgets"),
    )
)
_RETURNED_WHEN_DELETED = frozenset(
    (("", "namespaces"), ("", "pods"), ("", "serviceaccounts"), ("", "services"))
)


def is_created_by_replacement(kind: Kind) -> bool:
    """Whether a PUT to an address where nothing is creates an object."""
    return (kind.group, kind.plural) in _CREATED_BY_REPLACEMENT


def is_returned_when_deleted(kind: Kind) -> bool:
    """Whether the answer to a DELETE is the object's last state; else it is a `Status`."""
    return (kind.group, kind.plural) in _RETURNED_WHEN_DELETED


def require_replacement(kind: Kind, name: str, body: Mapping[str, Any]) -> None:
    """StatusError 400 if a replacement has no name, 422 if it lacks a version that it needs."""
    metadata = body["metadata"]
    if not metadata.get("name"):
        raise bad_request(
            f"the name of the object ({name} based on URL) was undeterminable: "
            "name must be provided"
        )
    needed = kind.custom or (kind.group, kind.plural) in _REPLACED_BY_VERSION
    if needed and not metadata.get("resourceVersion"):
        raise unversioned(kind, name)


def unversioned(kind: Kind, name: str) -> StatusError:
    """422 for a replacement that does not say what it replaces."""
    words = "Invalid value: 0x0: must be specified for an update"
    # the kind's plural stands where its name is expected, in every Kubernetes
    problem = FieldProblem("metadata.resourceVersion", words)
    return invalid(kind.plural, kind.group, name, [problem])

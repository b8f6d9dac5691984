"""Reviews: kinds that are asked and answered, never stored. Every known caller may do everything.

Pure: a request object in, its answer out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from serinus.local.apiserver.kinds import Kind

Object = dict[str, Any]


def _access(value: Object, caller: str) -> Object:
    reason = "every known caller of the embedded cluster may do everything"
    return {"allowed": True, "reason": reason}


def _subject(value: Object, caller: str) -> Object:
    return {"userInfo": {"username": caller, "groups": ["system:masters"]}}


def _review(group: str, plural: str, kind: str) -> Kind:
    return Kind(group, "v1", plural, kind, namespaced=False, verbs=("create",))


_ANSWERS: dict[tuple[str, str], Callable[[Object, str], Object]] = {
    ("authorization.k8s.io", "selfsubjectaccessreviews"): _access,
    ("authentication.k8s.io", "selfsubjectreviews"): _subject,
}
REVIEWS = (
    _review("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    _review("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
)


def is_review(kind: Kind) -> bool:
    """Whether objects of this kind are answered instead of stored."""
    return (kind.group, kind.plural) in _ANSWERS


def review(kind: Kind, value: Object, caller: str) -> Object:
    """The object with its answer."""
    status = _ANSWERS[(kind.group, kind.plural)](value, caller)
    typed = {"apiVersion": kind.api_version, "kind": kind.kind}
    return value | typed | {"status": status}

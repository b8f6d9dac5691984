"""Reviews: kinds that are asked and answered, never stored.

Pure: a request object in, its answer out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.errors import invalid
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.rights import review_access, review_rules

Object = dict[str, Any]


def _access(value: Object, caller: str, read_only: bool) -> Object:
    spec = value.get("spec")
    asked = spec.get("resourceAttributes") if isinstance(spec, dict) else None
    pages = spec.get("nonResourceAttributes") if isinstance(spec, dict) else None
    if not isinstance(asked, dict) and not isinstance(pages, dict):
        words = "Invalid value: exactly one of nonResourceAttributes or resourceAttributes"
        problem = FieldProblem("spec.resourceAttributes", f"{words} must be specified")
        raise invalid("SelfSubjectAccessReview", "authorization.k8s.io", "", [problem])
    if not isinstance(asked, dict):
        return {"allowed": not read_only or (pages or {}).get("verb") == "get"}
    return review_access(asked, read_only=read_only)


def _rules(value: Object, caller: str, read_only: bool) -> Object:
    return review_rules(read_only=read_only)


def _subject(value: Object, caller: str, read_only: bool) -> Object:
    groups = ["system:authenticated"] if read_only else ["system:masters", "system:authenticated"]
    return {"userInfo": {"username": caller, "groups": groups}}


_ANSWERS: dict[tuple[str, str], Callable[[Object, str, bool], Object]] = {
    ("authorization.k8s.io", "selfsubjectaccessreviews"): _access,
    ("authorization.k8s.io", "selfsubjectrulesreviews"): _rules,
    ("authentication.k8s.io", "selfsubjectreviews"): _subject,
}


def is_review(kind: Kind) -> bool:
    """Whether objects of this kind are answered instead of stored."""
    return (kind.group, kind.plural) in _ANSWERS


def review(kind: Kind, value: Object, caller: str, *, read_only: bool) -> Object:
    """The object with its answer."""
    status = _ANSWERS[(kind.group, kind.plural)](value, caller, read_only)
    typed = {"apiVersion": kind.api_version, "kind": kind.kind}
    return value | typed | {"status": status}

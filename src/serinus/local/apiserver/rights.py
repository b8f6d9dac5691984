"""What a caller may do: everything, or only look. And how a refusal is said.

Pure over requests. Who is who is the server's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.local.apiserver.errors import StatusError, forbidden
from serinus.local.apiserver.wire.http import Request
from serinus.local.apiserver.wire.paths import Target

_LOOKS = frozenset(("get", "list", "watch"))
_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_HIDDEN = ("secrets",)
"""Resources of the core group that a caller who may only look does not see."""
_ASKED = frozenset(("authentication.k8s.io", "authorization.k8s.io"))


def verb_of(request: Request, target: Target) -> str:
    """The verb under which rights are given: get, list, watch, create and so on."""
    if request.method == "DELETE":
        return "delete" if target.name else "deletecollection"
    if request.method in _WRITES:
        return _WRITES[request.method]
    if target.name:
        return "get"
    return "watch" if request.flag("watch") else "list"


def may_look(verb: str, group: str, resource: str) -> bool:
    """Whether a caller who may only look may do this; `resource` is the plural or `plural/half`."""
    if group in _ASKED and verb == "create":
        return True
    upgrades = resource in ("pods/exec", "pods/attach", "pods/portforward")
    hidden = not group and resource in _HIDDEN
    return verb in _LOOKS and not upgrades and not hidden


def require_right(request: Request, target: Target, *, read_only: bool) -> None:
    """StatusError 403, in the words of role-based access control, for what is not allowed."""
    verb, resource = verb_of(request, target), _resource(target)
    if not read_only or may_look(verb, target.group, resource):
        return
    raise _refusal(request.caller, verb, target)


def _resource(target: Target) -> str:
    return f"{target.plural}/{target.subresource}" if target.subresource else target.plural


def _refusal(caller: str, verb: str, target: Target) -> StatusError:
    where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    why = (
        f'User "{caller}" cannot {verb} resource "{_resource(target)}" in API group '
        f'"{target.group}" {where}'
    )
    return forbidden(target.group, target.plural, target.name, why)


def review_access(attributes: Mapping[str, Any], *, read_only: bool) -> dict[str, Any]:
    """The status of a SelfSubjectAccessReview of these `spec.resourceAttributes`."""
    if not read_only:
        return {"allowed": True, "reason": "this caller may do everything"}
    half = attributes.get("subresource")
    plural = attributes.get("resource") or ""
    resource = f"{plural}/{half}" if half else plural
    allowed = may_look(attributes.get("verb") or "", attributes.get("group") or "", resource)
    return {"allowed": allowed, "reason": "this caller may only look, and not at Secrets"}


def review_rules(*, read_only: bool) -> dict[str, Any]:
    """The status of a SelfSubjectRulesReview."""
    verbs = sorted(_LOOKS) if read_only else ["*"]
    everything = {"verbs": verbs, "apiGroups": ["*"], "resources": ["*"]}
    asking = {"verbs": ["create"], "apiGroups": sorted(_ASKED), "resources": ["*"]}
    pages = {"verbs": ["get"] if read_only else ["*"], "nonResourceURLs": ["*"]}
    return {
        "resourceRules": [everything, asking] if read_only else [everything],
        "nonResourceRules": [pages],
        "incomplete": read_only,  # no rule can say "all but these"
        **({"evaluationError": "Secrets are not among them"} if read_only else {}),
    }

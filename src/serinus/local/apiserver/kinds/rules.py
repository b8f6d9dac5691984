"""Rules of the built-in kinds that no schema states: what must agree, and what may not change.

Pure. Only rules whose breach would otherwise surface much later, as something that never happens.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.kinds import events
from serinus.local.apiserver.kinds import webhook_configurations as webhooks
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.kinds.manifest_rules import manifest_problems
from serinus.local.apiserver.kinds.names import quoted
from serinus.local.apiserver.kinds.workload_rules import workload_problems

Object = Mapping[str, Any]

_IMMUTABLE: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    ("", "secrets"): (("type",),),
    ("apps", "deployments"): (("spec", "selector"),),
    ("apps", "replicasets"): (("spec", "selector"),),
    ("batch", "jobs"): (
        ("spec", "selector"),
        ("spec", "template"),
        ("spec", "completions"),
        ("spec", "completionMode"),
    ),
    ("discovery.k8s.io", "endpointslices"): (("addressType",),),
    ("apiextensions.k8s.io", "customresourcedefinitions"): (("spec", "group"), ("spec", "scope")),
}
_POD_MAY_CHANGE = ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations")
_CONTAINER_MAY_CHANGE = ("image", "resources")
_POD_WORDS = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set "
    "to 1 if it was previously negative)"
)
_SELECTING = frozenset((("apps", "deployments"), ("apps", "replicasets")))


def rule_problems(kind: Kind, before: Object | None, value: Object) -> list[FieldProblem]:
    """What breaks a rule of a built-in kind; `before` is None on creation."""
    key = (kind.group, kind.plural)
    found = list(_selector_problems(value)) if key in _SELECTING else []
    if webhooks.is_configuration(kind.group):
        found += webhooks.problems(value)
    found += workload_problems(key, value)
    if key in (events.CORE, events.OWN):
        found += events.event_problems(key, before, value)
    found += manifest_problems(key, before, value)
    if before is None:
        return found
    if key == ("", "pods") and _fixed_spec(before, before) != _fixed_spec(before, value):
        found.append(FieldProblem("spec", _POD_WORDS))
    for path in _IMMUTABLE.get(key, ()):
        new = _at(path, value)
        if _at(path, before) != new:
            shown = f"{quoted(new)}: " if isinstance(new, str) else ""
            found.append(FieldProblem(".".join(path), f"Invalid value: {shown}field is immutable"))
    if before.get("immutable") and key in (("", "secrets"), ("", "configmaps")):
        for field in ("data", "stringData", "binaryData", "immutable"):
            if before.get(field) != value.get(field):
                message = "Forbidden: field is immutable when `immutable` is set"
                found.append(FieldProblem(field, message))
    return found


def undecodable(kind: Kind, value: Object) -> list[FieldProblem]:
    """What of an object's texts is not in the encoding that its kind asks for."""
    return list(_unreadable_data(value)) if (kind.group, kind.plural) == ("", "secrets") else []


def _unreadable_data(secret: Object) -> Iterator[FieldProblem]:
    for name, text in (secret.get("data") or {}).items():
        try:
            b64decode(text, validate=True)
        except ValueError:
            # the value itself must not be told
            yield FieldProblem(f"data.{name}", "Invalid value: is not base64; or use stringData")


def _at(path: tuple[str, ...], value: Object) -> Any:
    found: Any = value
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _fixed_spec(before: Object, pod: Object) -> dict[str, Any]:
    """The part of a pod's spec that stays; its node is said once."""
    spec = {name: v for name, v in (pod.get("spec") or {}).items() if name not in _POD_MAY_CHANGE}
    if not (before.get("spec") or {}).get("nodeName"):
        spec.pop("nodeName", None)
    for name in ("containers", "initContainers"):
        if name in spec:
            spec[name] = [
                {k: v for k, v in c.items() if k not in _CONTAINER_MAY_CHANGE} for c in spec[name]
            ]
    return spec


def _selector_problems(value: Object) -> Iterator[FieldProblem]:
    spec = value.get("spec") or {}
    selector = spec.get("selector") or {}
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield FieldProblem("spec.selector", "Required value: an empty selector is invalid")
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(name) != text for name, text in wanted.items()):
        message = "Invalid value: `selector` does not match template `labels`"
        yield FieldProblem("spec.template.metadata.labels", message)

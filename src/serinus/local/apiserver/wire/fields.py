"""Which fields of a kind may be selected by, and in which words others are refused.

Facts by group and plural; custom kinds name their own fields in their definitions.
"""

from __future__ import annotations

from serinus.local.apiserver.errors import StatusError, bad_request
from serinus.local.apiserver.kinds import events
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.kinds.names import quoted
from serinus.local.apiserver.wire.selectors import selected_fields

_OWN: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "events"): (
        *(f"involvedObject.{name}" for name in ("kind", "namespace", "name", "uid")),
        *(f"involvedObject.{name}" for name in ("apiVersion", "resourceVersion", "fieldPath")),
        *("reason", "reportingComponent", "source", "type"),
    ),
    events.OWN: (*events.SELECTED, "reason", "source", "type"),
    ("", "namespaces"): ("status.phase",),
    ("", "nodes"): ("spec.unschedulable",),
    ("", "pods"): (
        *("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"),
        *("spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"),
    ),
    ("", "secrets"): ("type",),
    ("", "services"): ("spec.clusterIP", "spec.type"),
    ("apps", "replicasets"): ("status.replicas",),
    ("batch", "jobs"): ("status.successful",),
}


def require_selectable(kind: Kind, field_selector: str) -> None:
    """StatusError 400 if a selector names a field by which this kind cannot be selected."""
    own = kind.selectable or _OWN.get((kind.group, kind.plural), ())
    known = {"metadata.name", *own} | ({"metadata.namespace"} if kind.namespaced else set())
    for field in selected_fields(field_selector):
        if field not in known:
            raise _refusal(kind, field, simple=not own and not kind.custom)


def _refusal(kind: Kind, field: str, *, simple: bool) -> StatusError:
    if (kind.group, kind.plural) == ("batch", "jobs"):
        return bad_request(f"field label {quoted(field)} not supported for Job")
    if simple:
        only = '"metadata.name", "metadata.namespace"'
        return bad_request(f"{quoted(field)} is not a known field selector: only {only}")
    return bad_request(f"field label not supported: {field}")

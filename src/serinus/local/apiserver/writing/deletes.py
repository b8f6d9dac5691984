"""Deletion: preconditions, finalizers, grace of pods, the emptying of namespaces.

Following owner references is a controller's work; here an object is marked, and removed as soon
as nothing holds it any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.errors import bad_request, conflict, forbidden, not_found
from serinus.local.apiserver.kinds.custom import CLEANUP, DEFINITIONS
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.kinds.names import invalid_value
from serinus.local.apiserver.state import State, format_time
from serinus.local.apiserver.storing.store import Collection, Version
from serinus.local.apiserver.webhooks.configured import subject_of
from serinus.local.apiserver.webhooks.gate import OPEN, Gate
from serinus.local.apiserver.wire.options import (
    dry_run_problems,
    is_true,
    refused_options,
    unsupported_value,
)
from serinus.local.apiserver.wire.paths import Target
from serinus.local.apiserver.writing.definitions import is_definition, stop_serving

_PROPAGATION = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}
_KEPT = frozenset((("", "default"), ("", "kube-system"), ("", "kube-public")))
_DEFAULT_GRACE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete. `grace_seconds` None: what the object asks for."""

    grace_seconds: int | None = None
    propagation: str = "Background"
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False
    gate: Gate = OPEN


def read_options(body: Any, query: Mapping[str, str]) -> DeleteOptions:
    """Options from the body (`DeleteOptions`), or the query where the body is silent."""
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise bad_request("the body of a delete must be a DeleteOptions object")
    conditions = body.get("preconditions") or {}
    dry_run = body.get("dryRun") or [query.get("dryRun") or ""]
    if not isinstance(conditions, dict) or not isinstance(dry_run, list):
        raise bad_request("preconditions must be an object, dryRun a list of texts")
    policy = body.get("propagationPolicy") or query.get("propagationPolicy") or ""
    orphan = body.get("orphanDependents")
    if orphan is None and "orphanDependents" in query:
        orphan = is_true(query["orphanDependents"])
    problems = [*_policy_problems(str(policy), orphan), *dry_run_problems(*map(str, dry_run))]
    if problems:
        raise refused_options("DeleteOptions", problems)
    return DeleteOptions(
        _read_grace(body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))),
        policy or ("Orphan" if orphan else "Background"),
        str(conditions.get("uid") or ""),
        str(conditions.get("resourceVersion") or ""),
        dry_run=any(dry_run),
    )


def _policy_problems(policy: str, orphan: Any) -> Iterator[FieldProblem]:
    if policy and orphan is not None:
        words = "orphanDependents and deletionPropagation cannot be both set"
        yield invalid_value("propagationPolicy", policy, words)
    if policy not in ("", "Background", *_PROPAGATION):
        known = ("Foreground", "Background", "Orphan", "nil")
        yield unsupported_value("propagationPolicy", policy, known)


def _read_grace(given: Any) -> int | None:
    """Seconds; a negative period counts as one second, in every Kubernetes."""
    if isinstance(given, str) and given.lstrip("-").isdecimal():
        given = int(given)
    if given is not None and (not isinstance(given, int) or isinstance(given, bool)):
        raise bad_request("gracePeriodSeconds must be a whole number of seconds")
    return 1 if given is not None and given < 0 else given


def delete(
    state: State, kind: Kind, target: Target, options: DeleteOptions
) -> tuple[Version, bool]:
    """Delete or mark an object: its last version, and whether it is gone."""
    collection = state.collection(kind)
    found = collection.get(target.namespace, target.name)
    if found is None:
        raise not_found(kind.group, kind.plural, target.name)
    _check_preconditions(kind, found, options)
    if found.key in _KEPT and (kind.group, kind.plural) == ("", "namespaces"):
        raise forbidden("", "namespaces", target.name, "this namespace may not be deleted")
    subject = subject_of(state, kind, target, "DELETE", options.dry_run)
    options.gate.mutated(subject, None, found.object)
    options.gate.validate(subject, None, found.object)
    marked = _marked(state, kind, found.object, options)
    if options.dry_run:
        return Version(found.key, marked, found.resource_version), not _is_held(marked)
    if not _is_held(marked):
        return _remove(state, kind, found, marked), True
    if marked == found.object:
        return found, False
    stored = state.store.put(collection, found.key, marked)
    if kind.plural == "namespaces" and not kind.group:
        return _empty_namespace(state, kind, stored)
    if is_definition(kind):
        return _empty_definition(state, kind, stored)
    return stored, False


def _check_preconditions(kind: Kind, found: Version, options: DeleteOptions) -> None:
    metadata = found.object["metadata"]
    name = metadata["name"]
    if options.uid and options.uid != metadata["uid"]:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record "
            f"({metadata['uid']}). The object might have been deleted and then recreated"
        )
        raise conflict(kind.group, kind.kind, name, why)  # so named in every Kubernetes
    if options.resource_version and options.resource_version != metadata["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match "
            f"the ResourceVersion in record ({metadata['resourceVersion']}). The object might have "
            "been modified"
        )
        raise conflict(kind.group, kind.kind, name, why)


def _marked(
    state: State, kind: Kind, value: Mapping[str, Any], options: DeleteOptions
) -> dict[str, Any]:
    """`value` with deletion times, and with the finalizer that its propagation asks for."""
    metadata = dict(value["metadata"])
    grace = _grace_seconds(kind, value, options)
    before = metadata.get("deletionGracePeriodSeconds")
    if "deletionTimestamp" not in metadata or (before is not None and grace < before):
        at = state.clock.now() + state.clock.span(grace)
        metadata["deletionTimestamp"] = format_time(at)
        metadata["deletionGracePeriodSeconds"] = grace
        if kind.generation or kind.custom:
            metadata["generation"] = metadata.get("generation", 0) + 1
    finalizer = _PROPAGATION.get(options.propagation)
    if finalizer and "deletionTimestamp" not in value["metadata"]:
        metadata["finalizers"] = [*(metadata.get("finalizers") or []), finalizer]
    if is_definition(kind) and "deletionTimestamp" not in value["metadata"]:
        metadata["finalizers"] = [*(metadata.get("finalizers") or []), CLEANUP]
    marked = {**value, "metadata": metadata}
    if kind.plural == "namespaces" and not kind.group:
        marked["status"] = {**(value.get("status") or {}), "phase": "Terminating"}
    return marked


def _grace_seconds(kind: Kind, value: Mapping[str, Any], options: DeleteOptions) -> int:
    """Wall seconds that a pod on a node may take to stop; everything else goes at once."""
    if kind.group or kind.plural != "pods":
        return 0
    spec, phase = value.get("spec") or {}, (value.get("status") or {}).get("phase")
    if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
        return 0
    if options.grace_seconds is not None:
        return options.grace_seconds
    return int(spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE_SECONDS))


def _is_held(value: Mapping[str, Any]) -> bool:
    metadata = value["metadata"]
    if metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds"):
        return True
    return bool(value["kind"] == "Namespace" and (value.get("spec") or {}).get("finalizers"))


def remove_if_finished(state: State, kind: Kind, version: Version) -> bool:
    """Remove an object that was marked for deletion and that nothing holds any more."""
    if "deletionTimestamp" not in version.object["metadata"] or _is_held(version.object):
        return False
    _remove(state, kind, version, version.object)
    return True


def _remove(state: State, kind: Kind, found: Version, last: Mapping[str, Any]) -> Version:
    removed = state.store.remove(state.collection(kind), found.key, last)
    if kind.namespaced:
        _finish_namespace(state, found.key[0])
    if kind.custom:
        _finish_definition(state, f"{kind.plural}.{kind.group}")
    if is_definition(kind):
        stop_serving(state, found.object)
    return removed


def _empty_namespace(state: State, kind: Kind, namespace: Version) -> tuple[Version, bool]:
    """Delete all that is in a namespace; it goes itself when the last object has gone."""
    name = namespace.key[1]
    for inner, collection in list(state.collections()):
        for version in collection.sorted(name) if inner.namespaced else ():
            target = Target(inner.group, inner.version, inner.plural, name, version.key[1])
            if collection.get(name, version.key[1]) is not None:
                delete(state, inner, target, DeleteOptions())
    _finish_namespace(state, name)
    now = state.collection(kind).get("", name)
    return now or namespace, now is None


def _empty_definition(state: State, kind: Kind, definition: Version) -> tuple[Version, bool]:
    """Delete all objects of a custom kind; the definition goes when the last one has gone."""
    spec = definition.object["spec"]
    served = state.registry.of_plural(spec["group"], spec["names"]["plural"])
    if served is not None:
        inner = served.kind
        for version in state.collection(inner).sorted():
            target = Target(inner.group, inner.version, inner.plural, *version.key)
            delete(state, inner, target, DeleteOptions())
    _finish_definition(state, definition.key[1])
    now = state.collection(kind).get("", definition.key[1])
    return now or definition, now is None


def _finish_definition(state: State, name: str) -> None:
    served = state.registry.of_plural(DEFINITIONS[0], DEFINITIONS[1])
    assert served is not None
    found = state.collection(served.kind).get("", name)
    if found is None or "deletionTimestamp" not in found.object["metadata"]:
        return
    spec, metadata = found.object["spec"], found.object["metadata"]
    if state.store.collection(spec["group"], spec["names"]["plural"]).objects:
        return
    others = [word for word in metadata.get("finalizers") or () if word != CLEANUP]
    last = {**found.object, "metadata": {**metadata, "finalizers": others}}
    if others:
        state.store.put(state.collection(served.kind), found.key, last)
    else:
        _remove(state, served.kind, found, last)


def _finish_namespace(state: State, name: str) -> None:
    namespaces = state.store.collection("", "namespaces")
    found = namespaces.get("", name)
    if found is None or "deletionTimestamp" not in found.object["metadata"]:
        return
    if any(inner.namespaced and _holds(c, name) for inner, c in state.collections()):
        return
    spec = {k: v for k, v in (found.object.get("spec") or {}).items() if k != "finalizers"}
    last = {**found.object, "spec": spec}
    if last["metadata"].get("finalizers"):
        if last != found.object:
            state.store.put(namespaces, found.key, last)
        return
    state.store.remove(namespaces, found.key, last)


def _holds(collection: Collection, namespace: str) -> bool:
    """Whether a collection holds anything in `namespace`."""
    return any(key[0] == namespace for key in collection.objects)

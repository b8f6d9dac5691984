"""The metadata that belongs to the server: names, uids, times, generation, and their protection.

Pure apart from the clock and the chance in `State`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.errors import bad_request, conflict, invalid
from serinus.local.apiserver.kinds import Kind
from serinus.local.apiserver.paths import Target
from serinus.local.apiserver.state import State

Object = Mapping[str, Any]

_OWNED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_DROPPED = ("resourceVersion", "selfLink", "generation", *_OWNED)
_ANNOTATIONS_LIMIT = 256 * 1024
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_KINDS = frozenset((("", "namespaces"), ("", "services")))
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_QUALIFIED = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def new_metadata(state: State, kind: Kind, target: Target, value: Object) -> dict[str, Any]:
    """The metadata of an object that is being created; StatusError if its name is no name."""
    given = value["metadata"]
    metadata = _given(given)
    namespace = given.get("namespace") or ""
    if namespace not in ("", target.namespace):
        raise bad_request(
            f"the namespace of the provided object ({namespace}) does not match the namespace "
            f"sent on the request ({target.namespace or 'none'})"
        )
    if kind.namespaced:
        metadata["namespace"] = target.namespace
    else:
        metadata.pop("namespace", None)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"][:58] + state.name_suffix()
    problems = [*_name_problems(kind, metadata.get("name") or ""), *map_problems(metadata)]
    if problems:
        raise invalid(kind.kind, kind.group, metadata.get("name") or "", problems)
    metadata["uid"] = state.new_uid()
    metadata["creationTimestamp"] = state.timestamp()
    if kind.generation or kind.custom:
        metadata["generation"] = 1
    return metadata


def kept_metadata(kind: Kind, old: Object, value: Object) -> dict[str, Any]:
    """The metadata of a replacement: the server's own fields stay as they were.

    Raises StatusError 409 if `value` was decided on another version or another object, 400/422 if
    it names another one or is malformed.
    """
    before, given = old["metadata"], value["metadata"]
    name = before["name"]
    for field in ("name", "namespace"):
        if given.get(field) and given[field] != before.get(field):
            raise bad_request(
                f"the {field} of the object ({given[field]}) does not match the {field} on the "
                f"URL ({before.get(field, '')})"
            )
    if given.get("uid") and given["uid"] != before["uid"]:
        raise conflict(
            kind.group,
            kind.plural,
            name,
            f"Precondition failed: UID in precondition: {given['uid']}, "
            f"UID in object meta: {before['uid']}",
        )
    if given.get("resourceVersion") not in (None, "", before["resourceVersion"]):
        raise conflict(kind.group, kind.plural, name)
    metadata = _given(given)
    metadata |= {field: before[field] for field in (*_OWNED, "generation") if field in before}
    metadata["name"] = name
    if "namespace" in before:
        metadata["namespace"] = before["namespace"]
    metadata["resourceVersion"] = before["resourceVersion"]
    problems = map_problems(metadata) + _finalizer_problems(before, metadata)
    if problems:
        raise invalid(kind.kind, kind.group, name, problems)
    return metadata


def _given(metadata: Object) -> dict[str, Any]:
    """What a client may say about metadata; null is as good as silence."""
    return {n: child for n, child in metadata.items() if n not in _DROPPED and child is not None}


def _finalizer_problems(before: Object, after: Object) -> list[FieldProblem]:
    if "deletionTimestamp" not in before:
        return []
    added = set(after.get("finalizers") or ()) - set(before.get("finalizers") or ())
    if not added:
        return []
    message = (
        "Forbidden: no new finalizers can be added if the object is being deleted, found new "
        f"finalizers {sorted(added)}"
    )
    return [FieldProblem("metadata.finalizers", message)]


def _name_problems(kind: Kind, name: str) -> list[FieldProblem]:
    if not name:
        return [FieldProblem("metadata.name", "Required value: name or generateName is required")]
    if (kind.group, kind.plural) in _LABEL_KINDS:
        if _LABEL.fullmatch(name) and len(name) <= 63:
            return []
        rule = (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "
            "'-', start and end with an alphanumeric character, and have 63 characters at most"
        )
    else:
        if _SUBDOMAIN.fullmatch(name) and len(name) <= 253:
            return []
        rule = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
            "'-' or '.', start and end with an alphanumeric character, and have 253 characters "
            "at most"
        )
    return [FieldProblem("metadata.name", f'Invalid value: "{name}": {rule}')]


def map_problems(metadata: Object) -> list[FieldProblem]:
    """What is wrong with labels, annotations, finalizers and owner references."""
    found: list[FieldProblem] = []
    for field in ("labels", "annotations"):
        entries = metadata.get(field)
        if entries is None:
            continue
        if not isinstance(entries, Mapping):
            found.append(FieldProblem(f"metadata.{field}", "must be an object of texts"))
            continue
        if field == "annotations" and _size(entries) > _ANNOTATIONS_LIMIT:
            message = f"Too long: may not be more than {_ANNOTATIONS_LIMIT} bytes"
            found.append(FieldProblem("metadata.annotations", message))
        for key, value in entries.items():
            found += _entry_problems(field, key, value)
    if not isinstance(metadata.get("finalizers") or [], list):
        found.append(FieldProblem("metadata.finalizers", "must be a list of texts"))
    return found + _owner_problems(metadata.get("ownerReferences") or [])


def _size(entries: Mapping[str, Any]) -> int:
    return sum(len(key) + len(value) for key, value in entries.items() if isinstance(value, str))


def _entry_problems(field: str, key: str, value: Any) -> list[FieldProblem]:
    path = f"metadata.{field}"
    if not isinstance(value, str):
        return [FieldProblem(f"{path}.{key}", "Invalid value: must be text; quote it in YAML")]
    if not _QUALIFIED.fullmatch(key) and not (field == "annotations" and key):
        return [FieldProblem(path, f'Invalid value: "{key}": is not a qualified name')]
    if field == "labels" and (len(value) > 63 or not _LABEL_VALUE.fullmatch(value)):
        rule = (
            "a valid label must be an empty string or consist of alphanumeric characters, '-', "
            "'_' or '.', start and end with an alphanumeric character, 63 at most"
        )
        return [FieldProblem(path, f'Invalid value: "{value}": {rule}')]
    return []


def _owner_problems(references: Any) -> list[FieldProblem]:
    path = "metadata.ownerReferences"
    if not isinstance(references, list):
        return [FieldProblem(path, "must be a list of objects")]
    found = []
    for index, reference in enumerate(references):
        if not isinstance(reference, Mapping):
            found.append(FieldProblem(f"{path}[{index}]", "must be an object"))
            continue
        found += [
            FieldProblem(f"{path}[{index}].{field}", "Required value")
            for field in ("apiVersion", "kind", "name", "uid")
            if not isinstance(reference.get(field), str) or not reference[field]
        ]
    return found

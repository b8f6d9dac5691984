"""The metadata that belongs to the server: names, uids, times, generation, and their protection.

Pure apart from the clock and the chance in `State`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.errors import bad_request, conflict, invalid
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.kinds.names import (
    added_finalizer_problems,
    metadata_problems,
    name_problems,
    quoted,
)
from serinus.local.apiserver.state import State
from serinus.local.apiserver.wire.paths import Target

Object = Mapping[str, Any]

_OWNED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_DROPPED = ("resourceVersion", "selfLink", "generation", *_OWNED)
_MARKS = ("uid", "deletionTimestamp", "deletionGracePeriodSeconds")
_BASE_LETTERS, _NAME_TRIES = 58, 8
_OTHER_NAMESPACE = (
    "the namespace of the provided object does not match the namespace sent on the request"
)


def new_metadata(state: State, kind: Kind, target: Target, value: Object) -> dict[str, Any]:
    """The metadata of an object that is being created; StatusError if its name is no name."""
    given = value["metadata"]
    metadata = _given(given)
    namespace = given.get("namespace") or ""
    if namespace not in ("", target.namespace):
        raise bad_request(_OTHER_NAMESPACE)
    if kind.namespaced:
        metadata["namespace"] = target.namespace
    else:
        metadata.pop("namespace", None)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = _generated(state, kind, target, str(metadata["generateName"]))
    problems = name_problems(kind.group, kind.plural, metadata)
    problems += metadata_problems(metadata, custom=kind.custom)
    if problems:
        raise invalid(kind.kind, kind.group, metadata.get("name") or "", problems)
    metadata["uid"] = state.new_uid()
    metadata["creationTimestamp"] = state.timestamp()
    if kind.generation or kind.custom:
        metadata["generation"] = 1
    return metadata


def _generated(state: State, kind: Kind, target: Target, base: str) -> str:
    """A name that is free, unless eight of them are taken by chance."""
    collection, name = state.collection(kind), ""
    for _ in range(_NAME_TRIES):
        name = base[:_BASE_LETTERS] + state.name_suffix()
        if collection.get(target.namespace, name) is None:
            break
    return name


def kept_metadata(
    kind: Kind, old: Object, value: Object, *, patched: bool = False, whole: bool = True
) -> dict[str, Any]:
    """The metadata of a replacement: the server's own fields stay as they were.

    `patched`: it came by a patch, of which a uid is no precondition. `whole`: not only the status.
    Raises StatusError 409 if `value` was decided on another version or another object, 400/422 if
    it names another one, is malformed, or marks the object as one that is being deleted.
    """
    before, given = old["metadata"], value["metadata"]
    name = before["name"]
    if given.get("name") and given["name"] != name:
        raise bad_request(
            f"the name of the object ({given['name']}) does not match the name on the URL ({name})"
        )
    if given.get("namespace") and given["namespace"] != before.get("namespace"):
        raise bad_request(_OTHER_NAMESPACE)
    if given.get("uid") and given["uid"] != before["uid"] and not patched:
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
    problems = metadata_problems(metadata, custom=kind.custom)
    if not problems:
        problems += added_finalizer_problems(before, metadata)
    problems += _changed_marks(before, given, _MARKS if whole else ("uid",))
    if problems:
        raise invalid(kind.kind, kind.group, name, problems)
    return metadata


def _changed_marks(before: Object, given: Object, names: tuple[str, ...]) -> Iterator[FieldProblem]:
    """What a write says of the server's own fields, where these are not just put back.

    Source: Kubernetes puts back `creationTimestamp`, and marks of a deletion that has begun;
    it refuses another uid, marks of one that has not begun, and another grace.
    """
    for name in names:
        wanted = given.get(name)
        if wanted in (None, "", before.get(name)) or (
            name == "deletionTimestamp" and before.get(name)
        ):
            continue
        shown = quoted(wanted) if name == "uid" else wanted
        yield FieldProblem(f"metadata.{name}", f"Invalid value: {shown}: field is immutable")


def _given(metadata: Object) -> dict[str, Any]:
    """What a client may say about metadata; null is as good as silence."""
    return {n: child for n, child in metadata.items() if n not in _DROPPED and child is not None}

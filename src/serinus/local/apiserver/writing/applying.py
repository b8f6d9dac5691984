"""Server-side apply: a request becomes a create or an update that knows its owners.

Reads the request and the stored object; the reckoning is in `apply/`, the storing in `writes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from serinus.local.apiserver.errors import StatusError, bad_request, conflict, not_found
from serinus.local.apiserver.kinds.registry import Served
from serinus.local.apiserver.state import State
from serinus.local.apiserver.wire.paths import Target
from serinus.local.apiserver.writing.apply.apply import Application, Conflicts, apply
from serinus.local.apiserver.writing.apply.compare import compare
from serinus.local.apiserver.writing.apply.entries import APPLY, Entries, Writer, owned
from serinus.local.apiserver.writing.apply.fieldset import (
    EMPTY,
    Node,
    difference,
    difference_below,
    union,
)
from serinus.local.apiserver.writing.apply.typed import field_set
from serinus.local.apiserver.writing.apply.types import Type, root_type
from serinus.local.apiserver.writing.ownership import as_typed, before_first_apply, ignored
from serinus.local.apiserver.writing.scale import with_scale
from serinus.local.apiserver.writing.writes import WriteOptions, Written, create, update

Object = Mapping[str, Any]

KUBECTL = "kubectl"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# what a configuration may carry from a read, and nobody can ask for
_NOT_ASKED = ("creationTimestamp", "deletionTimestamp", "generation", "selfLink")


def apply_object(
    state: State, served: Served, target: Target, config: dict[str, Any], options: WriteOptions
) -> tuple[Written, bool]:
    """Apply `config`, and whether the object was made by it.

    `options.force` takes fields over from others. StatusError 400 for what is no configuration,
    409 for conflicts, and all that a create or an update may raise.
    """
    config = _checked(served, target, config)
    kind, half = served.kind, options.half
    asked = _application(served, target, config, options)
    found = state.collection(kind).get(target.namespace, target.name)
    options = replace(options, applied=True)
    if found is None:
        if target.subresource or half:
            raise not_found(kind.group, kind.plural, target.name)
        return _created(state, served, target, asked, options), True
    now = state.timestamp()

    def change(live: Object) -> dict[str, Any]:
        return _applied(served, live, asked, now)

    return update(state, served, target, change, options), False


def apply_scale(
    state: State, served: Served, target: Target, scale: dict[str, Any], options: WriteOptions
) -> Written:
    """Apply the replicas of a Scale to the object behind it."""
    if (scale.get("apiVersion"), scale.get("kind")) != ("autoscaling/v1", "Scale"):
        raise bad_request("the scale of an object is applied as autoscaling/v1, Kind=Scale")
    kind, metadata = served.kind, scale["metadata"]
    named = ("name", "namespace", "uid", "resourceVersion")
    config: dict[str, Any] = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {n: metadata[n] for n in named if n in metadata},
    }
    spec = scale.get("spec") or {}
    if isinstance(spec, dict) and "replicas" in spec:
        config = with_scale(kind, config, scale)
    return apply_object(state, served, target, config, options)[0]


def _checked(served: Served, target: Target, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration in the form in which it merges; StatusError 400 if it is none."""
    kind, metadata = served.kind, config["metadata"]
    for field, wanted in (("apiVersion", kind.api_version), ("kind", kind.kind)):
        if not config.get(field):
            raise bad_request(f"an apply patch must say its {field}; expected {wanted}")
    if config["apiVersion"] != kind.api_version:
        raise bad_request(
            "Incorrect version specified in apply patch. Specified patch version: "
            f"{config['apiVersion']}, expected: {kind.api_version}"
        )
    if config["kind"] != kind.kind:
        raise bad_request(
            f"the kind in the data ({config['kind']}) does not match the expected kind "
            f"({kind.kind})"
        )
    if metadata.get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    for field, wanted in (("name", target.name), ("namespace", target.namespace)):
        if metadata.get(field) and metadata[field] != wanted:
            raise bad_request(
                f"the {field} of the object ({metadata[field]}) does not match the {field} on "
                f"the URL ({wanted})"
            )
    kept = {n: c for n, c in metadata.items() if n not in (*_NOT_ASKED, "managedFields")}
    kept["name"] = target.name
    return {**config, "metadata": kept}


def _application(
    served: Served, target: Target, config: dict[str, Any], options: WriteOptions
) -> Application:
    kind = served.kind
    fields, problems = field_set(root_type(served.schema), config)
    if problems:
        version = f"{kind.group}/{kind.version}"
        where = f"{target.namespace}/{target.name}; {version}, Kind={kind.kind}"
        text = problems[0] if len(problems) == 1 else _listed(problems)
        raise bad_request(f"failed to create typed patch object ({where}): {text}")
    half = target.subresource or options.half
    if target.subresource == "status":
        config = {n: c for n, c in config.items() if n in ("apiVersion", "kind", "metadata")} | (
            {"status": config["status"]} if "status" in config else {}
        )
        given = config["metadata"]
        named = ("name", "namespace", "uid", "resourceVersion")
        config["metadata"] = {n: given[n] for n in named if n in given}
        fields = field_set(root_type(served.schema), config)[0]
    elif "status" in kind.subresources:
        config = {n: c for n, c in config.items() if n != "status"}
    fields = difference_below(fields, ignored(served, half))
    writer = Writer(options.manager, kind.api_version, half)
    return Application(config, fields, writer, options.force)


def _listed(problems: tuple[str, ...]) -> str:
    return "errors:\n" + "\n".join(f"  {problem}" for problem in problems)


def _created(
    state: State, served: Served, target: Target, asked: Application, options: WriteOptions
) -> Written:
    kind, given = served.kind, asked.config["metadata"]
    if given.get("uid"):
        raise conflict(
            kind.group,
            kind.plural,
            target.name,
            f"uid mismatch: the provided object specified uid {given['uid']}, "
            "and no existing object was found",
        )
    fields = owned(asked.fields)
    entries = [asked.writer.entry(APPLY, fields, state.timestamp())] if fields else None
    body = {**asked.config, "metadata": {**given, "managedFields": entries}}
    return create(state, served, target, body, options)


def _applied(served: Served, live: Object, asked: Application, now: str) -> dict[str, Any]:
    """The object after the apply, its owners in it; StatusError 409 for conflicts."""
    kind = root_type(served.schema)
    metadata = live["metadata"]
    entries: Entries = metadata.get("managedFields") or ()
    bare = {n: c for n, c in metadata.items() if n != "managedFields"}
    plain: Object = {**live, "metadata": bare}
    entries = as_typed(served, entries)
    if not entries:
        entries = before_first_apply(served, plain, asked.writer.subresource, now)
    asked = replace(asked, allowed=_last_applied(kind, plain, asked))
    try:
        value, entries = apply(kind, plain, entries, asked, now)
    except Conflicts as refused:
        raise _conflict(refused) from refused
    value = _with_annotation(dict(value), asked)
    # null and absent are the same to who sends it back
    return {**value, "metadata": {**value["metadata"], "managedFields": list(entries) or None}}


def _conflict(refused: Conflicts) -> StatusError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {conflict.owner}",
            "field": conflict.where,
        }
        for conflict in refused.found
    ]
    return StatusError(409, "Conflict", str(refused), {"causes": causes})


def _last_applied(kind: Type, live: Object, asked: Application) -> Node:
    """The fields that kubectl may take over from its own apply on the client's side.

    They are those of the annotation that still have the value which it states.
    """
    text = _annotation(live) if asked.writer.manager == KUBECTL else ""
    if not text:
        return EMPTY
    try:
        last = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return EMPTY
    if not isinstance(last, dict) or last.get("apiVersion") != asked.writer.api_version:
        return EMPTY
    fields, problems = field_set(kind, last)
    if problems:
        return EMPTY
    changes = compare(kind, last, live)
    return difference(fields, union(changes.changed, changes.removed))


def _annotation(value: Object) -> str:
    annotations = value["metadata"].get("annotations")
    text = annotations.get(LAST_APPLIED) if isinstance(annotations, Mapping) else ""
    return text if isinstance(text, str) else ""


def _with_annotation(value: dict[str, Any], asked: Application) -> dict[str, Any]:
    """An object that kubectl also applies on the client's side keeps a true annotation."""
    if asked.writer.manager != KUBECTL or not _annotation(value):
        return value
    metadata = asked.config["metadata"]
    kept = {
        name: text
        for name, text in (metadata.get("annotations") or {}).items()
        if name != LAST_APPLIED
    }
    config = {**asked.config, "metadata": {**metadata, "annotations": kept}}
    if not kept:
        del config["metadata"]["annotations"]
    text = msgspec.json.encode(config, order="sorted").decode() + "\n"
    annotations = {**value["metadata"]["annotations"], LAST_APPLIED: text}
    return {**value, "metadata": {**value["metadata"], "annotations": annotations}}

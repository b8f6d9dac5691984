"""Create, replace and patch: from a decoded body to a stored version.

The order is: identity, pruning, the half that may change, defaults, validation, admission,
storage. Everything between reading the old object and storing the new one is synchronous, so no
write can come between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.errors import (
    already_exists,
    bad_request,
    forbidden,
    invalid,
    not_found,
)
from serinus.local.apiserver.kinds import versions
from serinus.local.apiserver.kinds.built_in import allotted, prepare_update, with_defaults
from serinus.local.apiserver.kinds.custom import definition_problems, rule_warnings, with_status
from serinus.local.apiserver.kinds.hints import hint
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.kinds.names import metadata_problems
from serinus.local.apiserver.kinds.registry import Served
from serinus.local.apiserver.kinds.rules import rule_problems, undecodable
from serinus.local.apiserver.kinds.schema_rules import is_absence, is_of_wrong_type
from serinus.local.apiserver.state import State
from serinus.local.apiserver.storing.store import Version
from serinus.local.apiserver.webhooks.configured import Subject, subject_of
from serinus.local.apiserver.webhooks.gate import OPEN, Gate
from serinus.local.apiserver.wire.bodies import require_object
from serinus.local.apiserver.wire.paths import Target
from serinus.local.apiserver.writing.apply.entries import Writer
from serinus.local.apiserver.writing.definitions import is_definition, serve
from serinus.local.apiserver.writing.deletes import remove_if_finished
from serinus.local.apiserver.writing.metadata import kept_metadata, new_metadata
from serinus.local.apiserver.writing.ownership import (
    SERVER,
    after_create,
    after_replacement,
    same_but_times,
    with_owners,
)

_ordered = msgspec.json.Encoder(order="deterministic").encode
Change = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a write is to be done; `validation` is Strict, Warn or Ignore (`fieldValidation`).

    `repeated` are the fields that the body names twice. `manager` is the name of the writer, `half`
    the subresource through which it writes. `applied`: the body brings its owners along; `force`:
    an apply takes fields over from others. `patched`: the body is a patch. `gate` knows
    what webhooks have answered.
    """

    validation: str = "Warn"
    dry_run: bool = False
    repeated: tuple[str, ...] = ()
    manager: str = SERVER
    half: str = ""
    applied: bool = False
    force: bool = False
    patched: bool = False
    gate: Gate = OPEN


@dataclass(frozen=True, slots=True)
class Written:
    """What a write led to: the version that is stored now (or would be), and its warnings."""

    version: Version
    warnings: tuple[str, ...]


def create(
    state: State, served: Served, target: Target, body: dict[str, Any], options: WriteOptions
) -> Written:
    """Store a new object; StatusError 404, 409, 422 and so on where it cannot be."""
    kind = served.kind
    _check_type(kind, body)
    if kind.namespaced and not target.namespace:
        raise bad_request("an empty namespace may not be set during creation")
    if body["metadata"].get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    value, warnings = _pruned(served, body, options)
    value["metadata"] = metadata = new_metadata(state, kind, target, value)
    if kind.namespaced:
        require_namespace(state, kind, target.namespace, metadata["name"])
    if "status" in kind.subresources:
        value.pop("status", None)
    value = served.schema.default(value)
    _require_valid(served, value, told=warnings)
    value = with_defaults(kind, value)
    if not options.applied:
        entries = after_create(served, value, options.manager, state.timestamp())
        value = with_owners(value, entries)
    value = allotted(state.random, kind, value)
    told = replace(target, name=metadata["name"])
    subject = subject_of(state, kind, told, "CREATE", options.dry_run)
    value = _hooked(served, options.gate, subject, value, None)
    warnings += _admit(state, kind, value, None)
    options.gate.validate(subject, value, None)
    collection = state.collection(kind)
    key = (metadata.get("namespace", ""), metadata["name"])
    if key in collection.objects:
        raise already_exists(kind.group, kind.plural, metadata["name"])
    if options.dry_run:
        return Written(Version(key, value, 0), warnings)
    if is_definition(kind):
        value = with_status(value, state.timestamp())
        serve(state, value)
    return Written(state.store.put(collection, key, versions.stored(kind, value)), warnings)


def require_namespace(state: State, kind: Kind, namespace: str, name: str) -> None:
    """StatusError 404 if the namespace is absent, 403 if it is being deleted."""
    found = state.store.collection("", "namespaces").get("", namespace)
    if found is None:
        raise not_found("", "namespaces", namespace)
    if "deletionTimestamp" in found.object["metadata"]:
        why = (
            f"unable to create new content in namespace {namespace} because it is being terminated"
        )
        refusal = forbidden(kind.group, kind.plural, name, why)
        cause = f"namespace {namespace} is being terminated"
        refusal.details["causes"] = [
            {"reason": "NamespaceTerminating", "message": cause, "field": "metadata.namespace"}
        ]
        raise refusal


def update(
    state: State, served: Served, target: Target, change: Change, options: WriteOptions
) -> Written:
    """Store `change(object)` as the next version; no version is made if nothing changes.

    `target.subresource` may be "status": then only the status is taken over.
    """
    kind = served.kind
    collection = state.collection(kind)
    old = collection.get(target.namespace, target.name)
    if old is None:
        raise not_found(kind.group, kind.plural, target.name)
    before = versions.served(kind, old.object)
    body = require_object(change(before))
    _check_type(kind, body)
    value, warnings = _pruned(served, body, options, before)
    whole = target.subresource != "status"
    metadata = kept_metadata(kind, before, value, patched=options.patched, whole=whole)
    if target.subresource == "status":
        value = _with_status(before, value, metadata)
        if options.applied:
            value["metadata"]["managedFields"] = metadata.get("managedFields")
    else:
        value["metadata"] = metadata
        if "status" in kind.subresources:
            value.pop("status", None)
            if "status" in before:
                value["status"] = before["status"]
    value = served.schema.default(value)
    _require_valid(served, value, before, warnings)
    if target.subresource != "status":
        value = prepare_update(kind, before, value)
    value = _owned(state, served, before, value, options)
    told = replace(target, subresource=options.half or target.subresource)
    subject = subject_of(state, kind, told, "UPDATE", options.dry_run)
    value = _hooked(served, options.gate, subject, value, before)
    if _same(value, before):
        return Written(old, warnings)
    _count_generation(kind, before, value)
    if target.subresource != "status":
        warnings += _admit(state, kind, value, before)
    options.gate.validate(subject, value, before)
    if options.dry_run:
        return Written(Version(old.key, value, old.resource_version), warnings)
    if is_definition(kind) and target.subresource != "status":
        value = with_status(value, state.timestamp())
        serve(state, value)
    stored = state.store.put(collection, old.key, versions.stored(kind, value))
    remove_if_finished(state, kind, stored)
    return Written(stored, warnings)


def _owned(
    state: State,
    served: Served,
    before: Mapping[str, Any],
    value: dict[str, Any],
    options: WriteOptions,
) -> dict[str, Any]:
    """`value` with its owners; with those of before, if nothing but a time would change."""
    known = before["metadata"].get("managedFields") or ()
    if options.applied:
        entries = value["metadata"].get("managedFields") or ()
    else:
        writer = Writer(options.manager, served.kind.api_version, options.half)
        entries = after_replacement(served, before, value, writer, state.timestamp())
    if entries is not known and same_but_times(entries, known):
        unchanged = with_owners(value, known)
        if _same(unchanged, before):
            return unchanged
    return with_owners(value, entries)


def _hooked(
    served: Served,
    gate: Gate,
    subject: Subject,
    value: dict[str, Any],
    before: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """`value` as the webhooks want it: checked again, its identity kept."""
    made = gate.mutated(subject, value, before)
    if made is None or made is value:
        return value
    kept = {name: value["metadata"][name] for name in _IDENTITY if name in value["metadata"]}
    body, _ = served.schema.prune({**made, "metadata": {**made["metadata"], **kept}}, before)
    if subject.subresource == "status":
        body = {**value, "status": body.get("status")}
    body = served.schema.default(body)
    _refuse(served.kind, body, metadata_problems(body["metadata"], custom=served.kind.custom))
    _require_valid(served, body, before)
    return body


_IDENTITY = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation")


def _with_status(
    before: Mapping[str, Any], value: Mapping[str, Any], metadata: Mapping[str, Any]
) -> dict[str, Any]:
    kept = {**before["metadata"], "resourceVersion": metadata["resourceVersion"]}
    merged = {**before, "metadata": kept}
    if "status" in value:
        merged["status"] = value["status"]
    else:
        merged.pop("status", None)
    return merged


def _check_type(kind: Kind, body: dict[str, Any]) -> None:
    """Fill in what a body leaves out about its type; StatusError 400 if it is another one."""
    for field, wanted in (("apiVersion", kind.api_version), ("kind", kind.kind)):
        given = body.get(field)
        if not given:
            body[field] = wanted
        elif given != wanted:
            raise bad_request(
                f"the {field} in the data ({given}) does not match the expected {field} ({wanted})"
            )


def _pruned(
    served: Served,
    body: dict[str, Any],
    options: WriteOptions,
    before: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body without unknown fields, and the warnings about them; 400 if Strict."""
    value, unknown = served.schema.prune(body, before)
    if options.validation == "Ignore" or not (unknown or options.repeated):
        return value, ()
    words = [f'duplicate field "{path}"' for path in options.repeated]
    words += [f'unknown field "{path}"{hint(served.schema, path)}' for path in unknown]
    if options.validation == "Strict":
        strict = f"strict decoding error: {', '.join(words)}"
        if options.patched:
            raise invalid("", "", "", [FieldProblem("patch", f"Invalid value: {strict}")])
        kind = served.kind
        raise bad_request(
            f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {strict}'
        )
    return value, tuple(words)


def _require_valid(
    served: Served,
    value: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
    told: tuple[str, ...] = (),
) -> None:
    """StatusError 422 with all that the schema forbids, and the warnings `told` beside it."""
    problems = served.schema.problems(value, before)
    if served.rules is not None and not problems:
        problems = served.rules.problems(value, before)
    if not served.kind.custom:
        _require_decodable(served.kind, value, problems)
        # built-in statuses come from components that leave out what is zero
        problems = [p for p in problems if not (p.path.startswith("status.") and is_absence(p))]
    _refuse(served.kind, value, problems, told)


def _require_decodable(
    kind: Kind, value: Mapping[str, Any], problems: Sequence[FieldProblem]
) -> None:
    """StatusError 400 if a value of a built-in kind has no form that its field could take."""
    wrong = [problem for problem in problems if is_of_wrong_type(problem)]
    if wrong := wrong or undecodable(kind, value):
        raise bad_request(
            f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: '
            + "; ".join(map(str, wrong))
        )


def _refuse(
    kind: Kind,
    value: Mapping[str, Any],
    problems: Sequence[FieldProblem],
    told: tuple[str, ...] = (),
) -> None:
    if problems:
        refusal = invalid(kind.kind, kind.group, value["metadata"]["name"], problems)
        refusal.warnings = told
        raise refusal


def _admit(
    state: State, kind: Kind, value: dict[str, Any], before: Mapping[str, Any] | None
) -> tuple[str, ...]:
    """The warnings of rules and admission checks; StatusError 422 with all that they refuse."""
    problems = rule_problems(kind, before, value)
    if is_definition(kind) and (before is None or before["spec"] is not value["spec"]):
        problems += _definition_problems(state, value)
    _refuse(kind, value, problems)
    warnings = rule_warnings(value) if is_definition(kind) else []
    for check in state.admission:
        said, refused = check(value, state.view)
        warnings += said
        problems = [*problems, *refused]
    _refuse(kind, value, problems)
    return tuple(warnings)


def _definition_problems(state: State, definition: Mapping[str, Any]) -> list[FieldProblem]:
    spec = definition["spec"]
    if state.registry.is_built_in(spec["group"], spec["names"]["plural"]):
        return [FieldProblem("spec.names.plural", "Invalid value: a built-in kind has this name")]
    return definition_problems(definition)


def _same(left: Any, right: Any) -> bool:
    """Whether two values are the same JSON; to Python alone `true` would equal 1."""
    if left is right:
        return True
    if left != right:
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return all(_same(child, right[name]) for name, child in left.items())
    return _ordered(left) == _ordered(right)


def _count_generation(kind: Kind, before: Mapping[str, Any], value: dict[str, Any]) -> None:
    if not (kind.generation or kind.custom):
        return
    ignored = {"metadata", "apiVersion"}
    if "status" in kind.subresources or not kind.custom:
        ignored.add("status")
    names = (before.keys() | value.keys()) - ignored
    if not all(_same(before.get(name), value.get(name)) for name in names):
        metadata = value["metadata"]
        generation = metadata.get("generation", 0) + 1
        value["metadata"] = {**metadata, "generation": generation}

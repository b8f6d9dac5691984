"""Verbs on resources: which request does what to which object, and in which shape it answers.

Knows targets and kinds; HTTP only as `Request`, `Answer` and `Stream`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from serinus.local.apiserver.errors import (
    bad_request,
    method_not_allowed,
    no_such_page,
    not_found,
    unsupported_media_type,
)
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.kinds.registry import Served
from serinus.local.apiserver.kinds.versions import reading
from serinus.local.apiserver.manners import (
    is_created_by_replacement,
    is_returned_when_deleted,
    require_replacement,
)
from serinus.local.apiserver.reading import lists, watch
from serinus.local.apiserver.reading.logs import LogSource, read_logs
from serinus.local.apiserver.reading.representation import (
    Plain,
    Representation,
    View,
    only_metadata,
)
from serinus.local.apiserver.reading.streams import no_stream
from serinus.local.apiserver.reading.tables import (
    Table,
    WatchedTable,
    accepts_metadata,
    accepts_table,
)
from serinus.local.apiserver.reviews import is_review, review
from serinus.local.apiserver.state import State
from serinus.local.apiserver.storing.store import Version
from serinus.local.apiserver.webhooks.gate import OPEN, Gate
from serinus.local.apiserver.wire.bodies import decode_json, decode_object, duplicate_fields
from serinus.local.apiserver.wire.fields import require_selectable
from serinus.local.apiserver.wire.http import JSON, Answer, Request, Stream, json_answer
from serinus.local.apiserver.wire.negotiation import require_acceptable
from serinus.local.apiserver.wire.options import require_list_options, require_write_options
from serinus.local.apiserver.wire.patches import json_patch, merge_patch
from serinus.local.apiserver.wire.paths import Target
from serinus.local.apiserver.wire.protobuf import PROTOBUF, decode_protobuf
from serinus.local.apiserver.writing import deletes, writes
from serinus.local.apiserver.writing.applying import apply_object, apply_scale
from serinus.local.apiserver.writing.configurations import read_configuration
from serinus.local.apiserver.writing.evictions import evict
from serinus.local.apiserver.writing.ownership import read_manager
from serinus.local.apiserver.writing.scale import scale_of, with_scale
from serinus.local.apiserver.writing.strategic import strategic_merge_patch

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Call:
    """One request on one served kind; `view` is the caller's own spelling of its objects.

    `gate` knows what the webhooks have answered so far. `read_only`: the caller may only look
    (what it must not do is refused before).
    """

    state: State
    served: Served
    target: Target
    request: Request
    view: View | None = None
    log_source: LogSource | None = None
    gate: Gate = OPEN
    read_only: bool = False

    @property
    def kind(self) -> Kind:
        """The kind that the request is about."""
        return self.served.kind


Outcome = Answer | Stream
Verb = Callable[[Call], Outcome]


async def answer(call: Call) -> Outcome:
    """Do what the request asks for; StatusError where it cannot be done."""
    target, kind = call.target, call.kind
    if target.namespace and not kind.namespaced:
        raise no_such_page()
    if target.subresource in kind.actions:
        return await _ACTIONS[target.subresource](call)
    require_acceptable(call.request.headers.get("accept", ""))
    table = _COLLECTION_VERBS if not target.name else _OBJECT_VERBS
    if target.subresource:
        if target.subresource not in kind.subresources:
            raise no_such_page()
        table = _SCALE_VERBS if target.subresource == "scale" else _STATUS_VERBS
    if is_review(kind):
        table = {"POST": _create}
    verb = table.get(call.request.method)
    if verb is None or (target.name and kind.namespaced and not target.namespace):
        raise method_not_allowed()
    return verb(call)


def _shape(call: Call) -> Representation:
    view, accept = call.view, call.request.headers.get("accept", "")
    view = view or reading(call.kind)
    if "as=" not in accept:
        return Plain(call.kind, view)
    if accepts_table(accept):
        include = call.request.query.get("includeObject") or "Metadata"
        return Table(call.served.columns, call.state.clock, include, view)
    if accepts_metadata(accept):
        return Plain(call.kind, only_metadata, "PartialObjectMetadata", "meta.k8s.io/v1")
    return Plain(call.kind, view)


def _read(call: Call) -> Answer:
    found = _found(call)
    return Answer(200, _shape(call).one(found))


def _found(call: Call) -> Version:
    found = call.state.collection(call.kind).get(call.target.namespace, call.target.name)
    if found is None:
        raise not_found(call.kind.group, call.kind.plural, call.target.name)
    return found


def _list_or_watch(call: Call) -> Outcome:
    collection = call.state.collection(call.kind)
    query, namespace = call.request.query, call.target.namespace
    require_list_options(query)
    require_selectable(call.kind, query.get("fieldSelector", ""))
    shape = _shape(call)
    if call.request.flag("watch"):
        shape = WatchedTable(shape) if isinstance(shape, Table) else shape
        wanted = watch.read_watch(collection, namespace, query, shape)
        return Stream(watch.start(call.state, wanted, query))
    page = lists.list_page(call.state, collection, namespace, query)
    return Answer(200, shape.many(page.versions, page.meta))


def _create(call: Call) -> Answer:
    options, body = _options(call), decode_object(call.request)
    if is_review(call.kind):
        caller = call.request.caller
        return json_answer(201, review(call.kind, body, caller, read_only=call.read_only))
    written = writes.create(call.state, call.served, call.target, body, options)
    return _written(call, 201, written)


def _replace(call: Call) -> Answer:
    options, body, target = _options(call), decode_object(call.request), call.target
    absent = call.state.collection(call.kind).get(target.namespace, target.name) is None
    if absent and is_created_by_replacement(call.kind) and not target.subresource:
        written = writes.create(call.state, call.served, target, body, options)
        return _written(call, 201, written)
    if not absent:
        require_replacement(call.kind, target.name, body)
    written = writes.update(call.state, call.served, target, lambda _: body, options)
    return _written(call, 200, written)


def _patch(call: Call) -> Answer:
    if call.request.content_type == APPLY_PATCH:
        return _apply(call)
    options, change = _options(call), read_patch(call)
    written = writes.update(call.state, call.served, call.target, change, options)
    return _written(call, 200, written)


def read_patch(call: Call) -> Callable[[Mapping[str, Any]], Any]:
    """The patch of the request as a function on the object; StatusError 415 if of no known kind."""
    content_type = call.request.content_type
    apply = {MERGE_PATCH: merge_patch, JSON_PATCH: json_patch}.get(content_type)
    if content_type == STRATEGIC_PATCH:
        if call.target.subresource == "scale":
            apply = merge_patch
        elif not call.kind.custom:
            apply = partial(strategic_merge_patch, call.served.schema)
    if apply is None:
        custom = call.kind.custom
        known = (JSON_PATCH, MERGE_PATCH, *(() if custom else (STRATEGIC_PATCH,)), APPLY_PATCH)
        raise unsupported_media_type(known)
    patch = decode_json(call.request.body)
    if content_type != JSON_PATCH and not isinstance(patch, dict):
        raise bad_request("a merge patch must be an object")
    return lambda value: apply(value, patch)


def _apply(call: Call) -> Answer:
    """Server-side apply of an object, its status or its scale; 201 if the object is new."""
    options = replace(_options(call), force=call.request.flag("force"))
    config, repeated = read_configuration(call.request.body)
    if repeated and options.validation == "Strict":
        raise bad_request(f"error strict decoding YAML: {', '.join(repeated)}")
    warned = () if options.validation == "Ignore" else repeated
    if call.target.subresource == "scale":
        target = replace(call.target, subresource="")
        written = apply_scale(call.state, call.served, target, config, options)
        scale = scale_of(call.kind, written.version.object)
        return json_answer(200, scale, (*warned, *written.warnings))
    written, new = apply_object(call.state, call.served, call.target, config, options)
    answer = _written(call, 201 if new else 200, written)
    return replace(answer, warnings=(*warned, *answer.warnings))


def _read_scale(call: Call) -> Answer:
    return json_answer(200, scale_of(call.kind, _found(call).object))


def _write_scale(call: Call) -> Answer:
    """PUT and PATCH of a Scale change the replicas of the object, and nothing else."""
    if call.request.content_type == APPLY_PATCH:
        return _apply(call)
    if call.request.method == "PATCH":
        patch = read_patch(call)
    else:
        body = decode_object(call.request)
        patch = lambda _: body  # noqa: E731

    def change(value: Mapping[str, Any]) -> dict[str, Any]:
        return with_scale(call.kind, value, patch(scale_of(call.kind, value)))

    target = replace(call.target, subresource="")
    written = writes.update(call.state, call.served, target, change, _options(call))
    scale = scale_of(call.kind, written.version.object)
    return json_answer(200, scale, written.warnings)


async def _evict(call: Call) -> Outcome:
    if call.request.method != "POST":
        raise method_not_allowed()
    body = decode_object(call.request)
    name = body["metadata"].get("name")
    if name and name != call.target.name:
        raise bad_request("name in URL does not match name in Eviction object")
    options = deletes.read_options(body.get("deleteOptions"), call.request.query)
    evict(call.state, call.kind, call.target, replace(options, gate=call.gate))
    return json_answer(201, _success())


async def _refuse_upgrade(call: Call) -> Outcome:
    raise no_stream(call.target.subresource, _found(call).object)


async def _refuse_token(call: Call) -> Outcome:
    raise bad_request(
        "tokens of service accounts are not served by the embedded cluster; its callers are known "
        "by the address in kubeconfig and kubeconfig-readonly"
    )


async def _logs(call: Call) -> Outcome:
    if call.request.method not in ("GET", "HEAD"):
        raise method_not_allowed()
    now = call.state.clock.now()
    return await read_logs(call.log_source, _found(call).object, call.request.query, now)


def _delete(call: Call) -> Answer:
    options = _delete_options(call)
    version, gone = deletes.delete(call.state, call.kind, call.target, options)
    if not gone:
        return Answer(200, _shape(call).one(version))
    if is_returned_when_deleted(call.kind):
        return Answer(200, _shape(call).one(version))
    details: dict[str, Any] = {"name": call.target.name, "kind": call.kind.plural}
    if call.kind.group:
        details["group"] = call.kind.group
    details["uid"] = version.object["metadata"]["uid"]
    return json_answer(200, _success() | {"details": details})


def _delete_options(call: Call) -> deletes.DeleteOptions:
    request, body = call.request, None
    if request.content_type == PROTOBUF:
        body = decode_protobuf(request.body) if request.body else None
    elif request.body:
        body = decode_json(request.body)
    return replace(deletes.read_options(body, call.request.query), gate=call.gate)


def _success() -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def _delete_collection(call: Call) -> Answer:
    options = _delete_options(call)
    require_selectable(call.kind, call.request.query.get("fieldSelector", ""))
    collection = call.state.collection(call.kind)
    page = lists.list_page(call.state, collection, call.target.namespace, call.request.query)
    for version in page.versions:
        namespace, name = version.key
        target = Target(call.kind.group, call.kind.version, call.kind.plural, namespace, name)
        deletes.delete(call.state, call.kind, target, options)
    return Answer(200, _shape(call).many(page.versions, page.meta))


def _options(call: Call) -> writes.WriteOptions:
    request = call.request
    query, kind = request.query, _OPTIONS.get(request.method, "UpdateOptions")
    require_write_options(kind, query, apply=request.content_type == APPLY_PATCH)
    validation = query.get("fieldValidation") or "Warn"
    repeated: tuple[str, ...] = ()
    if "fieldValidation" in query and validation != "Ignore" and request.content_type == JSON:
        repeated = tuple(duplicate_fields(request.body))
    half, manager = call.target.subresource, read_manager(request)
    dry, patched = bool(query.get("dryRun")), request.method == "PATCH"
    made = writes.WriteOptions(validation, dry, repeated, manager, half, patched=patched)
    return replace(made, gate=call.gate)


def _written(call: Call, status: int, written: writes.Written) -> Answer:
    warnings = (*written.warnings, *call.gate.warnings)
    return Answer(status, _shape(call).one(written.version), warnings=warnings)


_OPTIONS = {"POST": "CreateOptions", "PATCH": "PatchOptions"}
_COLLECTION_VERBS: dict[str, Verb] = {
    "GET": _list_or_watch,
    "HEAD": _list_or_watch,
    "POST": _create,
    "DELETE": _delete_collection,
}
_OBJECT_VERBS: dict[str, Verb] = {
    "GET": _read,
    "HEAD": _read,
    "PUT": _replace,
    "PATCH": _patch,
    "DELETE": _delete,
}
_SCALE_VERBS: dict[str, Verb] = {
    "GET": _read_scale,
    "PUT": _write_scale,
    "PATCH": _write_scale,
}
_ACTIONS: dict[str, Callable[[Call], Awaitable[Outcome]]] = {
    "eviction": _evict,
    "log": _logs,
    "exec": _refuse_upgrade,
    "attach": _refuse_upgrade,
    "portforward": _refuse_upgrade,
    "token": _refuse_token,
}
_STATUS_VERBS: dict[str, Verb] = {"GET": _read, "PUT": _replace, "PATCH": _patch}


def create_namespace(state: State, name: str) -> None:
    """Make one of the namespaces that are there from the start."""
    served = state.registry.find("", "v1", "namespaces")
    assert served is not None
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    writes.create(state, served, Target("", "v1", "namespaces"), body, writes.WriteOptions())

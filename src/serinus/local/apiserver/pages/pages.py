"""Addresses that name no object: health, version, discovery, OpenAPI.

Pure over the registry; knows no store.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from serinus.local.apiserver.errors import method_not_allowed, no_such_page
from serinus.local.apiserver.kinds.registry import Registry
from serinus.local.apiserver.pages import discovery
from serinus.local.apiserver.pages.openapi import Documents
from serinus.local.apiserver.wire.http import JSON, Answer, Request, json_answer

_HEALTH = frozenset(("/readyz", "/livez", "/healthz"))
# as a real server spells it: with the "@" that clients ask with it is no media type
_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_EMPTY_V2_PROTOBUF = b"\x0a\x032.0"  # field 1, the version of the form
VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0+serinus",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "any/any",
}


def page(registry: Registry, documents: Documents, request: Request) -> Answer:
    """The page at the request's path; StatusError 404 if there is none."""
    path = request.path.rstrip("/") or "/"
    if request.method not in ("GET", "HEAD"):
        raise method_not_allowed()
    if path in _HEALTH or path.rpartition("/")[0] in _HEALTH:
        return Answer(200, b"ok", "text/plain; charset=utf-8")
    if path == "/version":
        return json_answer(200, VERSION)
    if path in ("/api", "/apis"):
        return _root(registry, request, core=path == "/api")
    if path.startswith("/openapi/v3"):
        return _openapi(documents, request, path.removeprefix("/openapi/v3").strip("/"))
    if path == "/openapi/v2":
        return _openapi_v2(request)
    value = _plain_page(registry, path)
    if value is None:
        raise no_such_page()
    return tagged(request, value, JSON)


def _root(registry: Registry, request: Request, *, core: bool) -> Answer:
    form = discovery.accepted_aggregation(request.headers.get("accept", "*/*"))
    if form:
        return tagged(request, discovery.aggregated(registry, form, core=core), form)
    plain = discovery.api_versions() if core else discovery.api_group_list(registry)
    return tagged(request, plain, JSON)


def _plain_page(registry: Registry, path: str) -> dict[str, Any] | None:
    if path == "/":
        names = [f"/apis/{n}/{v}" for n, vs in discovery.groups(registry).items() if n for v in vs]
        return {"paths": ["/api", "/api/v1", "/apis", *names, *sorted(_HEALTH), "/version"]}
    match path.strip("/").split("/"):
        case ["api", version]:
            return discovery.resource_list(registry, "", version)
        case ["apis", group, version]:
            return discovery.resource_list(registry, group, version)
        case ["apis", group]:
            versions = discovery.groups(registry).get(group)
            if not versions:
                return None
            return {"kind": "APIGroup", "apiVersion": "v1"} | discovery.group(group, versions)
    return None


def _openapi(documents: Documents, request: Request, name: str) -> Answer:
    if not name:
        return tagged(request, documents.index(), JSON)
    body = documents.document(name)
    if body is None:
        raise no_such_page()
    if "hash" in request.query:
        # the hash names the content, so it can be kept for ever
        return Answer(200, body, JSON, (("cache-control", "public, immutable, max-age=31536000"),))
    return Answer(200, body, JSON)


def _openapi_v2(request: Request) -> Answer:
    """A version 2 document without definitions.

    kubectl asks for it when a manifest is a `List`, and skips the check of what it does not find
    there; everything else uses version 3, and the server checks anyway.
    """
    if "protobuf" in request.headers.get("accept", ""):
        return Answer(200, _EMPTY_V2_PROTOBUF, _V2_PROTOBUF, (("vary", "Accept"),))
    info = {"title": "Serinus, embedded cluster", "version": VERSION["gitVersion"]}
    return json_answer(200, {"swagger": "2.0", "info": info, "paths": {}, "definitions": {}})


def tagged(request: Request, value: Any, content_type: str) -> Answer:
    """`value` with an ETag, or 304 if the client has it; one tag per form, so `Vary: Accept`."""
    body = msgspec.json.encode(value)
    tag = f'"{hashlib.sha256(body + content_type.encode()).hexdigest()[:32].upper()}"'
    headers = (("etag", tag), ("vary", "Accept"), ("cache-control", "public"))
    if tag in request.headers.get("if-none-match", ""):
        return Answer(304, b"", content_type, headers)
    return Answer(200, body, content_type, headers)

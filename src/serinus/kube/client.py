"""The Kubernetes client: verbs on resources, decoded answers, typed errors.

Knows no cache. Typed answers are for reading; writes are patches or objects built by the caller,
because a typed object lacks the fields that its type does not name.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, overload

import msgspec

from serinus.base.clock import Clock
from serinus.kube.asides import texts
from serinus.kube.calls import Caller, Limits
from serinus.kube.errors import Gone, NoAnswer, UnreadableAnswer, error_of_answer
from serinus.kube.listing import Listing, PageDecoder, PageItems
from serinus.kube.objects import Unreadable
from serinus.kube.resource import Resource
from serinus.kube.transport.wire import Request, Response, StreamResponse, Transport

T = TypeVar("T")
Json = dict[str, Any]
PAGE_SIZE = 500
MAX_PAGES = 4000
"""Two million objects: no list of a sound server is longer, and no memory could hold it."""
_LIST_RESTARTS = 2
_MAX_REFUSAL_BYTES = 64 * 1024


class PatchKind(StrEnum):
    """The kinds of patches that Kubernetes knows, by their content types."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class Client:
    """Talks to one server over `transport`; every method may raise `errors.ApiError`.

    `user_agent` also names us as the owner of the fields that we write. Without `jitter` retries
    wait without randomness.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        *,
        user_agent: str = "serinus",
        limits: Limits | None = None,
        jitter: random.Random | None = None,
    ) -> None:
        self.transport = transport
        self._agent = user_agent
        self._field_manager = user_agent.split("/")[0]
        self._caller = Caller(transport, clock, limits or Limits(), jitter)

    @property
    def server_date(self) -> datetime | None:
        """The server's time at its last answer, to the second; None if it told none."""
        return self._caller.date

    @overload
    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Json: ...
    @overload
    async def get(
        self, resource: Resource, name: str, namespace: str | None = None, *, type: type[T]
    ) -> T: ...
    async def get(
        self, resource: Resource, name: str, namespace: str | None = None, *, type: Any = dict
    ) -> Any:
        """One object as `type`; raises UnreadableAnswer if it is not of that type."""
        answer = await self.raw("GET", resource.path(namespace, name))
        try:
            return msgspec.json.decode(answer.body, type=type)
        except msgspec.DecodeError as error:
            where = f"{namespace}/{name}" if namespace else name
            raise UnreadableAnswer(f"{resource.kind} {where}: {error}") from error

    @overload
    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
    ) -> Listing[Json]: ...
    @overload
    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        type: type[T],
    ) -> Listing[T]: ...
    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        type: Any = dict,
    ) -> Any:
        """All objects that match, consistent, read in pages; one unreadable item fails it."""
        query = selection(labels, fields)
        decoder: PageDecoder[Any] = PageDecoder(type)
        items, version = await self.list_pages(resource.path(namespace), query, decoder)
        for item in items:
            if isinstance(item, Unreadable):
                where = "/".join(filter(None, (item.namespace, item.name)))
                raise UnreadableAnswer(f"{resource.kind} {where}: {item.error}")
        return Listing(tuple(items), version)

    async def create(
        self,
        resource: Resource,
        body: Mapping[str, Any] | bytes,
        namespace: str | None = None,
        *,
        dry_run: bool = False,
        warned: Callable[[tuple[str, ...]], None] | None = None,
    ) -> Json:
        """The object as the server made it. Not repeated if the answer is lost.

        `warned` hears what the server warns of (fields that it dropped), if there is anything.
        """
        query = self._write_query() | ({"dryRun": "All"} if dry_run else {})
        answer = await self.raw("POST", resource.path(namespace), query, _encoded(body))
        warnings = tuple(dict.fromkeys(texts(answer.headers)))
        if warnings and warned is not None:
            warned(warnings)
        return _object(answer)

    async def replace(
        self,
        resource: Resource,
        name: str,
        body: Mapping[str, Any] | bytes,
        namespace: str | None = None,
        *,
        subresource: str | None = None,
    ) -> Json:
        """Puts a whole object; give its resourceVersion, or others' changes are lost."""
        path = resource.path(namespace, name, subresource)
        return _object(await self.raw("PUT", path, self._write_query(), _encoded(body)))

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: Mapping[str, Any] | Sequence[Any],
        namespace: str | None = None,
        *,
        kind: PatchKind = PatchKind.MERGE,
        subresource: str | None = None,
    ) -> Json:
        """The object after the patch. `APPLY` takes fields over from other managers."""
        query = self._write_query()
        if kind is PatchKind.APPLY:
            query["force"] = "true"
        path = resource.path(namespace, name, subresource)
        headers = {"content-type": kind.value}
        return _object(await self.raw("PATCH", path, query, msgspec.json.encode(patch), headers))

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        propagation: str = "Background",
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> Json | None:
        """Deletes it, if given only with that uid or version (else Conflict).

        None if it is gone; the object, with its deletionTimestamp, if it still has to end
        (finalizers, grace of a pod).
        """
        wanted = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {key: value for key, value in wanted.items() if value is not None}
        options: Json = {"kind": "DeleteOptions", "apiVersion": "v1"}
        options["propagationPolicy"] = propagation
        if preconditions:
            options["preconditions"] = preconditions
        path = resource.path(namespace, name)
        answer = await self.raw("DELETE", path, body=msgspec.json.encode(options))
        left = _object(answer)
        metadata = left.get("metadata") or {}
        return left if left.get("kind") != "Status" and metadata.get("deletionTimestamp") else None

    async def evict(
        self, pods: Resource, name: str, namespace: str, body: Mapping[str, Any]
    ) -> None:
        """Asks once for a pod to go. TooManyRequests: a budget says no, which only time changes."""
        path = pods.path(namespace, name, "eviction")
        request = Request("POST", path, self._write_query(), self._headers(True), _encoded(body))
        await self._caller.call(request, tries=1)

    async def raw(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        deadline_seconds: float | None = None,
    ) -> Response:
        """Any request within the client's limits (and the deadline): discovery, logs, version."""
        sent = self._headers(body is not None) | dict(headers or {})
        request = Request(method, path, query or {}, sent, body)
        return await self._caller.call(request, deadline_seconds=deadline_seconds)

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str] | None = None, *, head_seconds: float = 30.0
    ) -> AsyncIterator[StreamResponse]:
        """A GET whose body is read as it comes (watches, followed logs). Tried once."""
        await self._caller.bucket.take()
        headers = self._headers(False)
        request = Request("GET", path, query or {}, headers, timeout_seconds=head_seconds)
        async with self.transport.stream(request) as answer:
            if answer.status >= 400:
                body = await _refusal(answer, head_seconds)
                raise error_of_answer(request.asked, answer.status, body, answer.headers)
            yield answer

    async def list_pages(
        self,
        path: str,
        query: Mapping[str, str],
        decoder: PageDecoder[T],
        *,
        tries: int | None = None,
        page_size: int = PAGE_SIZE,
    ) -> tuple[PageItems[T], str]:
        """All items of a consistent list and its resource version; `tries` a page.

        The first page is never asked with a resourceVersion: 0 would be answered from a cache of
        unknown age. If a continue token expires on the way, the list begins anew.
        """
        found: PageItems[T] = []
        page_query = {**query, "limit": str(page_size)}
        restarts = 0
        for _ in range(MAX_PAGES):
            request = Request("GET", path, page_query, self._headers(False))
            try:
                answer = await self._caller.call(request, tries=tries)
            except Gone:
                if page_query.pop("continue", None) is None or restarts == _LIST_RESTARTS:
                    raise
                restarts += 1
                found.clear()
                continue
            items, meta = decoder.decode(answer.body)
            found += items
            if not meta.continue_:
                return found, meta.resource_version
            if meta.continue_ == page_query.get("continue"):
                raise UnreadableAnswer(f"GET {path}: the list goes in circles: the same page twice")
            page_query["continue"] = meta.continue_
        raise UnreadableAnswer(f"GET {path}: the list does not end: {MAX_PAGES} pages, given up")

    async def close(self) -> None:
        """Closes the transport."""
        await self.transport.close()

    def _headers(self, with_body: bool) -> dict[str, str]:
        headers = {"accept": "application/json", "user-agent": self._agent}
        return headers | {"content-type": "application/json"} if with_body else headers

    def _write_query(self) -> dict[str, str]:
        return {"fieldManager": self._field_manager}


def selection(labels: str, fields: str) -> dict[str, str]:
    """The query of a label and a field selector, where they are not empty."""
    wanted = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in wanted.items() if value}


async def _refusal(answer: StreamResponse, seconds: float) -> bytes:
    """What the server says of its refusal, as far as it says it in time."""
    body = b""
    try:
        async with asyncio.timeout(seconds):
            async for chunk in answer.chunks():
                body += chunk
                if len(body) > _MAX_REFUSAL_BYTES:
                    break
    except (TimeoutError, NoAnswer):
        return body
    return body


def _encoded(body: Mapping[str, Any] | bytes) -> bytes:
    return body if isinstance(body, bytes) else msgspec.json.encode(body)


def _object(answer: Response) -> Json:
    try:
        return msgspec.json.decode(answer.body, type=dict) if answer.body else {}
    except msgspec.DecodeError as error:
        raise UnreadableAnswer(f"the server's answer is no JSON object: {error}") from error

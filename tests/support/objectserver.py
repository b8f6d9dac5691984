"""A little API server for the tests of the client room: any kind, in memory, raw ASGI.

Small on purpose and independent of the product's own server, so that one does not forgive the
other's mistakes. Verbs: list (paged), get, create, put, merge patch, delete, watch.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]
Key = tuple[str, str]


@dataclass
class ObjectServer:
    """`objects` by (collection, name), with a history for watches; `asked` counts requests.

    `script`, if set, sees (method, path, query) first and may return an ASGI app to answer instead.
    """

    objects: dict[Key, Json] = field(default_factory=dict)
    version: int = 10
    history: list[tuple[int, str, str, Json]] = field(default_factory=list)
    compacted: int = 0
    bookmark_every: float | None = None
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    script: Callable[[str, str, dict[str, str]], Any] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _snapshots: dict[int, list[Json]] = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query = dict(parse_qsl(scope["query_string"].decode()))
        method, path = scope["method"], scope["path"]
        self.requests.append((method, path, query))
        scripted = self.script and self.script(method, path, query)
        if scripted:
            await scripted(scope, receive, send)
        elif query.get("watch") == "true":
            await self._watch(path, query, receive, send)
        else:
            body = await _body(receive)
            status, answer = self._answer(method, path, query, body)
            await respond(send, status, answer)

    def count(self, *, watch: bool | None = None) -> int:
        """Requests so far, all or only watches or only others."""
        return sum(watch is None or ("watch" in query) == watch for _, _, query in self.requests)

    def compact(self) -> None:
        """Forgets the history, as etcd does: watches from before get 410."""
        self.compacted = self.version
        self.history.clear()
        self._snapshots.clear()

    def put(self, path: str, body: Json) -> Json:
        """Creates or replaces an object; `path` is the collection's, with the namespace."""
        collection, name = path, body["metadata"]["name"]
        old = self.objects.get((collection, name))
        self.version += 1
        meta = {**body["metadata"], "resourceVersion": str(self.version)}
        meta["uid"] = old["metadata"]["uid"] if old else f"uid-{self.version}"
        if "/namespaces/" in path:
            meta["namespace"] = path.split("/namespaces/")[1].split("/")[0]
        made = {**body, "metadata": meta}
        self.objects[collection, name] = made
        self._record("MODIFIED" if old else "ADDED", collection, made)
        return made

    def remove(self, path: str, name: str) -> Json:
        gone = self.objects.pop((path, name))
        self.version += 1
        last = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
        self._record("DELETED", path, last)
        return last

    def listed(self, path: str) -> list[Json]:
        """The objects of a collection; without namespace in `path`, of all namespaces."""
        return [made for (where, _), made in self.objects.items() if _within(where, path)]

    def _record(self, kind: str, collection: str, made: Json) -> None:
        self.history.append((self.version, kind, collection, made))
        self._changed.set()
        self._changed = asyncio.Event()

    def _answer(self, method: str, path: str, query: Json, body: bytes) -> tuple[int, Json]:
        collection, _, name = path.rpartition("/")
        found = self.objects.get((collection, name))
        if method == "GET" and found:
            return 200, found
        if method == "GET" and _is_collection(path):
            return self._page(path, query)
        if method == "POST":
            made = json.loads(body)
            if (path, made["metadata"]["name"]) in self.objects:
                return status(409, "AlreadyExists")
            return 201, self.put(path, made)
        if not found:
            return status(404, "NotFound")
        if method == "DELETE":
            wanted = json.loads(body or b"{}").get("preconditions", {}).get("uid")
            if wanted not in (None, found["metadata"]["uid"]):
                return status(409, "Conflict")
            self.remove(collection, name)
            return 200, {"kind": "Status", "status": "Success"}
        sent = json.loads(body)
        version = sent.get("metadata", {}).get("resourceVersion")
        if version not in (None, found["metadata"]["resourceVersion"]):
            return status(409, "Conflict")
        merged = sent if method == "PUT" else merge(found, sent)
        return 200, found if merged == found else self.put(collection, merged)

    def _page(self, path: str, query: Json) -> tuple[int, Json]:
        version, start = self.version, 0
        if "continue" in query:
            version, start = map(int, query["continue"].split("-"))
            if version not in self._snapshots:
                return status(410, "Expired")
        items = self._snapshots.setdefault(version, self.listed(path))
        end = start + int(query.get("limit", 10**9))
        meta = {"resourceVersion": str(version)}
        if end < len(items):
            meta["continue"] = f"{version}-{end}"
        return 200, {"kind": "List", "metadata": meta, "items": items[start:end]}

    async def _watch(self, path: str, query: Json, receive: Any, send: Any) -> None:
        since = int(query["resourceVersion"])
        if since < self.compacted:
            await respond(send, *status(410, "Expired"))
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            async with asyncio.timeout(float(query["timeoutSeconds"])):
                while not gone.done() and since >= self.compacted:
                    since = await self._send_since(path, since, send)
                    since = await self._wait(since, send, gone)
                await _event(send, "ERROR", status(410, "Expired")[1])
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    async def _send_since(self, path: str, since: int, send: Any) -> int:
        for version, kind, collection, made in list(self.history):
            if version > since and _within(collection, path):
                await _event(send, kind, made)
        return self.version

    async def _wait(self, since: int, send: Any, gone: asyncio.Future[None]) -> int:
        waits = [asyncio.ensure_future(self._changed.wait())]
        done, _ = await asyncio.wait(
            [*waits, gone], timeout=self.bookmark_every, return_when=asyncio.FIRST_COMPLETED
        )
        waits[0].cancel()
        if not done:
            await _event(send, "BOOKMARK", {"metadata": {"resourceVersion": str(since)}})
        return since


def status(code: int, reason: str) -> tuple[int, Json]:
    return code, {"kind": "Status", "code": code, "reason": reason, "message": "scripted"}


def refuse(code: int, reason: str, headers: Json | None = None) -> Any:
    """An app that answers with a Status of that code."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, *status(code, reason), headers)

    return app


async def respond(send: Any, code: int, answer: Json, headers: Json | None = None) -> None:
    pairs = [(name.encode(), str(value).encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": code, "headers": pairs})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def merge(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


async def _event(send: Any, kind: str, made: Json) -> None:
    line = json.dumps({"type": kind, "object": made}).encode() + b"\n"
    await send({"type": "http.response.body", "body": line, "more_body": True})


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_collection(path: str) -> bool:
    parts = path.strip("/").split("/")[2 if path.startswith("/api/") else 3 :]
    return len(parts) == 1 or (parts[0] == "namespaces" and len(parts) == 3)


def _within(collection: str, path: str) -> bool:
    if collection == path:
        return True
    base, _, plural = path.rpartition("/")
    return collection.startswith(f"{base}/namespaces/") and collection.endswith(f"/{plural}")

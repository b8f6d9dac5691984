"""A transport that counts the writes that go through it: what a controller costs its server.

Counts what is sent, whatever becomes of it. Knows no meaning of resources.
"""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from serinus.kube.transport.wire import Request, Response, StreamResponse, Transport

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class WriteKind(NamedTuple):
    """Such as `patch pods/status`; `subresource` is "" for the object itself."""

    verb: str
    resource: str
    subresource: str

    def __str__(self) -> str:
        whole = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {whole}"


class CountedTransport:
    """`writes` counts by kind; reads and watches pass by uncounted."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.writes: Counter[WriteKind] = Counter()

    async def send(self, request: Request) -> Response:
        """The inner transport's answer."""
        kind = write_kind(request)
        if kind is not None:
            self.writes[kind] += 1
        return await self._inner.send(request)

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamResponse]:
        """The inner transport's stream."""
        return self._inner.stream(request)

    async def close(self) -> None:
        """Closes the inner transport."""
        await self._inner.close()


def write_kind(request: Request) -> WriteKind | None:
    """What a request writes, by its path (`/api/v1/...`, `/apis/GROUP/...`); None: it reads."""
    verb = VERBS.get(request.method)
    if verb is None:
        return None
    parts = request.path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    return WriteKind(verb, rest[0] if rest else request.path, "/".join(rest[2:]))

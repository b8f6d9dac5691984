"""HTTP as the API server sees it: a request with its whole body, an answer, a stream of chunks.

The only file that knows ASGI messages; it knows nothing of objects.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from serinus.local.apiserver.errors import bad_request, too_large

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_LIMIT_BYTES = 3 * 1024 * 1024
JSON = "application/json"

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its path already without the caller's prefix; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    caller: str = ""

    def flag(self, name: str) -> bool:
        """A query parameter read as a boolean; absent is false."""
        return self.query.get(name, "").lower() in ("1", "true", "t")

    @property
    def content_type(self) -> str:
        """The media type of the body without parameters; JSON if none was sent."""
        return self.headers.get("content-type", JSON).split(";")[0].strip().lower() or JSON


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `warnings` become one `Warning:` header each."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that is sent chunk by chunk as it comes to be."""

    chunks: AsyncIterator[bytes]
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(status: int, value: Any, warnings: tuple[str, ...] = ()) -> Answer:
    """`value` as JSON."""
    return Answer(status, _encode(value), warnings=warnings)


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body; StatusError 413 over the limit, 400 if the client went away."""
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > BODY_LIMIT_BYTES:
        raise too_large(BODY_LIMIT_BYTES)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise bad_request("the client went away before the body was complete")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_LIMIT_BYTES:
            raise too_large(BODY_LIMIT_BYTES)
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def read_headers(scope: Scope) -> dict[str, str]:
    """The headers of a request, the last of equal names winning, except Accept: joined."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key == "accept" and key in headers else text
    return headers


def read_query(scope: Scope) -> dict[str, str]:
    """The query parameters, the first of equal names winning."""
    pairs = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    return dict(reversed(pairs))


def read_path(scope: Scope) -> str:
    """The decoded path."""
    path = scope.get("path")
    return path if path is not None else unquote(scope["raw_path"].decode("latin-1"))


def _head(content_type: str, extra: tuple[tuple[str, str], ...]) -> list[tuple[bytes, bytes]]:
    pairs = (("content-type", content_type), *extra)
    return [(name.encode("latin-1"), _header_bytes(value)) for name, value in pairs]


def _header_bytes(text: str) -> bytes:
    return text.replace("\r", " ").replace("\n", " ").encode("utf-8")


def _warning(text: str) -> tuple[str, str]:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return ("warning", f'299 - "{escaped}"')


async def send_answer(send: Send, answer: Answer, date: str, *, head_only: bool = False) -> None:
    """Send a whole answer."""
    extra = (("date", date), *answer.headers, *map(_warning, answer.warnings))
    headers = _head(answer.content_type, extra)
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head_only else answer.body})


async def send_stream(receive: Receive, send: Send, stream: Stream, date: str) -> None:
    """Send chunks until they end or the client goes away, whichever is first."""
    headers = _head(stream.content_type, (("date", date), *stream.headers))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    pump = asyncio.ensure_future(_pump(send, stream.chunks))
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait({pump, gone}, return_when=asyncio.FIRST_COMPLETED)
        if pump.done():
            pump.result()
    finally:
        pump.cancel()
        gone.cancel()
        await asyncio.gather(pump, gone, return_exceptions=True)


async def _pump(send: Send, chunks: AsyncIterator[bytes]) -> None:
    # an empty chunk first: the client learns at once that the stream stands
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

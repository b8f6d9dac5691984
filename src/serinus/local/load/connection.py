"""One keep-alive HTTP/1.1 connection of the load sender: one request at a time, never a second try.

Knows nothing of rates and tallies: it tells its owner what came back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

HEAD_LIMIT_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Received:
    """A whole answer, and whether the connection may carry another request."""

    status: int
    headers: Mapping[str, str]
    keep_alive: bool


class Owner(Protocol):
    """Who is told about the request that a connection carries (`due` is its loop time)."""

    def answered(self, connection: Connection, due: float, received: Received) -> None: ...
    def failed(self, connection: Connection, due: float, timed_out: bool) -> None: ...
    def closed(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """Open after `connection_made`; `send` while idle, then one call of the owner."""

    def __init__(self, owner: Owner, timeout_seconds: float) -> None:
        self._owner = owner
        self._timeout_seconds = timeout_seconds
        self._transport: asyncio.Transport | None = None
        self._due: float | None = None
        self._data = b""
        self._timer: asyncio.TimerHandle | None = None

    def send(self, request: bytes, due: float) -> None:
        """Write one request; the owner hears of its end exactly once."""
        assert self._due is None
        self._due = due
        self._data = b""
        if self._transport is None:
            self._fail(timed_out=False)
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._timeout_seconds, self._expire)
        self._transport.write(request)

    def close(self) -> None:
        """End the connection; a request under way counts as cut."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._due is None:
            self.close()  # an answer to nothing: the stream cannot be trusted any more
            return
        try:
            received = parse_answer(self._data, closed=False)
        except ValueError:
            self.close()
            return
        if received is not None:
            self._finish(received)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._due is not None:
            received = None
            if exc is None:
                try:
                    received = parse_answer(self._data, closed=True)
                except ValueError:
                    received = None
            if received is None:
                self._fail(timed_out=False)
            else:
                self._finish(received)
        self._owner.closed(self)

    def _finish(self, received: Received) -> None:
        due = self._clear()
        if not received.keep_alive and self._transport is not None:
            self._transport.close()
        self._owner.answered(self, due, received)

    def _fail(self, *, timed_out: bool) -> None:
        self._owner.failed(self, self._clear(), timed_out)

    def _expire(self) -> None:
        self._fail(timed_out=True)
        self.close()

    def _clear(self) -> float:
        assert self._due is not None
        due, self._due = self._due, None
        if self._timer is not None:
            self._timer.cancel()
        return due


def parse_answer(data: bytes, *, closed: bool) -> Received | None:
    """The answer in `data` if it is whole; `closed` says that no more will come.

    Raises ValueError if it is no HTTP answer.
    """
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        if len(data) > HEAD_LIMIT_BYTES:
            raise ValueError("the head of the answer does not end")
        return None
    line, *fields = head.decode("latin-1").split("\r\n")
    version, _, rest = line.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"no HTTP answer: {line[:80]!r}")
    status = int(rest[:3])
    headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
    if status < 200:
        return parse_answer(body, closed=closed)
    keep_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    if "chunked" in headers.get("transfer-encoding", "").lower():
        whole = _chunks_end(body)
    elif "content-length" in headers:
        whole = len(body) >= int(headers["content-length"])
    elif status in (204, 304):
        whole = True
    else:
        whole, keep_alive = closed, False
    return Received(status, headers, keep_alive) if whole else None


def _chunks_end(body: bytes) -> bool:
    """Whether the last chunk (length 0) has come, walking chunk by chunk."""
    at = 0
    while True:
        end = body.find(b"\r\n", at)
        if end < 0:
            return False
        length = int(body[at:end].partition(b";")[0], 16)
        if length == 0:
            return body.find(b"\r\n\r\n", end - 2) >= 0
        at = end + 2 + length + 2

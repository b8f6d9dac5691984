"""A transport to an ASGI application in this process: no sockets, so it works in virtual time.

As over a network, the application is not cancelled when the caller goes away: it hears
`http.disconnect` and ends by itself. Knows no Kubernetes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlencode

from serinus.kube.errors import NoAnswer
from serinus.kube.transport.wire import Request, Response, StreamResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)
_QUEUED_MESSAGES = 64  # what a sender may be ahead of a slow reader, like a socket's buffer


class AsgiTransport:
    """Sends each request to `app`, with `prefix` (`/` and a caller's secret) before its path."""

    def __init__(self, app: AsgiApp, prefix: str = "") -> None:
        self._app = app
        self._prefix = prefix.rstrip("/")
        self._running: set[asyncio.Task[None]] = set()

    async def send(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(request.timeout_seconds), self.stream(request) as answer:
                body = b"".join([chunk async for chunk in answer.chunks()])
                return Response(answer.status, answer.headers, body)
        except TimeoutError as error:
            raise NoAnswer(_timeout_text(request), sent=True) from error

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[StreamResponse]:
        exchange = _Exchange(request)
        task = asyncio.create_task(self._serve(exchange))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            try:
                async with asyncio.timeout(request.timeout_seconds):
                    await exchange.started()
            except TimeoutError as error:
                raise NoAnswer(_timeout_text(request), sent=True) from error
            yield exchange
        finally:
            exchange.disconnect()

    async def close(self) -> None:
        """Cancels what the application still does for us and waits for its end."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(self, exchange: _Exchange) -> None:
        failure = "the in-process server ended without a complete answer"
        try:
            await self._app(exchange.scope(self._prefix), exchange.receive, exchange.send)
        except Exception as error:  # as a server process: logged and survived
            log.exception("%s: the in-process server failed", exchange.request.asked)
            failure = f"the in-process server failed: {type(error).__name__}"
        finally:
            exchange.finish(failure)


class _Exchange:
    """One request and its answer: the application's `receive` and `send`, the caller's chunks."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self._answer: asyncio.Queue[Message] = asyncio.Queue(_QUEUED_MESSAGES)
        self._body_given = False
        self._complete = False
        self._gone = asyncio.Event()

    def scope(self, prefix: str) -> Message:
        path = prefix + self.request.path
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.request.method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": urlencode(self.request.query).encode(),
            "root_path": "",
            "headers": [
                (name.lower().encode(), value.encode())
                for name, value in self.request.headers.items()
            ],
            "client": None,
            "server": None,
        }

    async def receive(self) -> Message:
        if not self._body_given:
            self._body_given = True
            return {"type": "http.request", "body": self.request.body or b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self._gone.is_set():
            return
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._complete = True
        await self._put(message)

    def finish(self, failure: str) -> None:
        """The application has returned; an incomplete answer is a broken connection."""
        if not self._complete and not self._gone.is_set():
            if self._answer.full():
                self.disconnect()
            self._answer.put_nowait({"type": "failed", "text": failure})
        self._gone.set()

    async def started(self) -> None:
        """Waits for status and headers."""
        message = self._expect(await self._answer.get())
        self.status = message["status"]
        headers: dict[str, str] = {}
        for name, value in message.get("headers", ()):
            key = bytes(name).decode("latin-1").lower()
            text = bytes(value).decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        self.headers = headers

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            message = self._expect(await self._answer.get())
            if message.get("body"):
                yield bytes(message["body"])
            if not message.get("more_body", False):
                return

    def disconnect(self) -> None:
        """The caller is gone: wakes the application wherever it waits for us."""
        self._gone.set()
        while not self._answer.empty():
            self._answer.get_nowait()

    def _expect(self, message: Message) -> Message:
        if message["type"] == "failed":
            raise NoAnswer(f"{self.request.asked}: {message['text']}", sent=True)
        return message

    async def _put(self, message: Message) -> None:
        await self._answer.put(message)
        if self._gone.is_set():  # the caller left while we waited for room
            self.disconnect()


def _timeout_text(request: Request) -> str:
    return f"{request.asked}: no answer within {request.timeout_seconds:g} s"

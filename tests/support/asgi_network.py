"""The network as seen by providers and step plugins, where servers are ASGI apps by host name.

Requests reach real apps without sockets, in virtual time. A host that has no app answers nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from serinus.base.clock import Clock
from serinus.control.analysis.asking import Asker, Unanswered
from serinus.core.http import HttpAnswer, HttpRequest

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


class AsgiNetwork(Asker):
    """`apps` by host and port; `latency_seconds` of the wall pass before an app hears anything."""

    def __init__(self, clock: Clock, **apps: App) -> None:
        super().__init__()
        self.clock, self.apps, self.latency_seconds = clock, dict(apps), 0.5
        self.sent: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        await self.clock.sleep_wall(self.latency_seconds)
        parts = urlsplit(request.url)
        app = self.apps.get(parts.hostname or "")
        if app is None:
            raise Unanswered(f"cannot ask {request.url}: connection refused")
        scope: Message = {
            "type": "http",
            "method": request.method,
            "path": parts.path,
            "query_string": urlencode(request.query).encode() or parts.query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in request.headers],
        }
        body = {"type": "http.request", "body": (request.body or "").encode(), "more_body": False}
        answered: list[Message] = []

        async def receive() -> Message:
            return body

        async def send(message: Message) -> None:
            answered.append(message)

        await app(scope, receive, send)
        start, *rest = answered
        headers = {k.decode(): v.decode() for k, v in start.get("headers", ())}
        return HttpAnswer(start["status"], b"".join(m.get("body", b"") for m in rest), headers)

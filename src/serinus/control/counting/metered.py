"""A transport that tells what was asked and how it was answered; carries everything unchanged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from serinus.kube.errors import NoAnswer
from serinus.kube.transport.wire import Request, Response, StreamResponse, Transport


class MeteredTransport:
    """`tell(request, status)` after each request; status 0 if there was no answer. Not watches."""

    def __init__(self, inner: Transport, tell: Callable[[Request, int], None]) -> None:
        self._inner, self._tell = inner, tell

    async def send(self, request: Request) -> Response:
        try:
            answer = await self._inner.send(request)
        except NoAnswer:
            self._tell(request, 0)
            raise
        self._tell(request, answer.status)
        return answer

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamResponse]:
        return self._inner.stream(request)

    async def close(self) -> None:
        await self._inner.close()

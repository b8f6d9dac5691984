"""The transport of short commands: one request after the other over one connection.

It blocks the event loop while it waits, and spares the import of aiohttp, which costs more than
such a command does. Streams go over the usual transport. Knows no Kubernetes.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlencode, urlsplit

from serinus.base.errors import SerinusError
from serinus.kube.errors import NoAnswer, Unauthorized
from serinus.kube.transport.http import Credentials, HttpTransport, NoCredentials, certificate_text
from serinus.kube.transport.wire import Request, Response, StreamResponse

_CONNECT_SECONDS = 10.0


class CommandTransport:
    """Sends requests to `url`; `streams` carries what is read as it comes."""

    def __init__(
        self,
        url: str,
        streams: HttpTransport,
        *,
        credentials: Credentials | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = urlsplit(url.rstrip("/"))
        self._streams = streams
        self._credentials = credentials or NoCredentials()
        self._tls = tls
        self._connection: http.client.HTTPConnection | None = None

    async def send(self, request: Request) -> Response:
        answer = self._ask(request, await self._who(request))
        if answer.status == 401:
            renewed = await self._who(request, renew=True)
            if renewed:
                answer = self._ask(request, renewed)
        return answer

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamResponse]:
        return self._streams.stream(request)

    async def close(self) -> None:
        self._disconnect()
        await self._streams.close()

    async def _who(self, request: Request, *, renew: bool = False) -> Mapping[str, str]:
        try:
            return await self._credentials.headers(renew=renew)
        except SerinusError as error:
            raise Unauthorized(401, "NoCredentials", f"{request.asked}: {error}") from error

    def _ask(self, request: Request, who: Mapping[str, str]) -> Response:
        connection = self._connected(request)
        query = f"?{urlencode(request.query)}" if request.query else ""
        try:
            if connection.sock is not None:
                connection.sock.settimeout(request.timeout_seconds)
            connection.request(
                request.method,
                self._url.path + request.path + query,
                body=request.body,
                headers={**request.headers, **who},
            )
            answer = connection.getresponse()
            body = answer.read()
        except TimeoutError as error:
            self._disconnect()
            text = f"{request.asked}: no answer within {request.timeout_seconds or 0:g} s"
            raise NoAnswer(text, sent=True) from error
        except (OSError, http.client.HTTPException) as error:
            self._disconnect()
            text = f"{request.asked}: the connection broke ({type(error).__name__})"
            raise NoAnswer(text, sent=True) from error
        if answer.will_close:
            self._disconnect()
        return Response(answer.status, _headers(answer), body)

    def _connected(self, request: Request) -> http.client.HTTPConnection:
        if self._connection is not None:
            return self._connection
        host, port = self._url.hostname or "", self._url.port
        connection: http.client.HTTPConnection
        if self._url.scheme == "https":
            context = self._tls or ssl.create_default_context()
            connection = http.client.HTTPSConnection(
                host, port, timeout=_CONNECT_SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=_CONNECT_SECONDS)
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise NoAnswer(f"{request.asked}: {certificate_text(error)}", sent=False) from error
        except (OSError, socket.gaierror) as error:
            why = error.strerror or str(error)
            text = f"{request.asked}: no connection to {host}:{connection.port} ({why})"
            raise NoAnswer(text, sent=False) from error
        self._connection = connection
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _headers(answer: http.client.HTTPResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in answer.getheaders():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
